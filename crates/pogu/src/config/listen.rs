//! Where the server listens, and ports bound to a topic.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use pogu_hub::Topic;
use pogu_proto::framing::Framing;
use serde::{Deserialize, Deserializer};

use super::error::Wrong;

/// The longest text of an IP address in a topic: eight groups of four digits.
const IP_TEXT_MAX: &str = "ffff-ffff-ffff-ffff-ffff-ffff-ffff-ffff";
const PORT_TEXT_MAX: &str = "65535";

/// One `[[listen]]`: an address, and what is spoken there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table: write [[listen]] on a line of its own and address = \"127.0.0.1:7070\" below it"
)]
pub struct Listen {
    /// `127.0.0.1:7070` (TCP and UDP), `tcp://…` or `udp://…`.
    pub address: Address,
    /// Binds the port to a topic: each line, length-prefixed unit or datagram is a message of it. Without it every protocol is
    /// spoken and the first bytes decide.
    pub topic: Option<TopicTemplate>,
    /// The topic whose messages go back to each client of a bound port.
    pub reply_topic: Option<TopicTemplate>,
    /// How messages are cut out of a bound TCP port's bytes; see [`Listen::framing`].
    #[serde(default, deserialize_with = "framing")]
    pub framing: Option<Framing>,
    /// The one protocol that is spoken there, where first bytes are not to decide.
    pub protocol: Option<Protocol>,
}

/// A protocol that can have a port to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// STOMP on TCP.
    Stomp,
}

impl Listen {
    /// The framing of a bound TCP port: lines unless it says otherwise. On UDP a datagram is a message.
    pub fn framing(&self) -> Framing {
        match (self.framing, self.address.carriers) {
            (Some(framing), _) => framing,
            (None, Carriers::Udp) => Framing::Datagram,
            (None, Carriers::Both | Carriers::Tcp) => Framing::Line,
        }
    }

    pub(super) fn check(&self, index: usize) -> Result<(), Wrong> {
        let wrong = |key, message: &str| Err(Wrong::entry("listen", index, key, message));
        if self.topic.is_none() && self.framing.is_some() {
            return wrong(
                "framing",
                "framing is for a port bound to a topic; add topic = \"…\" or leave framing out",
            );
        }
        if self.topic.is_none() && self.reply_topic.is_some() {
            return wrong(
                "reply-topic",
                "reply-topic is for a port bound to a topic; add topic = \"…\" or leave reply-topic out",
            );
        }
        if self.protocol.is_some() && self.topic.is_some() {
            return wrong(
                "protocol",
                "a port bound to a topic carries bare messages; leave topic or protocol out",
            );
        }
        if self.protocol.is_some() && self.address.carriers != Carriers::Tcp {
            return wrong(
                "protocol",
                "STOMP is spoken on TCP alone; write address = \"tcp://…\"",
            );
        }
        match (self.framing, self.address.carriers) {
            (Some(Framing::Datagram), Carriers::Both | Carriers::Tcp) => wrong(
                "framing",
                "TCP has no datagrams; write framing = \"line\" or \"length\", or address = \"udp://…\"",
            ),
            (Some(Framing::Line | Framing::Length), Carriers::Udp) => wrong(
                "framing",
                "on UDP each datagram is a message; write framing = \"datagram\" or leave framing out",
            ),
            _ => Ok(()),
        }
    }
}

impl From<Address> for Listen {
    fn from(address: Address) -> Listen {
        Listen {
            address,
            topic: None,
            reply_topic: None,
            framing: None,
            protocol: None,
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        text.parse::<Address>().map(Listen::from)
    }
}

fn framing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Framing>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Line,
        Length,
        Datagram,
    }
    Ok(Some(match Word::deserialize(deserializer)? {
        Word::Line => Framing::Line,
        Word::Length => Framing::Length,
        Word::Datagram => Framing::Datagram,
    }))
}

/// Which of the two transports a listener opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriers {
    /// TCP and UDP on the same port number.
    Both,
    /// TCP only, `tcp://`.
    Tcp,
    /// UDP only, `udp://`.
    Udp,
}

impl Carriers {
    /// Whether TCP is among them.
    pub fn tcp(self) -> bool {
        self != Carriers::Udp
    }

    /// Whether UDP is among them.
    pub fn udp(self) -> bool {
        self != Carriers::Tcp
    }
}

/// An address to listen on: host, port, and TCP, UDP or both.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// TCP, UDP or both.
    pub carriers: Carriers,
    /// A name, an IPv4 address or an IPv6 address without its brackets.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

impl Address {
    /// The socket address; a host name is looked up, which may take time, and its first address is taken.
    ///
    /// # Errors
    /// The name is not known.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        (self.host.as_str(), self.port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    }

    /// Whether both would open the same port for the same transport, one of them perhaps for every address.
    pub(super) fn collides(&self, other: &Address) -> bool {
        let shared =
            (self.carriers.tcp() && other.carriers.tcp()) || (self.carriers.udp() && other.carriers.udp());
        if !shared || self.port == 0 || self.port != other.port {
            return false;
        }
        let (Some(one), Some(two)) = (self.ip(), other.ip()) else {
            return self.host == other.host;
        };
        // `::` takes IPv4, too.
        let covers = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
        one == two || covers(one, two) || covers(two, one)
    }

    /// The address without a look-up.
    fn ip(&self) -> Option<IpAddr> {
        match self.host.as_str() {
            "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
            host => host.parse().ok(),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let (carriers, rest) = match text.split_once("://") {
            None => (Carriers::Both, text),
            Some(("tcp", rest)) => (Carriers::Tcp, rest),
            Some(("udp", rest)) => (Carriers::Udp, rest),
            Some((scheme, rest)) => {
                return Err(format!(
                    "{text:?} is not an address to listen on: {scheme:?} is not tcp or udp; \
                     write \"{rest}\" for both, and HTTP and WebSocket are spoken there too"
                ));
            }
        };
        let refuse =
            |why: &str| format!("{text:?} is not an address to listen on: {why}, as in \"127.0.0.1:7070\"");
        let Some((host, port)) = rest.rsplit_once(':') else {
            return Err(refuse("write host:port"));
        };
        let Ok(port) = port.parse() else {
            return Err(refuse("the port is a number from 0 to 65535"));
        };
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(ip) if ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => ip,
            Some(_) => return Err(refuse("only an IPv6 address goes into brackets")),
            None if host.is_empty() => {
                return Err(refuse("write 0.0.0.0 before the port for every interface"));
            }
            None if host.contains(':') => {
                return Err(refuse("an IPv6 address goes into brackets"));
            }
            None if !host.bytes().all(is_host_byte) => {
                return Err(refuse("the host is a name or an IP address"));
            }
            None => host,
        };
        Ok(Address {
            carriers,
            host: host.to_owned(),
            port,
        })
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_".contains(&byte)
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Address, String> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.carriers {
            Carriers::Both => "",
            Carriers::Tcp => "tcp://",
            Carriers::Udp => "udp://",
        };
        if self.host.contains(':') {
            return write!(f, "{scheme}[{}]:{}", self.host, self.port);
        }
        write!(f, "{scheme}{}:{}", self.host, self.port)
    }
}

/// A topic in which `{ip}` and `{port}` stand for the client's address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicTemplate(String);

impl TopicTemplate {
    /// The topic for one client. The address is one token, so that `telemetry.*` has all devices: its dots and colons become `-`
    /// (`192-0-2-7`).
    pub fn fill(&self, client: SocketAddr) -> String {
        let ip = client.ip().to_canonical().to_string().replace(['.', ':'], "-");
        self.fill_with(&ip, &client.port().to_string())
    }

    fn fill_with(&self, ip: &str, port: &str) -> String {
        self.0.replace("{ip}", ip).replace("{port}", port)
    }
}

impl FromStr for TopicTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<TopicTemplate, String> {
        let template = TopicTemplate(text.to_owned());
        let longest = template.fill_with(IP_TEXT_MAX, PORT_TEXT_MAX);
        if longest.contains(['{', '}']) {
            return Err(format!(
                "{text:?} has a placeholder that is not known; {{ip}} and {{port}} are"
            ));
        }
        let topic: Topic = longest
            .parse()
            .map_err(|why| format!("{text:?} is not a topic: {why}"))?;
        if topic.is_reserved() {
            return Err(format!(
                "{text:?} is reserved: a first token that begins with $ belongs to the server"
            ));
        }
        Ok(template)
    }
}

impl TryFrom<String> for TopicTemplate {
    type Error = String;

    fn try_from(text: String) -> Result<TopicTemplate, String> {
        text.parse()
    }
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

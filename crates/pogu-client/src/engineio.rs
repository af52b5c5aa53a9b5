use std::time::Duration;

use pogu_proto::Time;
use pogu_proto::engineio::{
    Client, ClientEvent, Data, Form, Limits, Packet, PacketError, Payload, ServerViolation, Transport,
    Version, put_message,
};
use pogu_proto::ws::Kind;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use crate::limits::PINGS_WAITING_MAX;
use crate::patience::within;
use crate::polling::Polling;
use crate::target::percent_encode;
use crate::upgrade::Upgrade;
use crate::ws::{FAR, WsConnection, milliseconds};
use crate::{Error, Options, Target};

/// A session of Engine.IO: on a WebSocket, on HTTP, or on HTTP until a WebSocket takes over.
#[derive(Debug)]
pub(crate) struct EngineIo {
    carrier: Carrier,
    /// What is to become the carrier, while polls are.
    upgrade: Option<Upgrade>,
    client: Client,
    /// The origin of the client's time.
    start: Instant,
    /// Pings that were answered since all was written.
    pings: u32,
    /// How long the server may be silent.
    patience: Duration,
    /// The largest message that the server takes.
    payload_max: usize,
    address: String,
    message: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Ws(Box<WsConnection>),
    Polling(Box<Polling>),
}

/// By what a session goes, as `transport` in the query of the URL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A WebSocket, or polls where none opens.
    Either,
    WebSocket,
    Polling,
    /// Polls, until a WebSocket takes over.
    Upgrade,
}

/// What the server says of a session that it opens.
#[derive(Debug)]
struct Opened {
    sid: String,
    may_upgrade: bool,
    patience: Duration,
    payload_max: usize,
}

/// What a packet came to.
enum Told<T> {
    Opened(Opened),
    Message(T),
    Ping,
    Probed,
    ProbeFailed,
    Closed,
    Nothing,
}

impl Way {
    fn of(target: &Target) -> Result<Self, Error> {
        match target.query_value("transport").as_deref() {
            None | Some("websocket,polling") => Ok(Way::Either),
            Some("websocket") => Ok(Way::WebSocket),
            Some("polling") => Ok(Way::Polling),
            Some("polling,websocket") => Ok(Way::Upgrade),
            Some(other) => Err(Error::BadUrl {
                url: target.to_string(),
                why: format!(
                    "{other:?} is no transport; there are websocket, polling, and \"polling,websocket\" for both"
                ),
            }),
        }
    }
}

impl EngineIo {
    /// Opens a session at `path`, by what the query of the URL says.
    pub(crate) async fn open(target: &Target, path: &str, options: &Options) -> Result<Self, Error> {
        match Way::of(target)? {
            Way::WebSocket => Self::websocket(target, path, options).await,
            Way::Either => match Self::websocket(target, path, options).await {
                Err(error) if is_of_the_way(&error) => {
                    info!(%error, "no WebSocket opens here, trying polls");
                    Ok(Self::polling(target, path, options).await?.0)
                }
                result => result,
            },
            Way::Polling => Ok(Self::polling(target, path, options).await?.0),
            Way::Upgrade => {
                let (mut session, opened) = Self::polling(target, path, options).await?;
                if opened.may_upgrade && session.client.probe() {
                    let sid = percent_encode(&opened.sid);
                    let path = format!("{path}?EIO=4&transport=websocket&sid={sid}");
                    session.upgrade = Some(Upgrade::begin(target, path, options));
                }
                Ok(session)
            }
        }
    }

    async fn websocket(target: &Target, path: &str, options: &Options) -> Result<Self, Error> {
        let path = format!("{path}?EIO=4&transport=websocket");
        let connection = WsConnection::open(target, &path, &[], options).await?;
        let carrier = Carrier::Ws(Box::new(connection));
        let (session, _) = Self::begin(carrier, Transport::WebSocket, target, options).await?;
        Ok(session)
    }

    async fn polling(target: &Target, path: &str, options: &Options) -> Result<(Self, Opened), Error> {
        let path = format!("{path}?EIO=4&transport=polling");
        let polling = Polling::new(target, path, options);
        let carrier = Carrier::Polling(Box::new(polling));
        Self::begin(carrier, Transport::Polling, target, options).await
    }

    /// Waits for the server to open the session.
    async fn begin(
        carrier: Carrier,
        transport: Transport,
        target: &Target,
        options: &Options,
    ) -> Result<(Self, Opened), Error> {
        let after = options.connect_timeout;
        let mut session = Self {
            carrier,
            upgrade: None,
            client: Client::new(transport),
            start: Instant::now(),
            pings: 0,
            patience: after,
            payload_max: usize::MAX,
            address: target.authority(),
            message: Vec::new(),
        };
        let opening = async {
            loop {
                let told = session.step(|_| ()).await?;
                if !matches!(told, Told::Nothing) {
                    return Ok(told);
                }
            }
        };
        let told = within(after, &target.authority(), opening).await?;
        // Nothing else comes first.
        let Told::Opened(opened) = told else {
            return Err(Error::Ended(String::new()));
        };
        session.patience = opened.patience;
        session.payload_max = opened.payload_max;
        if let Carrier::Polling(polling) = &mut session.carrier {
            polling.opened(&opened.sid, opened.patience, opened.payload_max);
        }
        Ok((session, opened))
    }

    /// Sends a message. It is written while [`EngineIo::next`] waits.
    pub(crate) fn send(&mut self, data: Data<'_>) {
        self.put(&Packet::Message(data));
    }

    /// The largest message that the server says it takes, in bytes.
    pub(crate) fn payload_max(&self) -> usize {
        self.payload_max
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        match &self.carrier {
            Carrier::Ws(connection) => connection.backlog(),
            Carrier::Polling(polling) => polling.backlog(),
        }
    }

    /// Waits for the next message and returns what `take` makes of it. Can be cancelled without loss.
    pub(crate) async fn next<T>(&mut self, mut take: impl FnMut(Data<'_>) -> T) -> Result<T, Error> {
        loop {
            self.go_over();
            match self.step(&mut take).await? {
                Told::Message(taken) => return Ok(taken),
                Told::Ping => self.pong()?,
                Told::Probed => {
                    if let Carrier::Polling(polling) = &mut self.carrier {
                        polling.leave();
                    }
                }
                Told::ProbeFailed => self.stay(),
                Told::Closed => return Err(Error::Ended(String::new())),
                Told::Opened(_) | Told::Nothing => {}
            }
        }
    }

    /// Writes what is to be written and closes the session.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        if let Carrier::Polling(_) = &self.carrier {
            self.stay();
            self.put(&Packet::Close);
        }
        self.client.close();
        match &mut self.carrier {
            Carrier::Ws(connection) => connection.close().await,
            Carrier::Polling(polling) => polling.flush().await,
        }
    }

    /// Makes the WebSocket that was probed the carrier once polling has come to its end, or gives it up when its time has passed.
    fn go_over(&mut self) {
        let Carrier::Polling(polling) = &mut self.carrier else {
            return;
        };
        let Some(upgrade) = self
            .upgrade
            .take_if(|upgrade| polling.has_left() || upgrade.until() <= Instant::now())
        else {
            return;
        };
        let connection = upgrade.into_connection().filter(|_| polling.has_left());
        let Some(connection) = connection else {
            return self.stay();
        };
        let mut rest = polling.unposted();
        self.client.upgrade();
        self.carrier = Carrier::Ws(Box::new(connection));
        self.put(&Packet::Upgrade);
        let limits = Limits {
            payload: usize::MAX,
            packets: usize::MAX,
            ..Limits::default()
        };
        // What was made here can be read, if there is anything.
        for packet in Payload::new(Form::V4, &limits, &mut rest).flatten() {
            self.put(&packet);
        }
    }

    /// No WebSocket takes over.
    fn stay(&mut self) {
        self.upgrade = None;
        self.client.websocket_lost();
        if let Carrier::Polling(polling) = &mut self.carrier {
            polling.stay();
        }
    }

    fn pong(&mut self) -> Result<(), Error> {
        if self.backlog() == 0 {
            self.pings = 0;
        }
        self.pings += 1;
        if self.pings > PINGS_WAITING_MAX {
            return Err(Error::Violation("it goes on pinging and takes no answers".into()));
        }
        self.put(&Packet::Pong(""));
        Ok(())
    }

    /// Waits for one packet, or until the server has been silent for too long.
    async fn step<T>(&mut self, mut take: impl FnMut(Data<'_>) -> T) -> Result<Told<T>, Error> {
        let Self {
            carrier,
            upgrade,
            client,
            start,
            patience,
            address,
            message,
            ..
        } = self;
        let now = || Time(milliseconds(start.elapsed()));
        let failed = |violation| match violation {
            ServerViolation::Silence => Error::Silent {
                address: address.clone(),
                after: *patience,
            },
            other => Error::Violation(other.to_string()),
        };
        let deadline = client.deadline().map_or(FAR, |deadline| deadline.0.min(FAR));
        let until = *start + Duration::from_millis(deadline);
        let told = {
            let mut hear = |transport, packet: Result<Packet<'_>, PacketError>| {
                let event = client.receive(now(), transport, packet).map_err(failed)?;
                Ok(told(event, &mut take))
            };
            match carrier {
                Carrier::Ws(connection) => {
                    let read = |kind: Kind, payload: &[u8]| {
                        let packet = Packet::read(Version::V4, kind, payload, message);
                        hear(Transport::WebSocket, packet)
                    };
                    match timeout_at(until, connection.next(read)).await {
                        Ok(told) => Some(told??),
                        Err(_) => None,
                    }
                }
                Carrier::Polling(polling) => {
                    let until = upgrade
                        .as_ref()
                        .map_or(until, |upgrade| upgrade.until().min(until));
                    tokio::select! {
                        told = polling.next(until, |packet| hear(Transport::Polling, packet)) => {
                            told?.transpose()?
                        }
                        Some(answer) = async { Some(upgrade.as_mut()?.answer().await) } => match answer {
                            Ok((kind, payload)) => {
                                let packet = Packet::read(Version::V4, kind, &payload, message);
                                Some(hear(Transport::WebSocket, packet)?)
                            }
                            Err(error) => {
                                info!(%error, "no WebSocket takes over, staying on polls");
                                Some(Told::ProbeFailed)
                            }
                        }
                    }
                }
            }
        };
        match told {
            Some(told) => Ok(told),
            None => {
                client.tick(now()).map_err(failed)?;
                Ok(Told::Nothing)
            }
        }
    }

    fn put(&mut self, packet: &Packet<'_>) {
        match &mut self.carrier {
            Carrier::Polling(polling) => polling.send(packet),
            Carrier::Ws(connection) => match packet {
                Packet::Message(Data::Binary(bytes)) => connection.send(Kind::Binary, bytes),
                _ => {
                    self.message.clear();
                    let kind = put_message(Version::V4, false, packet, &mut self.message);
                    connection.send(kind, &self.message);
                }
            },
        }
    }
}

fn told<T>(event: Option<ClientEvent<'_>>, take: impl FnOnce(Data<'_>) -> T) -> Told<T> {
    match event {
        Some(ClientEvent::Open(open)) => Told::Opened(Opened {
            sid: open.sid.into_owned(),
            may_upgrade: open.may_upgrade,
            patience: Duration::from_millis(open.ping_interval + open.ping_timeout),
            // 0 where the server does not say.
            payload_max: match usize::try_from(open.max_payload) {
                Ok(0) | Err(_) => usize::MAX,
                Ok(most) => most,
            },
        }),
        Some(ClientEvent::Message(data)) => Told::Message(take(data)),
        Some(ClientEvent::Ping) => Told::Ping,
        Some(ClientEvent::Closed) => Told::Closed,
        Some(ClientEvent::Probed) => Told::Probed,
        Some(ClientEvent::ProbeFailed) => Told::ProbeFailed,
        None => Told::Nothing,
    }
}

/// Whether another way may do better: without a connection, or for what was asked wrongly, none does.
pub(crate) fn is_of_the_way(error: &Error) -> bool {
    !matches!(
        error,
        Error::Connect { .. } | Error::Resolve { .. } | Error::BadUrl { .. }
    )
}

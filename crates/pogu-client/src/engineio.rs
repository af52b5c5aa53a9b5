use std::time::Duration;

use pogu_proto::Time;
use pogu_proto::engineio::{
    Client, ClientEvent, Data, Packet, PacketError, ServerViolation, Transport, Version, put_message,
};
use pogu_proto::ws::Kind;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::info;

use crate::limits::PINGS_WAITING_MAX;
use crate::polling::Polling;
use crate::ws::{FAR, WsConnection, milliseconds};
use crate::{Error, Options, Target};

/// A session of Engine.IO: on a WebSocket, or on HTTP where none opens.
#[derive(Debug)]
pub(crate) struct EngineIo {
    carrier: Carrier,
    client: Client,
    /// The origin of the client's time.
    start: Instant,
    /// Pings that were answered since all was written.
    pings: u32,
    /// How long the server may be silent.
    patience: Duration,
    address: String,
    message: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Ws(Box<WsConnection>),
    Polling(Box<Polling>),
}

/// What a packet came to.
enum Told<T> {
    Open {
        sid: String,
        patience: Duration,
        payload_max: usize,
    },
    Message(T),
    Ping,
    Closed,
    Nothing,
}

impl EngineIo {
    /// Opens a session at `path`. The URL's query may say by what, as it does to the server: `transport=polling` or
    /// `transport=websocket`.
    pub(crate) async fn open(target: &Target, path: &str, options: &Options) -> Result<Self, Error> {
        let asked = target.query_value("transport");
        if asked.as_deref() != Some("polling") {
            match Self::websocket(target, path, options).await {
                Err(error) if asked.is_none() && is_of_the_way(&error) => {
                    info!(%error, "no WebSocket opens here, trying polls");
                }
                result => return result,
            }
        }
        let path = format!("{path}?EIO=4&transport=polling");
        let polling = Polling::new(target, path, options);
        let carrier = Carrier::Polling(Box::new(polling));
        Self::begin(carrier, Transport::Polling, target, options).await
    }

    async fn websocket(target: &Target, path: &str, options: &Options) -> Result<Self, Error> {
        let path = format!("{path}?EIO=4&transport=websocket");
        let connection = WsConnection::open(target, &path, &[], options).await?;
        let carrier = Carrier::Ws(Box::new(connection));
        Self::begin(carrier, Transport::WebSocket, target, options).await
    }

    /// Waits for the server to open the session.
    async fn begin(
        carrier: Carrier,
        transport: Transport,
        target: &Target,
        options: &Options,
    ) -> Result<Self, Error> {
        let after = options.connect_timeout;
        let mut session = Self {
            carrier,
            client: Client::new(transport),
            start: Instant::now(),
            pings: 0,
            patience: after,
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
        let told = timeout(after, opening).await.map_err(|_| Error::Silent {
            address: target.authority(),
            after,
        })??;
        // Nothing else comes first.
        let Told::Open {
            sid,
            patience,
            payload_max,
        } = told
        else {
            return Err(Error::Ended(String::new()));
        };
        session.patience = patience;
        if let Carrier::Polling(polling) = &mut session.carrier {
            polling.opened(&sid, patience, payload_max);
        }
        Ok(session)
    }

    /// Sends a message. It is written while [`EngineIo::next`] waits.
    pub(crate) fn send(&mut self, data: Data<'_>) {
        self.put(&Packet::Message(data));
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
            match self.step(&mut take).await? {
                Told::Message(taken) => return Ok(taken),
                Told::Ping => self.pong()?,
                Told::Closed => return Err(Error::Ended(String::new())),
                Told::Open { .. } | Told::Nothing => {}
            }
        }
    }

    /// Writes what is to be written and closes the session.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        if let Carrier::Polling(_) = &self.carrier {
            self.put(&Packet::Close);
        }
        self.client.close();
        match &mut self.carrier {
            Carrier::Ws(connection) => connection.close().await,
            Carrier::Polling(polling) => polling.flush().await,
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
                    let read = |packet: Result<Packet<'_>, PacketError>| hear(Transport::Polling, packet);
                    polling.next(until, read).await?.transpose()?
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
        Some(ClientEvent::Open(open)) => Told::Open {
            sid: open.sid.into_owned(),
            patience: Duration::from_millis(open.ping_interval + open.ping_timeout),
            // 0 where the server does not say.
            payload_max: match usize::try_from(open.max_payload) {
                Ok(0) | Err(_) => usize::MAX,
                Ok(most) => most,
            },
        },
        Some(ClientEvent::Message(data)) => Told::Message(take(data)),
        Some(ClientEvent::Ping) => Told::Ping,
        Some(ClientEvent::Closed) => Told::Closed,
        // No WebSocket probes.
        Some(ClientEvent::Probed | ClientEvent::ProbeFailed) | None => Told::Nothing,
    }
}

/// Whether another way may do better: without a connection, or for what was asked wrongly, none does.
pub(crate) fn is_of_the_way(error: &Error) -> bool {
    !matches!(
        error,
        Error::Connect { .. } | Error::Resolve { .. } | Error::BadUrl { .. }
    )
}

//! Sessions of SockJS, client's side.

mod inbox;
mod responses;
mod transport;

use pogu_proto::sockjs::{Client, ClientEvent, Close, Frame, FrameError, put_send};
use pogu_proto::ws::Kind;
use tracing::info;

use self::inbox::Inbox;
use self::responses::Responses;
use crate::engineio::is_of_the_way;
use crate::patience::within;
use crate::ws::{WsConnection, by_code};
use crate::{Error, Options, Target};

pub use self::transport::{SockJsTransport, UnknownTransport};

/// What is tried in turn where nothing was asked for.
const FALLBACK: [SockJsTransport; 3] = [
    SockJsTransport::WebSocket,
    SockJsTransport::XhrStreaming,
    SockJsTransport::XhrPolling,
];

/// A session, by what gets through.
#[derive(Debug)]
pub(crate) struct SockJs {
    carrier: Carrier,
    client: Client,
    inbox: Inbox,
    message: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Ws(Box<WsConnection>),
    Responses(Box<Responses>),
}

impl SockJs {
    /// Opens a session at the endpoint `base`, by the transport that was asked for or else by the first that gets through.
    pub(crate) async fn open(target: &Target, base: &str, options: &Options) -> Result<Self, Error> {
        if let Some(transport) = options.sockjs_transport {
            return Self::open_by(transport, target, base, options).await;
        }
        let [first @ .., last] = FALLBACK;
        for transport in first {
            match Self::open_by(transport, target, base, options).await {
                Err(error) if is_of_the_way(&error) => {
                    info!(%error, "{transport} does not get through here");
                }
                result => return result,
            }
        }
        Self::open_by(last, target, base, options).await
    }

    async fn open_by(
        transport: SockJsTransport,
        target: &Target,
        base: &str,
        options: &Options,
    ) -> Result<Self, Error> {
        let random = getrandom::u64()
            .map_err(|error| Error::Unsupported(format!("the system gives no random numbers: {error}")))?;
        // The first name lets balancers spread sessions, the second one is the session's.
        let session = format!("{base}/{:03}/{random:016x}", random % 1000);
        let carrier = match transport {
            SockJsTransport::WebSocket => {
                let path = format!("{session}/websocket");
                Carrier::Ws(Box::new(WsConnection::open(target, &path, &[], options).await?))
            }
            _ => {
                let responses = Responses::new(target, session, transport.receiver(), options);
                Carrier::Responses(Box::new(responses))
            }
        };
        let mut session = Self {
            carrier,
            client: Client::new(),
            inbox: Inbox::default(),
            message: Vec::new(),
        };
        let after = options.connect_timeout;
        let opening = async {
            while !session.client.is_open() {
                session.step().await?;
            }
            Ok(())
        };
        within(after, &target.authority(), opening).await?;
        if let Carrier::Responses(responses) = &mut session.carrier {
            responses.opened();
        }
        Ok(session)
    }

    /// Sends a message. It is written while [`SockJs::next`] waits.
    pub(crate) fn send(&mut self, message: &str) {
        match &mut self.carrier {
            Carrier::Responses(responses) => responses.send(message),
            Carrier::Ws(connection) => {
                self.message.clear();
                put_send([message], &mut self.message);
                connection.send(Kind::Text, &self.message);
            }
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        match &self.carrier {
            Carrier::Ws(connection) => connection.backlog(),
            Carrier::Responses(responses) => responses.backlog(),
        }
    }

    /// Waits for the next message and returns what `take` makes of it; `None` when it is time to ask for a sign of life. Can be
    /// cancelled without loss.
    pub(crate) async fn next<T>(&mut self, take: impl FnOnce(&str) -> T) -> Result<Option<T>, Error> {
        loop {
            if let Some(message) = self.inbox.take() {
                return Ok(Some(take(message)));
            }
            if !self.step().await? {
                return Ok(None);
            }
        }
    }

    /// Waits for a frame; false when there was none for too long. A WebSocket has signs of life of its own.
    async fn step(&mut self) -> Result<bool, Error> {
        let Self {
            carrier,
            client,
            inbox,
            ..
        } = self;
        let heard = match carrier {
            Carrier::Ws(connection) => Some(
                connection
                    .next(|_, payload| hear(client, inbox, Frame::read(payload)))
                    .await?,
            ),
            Carrier::Responses(responses) => responses.next(|frame| hear(client, inbox, frame)).await?,
        };
        heard.transpose().map(|heard| heard.is_some())
    }
}

fn hear(client: &mut Client, inbox: &mut Inbox, frame: Result<Frame<'_>, FrameError>) -> Result<(), Error> {
    let event = client.receive(frame);
    match event.map_err(|violation| Error::Violation(violation.to_string()))? {
        Some(ClientEvent::Messages(messages)) => inbox.put(messages),
        Some(ClientEvent::Closed(close)) => return Err(ended(&close)),
        Some(ClientEvent::Open) | None => {}
    }
    Ok(())
}

fn ended(Close { code, reason }: &Close<'_>) -> Error {
    let why = format!("the session was closed with code {code}, {reason}");
    by_code(Some(*code), why)
}

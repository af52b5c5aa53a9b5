use std::io;
use std::sync::Arc;
use std::time::Duration;

use pogu_proto::Time;
use pogu_proto::ws::{ClientHandshake, Codec, Event, HandshakeError, Kind, Limits, Request, Role, Session};
use tokio::time::Instant;

use crate::http::USER_AGENT;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::patience::within;
use crate::socket::TcpConnection;
use crate::wire::{Moved, Wire};
use crate::{Error, Options, Target};

/// A WebSocket connection, client's side.
#[derive(Debug)]
pub(crate) struct WsConnection {
    wire: Wire,
    session: Session,
    codec: Codec,
    /// The origin of the session's time.
    start: Instant,
    idle: Duration,
    address: String,
}

impl WsConnection {
    /// Connects and upgrades at `path`, which may hold a query, to one of `protocols` or, without any or if the server knows none of
    /// them, to none.
    pub(crate) async fn open(
        target: &Target,
        path: &str,
        protocols: &[&str],
        options: &Options,
    ) -> Result<Self, Error> {
        let socket = TcpConnection::connect(target, options.trace.as_ref(), options.connect_timeout).await?;
        let address = target.authority();
        let request = Request {
            host: &address,
            path,
            protocols,
            headers: &[("User-Agent", USER_AGENT)],
            ..Request::default()
        };
        let shaking = shake_hands(Wire::new(socket, Vec::new()), &request);
        let wire = within(options.connect_timeout, &address, shaking).await?;
        let limits = Limits {
            message: MESSAGE_BYTES_MAX,
            ping_interval: milliseconds(options.idle_timeout),
            pong_timeout: milliseconds(options.idle_timeout),
            ..Limits::default()
        };
        let start = Instant::now();
        let session = Session::new(Role::Client, Arc::new(limits), None, Time(0));
        let seed = getrandom::u64().map_err(|error| no_randomness(&address, error))?;
        Ok(Self {
            wire,
            session,
            codec: Codec::new(seed),
            start,
            idle: options.idle_timeout,
            address,
        })
    }

    /// Puts a message with the bytes to be written, which happens while [`WsConnection::next`] waits.
    pub(crate) fn send(&mut self, kind: Kind, payload: &[u8]) {
        self.session
            .send(kind, payload, &mut self.codec, &mut self.wire.out);
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.wire.backlog()
    }

    /// Waits for the next message and returns what `take` makes of it. Can be cancelled without loss.
    pub(crate) async fn next<T>(&mut self, mut take: impl FnMut(Kind, &[u8]) -> T) -> Result<T, Error> {
        loop {
            let now = self.now();
            let Self {
                wire, session, codec, ..
            } = self;
            let taken = wire.read(|reader, out| {
                loop {
                    match session.next(now, reader, codec, out) {
                        Ok(Some(Event::Message { kind, payload })) => return Ok(Some(take(kind, payload))),
                        Ok(Some(Event::Close { code, reason })) => return Err(ended(code, reason)),
                        Ok(Some(Event::Ping(_) | Event::Pong(_))) => {}
                        Ok(None) => return Ok(None),
                        Err(violation) => return Err(Error::Violation(violation.to_string())),
                    }
                }
            });
            if let Some(taken) = taken? {
                return Ok(taken);
            }
            let deadline = session.deadline().map_or(FAR, |deadline| deadline.0.min(FAR));
            let until = self.start + Duration::from_millis(deadline);
            match self
                .wire
                .wait(until)
                .await
                .map_err(|error| Error::broken(&self.address, error))?
            {
                Moved::Input => {}
                Moved::End => return Err(Error::Ended(String::new())),
                Moved::Nothing => self.tick()?,
            }
        }
    }

    /// Writes what is to be written.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        self.wire
            .flush()
            .await
            .map_err(|error| Error::broken(&self.address, error))
    }

    /// Sends Close and waits for the peer's.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        let now = self.now();
        self.session
            .close(now, 1000, "", &mut self.codec, &mut self.wire.out);
        self.flush().await?;
        loop {
            match self.next(|_, _| ()).await {
                Ok(()) => {}
                Err(Error::Ended(_) | Error::Policy(_)) => return self.flush().await,
                Err(error) => return Err(error),
            }
        }
    }

    fn tick(&mut self) -> Result<(), Error> {
        let now = self.now();
        let after = self.idle * 2;
        self.session
            .tick(now, &mut self.codec, &mut self.wire.out)
            .map_err(|_| Error::Silent {
                address: self.address.clone(),
                after,
            })
    }

    fn now(&self) -> Time {
        Time(milliseconds(self.start.elapsed()))
    }
}

/// Milliseconds of a far deadline, a year: a session without one waits for input alone.
pub(crate) const FAR: u64 = 365 * 24 * 3600 * 1000;

async fn shake_hands(mut wire: Wire, request: &Request<'_>) -> Result<Wire, Error> {
    let Request { host, path, .. } = *request;
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| no_randomness(host, error))?;
    let refused = |error: HandshakeError| match error {
        HandshakeError::Request(_) => Error::BadUrl {
            url: path.to_owned(),
            why: error.to_string(),
        },
        HandshakeError::Refused(status) => Error::Status {
            status,
            why: "it does not open a WebSocket there".into(),
        },
        _ => Error::Violation(error.to_string()),
    };
    let mut handshake = ClientHandshake::new(request, key, &mut wire.out).map_err(refused)?;
    let far = Instant::now() + Duration::from_millis(FAR);
    loop {
        match wire.wait(far).await.map_err(|error| Error::broken(host, error))? {
            Moved::Input => {}
            Moved::End | Moved::Nothing => return Err(Error::unanswered(host)),
        }
        if wire
            .read(|reader, _| handshake.receive(reader))
            .map_err(refused)?
            .is_some()
        {
            return Ok(wire);
        }
    }
}

/// The close codes of what is against the peer's policy, and of a message above its limit (RFC 6455 §7.4.1). SockJS has taken them over.
const POLICY: u16 = 1008;
const TOO_LARGE: u16 = 1009;

fn ended(code: Option<u16>, reason: &str) -> Error {
    let why = match (code, reason) {
        (None, _) => "the WebSocket was closed without a code".to_owned(),
        (Some(code), "") => format!("the WebSocket was closed with code {code}"),
        (Some(code), reason) => format!("the WebSocket was closed with code {code}, {reason}"),
    };
    by_code(code, why)
}

/// The end of a WebSocket or of a session of SockJS, by its code.
pub(crate) fn by_code(code: Option<u16>, why: String) -> Error {
    match code {
        Some(POLICY) => Error::Policy(why),
        Some(TOO_LARGE) => Error::TooLarge(why),
        _ => Error::Ended(why),
    }
}

fn no_randomness(address: &str, error: getrandom::Error) -> Error {
    Error::broken(
        address,
        io::Error::other(format!("the system gives no random numbers: {error}")),
    )
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

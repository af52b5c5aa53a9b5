use std::borrow::Cow;

use super::header::{Headers, Writing};
use super::heart_beat::{Beats, HeartBeat};
use super::version::SUPPORTED;
use super::violation::culprit;
use super::{Decoder, Frame, Limits, Version, Violation, write};
use crate::{Reader, Time};

/// The client's side of one connection.
///
/// It writes CONNECT and heart-beats itself; everything else is a [`Request`](super::Request) of the caller's, in the session's
/// [version](Client::version).
#[derive(Debug)]
pub struct Client {
    decoder: Decoder,
    beats: Beats,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// For CONNECTED, with the heart-beats that were offered.
    Connecting(HeartBeat),
    Connected(Version),
    /// After ERROR or a violation: nothing more is read.
    Ended(Version),
}

/// What CONNECT says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The virtual host.
    pub host: &'a str,
    /// The user's name.
    pub login: Option<&'a str>,
    /// The password or token.
    pub passcode: Option<&'a str>,
    /// What the server calls this client by in durable subscriptions.
    pub client_id: Option<&'a str>,
    /// The heart-beats it offers; an interval below 500 ms is offered as 500 ms.
    pub heart_beat: HeartBeat,
}

/// What a server says, lent until the next call.
#[derive(Clone, Debug)]
pub enum Answer<'e> {
    /// CONNECTED.
    Connected {
        /// The version of the session.
        version: Version,
        /// The server's name.
        server: Option<Cow<'e, str>>,
        /// The id of the session.
        session: Option<Cow<'e, str>>,
        /// The heart-beats it offers.
        heart_beat: HeartBeat,
    },
    /// MESSAGE.
    Message {
        /// The `id` of the SUBSCRIBE, when it had one.
        subscription: Option<Cow<'e, str>>,
        /// The id of the message.
        message_id: Cow<'e, str>,
        /// From 1.2 on what acknowledges it, in the modes that want it.
        ack: Option<Cow<'e, str>>,
        /// Where it was sent.
        destination: Cow<'e, str>,
        /// The type of the body.
        content_type: Option<Cow<'e, str>>,
        /// All other headers.
        headers: Headers<'e>,
        /// The body.
        body: &'e [u8],
    },
    /// RECEIPT: the request that asked for it is done.
    Receipt {
        /// What the request called it.
        receipt: Cow<'e, str>,
        /// All other headers.
        headers: Headers<'e>,
    },
    /// ERROR: the server closes the connection.
    Error {
        /// In few words.
        message: Option<Cow<'e, str>>,
        /// The `receipt` of the request that failed, when it had one.
        receipt: Option<Cow<'e, str>>,
        /// In more words.
        body: &'e [u8],
    },
}

impl Client {
    /// A session that begins `now`: appends CONNECT, with every version.
    pub fn connect(now: Time, offer: &Offer<'_>, out: &mut Vec<u8>) -> Self {
        let heart_beat = offer.heart_beat.offered();
        write::Frame::begin("CONNECT", Writing::Plain, out)
            .header("accept-version", SUPPORTED)
            .header("host", offer.host)
            .maybe("login", offer.login)
            .maybe("passcode", offer.passcode)
            .maybe("client-id", offer.client_id)
            .header("heart-beat", &heart_beat.to_string())
            .end();
        Self {
            decoder: Decoder::new(),
            beats: Beats::new(now),
            state: State::Connecting(heart_beat),
        }
    }

    /// Takes the next event from `input`; `Ok(None)` when all input is taken. What follows ERROR is ignored.
    ///
    /// # Errors
    ///
    /// What the server did; the session is ended and the connection is to be closed.
    pub fn next<'e>(
        &'e mut self,
        now: Time,
        limits: &Limits,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<Answer<'e>>, Violation> {
        if let State::Ended(_) = self.state {
            self.decoder = Decoder::new();
            input.take(usize::MAX);
            return Ok(None);
        }
        if !input.is_empty() {
            self.beats.heard(now);
        }
        let version = self.state.version();
        let told = match self.decoder.next(limits, input) {
            Ok(Some(frame)) => match self.state {
                State::Connecting(_) if frame.command() == "CONNECTED" => connected(&frame),
                _ => told(&frame, self.state),
            },
            Ok(None) => return Ok(None),
            Err(violation) => Err(violation),
        };
        match (&told, self.state) {
            (
                Ok(Answer::Connected {
                    version, heart_beat, ..
                }),
                State::Connecting(ours),
            ) => {
                self.state = State::Connected(*version);
                self.beats.agree(now, ours, *heart_beat);
            }
            (Ok(Answer::Error { .. }) | Err(_), _) => self.state = State::Ended(version),
            _ => {}
        }
        told.map(Some)
    }

    /// The caller wrote something `now`: a heart-beat is not wanted yet.
    pub fn sent(&mut self, now: Time) {
        self.beats.sent(now);
    }

    /// When [`Client::tick`] is wanted next. How long to wait for CONNECTED is for the caller to say.
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Connected(_) => self.beats.deadline(),
            State::Connecting(_) | State::Ended(_) => None,
        }
    }

    /// Does what is due: a heart-beat when nothing else was sent, the end when nothing was heard for twice the interval.
    ///
    /// # Errors
    ///
    /// [`Violation::Silent`], as those of [`Client::next`].
    pub fn tick(&mut self, now: Time, out: &mut Vec<u8>) -> Result<(), Violation> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if let Some(silence) = self.beats.silence(now) {
            self.state = State::Ended(self.version());
            return Err(Violation::Silent(silence));
        }
        self.beats.beat(now, out);
        Ok(())
    }

    /// The version of the session, in which to write to the server; 1.0 before CONNECTED.
    pub fn version(&self) -> Version {
        self.state.version()
    }

    /// Whether CONNECTED has arrived and no ERROR.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }
}

impl State {
    fn version(self) -> Version {
        match self {
            State::Connecting(_) => Version::V1_0,
            State::Connected(version) | State::Ended(version) => version,
        }
    }
}

fn connected<'e>(frame: &Frame<'e>) -> Result<Answer<'e>, Violation> {
    let version = match frame.header("version", Version::V1_0) {
        None => Version::V1_0,
        Some(name) => Version::named(&name).ok_or_else(|| Violation::NoVersion(culprit(&name)))?,
    };
    let heart_beat = match frame.header("heart-beat", version) {
        Some(text) if version > Version::V1_0 => {
            HeartBeat::parse(&text).ok_or_else(|| Violation::HeartBeat(culprit(&text)))?
        }
        _ => HeartBeat::default(),
    };
    Ok(Answer::Connected {
        version,
        server: frame.header("server", version),
        session: frame.header("session", version),
        heart_beat,
    })
}

fn told<'e>(frame: &Frame<'e>, state: State) -> Result<Answer<'e>, Violation> {
    let version = state.version();
    let headers = frame.headers(version);
    // An ERROR is told whatever is wrong with it.
    if frame.command() == "ERROR" {
        return Ok(Answer::Error {
            message: headers.value("message"),
            receipt: headers.value("receipt-id"),
            body: frame.body(),
        });
    }
    if let State::Connecting(_) = state {
        return Err(Violation::NotConnected(culprit(frame.command())));
    }
    frame.check_escapes(version)?;
    let need = |command, header: &'static str| {
        headers
            .value(header)
            .ok_or(Violation::Missing { command, header })
    };
    match frame.command() {
        "MESSAGE" => Ok(Answer::Message {
            subscription: headers.value("subscription"),
            message_id: need("MESSAGE", "message-id")?,
            ack: headers.value("ack"),
            destination: need("MESSAGE", "destination")?,
            content_type: headers.value("content-type"),
            headers: headers.without(&[
                "subscription",
                "message-id",
                "ack",
                "destination",
                "content-type",
                "content-length",
            ]),
            body: frame.body(),
        }),
        "RECEIPT" => Ok(Answer::Receipt {
            receipt: need("RECEIPT", "receipt-id")?,
            headers: headers.without(&["receipt-id"]),
        }),
        "CONNECTED" => Err(Violation::ConnectedTwice),
        other => Err(Violation::Command(culprit(other))),
    }
}

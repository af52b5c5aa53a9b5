use std::time::Duration;

use ::http::{Request, header};
use bytes::Bytes;
use http_body_util::Full;
use pogu_proto::engineio::{Form, Limits, Packet, PacketError, Payload, SEPARATOR, put};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::http::{HttpConnection, USER_AGENT, get};
use crate::limits::ANSWER_BYTES_MAX;
use crate::target::percent_encode;
use crate::{Error, Options, Target};

/// Engine.IO on HTTP: a GET that waits for what the server has to say, and a POST at a time.
///
/// Each exchange is a task of its own, so that every wait can be cancelled; none outlives this.
#[derive(Debug)]
pub(crate) struct Polling {
    target: Target,
    options: Options,
    path: String,
    is_open: bool,
    /// No further exchange begins.
    is_leaving: bool,
    /// The longest that the server keeps a GET.
    patience: Duration,
    /// Bytes of a POST, at most.
    payload_max: usize,
    /// At most one of each kind, and the connections of those that are not under way.
    exchanges: JoinSet<Exchange>,
    is_polling: bool,
    is_posting: bool,
    polls: Option<HttpConnection>,
    posts: Option<HttpConnection>,
    /// Packets to be posted.
    out: Vec<u8>,
    /// The answer to the last GET, taken up to here: past its end once all is.
    payload: Vec<u8>,
    taken: usize,
}

/// What became of a request, and its connection.
type Exchange = (Kind, Result<(HttpConnection, Bytes), Error>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    Post,
}

impl Polling {
    /// On `path`, whose query lacks nothing but the session's id.
    pub(crate) fn new(target: &Target, path: String, options: &Options) -> Self {
        Self {
            target: target.clone(),
            options: options.clone(),
            path,
            is_open: false,
            is_leaving: false,
            patience: options.connect_timeout,
            payload_max: usize::MAX,
            exchanges: JoinSet::new(),
            is_polling: false,
            is_posting: false,
            polls: None,
            posts: None,
            out: Vec::new(),
            payload: Vec::new(),
            taken: 1,
        }
    }

    /// The server has opened the session.
    pub(crate) fn opened(&mut self, sid: &str, patience: Duration, payload_max: usize) {
        self.path.push_str("&sid=");
        self.path.push_str(&percent_encode(sid));
        self.is_open = true;
        self.patience = patience;
        self.payload_max = payload_max;
    }

    /// Puts a packet with those to be posted, which happens while [`Polling::next`] waits.
    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        if !self.out.is_empty() {
            self.out.push(SEPARATOR);
        }
        put(Form::V4, packet, &mut self.out);
    }

    /// Bytes that wait to be posted.
    pub(crate) fn backlog(&self) -> usize {
        self.out.len()
    }

    /// Waits for the next packet and returns what `take` makes of it; `None` when the time is up, or polling was left. Can be
    /// cancelled without loss.
    pub(crate) async fn next<T>(
        &mut self,
        until: Instant,
        mut take: impl FnMut(Result<Packet<'_>, PacketError>) -> T,
    ) -> Result<Option<T>, Error> {
        loop {
            if let Some(taken) = self.take(&mut take) {
                return Ok(Some(taken));
            }
            if !self.is_leaving {
                if !self.is_polling {
                    self.poll();
                }
                self.post();
            }
            match timeout_at(until, self.exchanges.join_next()).await {
                Ok(Some(exchange)) => self.exchanged(exchange)?,
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }

    /// Begins no further GET and no POST: those under way are the last.
    pub(crate) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Goes on after all.
    pub(crate) fn stay(&mut self) {
        self.is_leaving = false;
    }

    /// Whether the last GET and POST are done and all that they brought is taken.
    pub(crate) fn has_left(&self) -> bool {
        self.is_leaving && self.exchanges.is_empty() && self.taken > self.payload.len()
    }

    /// The packets that were not posted, which are to be said elsewhere.
    pub(crate) fn unposted(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Waits until all is posted.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        self.post();
        while self.is_posting {
            if let Some(exchange) = self.exchanges.join_next().await {
                self.exchanged(exchange)?;
            }
            self.post();
        }
        Ok(())
    }

    /// Takes a packet off the last answer.
    fn take<T>(&mut self, take: impl FnOnce(Result<Packet<'_>, PacketError>) -> T) -> Option<T> {
        let rest = self.payload.get_mut(self.taken..)?;
        let end = memchr::memchr(SEPARATOR, rest).unwrap_or(rest.len());
        self.taken += end + 1;
        let limits = Limits {
            payload: ANSWER_BYTES_MAX,
            ..Limits::default()
        };
        let packet = Payload::new(Form::V4, &limits, &mut rest[..end]).next();
        packet.map(take)
    }

    fn poll(&mut self) {
        self.is_polling = true;
        let request = get(&self.path, "text/plain");
        let limit = self.patience + self.options.connect_timeout;
        let kept = self.polls.take();
        let exchange = exchange(kept, self.target.clone(), self.options.clone(), request, limit);
        self.exchanges.spawn(async { (Kind::Get, exchange.await) });
    }

    fn post(&mut self) {
        if self.is_posting || self.out.is_empty() {
            return;
        }
        self.is_posting = true;
        let payload = self.batch();
        let request = Request::post(&self.path)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, "text/plain;charset=UTF-8")
            .body(Full::from(payload))
            .map_err(|error| Error::BadUrl {
                url: self.path.clone(),
                why: error.to_string(),
            });
        let limit = self.options.connect_timeout;
        let kept = self.posts.take();
        let exchange = exchange(kept, self.target.clone(), self.options.clone(), request, limit);
        self.exchanges.spawn(async { (Kind::Post, exchange.await) });
    }

    /// As many of the packets to be posted as the server takes at once, at least one.
    fn batch(&mut self) -> Vec<u8> {
        if self.out.len() <= self.payload_max {
            return std::mem::take(&mut self.out);
        }
        let (fits, rest) = self.out.split_at(self.payload_max);
        let end = match (memchr::memrchr(SEPARATOR, fits), memchr::memchr(SEPARATOR, rest)) {
            (Some(end), _) => end,
            (None, Some(more)) => fits.len() + more,
            (None, None) => return std::mem::take(&mut self.out),
        };
        let rest = self.out.split_off(end + 1);
        self.out.pop();
        std::mem::replace(&mut self.out, rest)
    }

    fn exchanged(&mut self, exchange: Result<Exchange, JoinError>) -> Result<(), Error> {
        let (kind, result) = exchange.map_err(|error| Error::broken(&self.target.authority(), error))?;
        let (connection, answer) = result.map_err(|error| match error {
            Error::Status { status: 413, why } => Error::TooLarge(why),
            // The server no longer knows the session, which a new one helps.
            Error::Status { why, .. } if self.is_open => Error::Ended(why),
            error => error,
        })?;
        match kind {
            Kind::Get => {
                self.is_polling = false;
                self.polls = Some(connection);
                self.payload = answer.into();
                self.taken = 0;
            }
            Kind::Post => {
                self.is_posting = false;
                self.posts = Some(connection);
            }
        }
        Ok(())
    }
}

/// One request and its answer, over the connection that was kept if it still stands.
async fn exchange(
    kept: Option<HttpConnection>,
    target: Target,
    options: Options,
    request: Result<Request<Full<Bytes>>, Error>,
    limit: Duration,
) -> Result<(HttpConnection, Bytes), Error> {
    let mut connection = match kept.filter(HttpConnection::is_open) {
        Some(connection) => connection,
        None => HttpConnection::connect(&target, &options).await?,
    };
    let response = connection.request(request?, limit).await?;
    let answer = connection
        .read(response.into_body(), options.connect_timeout)
        .await?;
    Ok((connection, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polling(payload_max: usize) -> Polling {
        let target = "http://127.0.0.1:1"
            .parse()
            .unwrap_or_else(|error| panic!("{error}"));
        let mut polling = Polling::new(&target, String::new(), &Options::default());
        polling.payload_max = payload_max;
        polling
    }

    #[test]
    fn batches_end_between_packets_and_have_one_at_least() {
        let packets = ["one", "", "a longer one", "x", "y"].map(Packet::Ping);
        for payload_max in 0..40 {
            let mut polling = polling(payload_max);
            packets.iter().for_each(|packet| polling.send(packet));
            let all = polling.out.clone();
            let mut batches = Vec::new();
            while !polling.out.is_empty() {
                let batch = polling.batch();
                let fits = batch.len() <= payload_max;
                assert!(fits || !batch.contains(&SEPARATOR), "{payload_max}: {batch:?}");
                batches.push(batch);
            }
            assert_eq!(batches.join(&SEPARATOR), all, "{payload_max}");
        }
    }

    #[test]
    fn an_answer_is_taken_packet_by_packet() {
        let mut polling = polling(0);
        let mut take = |payload: &str| {
            polling.payload = payload.into();
            polling.taken = 0;
            let mut all = Vec::new();
            while let Some(packet) = polling.take(|packet| format!("{packet:?}")) {
                all.push(packet);
            }
            all
        };
        assert_eq!(
            take("4one\u{1e}bAQI=\u{1e}2"),
            [
                r#"Ok(Message(Text("one")))"#,
                "Ok(Message(Binary([1, 2])))",
                r#"Ok(Ping(""))"#
            ]
        );
        assert_eq!(take(""), ["Err(Empty)"]);
        assert_eq!(take("6\u{1e}"), ["Ok(Noop)", "Err(Empty)"]);
        assert_eq!(take("what"), ["Err(Type(119))"]);
    }
}

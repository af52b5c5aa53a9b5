use std::collections::VecDeque;
use std::time::Duration;

use ::http::{Method, Request, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use pogu_proto::sockjs::{Decoder, Frame, FrameError, Receiver, Sender, put_send};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep_until;

use crate::chunks::Chunks;
use crate::http::{HttpConnection, USER_AGENT};
use crate::limits::{MESSAGE_BYTES_MAX, POST_BYTES_MAX};
use crate::pulse::Pulse;
use crate::{Error, Options, Target};

/// SockJS on HTTP: one response at a time that brings frames, and one POST at a time.
///
/// What waits for the head of an answer is a task of its own, so that every wait can be cancelled; none outlives this.
#[derive(Debug)]
pub(super) struct Responses {
    target: Target,
    address: String,
    options: Options,
    /// Of the session.
    path: String,
    receiver: Receiver,
    is_open: bool,
    pulse: Pulse,
    /// At most one of each kind.
    exchanges: JoinSet<Exchange>,
    is_asking: bool,
    is_posting: bool,
    /// The response that brings frames, if it has come.
    response: Option<Response>,
    /// The connections of those that are not under way.
    responses: Option<HttpConnection>,
    posts: Option<HttpConnection>,
    /// Messages to be posted, and their bytes.
    out: VecDeque<String>,
    backlog: usize,
}

/// What became of a request, and its connection.
#[derive(Debug)]
enum Exchange {
    /// The head of a response that brings frames.
    Began(Result<(HttpConnection, Incoming), Error>),
    Posted(Result<HttpConnection, Error>),
}

/// A response that brings frames.
#[derive(Debug)]
struct Response {
    connection: HttpConnection,
    chunks: Chunks,
    decoder: Decoder,
    /// It has brought something.
    brought: bool,
}

impl Responses {
    pub(super) fn new(target: &Target, path: String, receiver: Receiver, options: &Options) -> Self {
        Self {
            target: target.clone(),
            address: target.authority(),
            options: options.clone(),
            path,
            receiver,
            is_open: false,
            pulse: Pulse::new(options),
            exchanges: JoinSet::new(),
            is_asking: false,
            is_posting: false,
            response: None,
            responses: None,
            posts: None,
            out: VecDeque::new(),
            backlog: 0,
        }
    }

    /// The server has opened the session.
    pub(super) fn opened(&mut self) {
        self.is_open = true;
    }

    /// Puts a message with those to be posted, which happens while [`Responses::next`] waits.
    pub(super) fn send(&mut self, message: &str) {
        self.backlog += message.len();
        self.out.push_back(message.to_owned());
    }

    /// Bytes that wait to be posted.
    pub(super) fn backlog(&self) -> usize {
        self.backlog
    }

    /// Waits for the next frame and returns what `take` makes of it; `None` when it is time to ask for a sign of life. Can be
    /// cancelled without loss.
    pub(super) async fn next<T>(
        &mut self,
        mut take: impl FnMut(Result<Frame<'_>, FrameError>) -> T,
    ) -> Result<Option<T>, Error> {
        loop {
            if let Some(response) = &mut self.response
                && let Some(taken) = response.take(&mut take)
            {
                return Ok(Some(taken));
            }
            self.ask();
            self.post();
            tokio::select! {
                filled = fill(&mut self.response) => self.filled(filled)?,
                Some(exchange) = self.exchanges.join_next() => self.exchanged(exchange)?,
                () = sleep_until(self.pulse.deadline()) => {
                    self.pulse.miss(&self.address)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Asks for the next response, if there is none.
    fn ask(&mut self) {
        if self.is_asking || self.response.is_some() {
            return;
        }
        self.is_asking = true;
        let (method, accept) = match self.receiver {
            Receiver::EventSource => (Method::GET, "text/event-stream"),
            _ => (Method::POST, "*/*"),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{}", self.path, self.receiver.name()))
            .header(header::ACCEPT, accept);
        let request = finish(request, Bytes::new(), &self.path);
        // A poll is answered when there is something to tell, and a sign of life is something.
        let limit = self.options.connect_timeout.max(self.options.idle_timeout * 2);
        let kept = self.responses.take();
        let answer = answer(kept, self.target.clone(), self.options.clone(), request, limit);
        self.exchanges.spawn(async { Exchange::Began(answer.await) });
    }

    /// Posts what is to be posted, if no POST is under way.
    fn post(&mut self) {
        if self.is_posting || self.out.is_empty() {
            return;
        }
        self.is_posting = true;
        let request = Request::post(format!("{}/{}", self.path, Sender::Xhr.name()))
            .header(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
        let request = finish(request, self.batch().into(), &self.path);
        let limit = self.options.connect_timeout;
        let kept = self.posts.take();
        let answer = answer(kept, self.target.clone(), self.options.clone(), request, limit);
        self.exchanges.spawn(async move {
            let posted = async {
                let (connection, body) = answer.await?;
                connection.read(body, limit).await?;
                Ok(connection)
            };
            Exchange::Posted(posted.await)
        });
    }

    /// The body of a POST with as many messages as one takes, at least one.
    fn batch(&mut self) -> Vec<u8> {
        let mut bytes = 0;
        let fits = self.out.iter().take_while(|message| {
            bytes += message.len();
            bytes <= POST_BYTES_MAX
        });
        let count = fits.count().max(1).min(self.out.len());
        let messages: Vec<_> = self.out.drain(..count).collect();
        self.backlog -= messages.iter().map(String::len).sum::<usize>();
        let mut body = Vec::new();
        put_send(messages.iter().map(String::as_str), &mut body);
        body
    }

    fn filled(&mut self, filled: hyper::Result<bool>) -> Result<(), Error> {
        if filled.map_err(|error| Error::broken(&self.address, error))? {
            self.pulse.beat();
            return Ok(());
        }
        match self.response.take() {
            Some(response) if response.brought && response.decoder.is_empty() => {
                self.responses = Some(response.connection);
                Ok(())
            }
            _ => Err(Error::Ended("a response ended too early".to_owned())),
        }
    }

    fn exchanged(&mut self, exchange: Result<Exchange, JoinError>) -> Result<(), Error> {
        match exchange.map_err(|error| Error::broken(&self.address, error))? {
            Exchange::Began(result) => {
                self.is_asking = false;
                let (connection, body) = result.map_err(|error| self.failed(error))?;
                self.response = Some(Response {
                    connection,
                    chunks: Chunks::new(body),
                    decoder: Decoder::new(self.receiver),
                    brought: false,
                });
            }
            Exchange::Posted(result) => {
                self.is_posting = false;
                self.posts = Some(result.map_err(|error| self.failed(error))?);
            }
        }
        self.pulse.beat();
        Ok(())
    }

    fn failed(&self, error: Error) -> Error {
        match error {
            Error::Status { status: 413, why } => Error::TooLarge(why),
            // The server no longer knows the session or has no room for what is said in it, which a new one helps.
            Error::Status { status, why } if self.is_open => {
                Error::Ended(format!("the session was answered {status}, {why}"))
            }
            error => error,
        }
    }
}

impl Response {
    /// Takes a frame off what has arrived.
    fn take<T>(&mut self, take: impl FnOnce(Result<Frame<'_>, FrameError>) -> T) -> Option<T> {
        let Self { chunks, decoder, .. } = self;
        let taken = chunks.read(|reader| decoder.next(MESSAGE_BYTES_MAX, reader).transpose().map(take));
        self.brought |= taken.is_some();
        taken
    }
}

/// Waits for more of a response, for ever if there is none. Can be cancelled without loss.
async fn fill(response: &mut Option<Response>) -> hyper::Result<bool> {
    match response {
        Some(response) => response.chunks.fill().await,
        None => std::future::pending().await,
    }
}

fn finish(request: ::http::request::Builder, body: Bytes, path: &str) -> Result<Request<Full<Bytes>>, Error> {
    request
        .header(header::USER_AGENT, USER_AGENT)
        .body(Full::from(body))
        .map_err(|error| Error::BadUrl {
            url: path.to_owned(),
            why: error.to_string(),
        })
}

/// Sends a request, over the connection that was kept if it still stands, and returns the answer's body.
async fn answer(
    kept: Option<HttpConnection>,
    target: Target,
    options: Options,
    request: Result<Request<Full<Bytes>>, Error>,
    limit: Duration,
) -> Result<(HttpConnection, Incoming), Error> {
    let mut connection = match kept.filter(HttpConnection::is_open) {
        Some(connection) => connection,
        None => HttpConnection::connect(&target, &options).await?,
    };
    let response = connection.request(request?, limit).await?;
    Ok((connection, response.into_body()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_the_order_and_have_one_message_at_least() {
        let target = "http://127.0.0.1:1"
            .parse()
            .unwrap_or_else(|error| panic!("{error}"));
        let mut responses = Responses::new(&target, String::new(), Receiver::Xhr, &Options::default());
        let large = "x".repeat(POST_BYTES_MAX);
        for message in ["one", "two", &large, "y", ""] {
            responses.send(message);
        }
        assert_eq!(responses.backlog(), large.len() + 7);
        let mut batches = Vec::new();
        while !responses.out.is_empty() {
            batches.push(responses.batch());
        }
        let large = format!(r#"["{large}"]"#);
        let expected = [r#"["one","two"]"#, &large, r#"["y",""]"#];
        assert_eq!(batches, expected.map(|batch| batch.as_bytes().to_vec()));
        assert_eq!(responses.backlog(), 0);
    }
}

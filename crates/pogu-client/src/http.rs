use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::limits::{ANSWER_BYTES_MAX, PROBLEM_BYTES_MAX};
use crate::patience::within;
use crate::socket::TcpConnection;
use crate::{Error, Options, Target};

/// One HTTP/1.1 connection, used for one request after the other.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    authority: String,
    /// The server said that it ends the connection after this answer.
    last: bool,
}

impl HttpConnection {
    pub(crate) async fn connect(target: &Target, options: &Options) -> Result<Self, Error> {
        let socket = TcpConnection::connect(target, options.trace.as_ref(), options.connect_timeout).await?;
        let authority = target.authority();
        let (sender, connection) = http1::handshake(TokioIo::new(socket))
            .await
            .map_err(|error| Error::broken(&authority, error))?;
        // Its error is met again by whoever waits for an answer or a body.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            driver,
            authority,
            last: false,
        })
    }

    /// Sends a request and returns the answer's head; `limit` is the longest wait for it.
    ///
    /// An answer other than 2xx is an [`Error::Status`].
    pub(crate) async fn request(
        &mut self,
        mut request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let host = http::HeaderValue::from_str(&self.authority).map_err(|_| Error::BadUrl {
            url: self.authority.clone(),
            why: "the host is no header value".into(),
        })?;
        request.headers_mut().insert(http::header::HOST, host);
        let answer = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let answer = async { answer.await.map_err(|error| not_answered(&self.authority, error)) };
        let response = within(limit, &self.authority, answer).await?;
        let connection = response.headers().get_all(http::header::CONNECTION);
        self.last |= connection
            .iter()
            .any(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        if response.status().is_success() {
            return Ok(response);
        }
        Err(problem(response, limit).await)
    }

    /// Reads a body whole.
    pub(crate) async fn read(&self, body: Incoming, limit: Duration) -> Result<Bytes, Error> {
        let collecting = async {
            match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
                Ok(collected) => Ok(collected.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => Err(Error::Violation(format!(
                    "an answer is longer than {ANSWER_BYTES_MAX} bytes"
                ))),
                Err(error) => Err(Error::broken(&self.authority, error)),
            }
        };
        within(limit, &self.authority, collecting).await
    }

    /// Whether another request can be sent; false once the connection has ended.
    pub(crate) fn is_open(&self) -> bool {
        !self.last && !self.sender.is_closed()
    }
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// How the end of a connection is told to who still writes.
const CLOSED: [io::ErrorKind; 3] = [
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::BrokenPipe,
];

/// Why a request was not answered.
fn not_answered(address: &str, error: hyper::Error) -> Error {
    if error.is_parse() {
        return Error::Violation(format!("{address} does not answer in HTTP: {error}"));
    }
    let cause = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    let is_closed = cause.is_some_and(|cause| CLOSED.contains(&cause.kind()));
    if is_closed || error.is_closed() || error.is_canceled() || error.is_incomplete_message() {
        return Error::unanswered(address);
    }
    Error::broken(address, error)
}

/// A request without a body.
pub(crate) fn get(path_and_query: &str, accept: &'static str) -> Result<Request<Full<Bytes>>, Error> {
    Request::get(path_and_query)
        .header(http::header::ACCEPT, accept)
        .header(http::header::USER_AGENT, USER_AGENT)
        .body(Full::default())
        .map_err(|error| Error::BadUrl {
            url: path_and_query.to_owned(),
            why: error.to_string(),
        })
}

pub(crate) const USER_AGENT: &str = concat!("pogu/", env!("CARGO_PKG_VERSION"));

/// What a refusal says: the detail or title of an RFC 9457 problem, the message of Engine.IO, or the reason phrase.
async fn problem(response: Response<Incoming>, limit: Duration) -> Error {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: Option<String>,
        title: Option<String>,
        message: Option<String>,
    }
    let status = response.status();
    // Whatever becomes of the body, the status is known.
    let body = match timeout(
        limit,
        Limited::new(response.into_body(), PROBLEM_BYTES_MAX).collect(),
    )
    .await
    {
        Ok(Ok(collected)) => collected.to_bytes(),
        _ => Bytes::new(),
    };
    let why = serde_json::from_slice::<Problem>(&body)
        .ok()
        .and_then(|problem| problem.detail.or(problem.title).or(problem.message))
        .unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned());
    Error::Status {
        status: status.as_u16(),
        why,
    }
}

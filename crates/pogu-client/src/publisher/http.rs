use ::http::{HeaderValue, Request, header};
use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::{Job, Plan, Receipt};
use crate::backoff::Backoff;
use crate::http::{HttpConnection, USER_AGENT};
use crate::{Error, Via};

/// One `POST` after the other over one connection.
#[derive(Debug)]
pub(super) struct HttpPublisher {
    plan: Plan,
    connection: Option<HttpConnection>,
}

impl HttpPublisher {
    pub(super) async fn connect(plan: Plan) -> Result<Self, Error> {
        let connection = Some(HttpConnection::connect(&plan.target, &plan.options).await?);
        Ok(Self { plan, connection })
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            let result = self.publish(&job).await;
            job.tell(result);
        }
    }

    /// Tries until it succeeds, fails for good or the time is up.
    async fn publish(&mut self, job: &Job) -> Result<Receipt, Error> {
        let mut backoff = Backoff::new(self.plan.options.backoff_base, self.plan.options.backoff_cap);
        let mut trouble = None;
        loop {
            let posting = post(&self.plan, &mut self.connection, job);
            let error = match timeout_at(job.deadline, posting).await {
                Ok(Ok(receipt)) => return Ok(receipt),
                Ok(Err(error)) => error,
                Err(_) => return Err(trouble.unwrap_or_else(|| self.plan.overdue("receipt", Via::Http))),
            };
            let wait = backoff.next();
            // Where another program listens, it still does at the next attempt.
            let is_final = error.is_final() || matches!(error, Error::Violation(_));
            if is_final || Instant::now() + wait >= job.deadline {
                return Err(error);
            }
            debug!(%error, ?wait, "trying again");
            trouble = Some(error);
            sleep(wait).await;
        }
    }
}

async fn post(plan: &Plan, kept: &mut Option<HttpConnection>, job: &Job) -> Result<Receipt, Error> {
    // The server may have ended a connection that was idle.
    let mut connection = match kept.take().filter(HttpConnection::is_open) {
        Some(connection) => connection,
        None => HttpConnection::connect(&plan.target, &plan.options).await?,
    };
    let limit = plan.options.connect_timeout;
    let response = match connection.request(request(plan, job)?, limit).await {
        Ok(response) => response,
        Err(error) => {
            // A refusal leaves the connection as good as it was.
            if matches!(error, Error::Status { .. }) {
                *kept = Some(connection);
            }
            return Err(error);
        }
    };
    let answer = connection.read(response.into_body(), limit).await?;
    *kept = Some(connection);
    receipt(&answer)
}

fn request(plan: &Plan, job: &Job) -> Result<Request<Full<Bytes>>, Error> {
    let path = plan.target.topic_path(&job.draft.topic);
    let field = |name: &str, value: &str| {
        HeaderValue::from_str(value)
            .map_err(|_| Error::Unsupported(format!("the {name} {value:?} cannot be sent in an HTTP header")))
    };
    let mut request = Request::post(&path)
        .header(header::USER_AGENT, USER_AGENT)
        .header("idempotency-key", field("key", &job.key)?);
    if let Some(content_type) = &job.draft.content_type {
        request = request.header(header::CONTENT_TYPE, field("content type", content_type)?);
    }
    if let Some(event) = &job.draft.event {
        request = request.header("pogu-event", field("event", event)?);
    }
    request
        .body(Full::new(job.draft.body.clone()))
        .map_err(|error| Error::BadUrl {
            url: path,
            why: error.to_string(),
        })
}

fn receipt(answer: &[u8]) -> Result<Receipt, Error> {
    #[derive(serde::Deserialize)]
    struct Answer {
        cursor: String,
    }
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|error| Error::Violation(format!("the answer to a publication cannot be read: {error}")))?;
    Ok(Receipt {
        cursor: Some(answer.cursor),
    })
}

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use super::{Plan, Step};
use crate::http::{HttpConnection, get};
use crate::message::{PollAnswer, parse_poll};
use crate::target::percent_encode;
use crate::{Error, Gap};

/// How long the server may keep a long poll open.
const WAIT: Duration = Duration::from_secs(25);

/// Polling and long polling.
#[derive(Debug)]
pub(crate) struct PollLink {
    connection: HttpConnection,
    /// The next request asks for what comes after this.
    after: String,
    /// What the last answer brought.
    waiting: VecDeque<Step>,
    long: bool,
    /// The last answer was empty: there is nothing yet, and a poll waits before it asks again.
    rest: bool,
}

impl PollLink {
    pub(crate) async fn open(plan: &Plan, after: Option<&str>, long: bool) -> Result<Self, Error> {
        let mut connection = HttpConnection::connect(&plan.target, &plan.options).await?;
        let answer = poll(&mut connection, plan, after, None).await?;
        let mut link = Self {
            connection,
            after: String::new(),
            waiting: VecDeque::new(),
            long,
            rest: false,
        };
        link.take(plan, answer);
        Ok(link)
    }

    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Step, Error> {
        loop {
            if let Some(step) = self.waiting.pop_front() {
                return Ok(step);
            }
            if self.rest && !self.long {
                sleep(plan.options.poll_interval).await;
            }
            if !self.connection.is_open() {
                self.connection = HttpConnection::connect(&plan.target, &plan.options).await?;
            }
            let wait = self.long.then_some(WAIT);
            let answer = poll(&mut self.connection, plan, Some(&self.after), wait).await?;
            self.take(plan, answer);
        }
    }

    fn take(&mut self, plan: &Plan, answer: PollAnswer) {
        self.rest = answer.messages.is_empty();
        if answer.gap {
            self.waiting.push_back(Step::Gap(Gap {
                topic: plan.pattern.clone(),
                missed: None,
            }));
        }
        self.waiting
            .extend(answer.messages.into_iter().map(Step::Message));
        if answer.next != self.after {
            self.waiting.push_back(Step::Position(answer.next.clone()));
            self.after = answer.next;
        }
    }
}

/// Asks once; without `wait` the answer comes at once.
pub(super) async fn poll(
    connection: &mut HttpConnection,
    plan: &Plan,
    after: Option<&str>,
    wait: Option<Duration>,
) -> Result<PollAnswer, Error> {
    let mut path = plan.target.topic_path(&plan.pattern);
    path.push_str("?via=poll");
    if let Some(after) = after {
        path.push_str("&after=");
        path.push_str(&percent_encode(after));
    }
    if let Some(wait) = wait {
        path.push_str(&format!("&wait={}", wait.as_secs()));
    }
    let limit = plan.options.connect_timeout + wait.unwrap_or_default();
    let response = connection.request(get(&path, "application/json")?, limit).await?;
    let body = connection
        .read(response.into_body(), plan.options.connect_timeout)
        .await?;
    parse_poll(&body)
}

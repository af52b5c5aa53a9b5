use std::collections::VecDeque;
use std::time::Duration;

use pogu_proto::pogu::Command;
use tokio::time::{Instant, timeout_at};

use super::{Plan, Step};
use crate::conversation::{Reply, parse};
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::recent::Recent;
use crate::socket::UdpConnection;
use crate::{Error, Gap, Options};

/// The wait before a command is said again that nothing has answered; it doubles each time.
const RETRY: Duration = Duration::from_millis(250);

/// How often the lease of 60 s is renewed. Long before it ends: a server that was started again knows neither this client nor its
/// token, and says so to a renewal alone.
const RENEWAL: Duration = Duration::from_secs(5);

/// Renewals in a row without a datagram after which the link is taken for dead.
const UNANSWERED_MAX: u32 = 4;

/// Messages that wait because they came before the subscription was answered.
const WAITING_MAX: usize = 1024;

/// The name of the error for a token that is no longer valid.
const BAD_TOKEN: &str = "bad-token";

/// The name of the error for what no datagram holds.
const TOO_LARGE: &str = "too-large";

/// The pogu dialect over UDP: a lease that is renewed, and messages that may be lost.
#[derive(Debug)]
pub(crate) struct UdpLink {
    socket: UdpConnection,
    token: String,
    buffer: Box<[u8]>,
    /// What came before the subscription was answered.
    waiting: VecDeque<Step>,
    recent: Recent,
    renewal: Instant,
    heard: Instant,
}

impl UdpLink {
    pub(crate) async fn open(plan: &Plan, after: Option<&str>) -> Result<Self, Error> {
        let socket = UdpConnection::connect(&plan.target, plan.options.trace.as_ref()).await?;
        let now = Instant::now();
        let mut link = Self {
            socket,
            token: String::new(),
            buffer: vec![0; DATAGRAM_BYTES_MAX].into(),
            waiting: VecDeque::new(),
            recent: Recent::default(),
            renewal: now + renewal(&plan.options),
            heard: now,
        };
        // The first SUB is answered with a token, which shows that answers reach us; the second one is heeded.
        let subscribe = Command::Subscribe {
            pattern: &plan.pattern,
            after,
            echo: true,
            token: None,
        };
        let token = loop {
            if let Reply::Ok {
                token: Some(token), ..
            } = link.ask(plan, &subscribe).await?
            {
                break token;
            }
        };
        let subscribe = Command::Subscribe {
            pattern: &plan.pattern,
            after,
            echo: true,
            token: Some(&token),
        };
        let reply = link.ask(plan, &subscribe).await?;
        if let Reply::Ok {
            cursor: Some(start), ..
        } = reply
        {
            link.waiting.push_front(Step::Position(start));
        }
        link.token = token;
        Ok(link)
    }

    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Step, Error> {
        loop {
            if let Some(step) = self.waiting.pop_front() {
                return Ok(step);
            }
            let Some(reply) = self.receive(plan, self.renewal).await? else {
                let after = renewal(&plan.options) * UNANSWERED_MAX;
                if self.heard.elapsed() >= after {
                    return Err(Error::Silent {
                        address: plan.target.authority(),
                        after,
                    });
                }
                let token = Some(self.token.clone());
                let renew = Command::Subscribe {
                    pattern: &plan.pattern,
                    after: None,
                    echo: true,
                    token: token.as_deref(),
                };
                self.say(plan, &renew).await?;
                self.renewal = Instant::now() + renewal(&plan.options);
                continue;
            };
            match reply {
                // A message that no datagram holds.
                Reply::Refused { seq: None, code, .. } if code == TOO_LARGE => {
                    let gap = Gap {
                        topic: plan.pattern.clone(),
                        missed: Some(1),
                    };
                    return Ok(Step::Gap(gap));
                }
                Reply::Refused {
                    seq: Some(_),
                    code,
                    why,
                } if code != BAD_TOKEN => {
                    return Err(Error::Refused { code, why });
                }
                Reply::Refused { code, why, .. } => return Err(Error::Ended(format!("{code}: {why}"))),
                Reply::Bye { why } => return Err(Error::Ended(why)),
                reply => self.keep(reply),
            }
        }
    }

    pub(crate) async fn close(&mut self, plan: &Plan) -> Result<(), Error> {
        let token = Some(self.token.as_str());
        let goodbye = encode(&Command::Unsubscribe {
            pattern: &plan.pattern,
            token,
        });
        self.socket
            .send(&goodbye)
            .await
            .map_err(|error| broken(plan, error))
    }

    /// Says a command until it is answered.
    async fn ask(&mut self, plan: &Plan, command: &Command<'_>) -> Result<Reply, Error> {
        let end = Instant::now() + plan.options.connect_timeout;
        let mut wait = RETRY;
        loop {
            self.say(plan, command).await?;
            let until = end.min(Instant::now() + wait);
            while let Some(reply) = self.receive(plan, until).await? {
                match reply {
                    Reply::Ok { .. } => return Ok(reply),
                    // The token was of an age that has just passed: a new one helps.
                    Reply::Refused { code, why, .. } if code == BAD_TOKEN => return Err(Error::Ended(why)),
                    Reply::Refused { code, why, .. } => return Err(Error::Refused { code, why }),
                    reply => self.keep(reply),
                }
            }
            if Instant::now() >= end {
                let after = plan.options.connect_timeout;
                return Err(Error::Silent {
                    address: plan.target.authority(),
                    after,
                });
            }
            wait *= 2;
        }
    }

    /// Says a command besides, whose answer is only heard if it is a refusal.
    pub(crate) async fn say(&self, plan: &Plan, command: &Command<'_>) -> Result<(), Error> {
        self.socket
            .send(&encode(command))
            .await
            .map_err(|error| broken(plan, error))
    }

    /// The next answer, `None` at `until`.
    async fn receive(&mut self, plan: &Plan, until: Instant) -> Result<Option<Reply>, Error> {
        loop {
            let Ok(received) = timeout_at(until, self.socket.recv(&mut self.buffer)).await else {
                return Ok(None);
            };
            let size = received.map_err(|error| broken(plan, error))?;
            self.heard = Instant::now();
            // One bad datagram says nothing about the next.
            if let Ok(reply) = parse(&self.buffer[..size]) {
                return Ok(Some(reply));
            }
        }
    }

    fn keep(&mut self, reply: Reply) {
        match reply {
            Reply::Message(message)
                if self.waiting.len() < WAITING_MAX && self.recent.is_new(&message.cursor) =>
            {
                self.waiting.push_back(Step::Message(message));
            }
            Reply::Gap(gap) => self.waiting.push_back(Step::Gap(gap)),
            _ => {}
        }
    }
}

/// How long after one renewal the next one comes: so soon that silence is met with several before it ends the link.
fn renewal(options: &Options) -> Duration {
    RENEWAL.min(options.idle_timeout / 2)
}

fn encode(command: &Command<'_>) -> Vec<u8> {
    let mut datagram = Vec::new();
    command.encode(&mut datagram);
    // No part of the command, and a byte more for the server to answer in proportion to.
    datagram.push(b'\n');
    datagram
}

/// An ICMP answer to a datagram is told by the next call, and means that nobody listens there.
fn broken(plan: &Plan, cause: std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::ConnectionRefused {
        return Error::Connect {
            address: plan.target.authority(),
            cause,
        };
    }
    Error::broken(&plan.target.authority(), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server that was started again at once would make of a client it does not know.
    const DEAF_MAX: Duration = Duration::from_secs(5);

    #[test]
    fn a_server_that_knows_nothing_of_a_lease_is_soon_found_out() {
        assert!(renewal(&Options::default()) <= DEAF_MAX);
        assert!(renewal(&Options::default()) * UNANSWERED_MAX < Options::default().idle_timeout);
        let hasty = Options {
            idle_timeout: Duration::from_secs(2),
            ..Options::default()
        };
        assert_eq!(renewal(&hasty) * UNANSWERED_MAX, hasty.idle_timeout * 2);
    }
}

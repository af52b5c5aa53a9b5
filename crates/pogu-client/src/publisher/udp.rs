use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::line::command;
use super::{Job, Plan, Receipt};
use crate::conversation::{Reply, parse};
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::recent::Recent;
use crate::socket::UdpConnection;
use crate::{Error, Via};

/// The wait before a datagram is sent again that nothing has answered; it doubles each time, up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(3);

/// How long a socket is used after its last datagram, well below the 10 s for which a server remembers its address.
const REMEMBERED: Duration = Duration::from_secs(5);

/// One datagram after the other, each sent until it is answered.
#[derive(Debug)]
pub(super) struct UdpPublisher {
    plan: Plan,
    socket: Option<Socket>,
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct Socket {
    connection: UdpConnection,
    used: Instant,
    /// Datagrams sent; the server counts those that arrive and answers by number.
    sent: u64,
    /// The cursors that were answered. One that comes again is the answer to a datagram that arrived twice, which the server
    /// counted twice; so the number alone does not tell whose answer it is.
    answered: Recent,
}

impl UdpPublisher {
    pub(super) async fn connect(plan: Plan) -> Result<Self, Error> {
        let socket = Some(Socket::open(&plan).await?);
        Ok(Self {
            plan,
            socket,
            buffer: vec![0; DATAGRAM_BYTES_MAX].into(),
        })
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            let result = self.publish(&job).await;
            job.tell(result);
        }
    }

    async fn publish(&mut self, job: &Job) -> Result<Receipt, Error> {
        let mut datagram = Vec::new();
        command(&job.draft, &job.key).encode(&mut datagram);
        if datagram.len() > DATAGRAM_BYTES_MAX {
            let why = format!(
                "the message takes {} bytes, and a datagram has at most {DATAGRAM_BYTES_MAX}; publish it by http, ws or tcp",
                datagram.len()
            );
            return Err(Error::Unsupported(why));
        }
        let mut wait = RETRY;
        let mut refused = None;
        loop {
            let mut socket = match self.socket.take().filter(Socket::is_known) {
                Some(socket) => socket,
                None => Socket::open(&self.plan).await?,
            };
            let until = job.deadline.min(Instant::now() + wait);
            match socket.exchange(&datagram, until, &mut self.buffer).await {
                Ok(Some(Ok(receipt))) => {
                    self.socket = Some(socket);
                    return Ok(receipt);
                }
                // A late answer, or a refusal that comes twice, must not be taken for the next one's: the socket is left.
                Ok(Some(Err(error))) => return Err(error),
                Ok(None) => {}
                // Nobody listens there now; the time runs nevertheless.
                Err(error) => {
                    refused = Some(error);
                    tokio::time::sleep_until(until).await;
                }
            }
            if Instant::now() >= job.deadline {
                let address = self.plan.target.authority();
                return Err(match refused {
                    Some(cause) => Error::Connect { address, cause },
                    None => self.plan.overdue("receipt", Via::Udp),
                });
            }
            wait = (wait * 2).min(RETRY_MAX);
        }
    }
}

impl Socket {
    async fn open(plan: &Plan) -> Result<Self, Error> {
        let connection = UdpConnection::connect(&plan.target, plan.options.trace.as_ref()).await?;
        Ok(Self {
            connection,
            used: Instant::now(),
            sent: 0,
            answered: Recent::default(),
        })
    }

    /// Whether the server still counts on from the last datagram: it forgets an address after some silence.
    fn is_known(&self) -> bool {
        self.used.elapsed() < REMEMBERED
    }

    /// Sends a datagram and waits for its answer; `None` if there is none until `until`.
    async fn exchange(
        &mut self,
        datagram: &[u8],
        until: Instant,
        buffer: &mut [u8],
    ) -> std::io::Result<Option<Result<Receipt, Error>>> {
        self.connection.send(datagram).await?;
        self.sent += 1;
        self.used = Instant::now();
        loop {
            let Ok(received) = timeout_at(until, self.connection.recv(buffer)).await else {
                return Ok(None);
            };
            match parse(&buffer[..received?]) {
                Ok(Reply::Ok {
                    seq,
                    cursor: Some(cursor),
                    ..
                }) if seq == self.sent && self.answered.is_new(&cursor) => {
                    let cursor = Some(cursor);
                    return Ok(Some(Ok(Receipt { cursor })));
                }
                Ok(Reply::Refused {
                    seq: Some(seq),
                    code,
                    why,
                }) if seq == self.sent => {
                    return Ok(Some(Err(Error::Refused { code, why })));
                }
                // One bad datagram says nothing about the next.
                _ => {}
            }
        }
    }
}

//! What a STOMP client says, and what the hub is asked.

use std::borrow::Cow;

use pogu_hub::{Cursor, Draft, Outcome, Receipt, Settle, To};
use pogu_proto::stomp::{self, Accepted, AckMode, Event, Failure, Headers, HeartBeat, Version};
use pogu_proto::{Reader, ws};

use super::deliver::{Acknowledged, acknowledged};
use super::destination::{self, Target};
use super::subscribe::{Options, bad_destination, is_true};
use super::transaction::{self, Transaction};
use super::{Awaited, Lasts, Refusal, State, Stomp, Subscribed};
use crate::core::Waiting;
use crate::dialect::{Input, Speaker, Wrap, is_own_header};
use crate::http::NAME_MAX;
use crate::json;
use crate::peer::Ending;

/// What CONNECTED names.
const SERVER: &str = concat!("pogu/", env!("CARGO_PKG_VERSION"));
/// Milliseconds between the heart-beats that are offered; a client that wants none, or asks for fewer, gets so.
const HEART_BEAT: u32 = 10_000;

impl Speaker<'_> {
    pub(crate) fn hear_stomp(&mut self, stomp: &mut Stomp, input: Input<'_>) -> Result<(), Ending> {
        let before = self.out.len();
        let heard = match input {
            Input::Bytes(reader) => self.hear_frames(stomp, reader),
            // Messages of a carrier are pieces of the one stream.
            Input::Text(piece) => self.hear_piece(stomp, piece, ws::Kind::Text),
            Input::Binary(piece) => self.hear_piece(stomp, piece, ws::Kind::Binary),
        };
        if self.out.len() > before {
            stomp.wrote(self.core.now);
        }
        heard
    }

    fn hear_piece(&mut self, stomp: &mut Stomp, piece: &[u8], kind: ws::Kind) -> Result<(), Ending> {
        stomp.state.binary = kind == ws::Kind::Binary;
        if let Wrap::Frame(_, deflate) = self.wrap {
            self.wrap = Wrap::Frame(kind, deflate);
        }
        let mut copy = std::mem::take(&mut self.core.piece);
        copy.clear();
        copy.extend_from_slice(piece);
        let heard = self.hear_frames(stomp, Reader::new(&mut copy));
        self.core.piece = copy;
        heard
    }

    fn hear_frames(&mut self, stomp: &mut Stomp, mut reader: Reader<'_>) -> Result<(), Ending> {
        let mut said = Vec::new();
        loop {
            let Stomp { session, state } = stomp;
            let version = session.version();
            let event = session.next(self.core.now, &self.core.stomp_limits, &mut reader, &mut said);
            let (done, receipt) = match event {
                Ok(None) => return Ok(()),
                Err(violation) => {
                    self.core.counters.refused(self.way);
                    self.say(state, |out| out.extend_from_slice(&said));
                    return Err(Ending::Violation(violation.to_string()));
                }
                Ok(Some(Event::Connect(connect))) => {
                    state.client = connect.client_id.as_deref().unwrap_or_default().into();
                    let accepted = Accepted {
                        session: &state.name,
                        server: SERVER,
                        heart_beat: heart_beat(connect.heart_beat),
                    };
                    session.accept(self.core.now, &accepted, &mut said);
                    self.say(state, |out| out.extend_from_slice(&said));
                    said.clear();
                    self.units += 1;
                    continue;
                }
                Ok(Some(Event::Disconnect { receipt })) => {
                    if let Some(receipt) = receipt {
                        self.say(state, |out| stomp::receipt(&receipt, &[], version, out));
                    }
                    return Err(Ending::Finished);
                }
                Ok(Some(event)) => {
                    self.units += 1;
                    let receipt = event.receipt().map(Box::from);
                    (self.act(state, event, version), receipt)
                }
            };
            match done {
                Ok(Answer::Later) => {}
                Ok(Answer::Now(start)) => {
                    if let Some(receipt) = receipt {
                        let start = start.map(|start| start.to_string());
                        let header = start.as_deref().map(|start| ("cursor", start));
                        self.say(state, |out| {
                            stomp::receipt(&receipt, header.as_slice(), version, out);
                        });
                    }
                }
                Err(refusal) => {
                    self.core.counters.refused(self.way);
                    let failure = Failure {
                        message: refusal.message,
                        detail: &refusal.detail,
                        receipt: receipt.as_deref(),
                    };
                    session.fail(failure, &mut said);
                    self.say(state, |out| out.extend_from_slice(&said));
                    return Err(Ending::Violation(refusal.detail));
                }
            }
        }
    }

    fn say(&mut self, state: &mut State, write: impl FnOnce(&mut Vec<u8>)) {
        let place = state.answers.place(self.out);
        self.wrap.put(place, self.core, write);
    }

    fn act(&mut self, state: &mut State, event: Event<'_>, version: Version) -> Result<Answer, Refusal> {
        match event {
            Event::Send {
                destination,
                content_type,
                transaction,
                receipt,
                headers,
                body,
            } => {
                let send = Send {
                    destination,
                    content_type,
                    transaction,
                    receipt,
                    headers,
                    body,
                };
                return self.send(state, &send);
            }
            Event::Subscribe {
                id,
                destination,
                ack,
                headers,
                ..
            } => {
                let options = Options::read(ack, &headers)?;
                let start = self.subscribe_stomp(state, id.as_deref(), &destination, &options, version)?;
                return Ok(Answer::Now(start));
            }
            Event::Unsubscribe {
                id,
                destination,
                headers,
                ..
            } => self.unsubscribe_stomp(
                state,
                id.as_deref(),
                destination.as_deref(),
                is_true(&headers, "durable"),
            )?,
            Event::Ack(ack) => self.acknowledge(state, &ack, Outcome::Accept)?,
            Event::Nack(nack) => {
                let requeue = nack
                    .headers
                    .value("requeue")
                    .is_none_or(|requeue| requeue != "false");
                let outcome = if requeue {
                    Outcome::Release
                } else {
                    Outcome::Reject
                };
                self.acknowledge(state, &nack, outcome)?;
            }
            Event::Begin { transaction, .. } => transaction::begin(&mut state.transactions, &transaction)?,
            Event::Abort { transaction, .. } => {
                drop(transaction::end(&mut state.transactions, &transaction)?)
            }
            Event::Commit { transaction, receipt } => {
                let transaction = transaction::end(&mut state.transactions, &transaction)?;
                return self.commit(state, transaction, receipt.as_deref());
            }
            Event::Connect(_) | Event::Disconnect { .. } => {}
        }
        Ok(Answer::Now(None))
    }

    fn send(&mut self, state: &mut State, send: &Send<'_>) -> Result<Answer, Refusal> {
        let target = destination::target(&send.destination, &state.name).map_err(bad_destination)?;
        if let Target::Queue(queue) = &target
            && destination::is_temporary(&send.destination)
            && !state.consumes(queue)
        {
            return Err(bad_destination(format!(
                "`{}` is not there before it is subscribed to",
                send.destination
            )));
        }
        let content_type = send.content_type.as_deref();
        let (kind, body) = json::classify(content_type, send.body);
        self.core.counters.received(self.way, body.len());
        let mut draft = match target {
            Target::Topic(topic) => Draft::new(topic, kind, body),
            Target::Queue(queue) => Draft::to_queue(queue, kind, body),
        };
        draft.content_type = content_type
            .filter(|given| *given != kind.content_type())
            .map(short_text)
            .transpose()?;
        draft.event = send
            .headers
            .value("event")
            .as_deref()
            .map(short_text)
            .transpose()?;
        draft.key = send
            .headers
            .value("idempotency-key")
            .as_deref()
            .map(short_text)
            .transpose()?;
        draft.expires = match send.headers.value("expires").as_deref() {
            None | Some("0") => None,
            Some(text) => Some(number(text, "expires", "milliseconds since 1970")?),
        };
        draft.headers = send
            .headers
            .clone()
            .filter(|(name, _)| !is_own_header(name))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self.answer_to(state, &mut draft)?;
        draft.origin = self.core.origin(self.id);
        let receipt = send.receipt.as_deref().map(Box::from);
        if let Some(name) = &send.transaction {
            let transaction = transaction::find(&mut state.transactions, name)?;
            transaction.send(draft)?;
            transaction.receipts.extend(receipt);
            return Ok(Answer::Later);
        }
        // A topic takes everything; a queue may be full.
        if receipt.is_some() || draft.to == To::Queue {
            draft.receipt = Some(self.await_publish(state, receipt.into_iter().collect(), true)?);
        }
        self.core.draft(draft);
        Ok(Answer::Later)
    }

    /// Has `reply-to:/temp-queue/x` name the queue as others reach it, and its messages come to this session.
    fn answer_to(&mut self, state: &mut State, draft: &mut Draft) -> Result<(), Refusal> {
        let Some((_, value)) = draft.headers.iter_mut().find(|(name, _)| &**name == "reply-to") else {
            return Ok(());
        };
        let Some((queue, public)) = destination::reply_to(value, &state.name) else {
            return Ok(());
        };
        let queue = queue.map_err(|why| Refusal::new("bad reply-to", why))?;
        let private = std::mem::replace(value, public.into());
        if state.consumes(&queue) {
            return Ok(());
        }
        self.check_room(state)?;
        self.consume(
            state,
            queue,
            Lasts::Temporary,
            Some(&private),
            &private,
            &Options::default(),
        )
    }

    /// Asks for the outcome of a publish.
    fn await_publish(
        &mut self,
        state: &mut State,
        receipts: Vec<Box<str>>,
        single: bool,
    ) -> Result<Receipt, Refusal> {
        state.seq += 1;
        let seq = state.seq;
        let receipt = self
            .core
            .receipt(Waiting::Peer { peer: self.id, seq })
            .ok_or_else(|| Refusal::new("busy", "too many publishes wait for their outcome: try again"))?;
        state.awaited.push_back(Awaited {
            seq,
            receipts,
            single,
        });
        state.answers.expect(seq);
        Ok(receipt)
    }

    fn commit(
        &mut self,
        state: &mut State,
        mut transaction: Transaction,
        receipt: Option<&str>,
    ) -> Result<Answer, Refusal> {
        // What was collected before comes before.
        self.core.publish();
        let mut receipts = std::mem::take(&mut transaction.receipts);
        receipts.extend(receipt.map(Box::from));
        let single = transaction.drafts.len() == 1;
        let Some(last) = transaction.drafts.last_mut() else {
            self.core
                .commit(&mut transaction.drafts, &mut transaction.settles);
            return Ok(Answer::Now(None));
        };
        // All of it is done or none, so one answer is that of all.
        last.receipt = Some(self.await_publish(state, receipts, single)?);
        self.core
            .commit(&mut transaction.drafts, &mut transaction.settles);
        Ok(Answer::Later)
    }

    fn acknowledge(
        &mut self,
        state: &mut State,
        ack: &stomp::Ack<'_>,
        outcome: Outcome,
    ) -> Result<(), Refusal> {
        let unknown = || {
            Refusal::new(
                "unknown message",
                format!("`{}` names no message of this session", ack.id),
            )
        };
        let settle = match acknowledged(&ack.id).ok_or_else(unknown)? {
            Acknowledged::OfTopic => None,
            Acknowledged::Delivery {
                subscription,
                delivery,
            } => {
                if subscription >= state.subscribed {
                    return Err(unknown());
                }
                // One whose subscription has ended is back in its queue.
                state.subscriptions.iter().find_map(|known| match known.to {
                    Subscribed::Queue { consumer, .. } if known.number == subscription => Some(Settle {
                        consumer,
                        delivery,
                        cumulative: known.ack == AckMode::Client,
                        outcome,
                    }),
                    _ => None,
                })
            }
        };
        if let Some(name) = &ack.transaction {
            let transaction = transaction::find(&mut state.transactions, name)?;
            return settle.map_or(Ok(()), |settle| transaction.settle(settle));
        }
        if let Some(settle) = settle {
            self.core.settle(settle);
        }
        Ok(())
    }
}

/// A SEND, lent.
struct Send<'e> {
    destination: Cow<'e, str>,
    content_type: Option<Cow<'e, str>>,
    transaction: Option<Cow<'e, str>>,
    receipt: Option<Cow<'e, str>>,
    headers: Headers<'e>,
    body: &'e [u8],
}

/// When a frame's receipt is due.
enum Answer {
    /// Of a subscription to topics with where it starts, to go on from should the connection break before the first message.
    Now(Option<Cursor>),
    /// With the outcome of a publish, or with the end of a transaction.
    Later,
}

/// A client that asks for more heart-beats than are usual gets them so, down to the least that a session knows.
fn heart_beat(theirs: HeartBeat) -> HeartBeat {
    let offer = |wanted| match wanted {
        0 => HEART_BEAT,
        wanted => HEART_BEAT.min(wanted),
    };
    HeartBeat {
        send: offer(theirs.receive),
        receive: offer(theirs.send),
    }
}

fn short_text(text: &str) -> Result<Box<str>, Refusal> {
    if text.len() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::new(
            "invalid header",
            format!(
                "`event`, `content-type` and `idempotency-key` are text of at most {NAME_MAX} bytes without control characters"
            ),
        ));
    }
    Ok(text.into())
}

pub(super) fn number(text: &str, name: &str, unit: &str) -> Result<u64, Refusal> {
    text.trim().parse().map_err(|_| {
        Refusal::new(
            "invalid header",
            format!("`{name}` is a number of {unit}, not `{text}`"),
        )
    })
}

//! One subscription over one connection: what a [`crate::Subscriber`] makes anew whenever it breaks.

mod body;
mod pogu;
mod poll;
mod socketio;
mod sse;
mod stomp;
mod stream;
mod udp;

use pogu_proto::stomp::AckMode;

use crate::conversation::Conversation;
use crate::deliveries::Deliveries;
use crate::stomp::is_queue;
use crate::{Error, Gap, Message, Options, Target, Via};

use self::poll::PollLink;
use self::sse::SseLink;
use self::stream::StreamLink;

pub(crate) use self::pogu::PoguLink;
pub(crate) use self::socketio::SocketIoLink;
pub(crate) use self::stomp::StompLink;
pub(crate) use self::udp::UdpLink;

/// What is subscribed to, and how to go about it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) pattern: String,
    pub(crate) options: Options,
    /// There are other ways to try: one that does not show that it works is left for the next.
    pub(crate) choosy: bool,
}

/// What a link brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Message(Message),
    /// A message of a queue, to be acknowledged by `ack`.
    Delivery {
        message: Message,
        ack: String,
    },
    Gap(Gap),
    /// Everything up to this cursor was seen.
    Position(String),
}

#[derive(Debug)]
pub(crate) enum Link {
    Poll(PollLink),
    Stream(StreamLink),
    Sse(SseLink),
    Pogu(Box<PoguLink>),
    Udp(UdpLink),
    Stomp(Box<StompLink>),
    SocketIo(Box<SocketIoLink>),
}

impl Link {
    /// Subscribes from `after` on, from now without it. Where it starts is the first [`Step::Position`], if the way tells it.
    pub(crate) async fn open(plan: &Plan, via: Via, after: Option<&str>) -> Result<Self, Error> {
        Ok(match via {
            Via::Poll => Link::Poll(PollLink::open(plan, after, false).await?),
            Via::LongPoll => Link::Poll(PollLink::open(plan, after, true).await?),
            Via::Stream => Link::Stream(StreamLink::open(plan, after).await?),
            Via::Sse => Link::Sse(SseLink::open(plan, after).await?),
            Via::Ws => {
                let conversation = Conversation::ws(&plan.target, &plan.options).await?;
                Link::Pogu(Box::new(PoguLink::open(plan, after, conversation).await?))
            }
            Via::Tcp => {
                let conversation = Conversation::tcp(&plan.target, &plan.options).await?;
                Link::Pogu(Box::new(PoguLink::open(plan, after, conversation).await?))
            }
            Via::SockJs => {
                let conversation = Conversation::sockjs(&plan.target, &plan.options).await?;
                Link::Pogu(Box::new(PoguLink::open(plan, after, conversation).await?))
            }
            Via::Udp => Link::Udp(UdpLink::open(plan, after).await?),
            Via::Stomp => {
                let ack = if is_queue(&plan.pattern) {
                    AckMode::ClientIndividual
                } else {
                    AckMode::Auto
                };
                Link::Stomp(Box::new(StompLink::open(plan, after, ack).await?))
            }
            Via::SocketIo => Link::SocketIo(Box::new(SocketIoLink::open(plan, after).await?)),
            Via::Http | Via::Auto => {
                return Err(Error::Unsupported(format!(
                    "{via} is no way to subscribe; try stream, sse or longpoll"
                )));
            }
        })
    }

    /// The next thing that arrives; after an error the link is done.
    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Step, Error> {
        match self {
            Link::Poll(link) => link.next(plan).await,
            Link::Stream(link) => link.next(plan).await,
            Link::Sse(link) => link.next(plan).await,
            Link::Pogu(link) => link.next().await,
            Link::Udp(link) => link.next(plan).await,
            Link::Stomp(link) => link.next().await,
            Link::SocketIo(link) => link.next().await,
        }
    }

    /// Says which messages of a queue are done with.
    pub(crate) fn acknowledge(&mut self, deliveries: &mut Deliveries) -> Result<(), Error> {
        match self {
            Link::Stomp(link) => deliveries.acks().try_for_each(|ack| link.acknowledge(&ack)),
            _ => Ok(()),
        }
    }

    /// Says goodbye, where there is a word for it.
    pub(crate) async fn close(&mut self, plan: &Plan) -> Result<(), Error> {
        match self {
            Link::Poll(_) | Link::Stream(_) | Link::Sse(_) => Ok(()),
            Link::Pogu(link) => link.close().await,
            Link::Udp(link) => link.close(plan).await,
            Link::Stomp(link) => link.close().await,
            Link::SocketIo(link) => link.close().await,
        }
    }
}

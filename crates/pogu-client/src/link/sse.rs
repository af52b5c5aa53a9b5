use bytes::Bytes;
use pogu_proto::sse::{Decoder, Event};

use super::body::StreamedBody;
use super::{Plan, Step};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::message::{parse_data_url, parse_gap};
use crate::{Error, Message};

/// Server-Sent Events.
#[derive(Debug)]
pub(crate) struct SseLink {
    body: StreamedBody,
    decoder: Decoder,
    head: Option<String>,
}

impl SseLink {
    pub(crate) async fn open(plan: &Plan, after: Option<&str>) -> Result<Self, Error> {
        let (body, head) = StreamedBody::open(plan, after, "sse", "text/event-stream").await?;
        Ok(Self {
            body,
            decoder: Decoder::new(""),
            head,
        })
    }

    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Step, Error> {
        if let Some(head) = self.head.take() {
            return Ok(Step::Position(head));
        }
        loop {
            let Self { body, decoder, .. } = self;
            let step = body.read(|reader| match decoder.next(MESSAGE_BYTES_MAX, reader) {
                Ok(event) => Ok(event.map(|event| step(event, &plan.pattern))),
                Err(error) => Err(Error::Violation(format!("an event is {error}"))),
            })?;
            match step {
                Some(step) => return Ok(step),
                None => self.body.fill(plan).await?,
            }
        }
    }
}

fn step(event: Event<'_>, pattern: &str) -> Step {
    if event.event == Some("gap")
        && let Some(gap) = parse_gap(event.data)
    {
        return Step::Gap(gap);
    }
    // Only a binary body has a type, which says that it rides as a data URL.
    let content_type = event.content_type.map(str::to_owned);
    let binary = content_type.as_ref().and_then(|_| parse_data_url(event.data));
    let body = binary.unwrap_or_else(|| Bytes::copy_from_slice(event.data.as_bytes()));
    Step::Message(Message {
        topic: pattern.to_owned(),
        cursor: event.id.to_owned(),
        time: None,
        event: event.event.map(str::to_owned),
        content_type,
        headers: Default::default(),
        body,
    })
}

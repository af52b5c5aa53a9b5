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
    // Events carry no content type; only a binary body, which rides as a data URL, has one.
    let (content_type, body) = parse_data_url(event.data).unwrap_or_else(|| {
        (
            "text/plain".to_owned(),
            Bytes::copy_from_slice(event.data.as_bytes()),
        )
    });
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

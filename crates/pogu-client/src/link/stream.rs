use pogu_proto::framing::{Decoder, Framing};

use super::body::StreamedBody;
use super::{Plan, Step};
use crate::Error;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::message::{Line, parse_line};

/// A streamed answer with one JSON message a line.
#[derive(Debug)]
pub(crate) struct StreamLink {
    body: StreamedBody,
    decoder: Decoder,
    head: Option<String>,
}

impl StreamLink {
    pub(crate) async fn open(plan: &Plan, after: Option<&str>) -> Result<Self, Error> {
        let (body, head) = StreamedBody::open(plan, after, "stream", "application/x-ndjson").await?;
        Ok(Self {
            body,
            decoder: Decoder::new(),
            head,
        })
    }

    pub(crate) async fn next(&mut self, plan: &Plan) -> Result<Step, Error> {
        if let Some(head) = self.head.take() {
            return Ok(Step::Position(head));
        }
        loop {
            let Self { body, decoder, .. } = self;
            let step = body.read(|reader| {
                loop {
                    match decoder.next(Framing::Line, MESSAGE_BYTES_MAX, reader) {
                        Ok(None) => return Ok(None),
                        // A keep-alive.
                        Ok(Some(b"")) => {}
                        Ok(Some(line)) => return parse_line(line).map(Some),
                        Err(error) => {
                            return Err(Error::Violation(format!("a line of the stream is {error}")));
                        }
                    }
                }
            })?;
            match step {
                Some(Line::Message(message)) => return Ok(Step::Message(message)),
                Some(Line::Gap(gap)) => return Ok(Step::Gap(gap)),
                None => self.body.fill(plan).await?,
            }
        }
    }
}

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use pogu_proto::Reader;

/// The body of an answer, read as it comes.
#[derive(Debug)]
pub(crate) struct Chunks {
    body: Incoming,
    /// What arrived and is not yet taken.
    chunk: BytesMut,
}

impl Chunks {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            chunk: BytesMut::new(),
        }
    }

    /// Waits for more bytes; false at the end. What came before must be taken. Can be cancelled without loss.
    pub(crate) async fn fill(&mut self) -> hyper::Result<bool> {
        loop {
            let Some(frame) = self.body.frame().await else {
                return Ok(false);
            };
            // Trailers say nothing here.
            let Ok(bytes) = frame?.into_data() else { continue };
            self.chunk = into_mut(bytes);
            return Ok(true);
        }
    }

    /// Lends what arrived to `read` and forgets what it took.
    pub(crate) fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let mut reader = Reader::new(&mut self.chunk);
        let result = read(&mut reader);
        let rest = reader.rest().len();
        let taken = self.chunk.len() - rest;
        drop(self.chunk.split_to(taken));
        result
    }
}

fn into_mut(bytes: Bytes) -> BytesMut {
    bytes
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]))
}

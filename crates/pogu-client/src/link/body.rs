use std::time::Duration;

use pogu_proto::Reader;

use super::Plan;
use super::poll::poll;
use crate::Error;
use crate::chunks::Chunks;
use crate::http::{HttpConnection, get};
use crate::patience::within;
use crate::target::percent_encode;

/// How long the first byte of a stream may take.
const SIGN_OF_LIFE_MAX: Duration = Duration::from_secs(5);

/// The endless body of an answer, and the connection that carries it.
#[derive(Debug)]
pub(super) struct StreamedBody {
    /// Held so that the connection lives as long as its body.
    _connection: HttpConnection,
    chunks: Chunks,
    address: String,
}

impl StreamedBody {
    /// Asks for `content_type` from `after` on and returns the body with the cursor that it begins at, if that was asked for.
    pub(super) async fn open(
        plan: &Plan,
        after: Option<&str>,
        via: &str,
        content_type: &'static str,
    ) -> Result<(Self, Option<String>), Error> {
        let mut connection = HttpConnection::connect(&plan.target, &plan.options).await?;
        // A stream does not tell where it begins. A poll does, and a cut before the first message then loses nothing.
        let head = match after {
            Some(_) => None,
            None => Some(poll(&mut connection, plan, None, None).await?.next),
        };
        if !connection.is_open() {
            connection = HttpConnection::connect(&plan.target, &plan.options).await?;
        }
        let after = after.or(head.as_deref()).unwrap_or_default();
        let path = format!(
            "{}?via={via}&after={}",
            plan.target.topic_path(&plan.pattern),
            percent_encode(after)
        );
        let response = connection
            .request(get(&path, content_type)?, plan.options.connect_timeout)
            .await?;
        let given = response
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let given = given.unwrap_or_default().to_owned();
        if !given.starts_with(content_type) {
            return Err(Error::Violation(format!(
                "asked for {content_type}, it answers with {given:?}"
            )));
        }
        let address = plan.target.authority();
        let chunks = Chunks::new(response.into_body());
        let mut streamed = Self {
            _connection: connection,
            chunks,
            address,
        };
        if plan.choosy {
            // A server begins with a sign of life. Where none comes, a proxy on the way collects what it should pass on.
            streamed
                .fill_within(SIGN_OF_LIFE_MAX.min(plan.options.connect_timeout))
                .await?;
        }
        Ok((streamed, head))
    }

    /// Waits for more bytes.
    pub(super) async fn fill(&mut self, plan: &Plan) -> Result<(), Error> {
        self.fill_within(plan.options.idle_timeout * 2).await
    }

    async fn fill_within(&mut self, limit: Duration) -> Result<(), Error> {
        let Self { chunks, address, .. } = self;
        let filling = async {
            match chunks.fill().await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Error::Ended(String::new())),
                Err(error) => Err(Error::broken(address, error)),
            }
        };
        within(limit, address, filling).await
    }

    /// Lends what arrived to `read` and forgets what it took.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        self.chunks.read(read)
    }
}

use std::time::Duration;

use tokio::time::timeout;

use crate::Error;

/// Waits for an answer of `address` no longer than `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    address: &str,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, answer).await.unwrap_or_else(|_| {
        Err(Error::Silent {
            address: address.to_owned(),
            after: limit,
        })
    })
}

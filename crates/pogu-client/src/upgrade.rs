use pogu_proto::engineio::{Packet, Version, put_message};
use pogu_proto::ws::Kind;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ws::WsConnection;
use crate::{Error, Options, Target};

/// A WebSocket that is to take over a session of Engine.IO from polls.
///
/// It is opened and probed by a task of its own, so that every wait can be cancelled; the task does not outlive this.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// Until when it may take over.
    until: Instant,
    address: String,
    /// At most one.
    probing: JoinSet<Result<Probed, Error>>,
    /// The one that has said something.
    connection: Option<WsConnection>,
}

/// A WebSocket and the first message that came by it.
type Probed = (WsConnection, Kind, Vec<u8>);

impl Upgrade {
    /// Begins to open a WebSocket at `path`, whose query names the session, and to probe it.
    pub(crate) fn begin(target: &Target, path: String, options: &Options) -> Self {
        let mut probing = JoinSet::new();
        probing.spawn(probe(target.clone(), path, options.clone()));
        Self {
            until: Instant::now() + options.connect_timeout,
            address: target.authority(),
            probing,
            connection: None,
        }
    }

    /// When to give it up.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Waits for what the WebSocket says to the probe, and after that for its failure. Can be cancelled without loss.
    pub(crate) async fn answer(&mut self) -> Result<(Kind, Vec<u8>), Error> {
        if let Some(connection) = &mut self.connection {
            connection.next(|_, _| ()).await?;
            return Err(Error::Violation(
                "its WebSocket speaks before it takes over".into(),
            ));
        }
        match self.probing.join_next().await {
            Some(Ok(probed)) => {
                let (connection, kind, payload) = probed?;
                self.connection = Some(connection);
                Ok((kind, payload))
            }
            Some(Err(error)) => Err(Error::broken(&self.address, error)),
            None => std::future::pending().await,
        }
    }

    /// The WebSocket, once it has said something.
    pub(crate) fn into_connection(self) -> Option<WsConnection> {
        self.connection
    }
}

async fn probe(target: Target, path: String, options: Options) -> Result<Probed, Error> {
    let mut connection = WsConnection::open(&target, &path, &[], &options).await?;
    let mut probe = Vec::new();
    let kind = put_message(Version::V4, false, &Packet::Ping("probe"), &mut probe);
    connection.send(kind, &probe);
    let (kind, payload) = connection.next(|kind, payload| (kind, payload.to_vec())).await?;
    Ok((connection, kind, payload))
}

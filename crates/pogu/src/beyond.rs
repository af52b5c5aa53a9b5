//! Connections beyond `limits.connections`: health and metrics are still told, and why there is no more, in what they speak.

use std::net::SocketAddr;
use std::time::Duration;

use pogu_proto::pogu;
use pogu_proto::sniff::Protocol;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::door::{Beyond, FULL};
use crate::drive::Shared;
use crate::http;
use crate::listener::{First, Spoken, first_bytes, refuse};
use crate::metrics::Refused;

/// How long one has, from its first byte to its last.
const TIME: Duration = Duration::from_secs(5);

/// Answers one request, or says goodbye.
pub(crate) async fn serve(
    lane: Shared,
    stream: std::net::TcpStream,
    remote: SocketAddr,
    spoken: &Spoken,
    place: Beyond,
) {
    let Ok(stream) = TcpStream::from_std(stream) else {
        return;
    };
    let answered = timeout(TIME, answer(&lane, stream, spoken)).await;
    if !answered.unwrap_or(false) {
        lane.borrow().door.refuse(Refused::Connections, remote);
    }
    drop(place);
}

/// Whether it got what it asked for.
async fn answer(lane: &Shared, mut stream: TcpStream, spoken: &Spoken) -> bool {
    let protocol = match spoken {
        Spoken::Any => match first_bytes(lane, &mut stream).await {
            First::Known(Protocol::Http1, first) => return http::serve_beyond(lane, stream, first).await,
            First::Known(protocol, _) => protocol,
            First::Silence | First::End => return false,
        },
        Spoken::Stomp => Protocol::Stomp,
        Spoken::Bound { .. } => return false,
    };
    let mut word = Vec::new();
    match protocol {
        Protocol::Pogu => {
            pogu::bye("overloaded", FULL, &mut word);
            // A line that its stream ends in is none.
            word.push(b'\n');
        }
        Protocol::Stomp => word.extend_from_slice(format!("ERROR\nmessage:{FULL}\n\n\0").as_bytes()),
        // Those of HTTP/1 are answered above; to the others a connection that closes says it.
        Protocol::Http1 | Protocol::Http2 | Protocol::Tls | Protocol::ProxyV1 | Protocol::ProxyV2 => {}
    }
    refuse(&mut stream, &word).await;
    false
}

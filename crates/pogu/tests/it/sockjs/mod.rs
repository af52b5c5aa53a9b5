//! SockJS over real sockets, by a client of its own that knows nothing of the server's code.

mod bounds;
mod client;
mod configured;
mod cuts;
mod endpoints;
mod escapes;
mod fixed;
mod hostile;
mod http2;
mod jsonp;
mod lanes;
mod polls;
mod shutdown;
mod stomp;
mod streams;
mod transport;
mod websocket;

use std::time::Duration;

use pogu::Endpoint;
use pogu::config::{Size, SockJs};

use crate::server::Running;

pub(crate) use client::SockJs as Client;
pub(crate) use transport::{Frame, Transport};

/// Says what it hears.
fn echo() -> Endpoint {
    Endpoint::new(|socket, message| socket.send(message.kind, message.payload))
}

/// A server with code behind these paths, on which no session ends for the slowness of a test, unless `config` says when.
fn serve(config: &str, endpoints: &[(&str, Endpoint)]) -> Running {
    let patience = "[sockjs]\ndisconnect-delay = \"1h\"\n";
    let config = if config.contains("disconnect-delay") {
        config.to_owned()
    } else if config.contains("[sockjs]\n") {
        config.replace("[sockjs]\n", patience)
    } else {
        format!("{config}{patience}")
    };
    Running::serving(&config, endpoints)
}

/// The endpoints that the protocol's public suite asks for.
fn start() -> Running {
    let sockjs = SockJs {
        response_limit: Size::new(4096),
        disconnect_delay: Duration::from_secs(3600),
        ..SockJs::default()
    };
    let closed = Endpoint::new(|_, _| {}).on_open(|socket| socket.close(3000, "Go away!"));
    let without_websocket = SockJs {
        websocket: false,
        ..sockjs.clone()
    };
    let with_cookie = SockJs {
        cookie: true,
        ..sockjs.clone()
    };
    serve(
        "[sockjs]\nresponse-limit = 4096\n",
        &[
            ("/echo", echo()),
            ("/close", closed),
            ("/disabled_websocket_echo", echo().sockjs(without_websocket)),
            ("/cookie_needed_echo", echo().sockjs(with_cookie)),
        ],
    )
}

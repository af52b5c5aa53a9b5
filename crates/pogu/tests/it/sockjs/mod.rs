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

use pogu::Endpoint;
use pogu::config::{Size, SockJs};

use crate::server::Running;

pub(crate) use client::SockJs as Client;
pub(crate) use transport::{Frame, Transport};

/// Says what it hears.
fn echo() -> Endpoint {
    Endpoint::new(|socket, message| socket.send(message.kind, message.payload))
}

/// The endpoints that the protocol's public suite asks for.
fn start() -> Running {
    let sockjs = SockJs {
        response_limit: Size::new(4096),
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
    Running::serving(
        "[sockjs]\nresponse-limit = 4096\n",
        &[
            ("/echo", echo()),
            ("/close", closed),
            ("/disabled_websocket_echo", echo().sockjs(without_websocket)),
            ("/cookie_needed_echo", echo().sockjs(with_cookie)),
        ],
    )
}

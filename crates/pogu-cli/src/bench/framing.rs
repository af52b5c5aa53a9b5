//! What a client writes to send a message.

use pogu_proto::ws::{Codec, Kind, Session, encode};

use super::stamp::Stamp;
use super::wire::session;
use super::{socketio, stomp};

/// Writes messages of one size for one connection.
#[derive(Debug)]
pub(super) struct Framing {
    form: Form,
    /// The message: a stamp, and filling.
    message: Vec<u8>,
}

#[derive(Debug)]
enum Form {
    /// A masked WebSocket text frame.
    Ws(Session),
    /// An unmasked one, which the floor passes on as it is.
    Passed,
    /// Something before the message and something behind it.
    Wrapped(Vec<u8>, &'static [u8]),
    /// The same in a masked WebSocket text frame; and where it is put together.
    WrappedWs {
        session: Session,
        around: (Vec<u8>, &'static [u8]),
        frame: Vec<u8>,
    },
}

impl Framing {
    pub(super) fn ws(size: usize) -> Framing {
        Framing::new(Form::Ws(session()), size)
    }

    pub(super) fn passed(size: usize) -> Framing {
        Framing::new(Form::Passed, size)
    }

    /// The message and nothing else.
    pub(super) fn raw(size: usize) -> Framing {
        Framing::new(Form::Wrapped(Vec::new(), b""), size)
    }

    /// A command of the pogu dialect.
    pub(super) fn line(topic: &str, size: usize) -> Framing {
        Framing::new(Form::Wrapped(format!("PUB {topic} :").into_bytes(), b"\n"), size)
    }

    /// A STOMP frame.
    pub(super) fn stomp(destination: &str, size: usize) -> Framing {
        Framing::new(Form::Wrapped(stomp::send_head(destination, size), b"\0"), size)
    }

    /// A STOMP frame in a WebSocket frame.
    pub(super) fn stomp_ws(destination: &str, size: usize) -> Framing {
        Framing::wrapped_ws((stomp::send_head(destination, size), b"\0"), size)
    }

    /// An event of Socket.IO in a WebSocket frame.
    pub(super) fn socketio(namespace: &str, size: usize) -> Framing {
        Framing::wrapped_ws(socketio::around(namespace), size)
    }

    fn wrapped_ws(around: (Vec<u8>, &'static [u8]), size: usize) -> Framing {
        let form = Form::WrappedWs {
            session: session(),
            around,
            frame: Vec::new(),
        };
        Framing::new(form, size)
    }

    /// A request each.
    pub(super) fn post(path: &str, host: &str, size: usize) -> Framing {
        let fields = format!("Content-Type: text/plain\r\nContent-Length: {size}");
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n");
        Framing::new(Form::Wrapped(head.into_bytes(), b""), size)
    }

    fn new(form: Form, size: usize) -> Framing {
        Framing {
            form,
            message: vec![b'x'; size],
        }
    }

    /// Appends a message that carries `stamp`.
    pub(super) fn encode(&mut self, stamp: Stamp, codec: &mut Codec, out: &mut Vec<u8>) {
        stamp.write(&mut self.message);
        match &mut self.form {
            Form::Ws(session) => session.send(Kind::Text, &self.message, codec, out),
            Form::WrappedWs {
                session,
                around: (head, tail),
                frame,
            } => {
                frame.clear();
                for part in [head, &self.message, *tail] {
                    frame.extend_from_slice(part);
                }
                session.send(Kind::Text, frame, codec, out);
            }
            Form::Passed => encode(Kind::Text, &self.message, out),
            Form::Wrapped(head, tail) => {
                for part in [head, &self.message, *tail] {
                    out.extend_from_slice(part);
                }
            }
        }
    }
}

use super::Arg;
use crate::engineio::Version;
use crate::engineio::json::put_string;

/// Appends an event, with the `id` that an acknowledgement of it is to have. The binary arguments follow it in their order, each a
/// binary message. When there are such, the other arguments may hold no placeholders.
pub fn event(namespace: &str, id: Option<u64>, name: &str, args: &[Arg<'_>], out: &mut Vec<u8>) {
    put_event_head(namespace, id, attachments(args), out);
    put_array(Some(name), args, out);
}

/// Appends the acknowledgement of the event with that `id`. Its binary arguments follow as those of an [`event()`].
pub fn ack(namespace: &str, id: u64, args: &[Arg<'_>], out: &mut Vec<u8>) {
    put_ack_head(namespace, id, attachments(args), out);
    put_array(None, args, out);
}

/// Appends what stands before the array of an event, in which there are placeholders for so many `attachments`.
pub fn put_event_head(namespace: &str, id: Option<u64>, attachments: usize, out: &mut Vec<u8>) {
    head(b'2', namespace, id, attachments, out);
}

/// Appends what stands before the array of an acknowledgement, in which there are placeholders for so many `attachments`.
pub fn put_ack_head(namespace: &str, id: u64, attachments: usize, out: &mut Vec<u8>) {
    head(b'3', namespace, Some(id), attachments, out);
}

/// Appends the array of an event, or without a name that of an acknowledgement: what is the same in all namespaces.
pub fn put_array(name: Option<&str>, args: &[Arg<'_>], out: &mut Vec<u8>) {
    out.push(b'[');
    let mut is_first = true;
    if let Some(name) = name {
        put_string(name, out);
        is_first = false;
    }
    let mut number = 0_usize;
    for arg in args {
        if *arg == Arg::Json("") {
            continue;
        }
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        match arg {
            Arg::Json(values) => out.extend_from_slice(values.as_bytes()),
            Arg::Binary(_) => {
                out.extend_from_slice(br#"{"_placeholder":true,"num":"#);
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                out.push(b'}');
                number += 1;
            }
        }
    }
    out.push(b']');
}

/// Appends a server's answer to a client that may join: its public id in the namespace, which is not that of the Engine.IO
/// session, and with recovery its private one. Protocol 4 has no place for either.
pub fn connected(version: Version, namespace: &str, sid: &str, pid: Option<&str>, out: &mut Vec<u8>) {
    plain(b'0', namespace, "", out);
    if version == Version::V3 {
        return;
    }
    out.extend_from_slice(br#"{"sid":"#);
    put_string(sid, out);
    if let Some(pid) = pid {
        out.extend_from_slice(br#","pid":"#);
        put_string(pid, out);
    }
    out.push(b'}');
}

/// Appends a server's answer to a client that may not join, with any JSON value as `data`.
///
/// In protocol 4 the data is all that the client is told, or the message when there are none.
pub fn refused(version: Version, namespace: &str, message: &str, data: Option<&str>, out: &mut Vec<u8>) {
    plain(b'4', namespace, "", out);
    match (version, data) {
        (Version::V3, None) => put_string(message, out),
        (Version::V3, Some(data)) => out.extend_from_slice(data.as_bytes()),
        (Version::V4, _) => {
            out.extend_from_slice(br#"{"message":"#);
            put_string(message, out);
            if let Some(data) = data {
                out.extend_from_slice(br#","data":"#);
                out.extend_from_slice(data.as_bytes());
            }
            out.push(b'}');
        }
    }
}

/// Appends the end of the connection to a namespace. A client that is told so does not come back by itself; to have it
/// do so, end the Engine.IO session.
pub fn disconnect(namespace: &str, out: &mut Vec<u8>) {
    plain(b'1', namespace, "", out);
}

/// Appends a client's wish to join, with a JSON object as `auth`.
pub fn connect(namespace: &str, auth: Option<&str>, out: &mut Vec<u8>) {
    plain(b'0', namespace, auth.unwrap_or_default(), out);
}

/// Binary messages that follow.
fn attachments(args: &[Arg<'_>]) -> usize {
    args.iter().filter(|arg| matches!(arg, Arg::Binary(_))).count()
}

fn head(kind: u8, namespace: &str, id: Option<u64>, attachments: usize, out: &mut Vec<u8>) {
    if attachments == 0 {
        out.push(kind);
    } else {
        out.push(kind + 3);
        out.extend_from_slice(itoa::Buffer::new().format(attachments).as_bytes());
        out.push(b'-');
    }
    put_namespace(namespace, out);
    if let Some(id) = id {
        out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    }
}

pub(super) fn plain(kind: u8, namespace: &str, data: &str, out: &mut Vec<u8>) {
    out.push(kind);
    put_namespace(namespace, out);
    out.extend_from_slice(data.as_bytes());
}

fn put_namespace(namespace: &str, out: &mut Vec<u8>) {
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
}

//! What the `destination` of a frame names: a topic, patterns over topics, or a queue.
//!
//! ```text
//! /topic/T           SEND: the topic T; SUBSCRIBE: a topic or a pattern, with `*`, `>` or, as its last token, `#` (none or more)
//! /queue/Q           the queue Q
//! /temp-queue/x      a queue of this session alone, gone with its last subscription to it
//! /reply-queue/N     SEND: somebody's `/temp-queue/x`, as the `reply-to` of their message named it; once that is gone, nowhere
//! ```
//!
//! A `/` within the name is read as `.`.

use pogu_hub::{Selector, Topic, TopicError};

use super::super::parse_publish_topic;

/// Queues of one session begin with it, and nobody can name them but by [`REPLY`].
const TEMPORARY: &str = "$temp";
/// Queues of durable subscriptions begin with it.
const DURABLE: &str = "$durable";

const TOPIC_PREFIX: &str = "/topic/";
const QUEUE_PREFIX: &str = "/queue/";
const TEMPORARY_PREFIX: &str = "/temp-queue/";
const REPLY_PREFIX: &str = "/reply-queue/";

/// Where a SEND goes.
#[derive(Debug, PartialEq)]
pub(super) enum Target {
    Topic(Topic),
    Queue(Topic),
}

/// What a SUBSCRIBE asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    /// One selector, or two where a last `#` also stands for no token.
    Topics(Vec<Selector>),
    Queue(Topic),
}

/// Reads the destination of a SEND. `session` names this session's temporary queues.
pub(super) fn target(destination: &str, session: &str) -> Result<Target, String> {
    if let Some(name) = destination.strip_prefix(TOPIC_PREFIX) {
        return parse_publish_topic(&dotted(name)).map(Target::Topic);
    }
    if let Some(name) = destination.strip_prefix(REPLY_PREFIX) {
        return queue(&format!("{TEMPORARY}.{}", dotted(name))).map(Target::Queue);
    }
    private_or_public(destination, session).map(Target::Queue)
}

/// Reads the destination of a SUBSCRIBE.
pub(super) fn source(destination: &str, session: &str) -> Result<Source, String> {
    let Some(name) = destination.strip_prefix(TOPIC_PREFIX) else {
        return private_or_public(destination, session).map(Source::Queue);
    };
    let name = dotted(name);
    let texts = match name.strip_suffix('#') {
        Some("") => vec![">".to_owned()],
        Some(front) => match front.strip_suffix('.') {
            Some(front) => vec![front.to_owned(), format!("{front}.>")],
            None => vec![name.clone()],
        },
        None => vec![name.clone()],
    };
    if texts.iter().any(|text| text.split('.').any(|token| token == "#")) {
        return Err(format!(
            "in `{name}`, `#` is not the last token: only there it stands for any number of tokens"
        ));
    }
    let parse = |text: &String| text.parse().map_err(|error: TopicError| error.to_string());
    texts
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map(Source::Topics)
}

/// Whether a destination is a queue of the session alone.
pub(super) fn is_temporary(destination: &str) -> bool {
    destination.starts_with(TEMPORARY_PREFIX)
}

/// The queue of a durable subscription: one for each client and id.
pub(super) fn durable(client: &str, id: &str) -> Result<Topic, String> {
    queue(&format!("{DURABLE}.{}.{}", token(client), token(id)))
}

/// The session's temporary queue behind `reply-to:/temp-queue/x`, and the destination by which whoever answers names it.
pub(super) fn reply_to(reply_to: &str, session: &str) -> Option<(Result<Topic, String>, String)> {
    let name = dotted(reply_to.strip_prefix(TEMPORARY_PREFIX)?);
    let queue = queue(&format!("{TEMPORARY}.{session}.{name}"));
    Some((queue, format!("{REPLY_PREFIX}{session}.{name}")))
}

/// The destination of messages of a queue, as its subscribers named it.
pub(super) fn of_queue(queue: &Topic) -> String {
    let mut tokens = queue.as_str().splitn(3, '.');
    match (tokens.next(), tokens.next(), tokens.next()) {
        (Some(TEMPORARY), Some(_), Some(name)) => format!("{TEMPORARY_PREFIX}{name}"),
        _ => format!("{QUEUE_PREFIX}{queue}"),
    }
}

/// The destination of messages of a topic.
pub(super) fn of_topic(topic: &Topic) -> String {
    format!("{TOPIC_PREFIX}{topic}")
}

fn private_or_public(destination: &str, session: &str) -> Result<Topic, String> {
    if let Some(name) = destination.strip_prefix(TEMPORARY_PREFIX) {
        return queue(&format!("{TEMPORARY}.{session}.{}", dotted(name)));
    }
    let Some(name) = destination.strip_prefix(QUEUE_PREFIX) else {
        return Err(format!(
            "destination `{destination}` is none of {TOPIC_PREFIX}…, {QUEUE_PREFIX}… and {TEMPORARY_PREFIX}…"
        ));
    };
    let queue = queue(&dotted(name))?;
    // What died in a private queue is as private.
    let living = queue.strip_prefix("dead.").unwrap_or(&queue);
    if queue.is_reserved() || living.split('.').next() == Some(TEMPORARY) {
        return Err(format!("`{queue}` belongs to the server: it cannot be named"));
    }
    Ok(queue)
}

fn queue(name: &str) -> Result<Topic, String> {
    name.parse().map_err(|error: TopicError| error.to_string())
}

fn dotted(name: &str) -> String {
    name.replace('/', ".")
}

/// Any text as one token of a name: what no token may hold is written as `%XX`.
fn token(text: &str) -> String {
    let mut token = String::with_capacity(text.len().max(1));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_:@".contains(&byte) {
            token.push(char::from(byte));
        } else {
            token.push_str(&format!("%{byte:02X}"));
        }
    }
    if token.is_empty() { "%".to_owned() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(selectors: &[&str]) -> Result<Source, String> {
        Ok(Source::Topics(
            selectors.iter().map(|text| text.parse().expect(text)).collect(),
        ))
    }

    fn named(name: &str) -> Topic {
        name.parse().expect(name)
    }

    #[test]
    fn destinations_to_send_to() {
        let at = |destination| target(destination, "s1");
        assert_eq!(at("/topic/a/b"), Ok(Target::Topic(named("a.b"))));
        assert_eq!(at("/queue/a.b"), Ok(Target::Queue(named("a.b"))));
        assert_eq!(at("/temp-queue/x"), Ok(Target::Queue(named("$temp.s1.x"))));
        assert_eq!(at("/reply-queue/s2.x"), Ok(Target::Queue(named("$temp.s2.x"))));
        for refused in [
            "",
            "chat",
            "/topic/",
            "/topic/a.*",
            "/topic/$server",
            "/queue/$temp.s2.x",
            "/queue/dead.$temp.s2.x",
            "/queue/a b",
            "/topic/a//b",
        ] {
            assert!(at(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn destinations_to_subscribe_to() {
        let at = |destination| source(destination, "s1");
        assert_eq!(at("/topic/a/*/c"), topics(&["a.*.c"]));
        assert_eq!(at("/topic/a.>"), topics(&["a.>"]));
        assert_eq!(at("/topic/#"), topics(&[">"]));
        assert_eq!(at("/topic/a.#"), topics(&["a", "a.>"]));
        assert_eq!(at("/topic/a#"), topics(&["a#"]));
        assert_eq!(at("/queue/q"), Ok(Source::Queue(named("q"))));
        for refused in [
            "/topic/a.#.b",
            "/topic/#.#",
            "/queue/*",
            "/queue/$durable.a.b",
            "/reply-queue/s2.x",
            "/exchange/x",
        ] {
            assert!(at(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn answers_find_the_temporary_queue_of_who_asked() {
        let (queue, named_by_others) = reply_to("/temp-queue/answers", "s1").expect("a temporary queue");
        let queue = queue.expect("a queue");
        assert_eq!(target(&named_by_others, "s2"), Ok(Target::Queue(queue.clone())));
        assert_eq!(of_queue(&queue), "/temp-queue/answers");
        assert_eq!(of_queue(&named("a.b.c")), "/queue/a.b.c");
        assert_eq!(reply_to("/queue/answers", "s1"), None);
    }

    #[test]
    fn durable_names_do_not_meet() {
        let names = [
            ("a", "b.c"),
            ("a.b", "c"),
            ("", "a"),
            ("%", "a"),
            ("a", ""),
            ("a b", "/"),
        ];
        let queues: Vec<Topic> = names
            .iter()
            .map(|(client, id)| durable(client, id).expect("a queue"))
            .collect();
        for (at, queue) in queues.iter().enumerate() {
            assert!(!queues[..at].contains(queue), "{queue}");
        }
        assert!(durable("client", &"x".repeat(256)).is_err());
    }
}

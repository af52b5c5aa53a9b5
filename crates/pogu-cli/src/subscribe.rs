use std::io::IsTerminal;
use std::time::Duration;

use pogu::config::parse_duration;
use pogu_client::{Event, Gap, Message, Options, Subscriber};
use tokio::signal::ctrl_c;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::escape;
use crate::exit::{Exit, not_begun};
use crate::output::Output;
use crate::target::ServerArgs;

/// Print what is published to a topic
///
/// On a terminal a message is one line: the topic, the event's name if there is one, and the body, in which whatever could drive the
/// terminal is escaped. Into a pipe or a file go the bodies as they are, each with a line feed after it. `--json` keeps
/// everything apart: one JSON object a line.
///
/// A connection that breaks is made anew and goes on after the last message; nothing is lost or doubled while the server's history
/// reaches back, and where it does not, that is said on standard error.
///
/// By `--via stomp` it also takes from a queue, as /queue/jobs, of which each message goes to one subscriber. A message is acknowledged
/// once it has been written; what is not written when this ends stays in the queue.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The topic or pattern, in which * is one token and a last > one or more; or a URL; or with --via stomp a queue
    #[arg(value_name = "TOPIC")]
    topic: String,

    #[command(flatten)]
    server: ServerArgs,

    /// Begin after this: a cursor, earliest, or last:N [default: now]
    #[arg(long, value_name = "WHERE")]
    after: Option<String>,

    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End after so long, as 30s or 5m; with --count, coming short of it is exit code 124. That no connection comes about in this
    /// time is a failure
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Print a JSON object for each message: topic, cursor, event if it has one, headers, and data or base64; time and type where the
    /// way tells them. Of time that is stream, longpoll and poll; type all but sse, which tells it of bytes alone
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  pogu sub chat
  pogu sub 'orders.>' --after last:10 --json
  pogu sub chat --count 1 --timeout 30s
  pogu sub udp://127.0.0.1:7070/chat
  pogu sub /queue/jobs --via stomp
  pogu sub socketio://127.0.0.1:7070/chat
  pogu sub chat --via sockjs --sockjs-transport xhr-streaming
  pogu sub stomp://127.0.0.1:7070/queue/jobs --count 1";

/// How messages are printed.
#[derive(Clone, Copy, Debug)]
struct Style {
    json: bool,
    terminal: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let (target, topic, via) = args.server.resolve(&args.topic)?;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut options = Options {
        opening_timeout: args.timeout,
        sockjs_transport: args.server.sockjs_transport,
        ..Options::default()
    };
    if args.count.is_some() {
        // What a queue delivers beyond would be kept from others for nothing.
        options.prefetch = 1;
    }
    let connecting = Subscriber::connect(&target, &topic, args.after.as_deref(), via, options);
    let mut subscriber = tokio::select! {
        subscriber = connecting => subscriber.map_err(not_begun)?,
        _ = ctrl_c() => return Ok(Exit::Interrupted),
    };
    let style = Style {
        json: args.json,
        terminal: std::io::stdout().is_terminal(),
    };
    let output = Output::start();
    let result = print(&mut subscriber, &output, style, args.count, deadline).await;
    subscriber.close().await;
    let exit = result?;
    output.finish().await?;
    Ok(exit)
}

async fn print(
    subscriber: &mut Subscriber,
    output: &Output,
    style: Style,
    count: Option<u64>,
    deadline: Option<Instant>,
) -> anyhow::Result<Exit> {
    let mut left = count;
    let timed_out = if count.is_some() {
        Exit::TimedOut
    } else {
        Exit::Success
    };
    let end = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let interrupted = ctrl_c();
    tokio::pin!(end, interrupted);
    loop {
        let mut event = tokio::select! {
            event = subscriber.next() => event?,
            _ = &mut interrupted => return Ok(Exit::Interrupted),
            () = &mut end => return Ok(timed_out),
            () = output.gone() => return Ok(Exit::Success),
        };
        // All that has come is written at once.
        let mut piece = Vec::new();
        let mut written = Vec::new();
        loop {
            if tell(&event, style, &mut piece)
                && let Some(left) = &mut left
            {
                *left -= 1;
            }
            if let Event::Message(message) = event
                && subscriber.acknowledges()
            {
                written.push(message);
            }
            if left == Some(0) || piece.len() >= PIECE_BYTES {
                break;
            }
            match subscriber.try_next() {
                Some(next) => event = next?,
                None => break,
            }
        }
        if !written.is_empty() {
            tokio::select! {
                result = output.write_through(piece) => if result.is_err() {
                    return Ok(Exit::Success);
                },
                _ = &mut interrupted => return Ok(Exit::Interrupted),
                () = &mut end => return Ok(timed_out),
            }
            for message in &written {
                // If it has ended, the next event says so.
                let _ = subscriber.acknowledge(message).await;
            }
        } else if !piece.is_empty() && output.write(piece).await.is_err() {
            return Ok(Exit::Success);
        }
        if left == Some(0) {
            return Ok(Exit::Success);
        }
    }
}

/// Bytes after which what has come is written although more has come.
const PIECE_BYTES: usize = 64 << 10;

/// Appends what is to be printed; whether it was a message.
fn tell(event: &Event, style: Style, out: &mut Vec<u8>) -> bool {
    match event {
        Event::Open { via } => info!("subscribed by {via}"),
        Event::Lost { error, retry_in } => warn!("{error}; trying again in {:.1} s", retry_in.as_secs_f64()),
        Event::Gap(gap) => {
            warn!("{}", gap_text(gap));
            if style.json {
                out.extend_from_slice(gap.to_json().as_bytes());
                out.push(b'\n');
            }
        }
        Event::Message(message) => {
            line(message, style, out);
            return true;
        }
        _ => {}
    }
    false
}

fn line(message: &Message, style: Style, out: &mut Vec<u8>) {
    match style {
        Style { json: true, terminal } => {
            let json = message.to_json();
            let json = if terminal { escape::json(&json) } else { json };
            out.extend_from_slice(json.as_bytes());
        }
        Style {
            json: false,
            terminal: false,
        } => out.extend_from_slice(&message.body),
        Style {
            json: false,
            terminal: true,
        } => {
            let event = message
                .event
                .as_deref()
                .map(|event| format!(" [{event}]"))
                .unwrap_or_default();
            let head = escape::text(&format!("{}{event}: ", message.topic));
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(escape::bytes(&message.body).as_bytes());
        }
    }
    out.push(b'\n');
}

fn gap_text(gap: &Gap) -> String {
    let many = match gap.missed {
        Some(1) => "1 message is".to_owned(),
        Some(missed) => format!("{missed} messages are"),
        None => "messages are".to_owned(),
    };
    format!(
        "{many} missing in {}: they came faster than they were read, or history no longer has them",
        gap.topic
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(json: &str, style: Style) -> String {
        let message = Message::from_json(json).unwrap();
        let mut out = Vec::new();
        line(&message, style, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_one_harmless_line() {
        let hostile = r#"{"topic":"chat","cursor":"e-1","event":"x\u001b[31m","type":"text/plain","data":"a\nb\u001b]0;t\u0007\u202e"}"#;
        let terminal = Style {
            json: false,
            terminal: true,
        };
        assert_eq!(
            printed(hostile, terminal),
            "chat [x\\u{1b}[31m]: a\\nb\\u{1b}]0;t\\u{7}\\u{202e}\n"
        );
        let json = printed(
            hostile,
            Style {
                json: true,
                terminal: true,
            },
        );
        assert!(json.contains("\\u202e") && !json.contains('\u{202e}'), "{json}");
        let raw = printed(
            hostile,
            Style {
                json: false,
                terminal: false,
            },
        );
        assert_eq!(raw, "a\nb\u{1b}]0;t\u{7}\u{202e}\n");
    }

    #[test]
    fn gaps_are_told_in_words_and_in_json() {
        let gap = Gap {
            topic: "a\"b".to_owned(),
            missed: Some(1),
        };
        assert!(gap_text(&gap).starts_with("1 message is missing in a\"b"));
        assert_eq!(gap.to_json(), r#"{"gap":true,"topic":"a\"b","missed":1}"#);
    }
}

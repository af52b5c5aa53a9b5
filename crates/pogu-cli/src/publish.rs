use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pogu::config::parse_duration;
use pogu_client::{Draft, Error, Options, Pending, Publisher, Receipt};
use tokio::signal::ctrl_c;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::exit::{Exit, not_begun, require};
use crate::input;
use crate::output::Output;
use crate::target::ServerArgs;

/// Publish messages to a topic
///
/// The message is the argument. Without one, or with `-`, each line of standard input is a message, sent as it comes. The place of
/// each message in the server's order, its cursor, is printed.
///
/// Each message goes with a key, so that one that is sent again after a broken connection is not doubled.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The topic; or a URL; or with --via stomp a queue, as /queue/jobs
    #[arg(value_name = "TOPIC")]
    topic: String,

    /// The message; `-` or none for standard input
    #[arg(value_name = "MESSAGE", allow_hyphen_values = true)]
    message: Option<String>,

    #[command(flatten)]
    server: ServerArgs,

    /// Take all of standard input as one message
    #[arg(long)]
    whole: bool,

    /// Publish the message so often; of lines, so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// At most so many messages a second
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    rate: Option<f64>,

    /// The event's name
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// The content type, as application/json [default: text or bytes, as the message is]
    #[arg(long, value_name = "TYPE", value_parser = parse_type)]
    r#type: Option<String>,

    /// The idempotency key: published again with the same key, a message is taken once [default: random]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// How long to try to bring a message to the server, connecting to it included, also where nobody listens yet; without it
    /// that is a failure at once, and later each message has 30s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Print a JSON object for each message: topic, and cursor where it is told
    #[arg(long)]
    json: bool,

    /// Print no cursors
    #[arg(short, long)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  pogu pub chat 'hello'
  pogu pub chat '{\"text\": \"hello\"}' --type application/json --event greet
  tail -f access.log | pogu pub logs --via ws --quiet
  pogu pub pictures.cat --whole --type image/png < cat.png
  pogu pub /queue/jobs 'resize cat.png' --via stomp
  pogu pub chat 'hello' --event greet --via socketio
  pogu pub chat 'hello' --via sockjs
  pogu pub load.test x --count 100000 --rate 5000 --via tcp --quiet";

/// Messages that are on their way at a time.
const PENDING_MAX: usize = 512;

/// Where messages come from.
enum Source {
    /// The same one, so often.
    Same { body: Bytes, left: u64 },
    Lines {
        lines: mpsc::Receiver<std::io::Result<Vec<u8>>>,
        left: u64,
    },
}

impl Source {
    /// The next message; `None` after the last. Can be cancelled without loss.
    async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        match self {
            Source::Same { left: 0, .. } | Source::Lines { left: 0, .. } => Ok(None),
            Source::Same { body, left } => {
                *left -= 1;
                Ok(Some(body.clone()))
            }
            Source::Lines { lines, left } => {
                let line = lines
                    .recv()
                    .await
                    .transpose()
                    .context("cannot read standard input")?;
                *left -= 1;
                Ok(line.map(Bytes::from))
            }
        }
    }
}

/// When the next message may go, at a rate.
struct Pace {
    start: Instant,
    rate: Option<f64>,
    sent: u64,
}

impl Pace {
    async fn wait(&self) {
        let Some(rate) = self.rate else { return };
        // Lossless up to 2^53 messages.
        let due = self.start + Duration::from_secs_f64(self.sent as f64 / rate);
        if due > Instant::now() {
            sleep_until(due).await;
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let (target, topic, via) = args.server.resolve(&args.topic)?;
    let mut source = source(&args)?;
    let total = match &source {
        Source::Same { left, .. } => Some(*left),
        Source::Lines { .. } => args.count,
    };
    let one = total == Some(1);
    require(
        args.key.is_none() || one,
        "--key names one message, and these may be more; leave --key or --count out",
    )?;
    let defaults = Options::default();
    let options = Options {
        publish_timeout: args.timeout.unwrap_or(defaults.publish_timeout),
        insist: args.timeout.is_some(),
        sockjs_transport: args.server.sockjs_transport,
        ..defaults
    };
    let mut publisher = tokio::select! {
        publisher = Publisher::connect(&target, via, options) => publisher.map_err(not_begun)?,
        _ = ctrl_c() => return Ok(Exit::Interrupted),
    };
    let output = Output::start();
    let mut told = Told {
        topic: &topic,
        args: &args,
        output: &output,
        bar: bar(&args, total),
        count: 0,
    };
    let result = bring(&mut source, &mut publisher, &mut told).await;
    told.bar.finish_and_clear();
    let exit = result?;
    if exit == Exit::Success {
        publisher.close().await;
    }
    output.finish().await?;
    Ok(exit)
}

/// Brings all that the source gives to the server.
async fn bring(source: &mut Source, publisher: &mut Publisher, told: &mut Told<'_>) -> anyhow::Result<Exit> {
    let args = told.args;
    let interrupted = ctrl_c();
    tokio::pin!(interrupted);
    let mut pending = VecDeque::new();
    let mut pace = Pace {
        start: Instant::now(),
        rate: args.rate,
        sent: 0,
    };
    let mut more = true;
    while more || !pending.is_empty() {
        let next = async {
            pace.wait().await;
            source.next().await
        };
        tokio::select! {
            biased;
            _ = &mut interrupted => return Ok(Exit::Interrupted),
            () = told.output.gone() => return Ok(Exit::Success),
            receipt = first(&mut pending), if !pending.is_empty() => told.tell(receipt).await?,
            body = next, if more && pending.len() < PENDING_MAX => match body? {
                None => more = false,
                Some(body) => {
                    pace.sent += 1;
                    pending.push_back(publisher.publish(draft(args, told.topic, body)).await?);
                }
            },
        }
    }
    Ok(Exit::Success)
}

/// The receipt of the oldest message. Can be cancelled without loss.
async fn first(pending: &mut VecDeque<Pending>) -> Result<Receipt, Error> {
    let Some(first) = pending.front_mut() else {
        return std::future::pending().await;
    };
    let receipt = first.await;
    pending.pop_front();
    receipt
}

fn source(args: &Args) -> anyhow::Result<Source> {
    let left = args.count;
    Ok(match &args.message {
        Some(message) if message != "-" => {
            require(
                !args.whole,
                "--whole takes the message from standard input, and there is one already",
            )?;
            Source::Same {
                body: Bytes::copy_from_slice(message.as_bytes()),
                left: left.unwrap_or(1),
            }
        }
        _ if args.whole => {
            let body = input::whole().context("cannot read standard input")?;
            Source::Same {
                body: body.into(),
                left: left.unwrap_or(1),
            }
        }
        _ => Source::Lines {
            lines: input::lines(),
            left: left.unwrap_or(u64::MAX),
        },
    })
}

fn draft(args: &Args, topic: &str, body: Bytes) -> Draft {
    Draft {
        topic: topic.to_owned(),
        body,
        event: args.event.clone(),
        content_type: args.r#type.clone(),
        key: args.key.clone(),
    }
}

/// What the user is told of the messages.
struct Told<'a> {
    topic: &'a str,
    args: &'a Args,
    output: &'a Output,
    bar: ProgressBar,
    /// Messages that became something, good or bad.
    count: u64,
}

impl Told<'_> {
    async fn tell(&mut self, receipt: Result<Receipt, Error>) -> anyhow::Result<()> {
        self.count += 1;
        let receipt = receipt.with_context(|| format!("message {} was not published", self.count))?;
        self.bar.inc(1);
        if self.args.quiet {
            return Ok(());
        }
        let line = match (self.args.json, receipt.cursor) {
            (true, cursor) => {
                let topic = serde_json::Value::from(self.topic);
                let cursor = cursor.map(|cursor| format!(r#","cursor":{}"#, serde_json::Value::from(cursor)));
                format!(r#"{{"topic":{topic}{}}}"#, cursor.unwrap_or_default())
            }
            (false, Some(cursor)) => cursor,
            (false, None) => return Ok(()),
        };
        // A reader that has gone is noticed where it is waited for.
        let _ = self.output.write(format!("{line}\n").into_bytes()).await;
        Ok(())
    }
}

/// A progress bar where somebody sees it and nothing else is printed there.
fn bar(args: &Args, total: Option<u64>) -> ProgressBar {
    if total == Some(1) || !args.quiet && std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    // Draws nothing unless standard error is a terminal.
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = match total {
        Some(_) => "{bar:30} {human_pos} of {human_len}, {per_sec:.0}, {eta} to go",
        None => "{spinner} {human_pos} messages, {per_sec:.0}",
    };
    // The template is one of two that the tests have seen.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Checks that a content type is one (RFC 9110 §8.3.1), as far as its parameters.
fn parse_type(text: &str) -> Result<String, String> {
    let is_token = |part: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        !part.is_empty() && part.chars().all(is_letter)
    };
    let name = text.split(';').next().unwrap_or_default().trim_end();
    match name.split_once('/') {
        Some((family, format)) if is_token(family) && is_token(format) => Ok(text.to_owned()),
        _ => Err("a content type is two words with a slash between them, as application/json".to_owned()),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("a rate is a number above 0".to_owned()),
    }
}

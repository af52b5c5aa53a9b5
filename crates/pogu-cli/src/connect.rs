use std::io::{IsTerminal, Write};

use pogu_client::{Call, Options, Pipe, Received, Scheme, SockJsTransport, Target, Trace, TraceStep, Via};
use tokio::signal::ctrl_c;
use tracing::{info, warn};

use crate::exit::{Exit, not_begun};
use crate::output::Output;
use crate::target::{check_transport, transports, ways};
use crate::{escape, input};

/// Talk both ways with whatever a URL names
///
/// Each line of standard input goes up: as a line over TCP, a datagram over UDP, a message over WebSocket and a POST over HTTP. What
/// comes down is printed. The end of standard input ends nothing; Ctrl-C or the other side does.
///
/// A tcp:// or udp:// URL with a topic in its path speaks the pogu dialect, one without is a bare socket. A stomp:// URL speaks STOMP: each
/// line is a SEND to what its path names, a topic or a queue as in stomp://HOST/queue/jobs, and the bodies of its messages come down.
/// A socketio:// URL speaks Socket.IO: its path is a namespace, which is a topic, so that socketio://HOST/orders/seoul is orders.seoul.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// tcp://HOST:PORT[/TOPIC], udp://HOST:PORT[/TOPIC], ws://HOST:PORT/PATH, http://HOST:PORT/topics/TOPIC, stomp://HOST:PORT/TOPIC,
    /// socketio://HOST:PORT/NAMESPACE or sockjs://HOST:PORT/TOPIC
    url: Target,

    /// How messages come down an http URL: stream or sse. With stomp, any URL that names a topic speaks STOMP: over a WebSocket with
    /// http and ws, else over TCP. With socketio it speaks Socket.IO, with sockjs the pogu
    /// dialect over SockJS; an http URL that names no topic is then an endpoint, as http://HOST:PORT/pogu, and each line a message
    #[arg(long, value_name = "WAY", default_value = "stream", value_parser = ways(&WAYS))]
    via: Via,

    /// What carries sockjs [default: the first of websocket, xhr-streaming and xhr-polling that gets through]
    #[arg(long, value_name = "TRANSPORT", value_parser = transports())]
    sockjs_transport: Option<SockJsTransport>,

    /// Print each step of every socket's life on standard error: socket, bind, connect, send, recv and close, with the time since
    /// it was made, the transport and both addresses
    #[arg(long)]
    trace: bool,
}

/// What there is to choose.
const WAYS: [Via; 5] = [Via::Stream, Via::Sse, Via::Stomp, Via::SocketIo, Via::SockJs];

const EXAMPLES: &str = "\
Examples:
  pogu connect ws://127.0.0.1:7070/topics/chat
  pogu connect tcp://127.0.0.1:7070 --trace
  pogu connect udp://127.0.0.1:7070/chat
  pogu connect http://127.0.0.1:7070/topics/chat --via sse
  pogu connect stomp://127.0.0.1:7070/chat
  pogu connect ws://127.0.0.1:7070/topics/chat --via stomp
  pogu connect socketio://127.0.0.1:7070/chat
  pogu connect sockjs://127.0.0.1:7070/chat
  pogu connect http://127.0.0.1:7070/pogu --via sockjs";

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let is_sockjs = args.via == Via::SockJs || args.url.scheme == Scheme::SockJs;
    check_transport(is_sockjs, args.sockjs_transport)?;
    let trace = args.trace.then(|| Trace::new(print_step));
    let options = Options {
        trace,
        sockjs_transport: args.sockjs_transport,
        ..Options::default()
    };
    let mut pipe = tokio::select! {
        pipe = Pipe::open(&args.url, args.via, options) => pipe.map_err(not_begun)?,
        _ = ctrl_c() => return Ok(Exit::Interrupted),
    };
    info!("connected to {}", args.url);
    let output = Output::start();
    let result = talk(&mut pipe, &output).await;
    pipe.close().await;
    let exit = result?;
    output.finish().await?;
    Ok(exit)
}

async fn talk(pipe: &mut Pipe, output: &Output) -> anyhow::Result<Exit> {
    let terminal = std::io::stdout().is_terminal();
    let mut lines = input::lines();
    let mut reading = true;
    let interrupted = ctrl_c();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            received = pipe.next() => {
                let Some(received) = received? else { return Ok(Exit::Success) };
                if output.write(show(received, terminal)).await.is_err() {
                    return Ok(Exit::Success);
                }
            }
            line = lines.recv(), if reading && pipe.has_room() => match line {
                Some(line) => pipe.send(&line?).await?,
                None => reading = false,
            },
            _ = &mut interrupted => return Ok(Exit::Interrupted),
            () = output.gone() => return Ok(Exit::Success),
        }
    }
}

fn show(received: Received, terminal: bool) -> Vec<u8> {
    match received {
        Received::Bytes(bytes) if !terminal => bytes.into(),
        // The line feeds of a byte stream are its own.
        Received::Bytes(bytes) => {
            let lines = bytes
                .split(|byte| *byte == b'\n')
                .map(|line| escape::bytes(line.strip_suffix(b"\r").unwrap_or(line)));
            lines.collect::<Vec<_>>().join("\n").into_bytes()
        }
        Received::Message(body) => {
            let mut line = if terminal {
                escape::bytes(&body).into_bytes()
            } else {
                body.into()
            };
            line.push(b'\n');
            line
        }
        Received::Gap(gap) => {
            warn!(missed = gap.missed, "messages are missing in {}", gap.topic);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn print_step(step: &TraceStep) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", step_line(step));
}

/// `+1.234 ms  send 12      tcp 127.0.0.1:50114 → 127.0.0.1:7070`
fn step_line(step: &TraceStep) -> String {
    let call = match &step.call {
        Call::Socket => "socket".to_owned(),
        Call::Bind => "bind".to_owned(),
        Call::Connect => "connect".to_owned(),
        Call::Send(bytes) => format!("send {bytes}"),
        Call::Recv(0) => "recv 0 (end)".to_owned(),
        Call::Recv(bytes) => format!("recv {bytes}"),
        Call::Failed(why) => format!("failed: {why}"),
        Call::Close => "close".to_owned(),
        _ => "other".to_owned(),
    };
    let local = step
        .local
        .map_or_else(|| "-".to_owned(), |local| local.to_string());
    let elapsed = format!("+{:.3} ms", step.elapsed.as_secs_f64() * 1e3);
    format!(
        "{elapsed:>12}  {call:<13} {} {local} → {}",
        step.transport, step.remote
    )
}

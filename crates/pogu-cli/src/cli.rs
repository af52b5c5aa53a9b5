use clap::{ArgAction, Parser, Subcommand};

use crate::{bench, check, connect, publish, serve, subscribe};

/// One port, every socket: a realtime messaging server and its tool.
///
/// Programs publish to topics and subscribe to them over HTTP, Server-Sent Events, WebSocket, Socket.IO, SockJS, TCP, UDP and STOMP, all
/// on one port.
#[derive(Debug, Parser)]
#[command(name = "pogu", version, max_term_width = 100, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Say more on standard error; repeat for still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  pogu serve                             a server on 127.0.0.1:7070, TCP and UDP
  pogu sub chat                          print what is published to chat
  pogu pub chat 'hello'                  publish one message
  pogu connect ws://127.0.0.1:7070/topics/chat   talk both ways";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    Pub(publish::Args),
    Sub(subscribe::Args),
    Connect(connect::Args),
    Bench(bench::Args),
    Check(check::Args),
    /// Print a script that completes pogu's flags in a shell
    #[command(
        after_help = "Example:\n  pogu completions bash > ~/.local/share/bash-completion/completions/pogu"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_sound() {
        Cli::command().debug_assert();
    }
}

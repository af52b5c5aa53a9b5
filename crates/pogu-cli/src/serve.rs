use std::path::PathBuf;

use pogu::Server;
use pogu::config::{Address, Config, Listen, LogFormat, LogLevel};
use tracing::{info, warn};

use crate::exit::Exit;
use crate::signals::Signals;
use crate::{log, output};

/// Run a server
///
/// Without any flag it listens on 127.0.0.1:7070, TCP and UDP, and needs no configuration. A flag wins over the environment, and
/// both over the configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen, in place of what the configuration says: HOST:PORT for TCP and UDP, tcp://HOST:PORT or udp://HOST:PORT for
    /// one of them; can be repeated
    #[arg(long, value_name = "ADDRESS", env = "POGU_LISTEN", value_delimiter = ',')]
    listen: Vec<Address>,

    /// The configuration, as TOML
    #[arg(long, value_name = "FILE", env = "POGU_CONFIG")]
    config: Option<PathBuf>,

    /// Print the configuration that is used without a file, with comments, and end
    #[arg(long)]
    print_config: bool,

    /// Threads that serve connections [default: one a core]
    #[arg(long, value_name = "N", env = "POGU_LANES")]
    lanes: Option<usize>,

    /// How log lines look: text or json
    #[arg(long, value_name = "FORMAT", env = "POGU_LOG_FORMAT")]
    log_format: Option<LogFormat>,

    /// The least important line that is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "POGU_LOG_LEVEL")]
    log_level: Option<LogLevel>,
}

const EXAMPLES: &str = "\
Examples:
  pogu serve
  pogu serve --listen 0.0.0.0:7070 --listen tcp://127.0.0.1:7001
  pogu serve --config pogu.toml --log-format json
  pogu serve --print-config > pogu.toml";

impl Args {
    /// The configuration with the flags over it.
    fn config(self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if !self.listen.is_empty() {
            config.listen = self.listen.into_iter().map(Listen::from).collect();
        }
        config.lanes = self.lanes.or(config.lanes);
        config.log_format = self.log_format.unwrap_or(config.log_format);
        config.log_level = self.log_level.unwrap_or(config.log_level);
        config.validate()?;
        Ok(config)
    }
}

/// `verbose` has the log say more, where no flag says how much.
pub(crate) fn run(args: Args, verbose: u8) -> anyhow::Result<Exit> {
    if args.print_config {
        return output::print(Config::default_toml().as_bytes());
    }
    let is_told = args.log_level.is_some();
    let config = args.config()?;
    let level = match verbose {
        1 if !is_told => LogLevel::Debug,
        2.. if !is_told => LogLevel::Trace,
        _ => config.log_level,
    };
    log::start_server(config.log_format, level);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<Exit> {
    let signals = Signals::listen()?;
    let server = Server::builder().config(config).bind()?;
    for address in server.addresses() {
        info!("listening on {address}");
        if !address.ip().is_loopback() {
            warn!(
                "{address} can be reached from other machines, and there are no users yet: whoever reaches it reads and writes all topics"
            );
        }
    }
    server.run(signals.stop()).await?;
    info!("stopped");
    Ok(Exit::Success)
}

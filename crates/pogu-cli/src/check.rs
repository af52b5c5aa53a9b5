use std::path::PathBuf;

use pogu::config::Config;

use crate::exit::Exit;
use crate::output;

/// Check a configuration without starting a server
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pogu serve --print-config > pogu.toml && pogu check pogu.toml")]
pub(crate) struct Args {
    /// The configuration, as TOML
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    Config::load(Some(&args.file))?.look_closer()?;
    output::print(format!("{} is right\n", args.file.display()).as_bytes())
}

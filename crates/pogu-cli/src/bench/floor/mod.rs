//! The floor: what the kernel alone asks for the same bytes over the same number of sockets.
//!
//! Its servers run in a process of their own, like any server that is measured, and know nothing but sockets: no parsing, no
//! topics, no frames. They are as cheap as safe Rust can make them, or a ratio to them would mean nothing.

mod servers;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use clap::Subcommand;

pub(super) use servers::{Echo, Relay};

/// The servers of the floor.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Server {
    /// Writes back what it reads.
    Echo,
    /// Writes what it reads from the publisher to all others.
    Relay {
        /// Bytes of one read, and so of one write.
        bytes: usize,
    },
}

impl Server {
    /// Runs it, for as long as somebody is connected; says on standard output where.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        match self {
            Server::Echo => {
                let mut server = Echo::bind()?;
                announce(&[server.address()?])?;
                server.run()
            }
            Server::Relay { bytes } => {
                let mut server = Relay::bind(*bytes)?;
                announce(&server.addresses()?)?;
                server.run()
            }
        }
    }
}

fn announce(addresses: &[SocketAddr]) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    for address in addresses {
        writeln!(out, "{address}")?;
    }
    Ok(out.flush()?)
}

/// A server of the floor in its own process, ended with this value.
pub(super) struct Process {
    child: Child,
    addresses: Vec<SocketAddr>,
}

impl Process {
    /// Starts this very program as `server`.
    pub(super) fn start(server: &Server) -> anyhow::Result<Process> {
        let program = std::env::current_exe().context("the path of this program")?;
        let mut command = Command::new(program);
        command
            .args(["bench", "floor-server"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let ports = match server {
            Server::Echo => {
                command.arg("echo");
                1
            }
            Server::Relay { bytes } => {
                command.args(["relay", &bytes.to_string()]);
                2
            }
        };
        let mut child = command.spawn().context("start the floor")?;
        let out = child.stdout.take().context("the floor has no output")?;
        let mut process = Process {
            child,
            addresses: Vec::new(),
        };
        for line in BufReader::new(out).lines().take(ports) {
            process
                .addresses
                .push(line?.parse().context("the floor's address")?);
        }
        ensure!(
            process.addresses.len() == ports,
            "the floor ended before it began"
        );
        Ok(process)
    }

    /// Its listener `n`.
    pub(super) fn address(&self, n: usize) -> anyhow::Result<SocketAddr> {
        self.addresses
            .get(n)
            .copied()
            .context("the floor has no such listener")
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, with its last connection.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! One server under one load, from connecting to the figures.

use std::time::Duration;

use anyhow::Context;

use super::echo::{self, Echo};
use super::fanout::{self, Fanout};
use super::floor;
use super::measure::{Measured, STALL, measured};
use super::process::Meter;
use super::progress::Bar;
use super::publisher::Load;
use super::stamp::Phases;
use super::target::{Target, Via};

/// Bytes that a client's WebSocket frame has beyond a short message: two, and the masking key.
const CLIENT_FRAME: usize = 6;

/// What is measured, again in each round.
pub(super) struct Trial {
    pub(super) name: String,
    pub(super) warmup: Duration,
    /// The server's processes; those of the floor are known without.
    pub(super) pids: Vec<u32>,
    pub(super) kind: Kind,
}

/// Which load, and on what.
pub(super) enum Kind {
    Echo(echo::Stage, echo::Load),
    /// The same bytes echoed by the floor.
    EchoFloor(echo::Stage, echo::Load),
    Fanout(fanout::Stage, Load),
    /// The same bytes passed on by the floor, `per_write` messages at a time.
    FanoutFloor {
        stage: fanout::Stage,
        load: Load,
        per_write: u32,
    },
}

impl Trial {
    /// Connects, warms up, measures.
    pub(super) fn run(&self, phases: &mut Phases, bar: &Bar) -> anyhow::Result<Measured> {
        let measured = match &self.kind {
            Kind::Echo(stage, load) => self.echo(stage, load, &self.pids, phases, bar),
            Kind::Fanout(stage, load) => self.fanout(stage, load, &self.pids, phases, bar),
            Kind::EchoFloor(stage, load) => {
                let server = floor::Process::start(&floor::Server::Echo)?;
                let stage = echo::Stage {
                    target: Target::bare(server.address(0)?),
                    via: Via::Raw,
                    size: stage.size + CLIENT_FRAME,
                    ..stage.clone()
                };
                self.echo(&stage, load, &[server.id()], phases, bar)
            }
            Kind::FanoutFloor {
                stage,
                load,
                per_write,
            } => {
                let frame = pogu_proto::ws::frame_header_len(load.size) + load.size;
                let server = floor::Process::start(&floor::Server::Relay {
                    bytes: frame * *per_write as usize,
                })?;
                let stage = fanout::Stage {
                    subscribe: Target::bare(server.address(0)?),
                    via: Via::Frames,
                    publish: Target::bare(server.address(1)?),
                    passes: true,
                    stalled: 0,
                    ..stage.clone()
                };
                self.fanout(&stage, load, &[server.id()], phases, bar)
            }
        };
        measured.with_context(|| self.name.clone())
    }

    fn echo(
        &self,
        stage: &echo::Stage,
        load: &echo::Load,
        pids: &[u32],
        phases: &mut Phases,
        bar: &Bar,
    ) -> anyhow::Result<Measured> {
        let meter = Meter::new(pids)?;
        let mut echo = Echo::connect(stage)?;
        if !self.warmup.is_zero() {
            echo.run(
                phases.next(),
                &echo::Load {
                    messages: None,
                    duration: self.warmup,
                },
                STALL,
                bar,
            )?;
        }
        measured(meter.as_ref(), || echo.run(phases.next(), load, STALL, bar))
    }

    fn fanout(
        &self,
        stage: &fanout::Stage,
        load: &Load,
        pids: &[u32],
        phases: &mut Phases,
        bar: &Bar,
    ) -> anyhow::Result<Measured> {
        let meter = Meter::new(pids)?;
        let mut fanout = Fanout::connect(stage, load.size, phases, bar)?;
        if !self.warmup.is_zero() {
            fanout.run(
                phases.next(),
                &Load {
                    messages: None,
                    duration: self.warmup,
                    ..*load
                },
                STALL,
                bar,
            )?;
        }
        measured(meter.as_ref(), || fanout.run(phases.next(), load, STALL, bar))
    }
}

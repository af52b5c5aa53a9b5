//! From flags to trials.

use std::time::Duration;

use serde::Serialize;

use super::args::{EchoArgs, EchoLoad, FanoutArgs, FanoutLoad, FloorMode, Run};
use super::publisher::Load;
use super::target::{Target, Via};
use super::trial::{Kind, Trial};
use super::{echo, fanout};
use crate::exit::require;

/// Messages of one write at full rate, of the publisher and so of the floor.
const BURST: u32 = 16;
/// Room for the publisher at a fixed rate. It is there to keep a server that cannot follow from losing messages, and is never
/// reached by one that can.
const PACED_WINDOW: u32 = 64;
/// The fixed rate of the floor when none is given, in messages a second.
const PACE: f64 = 25.0;

/// What to do.
pub(super) struct Plan {
    pub(super) trials: Vec<Trial>,
    pub(super) rounds: u32,
    /// How long one trial is planned to take.
    pub(super) each: Duration,
    /// Whether the first trial is what the others are compared with.
    pub(super) compare: bool,
    /// What was asked for, with what was chosen where nothing was.
    pub(super) parameters: serde_json::Value,
}

impl EchoArgs {
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let target = Target::parse(&self.url)?;
        let via = self.via.unwrap_or(target.via());
        let url = &self.url;
        require(
            matches!(via, Via::Ws | Via::Tcp | Via::Raw | Via::Stomp),
            format!("{url}: an echo needs ws://, tcp:// or stomp://"),
        )?;
        require(
            via == Via::Stomp || via == target.via(),
            format!("{url}: what is sent goes as the scheme says, so --via is stomp or nothing"),
        )?;
        let stage = self.load.stage(target, via, &self.run);
        let load = self.load.load(&self.run);
        let mut trials = Vec::new();
        if self.watch.floor {
            trials.push(self.run.trial("floor", Kind::EchoFloor(stage.clone(), load), &[]));
        }
        trials.push(self.run.trial("target", Kind::Echo(stage, load), &self.watch.pid));
        let resolved = EchoArgs {
            via: Some(via),
            ..self.clone()
        };
        self.run.plan(trials, self.watch.floor, &resolved)
    }
}

impl EchoLoad {
    fn stage(&self, target: Target, via: Via, run: &Run) -> echo::Stage {
        echo::Stage {
            target,
            via,
            connections: self.connections as usize,
            threads: run.threads as usize,
            size: self.size as usize,
            inflight: self.inflight,
        }
    }

    fn load(&self, run: &Run) -> echo::Load {
        let messages = run.messages.map(|all| all.div_ceil(self.connections));
        echo::Load {
            messages,
            duration: run.duration,
        }
    }
}

impl FanoutArgs {
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let subscribe = Target::parse(&self.url)?;
        let publish = match &self.publish_url {
            Some(url) => Target::parse(url)?,
            None => subscribe.publisher(),
        };
        let via = self.via.unwrap_or(subscribe.via());
        let subscribe = subscribe.carried_by(via, self.sockjs_transport)?;
        require(via != Via::Raw, format!("{}: a fan-out needs a topic", self.url))?;
        let stalled = self.stalled as usize;
        let stage = fanout::Stage {
            stalled,
            ..self.load.stage(subscribe, via, publish, &self.run)
        };
        let load = self.load.load(&self.run, self.load.rate, self.load.burst)?;
        let mut trials = Vec::new();
        if self.watch.floor {
            let kind = Kind::FanoutFloor {
                stage: stage.clone(),
                load,
                per_write: load.burst,
            };
            trials.push(
                self.run
                    .trial(&format!("floor, {} a write", load.burst), kind, &[]),
            );
        }
        trials.push(
            self.run
                .trial("target", Kind::Fanout(stage, load), &self.watch.pid),
        );
        let resolved = FanoutArgs {
            via: Some(via),
            load: self.load.resolved(&load),
            ..self.clone()
        };
        self.run.plan(trials, self.watch.floor, &resolved)
    }
}

impl FanoutLoad {
    /// The same with what `load` chose.
    fn resolved(&self, load: &Load) -> FanoutLoad {
        FanoutLoad {
            burst: Some(load.burst),
            window: Some(load.window),
            ..self.clone()
        }
    }

    fn stage(&self, subscribe: Target, via: Via, publish: Target, run: &Run) -> fanout::Stage {
        fanout::Stage {
            subscribe,
            via,
            publish,
            passes: false,
            subscribers: self.subscribers as usize,
            stalled: 0,
            threads: run.threads as usize,
        }
    }

    fn load(&self, run: &Run, rate: Option<f64>, burst: Option<u32>) -> anyhow::Result<Load> {
        let burst = burst.unwrap_or(if rate.is_some() { 1 } else { BURST });
        let least = 2 * burst;
        let window = self.window.unwrap_or(if rate.is_some() {
            least.max(PACED_WINDOW)
        } else {
            least
        });
        require(
            window >= burst,
            format!("a window of {window} messages has no room for a burst of {burst}"),
        )?;
        let messages = run.messages.map(|messages| messages.next_multiple_of(burst));
        Ok(Load {
            size: self.size as usize,
            burst,
            window,
            rate,
            messages,
            duration: run.duration,
        })
    }
}

impl FloorMode {
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let nowhere = Target::bare(([127, 0, 0, 1], 0).into());
        match self {
            FloorMode::Echo { load, run } => {
                let stage = load.stage(nowhere, Via::Raw, run);
                let trial = run.trial("floor", Kind::EchoFloor(stage, load.load(run)), &[]);
                run.plan(vec![trial], false, self)
            }
            FloorMode::Fanout { load, run } => {
                let stage = load.stage(nowhere.clone(), Via::Frames, nowhere, run);
                let rate = load.rate.unwrap_or(PACE);
                let gathered = load.burst.unwrap_or(BURST);
                let trial = |rate: Option<f64>, burst, per_write| {
                    let pace = rate.map_or_else(|| "full rate".to_owned(), |rate| format!("{rate} a second"));
                    let kind = Kind::FanoutFloor {
                        stage: stage.clone(),
                        load: load.load(run, rate, Some(burst))?,
                        per_write,
                    };
                    anyhow::Ok(run.trial(&format!("{pace}, {per_write} a write"), kind, &[]))
                };
                // At full rate the publisher sends in bursts both times, so that only the writes differ.
                let trials = vec![
                    trial(None, gathered, 1)?,
                    trial(None, gathered, gathered)?,
                    trial(Some(rate), 1, 1)?,
                    trial(Some(rate), gathered, gathered)?,
                ];
                run.plan(trials, false, self)
            }
        }
    }
}

impl Run {
    fn trial(&self, name: &str, kind: Kind, pids: &[u32]) -> Trial {
        Trial {
            name: name.to_owned(),
            warmup: self.warmup,
            pids: pids.to_vec(),
            kind,
        }
    }

    fn plan(&self, trials: Vec<Trial>, compare: bool, parameters: &impl Serialize) -> anyhow::Result<Plan> {
        let parameters = serde_json::to_value(parameters)?;
        Ok(Plan {
            trials,
            rounds: self.rounds,
            each: self.warmup + self.duration,
            compare,
            parameters,
        })
    }
}

use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::workspace::Workspace;
use crate::{autobahn, clients, drivers, shell, tidy};

/// One thing that must hold.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

/// How a step that did not fail ended.
pub(crate) enum Outcome {
    Passed,
    /// What this machine lacks; told at the step and again at the end.
    Skipped(String),
}

/// In the order of how soon they tell something.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the sources are formatted",
        run: fmt,
    },
    Step {
        name: "tidy",
        about: "borders, clocks and sockets, long files, the two READMEs",
        run: tidy,
    },
    Step {
        name: "clippy",
        about: "no warning in any target",
        run: clippy,
    },
    Step {
        name: "docs",
        about: "the documentation builds without a warning",
        run: docs,
    },
    Step {
        name: "unit",
        about: "all tests of the workspace, its examples in the documentation too",
        run: unit,
    },
    Step {
        name: "fuzz",
        about: "the fuzz targets compile",
        run: fuzz,
    },
    Step {
        name: "deny",
        about: "licences, advisories and doubles of the dependencies",
        run: deny,
    },
    Step {
        name: "clients",
        about: "every way of publishing reaches every way of receiving",
        run: clients::matrix,
    },
    Step {
        name: "stomp",
        about: "clients of STOMP, from their registries",
        run: drivers::stomp,
    },
    Step {
        name: "socketio",
        about: "clients of Socket.IO, from their registries",
        run: drivers::socketio,
    },
    Step {
        name: "sockjs",
        about: "clients of SockJS, from their registries",
        run: drivers::sockjs,
    },
    Step {
        name: "examples",
        about: "the examples of the README do what they say",
        run: clients::examples,
    },
    Step {
        name: "autobahn",
        about: "Autobahn sections 1-7, 9 and 10",
        run: autobahn::quick,
    },
];

pub(crate) fn list() {
    for step in STEPS {
        println!("{:10} {}", step.name, step.about);
    }
}

/// Runs the steps, or those named in `only`, and says whether all held.
pub(crate) fn run(workspace: &Workspace, only: &[String], keep_going: bool) -> Result<bool> {
    if let Some(unknown) = only
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != *name))
    {
        bail!("no step is called {unknown:?}; `cargo xtask test --list` lists them");
    }
    let mut tally = Tally::default();
    for step in STEPS
        .iter()
        .filter(|step| only.is_empty() || only.iter().any(|name| name == step.name))
    {
        println!("==> {}: {}", step.name, step.about);
        let start = Instant::now();
        let result = (step.run)(workspace);
        tally.note(step.name, result, start.elapsed().as_secs_f32());
        if tally.failed > 0 && !keep_going {
            break;
        }
    }
    ensure!(
        tally.passed + tally.failed + tally.skipped.len() > 0,
        "nothing was run"
    );
    tally.tell();
    Ok(tally.failed == 0)
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: Vec<String>,
}

impl Tally {
    fn note(&mut self, name: &str, result: Result<Outcome>, seconds: f32) {
        match result {
            Ok(Outcome::Passed) => {
                self.passed += 1;
                println!("<== {name}: ok ({seconds:.1} s)\n");
            }
            Ok(Outcome::Skipped(why)) => {
                println!("<== {name}: SKIPPED, {why}\n");
                self.skipped.push(format!("{name} was skipped: {why}"));
            }
            Err(error) => {
                self.failed += 1;
                println!("<== {name}: FAILED ({seconds:.1} s): {error:#}\n");
            }
        }
    }

    fn tell(&self) {
        for line in &self.skipped {
            println!("{line}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn fmt(workspace: &Workspace) -> Result<Outcome> {
    passed(shell::run(&mut workspace.cargo(&["fmt", "--all", "--check"])))
}

fn tidy(workspace: &Workspace) -> Result<Outcome> {
    passed(tidy::run(workspace))
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    passed(shell::run(&mut workspace.cargo(&arguments)))
}

fn docs(workspace: &Workspace) -> Result<Outcome> {
    let mut doc = workspace.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    passed(shell::run(doc.env("RUSTDOCFLAGS", "-D warnings")))
}

fn unit(workspace: &Workspace) -> Result<Outcome> {
    passed(shell::run(&mut workspace.cargo(&[
        "test",
        "--workspace",
        "--locked",
    ])))
}

fn fuzz(workspace: &Workspace) -> Result<Outcome> {
    // The same target folder: what the workspace has checked of the shared dependencies is not checked again.
    let mut check = workspace.cargo(&["check", "--manifest-path", "fuzz/Cargo.toml", "--target-dir"]);
    passed(shell::run(check.arg(&workspace.target)))
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    if !shell::is_installed("cargo-deny") {
        return Ok(Outcome::Skipped(
            "cargo-deny is not installed (cargo install cargo-deny)".into(),
        ));
    }
    passed(shell::run(&mut workspace.cargo(&[
        "deny",
        "--workspace",
        "check",
    ])))
}

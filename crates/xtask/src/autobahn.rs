//! The Autobahn suite drives the echo server of `conformance/`, and what it reports is compared with the kept results.

mod results;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::steps::Outcome;
use crate::workspace::Workspace;
use crate::{provide, shell};

use self::results::Results;

const REQUIREMENTS: &str = "conformance/autobahn/requirements.txt";
const EXPECTED: &str = "conformance/autobahn/expected.json";
const NO_PYTHON: &str = "the Autobahn suite needs a Python 2.7 with pip (python2.7 on the path, or by pyenv)";

/// Seconds, not minutes: all but compression.
const QUICK: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "9", "10"];
const ALL: [&str; 11] = ["1", "2", "3", "4", "5", "6", "7", "9", "10", "12", "13"];

const START_ATTEMPTS: u32 = 100;
const START_PAUSE: Duration = Duration::from_millis(50);

/// The step of `cargo xtask test`.
pub(crate) fn quick(workspace: &Workspace) -> Result<Outcome> {
    let Some(python) = provide::python2() else {
        return Ok(Outcome::Skipped(NO_PYTHON.into()));
    };
    let found = drive(workspace, &python, &QUICK)?;
    compare(workspace, &found, &QUICK)?;
    Ok(Outcome::Passed)
}

/// `cargo xtask conformance`.
pub(crate) fn conformance(workspace: &Workspace, bless: bool) -> Result<()> {
    let python = provide::python2().context(NO_PYTHON)?;
    let found = drive(workspace, &python, &ALL)?;
    if bless {
        let refused = found.not_acceptable();
        ensure!(
            refused.is_empty(),
            "failures are not kept:\n{}",
            refused.join("\n")
        );
        fs::write(workspace.root.join(EXPECTED), found.to_json())
            .with_context(|| format!("cannot write {EXPECTED}"))?;
    }
    compare(workspace, &found, &ALL)
}

fn compare(workspace: &Workspace, found: &Results, sections: &[&str]) -> Result<()> {
    let path = workspace.root.join(EXPECTED);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let expected = Results::from_kept(&text)?.only(sections);
    let differences = expected.differences(found);
    for difference in &differences {
        println!("    {difference}");
    }
    ensure!(
        differences.is_empty(),
        "{} of {} cases are not as kept",
        differences.len(),
        expected.len()
    );
    println!("    {} cases as kept in {EXPECTED}", found.len());
    Ok(())
}

/// Starts the echo server, lets the suite run `sections` against it and gives back what it reports.
fn drive(workspace: &Workspace, python: &Path, sections: &[&str]) -> Result<Results> {
    let packages = provide::python_packages(workspace, python, REQUIREMENTS)?;
    let echo = workspace.build_release("conformance", "echo")?;
    let folder = workspace.scratch("autobahn");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let server = Server::start(&echo)?;
    let specification = specification(&folder, server.address, sections)?;
    run_suite(&folder, python, &packages, &specification)?;
    let report = folder.join("report/index.json");
    let text =
        fs::read_to_string(&report).with_context(|| format!("the suite left no {}", report.display()))?;
    Results::from_report(&text)
}

fn run_suite(folder: &Path, python: &Path, packages: &Path, specification: &Path) -> Result<()> {
    // The suite's program `wstest`, as packages outside of Python's own folders need to be started.
    let wstest =
        "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()";
    let log = folder.join("suite.log");
    let lines = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut suite = Command::new(python);
    suite
        .arg("-c")
        .arg(wstest)
        .arg(packages)
        .args(["--mode", "fuzzingclient", "--spec"])
        .arg(specification);
    suite.current_dir(folder).stderr(lines.try_clone()?).stdout(lines);
    shell::run(&mut suite).with_context(|| format!("the suite failed, see {}", log.display()))
}

fn specification(folder: &Path, address: SocketAddr, sections: &[&str]) -> Result<PathBuf> {
    let cases: Vec<String> = sections.iter().map(|section| format!("{section}.*")).collect();
    let specification = json!({
        "outdir": folder.join("report"),
        "servers": [{"agent": "pogu", "url": format!("ws://{address}")}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let path = folder.join("spec.json");
    fs::write(&path, specification.to_string())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A server under test, ended when this goes away.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        // Bound and let go again: the next one to ask for a port gets another.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new(program);
        let child = command.arg(address.to_string()).stdin(Stdio::null()).spawn();
        let mut server = Self {
            child: child.with_context(|| format!("cannot start {}", program.display()))?,
            address,
        };
        for _ in 0..START_ATTEMPTS {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{} ended with {status}", program.display());
            }
            thread::sleep(START_PAUSE);
        }
        bail!("{} does not listen on {address}", program.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

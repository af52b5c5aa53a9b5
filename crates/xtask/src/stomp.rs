//! Clients of STOMP that nobody here wrote, from their registries: stompjs in node and in a browser, stomp.py.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::steps::Outcome;
use crate::workspace::Workspace;
use crate::{clients, shell};

const FOLDER: &str = "conformance/stomp";
/// What the tests of a browser and of Python share with the other drivers.
const DRIVERS: &str = "conformance/clients";
/// Files at a time. Each has a server of its own, and much of its time goes by waiting.
const CONCURRENCY: &str = "--test-concurrency=4";
/// Milliseconds for one test.
const TEST_TIMEOUT: &str = "--test-timeout=60000";

/// The step of `cargo xtask test`.
pub(crate) fn clients(workspace: &Workspace) -> Result<Outcome> {
    let Some(packages) = clients::node_packages(workspace)? else {
        return Ok(Outcome::Skipped(clients::NO_NODE.into()));
    };
    let python = clients::prepare(workspace)?;
    let pogu = workspace.build_release("pogu-cli", "pogu")?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", CONCURRENCY, TEST_TIMEOUT])
        .args(tests(workspace)?)
        .env("NODE_PATH", &packages);
    let mut stomp_py = Command::new(&python);
    stomp_py.arg(format!("{FOLDER}/stomp_py.py")).arg("--verbose");
    let mut page = Command::new(&python);
    page.arg(format!("{FOLDER}/page.py"))
        .arg("--pogu")
        .arg(&pogu)
        .arg("--packages")
        .arg(&packages);
    for mut driver in [node, stomp_py, page] {
        let driver = driver.current_dir(&workspace.root).env("POGU", &pogu);
        shell::run(driver.env("PYTHONPATH", workspace.root.join(DRIVERS)))?;
    }
    Ok(Outcome::Passed)
}

/// The files of node's tests, in the order of their names.
fn tests(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.root.join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(".test.js"));
    files.sort();
    Ok(files)
}

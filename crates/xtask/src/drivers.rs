//! Clients that nobody here wrote, from their registries: in node, in Python and in a page of a browser.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::steps::Outcome;
use crate::workspace::Workspace;
use crate::{clients, provide, shell};

/// What the tests of a browser and of Python share with the other drivers.
const DRIVERS: &str = "conformance/clients";
/// How the names of a folder's tests end that are run in a browser.
const PAGE: &str = "page.py";
/// Files at a time. Each has a server of its own, and much of its time goes by waiting.
const CONCURRENCY: &str = "--test-concurrency=4";
/// Milliseconds for one test.
const TEST_TIMEOUT: &str = "--test-timeout=60000";

/// stompjs and stomp.py.
pub(crate) fn stomp(workspace: &Workspace) -> Result<Outcome> {
    one_by_one(drivers(workspace, "conformance/stomp", &[])?)
}

/// socket.io-client and python-socketio.
pub(crate) fn socketio(workspace: &Workspace) -> Result<Outcome> {
    one_by_one(drivers(
        workspace,
        "conformance/socketio",
        &["chat", "deliveries"],
    )?)
}

/// sockjs-client, and stompjs over it, also through proxies.
pub(crate) fn sockjs(workspace: &Workspace) -> Result<Outcome> {
    provide::program("nginx", "nginx")?;
    let Some(mut drivers) = drivers(workspace, "conformance/sockjs", &[])? else {
        return Ok(without_node());
    };
    // Some wait half a minute for connections to be cut.
    shell::run_together(&mut drivers)?;
    Ok(Outcome::Passed)
}

fn one_by_one(drivers: Option<Vec<Command>>) -> Result<Outcome> {
    let Some(drivers) = drivers else {
        return Ok(without_node());
    };
    for mut driver in drivers {
        shell::run(&mut driver)?;
    }
    Ok(Outcome::Passed)
}

fn without_node() -> Outcome {
    Outcome::Skipped(clients::NO_NODE.into())
}

/// What runs the tests of a folder, or nothing without node. Examples that some of them drive are told them by their names in capitals.
fn drivers(workspace: &Workspace, folder: &str, examples: &[&str]) -> Result<Option<Vec<Command>>> {
    let Some(packages) = clients::node_packages(workspace)? else {
        return Ok(None);
    };
    let python = clients::prepare(workspace)?;
    let pogu = workspace.build_release("pogu-cli", "pogu")?;
    let mut named = Vec::new();
    for example in examples {
        named.push((example.to_uppercase(), workspace.build_example(example)?));
    }
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", CONCURRENCY, TEST_TIMEOUT])
        .args(files(workspace, folder, ".test.js")?)
        .env("NODE_PATH", &packages)
        .envs(named);
    let mut drivers = vec![node];
    for file in files(workspace, folder, ".py")? {
        let mut driver = Command::new(&python);
        driver.arg(&file);
        if file.to_string_lossy().ends_with(PAGE) {
            driver.arg("--pogu").arg(&pogu).arg("--packages").arg(&packages);
        } else {
            driver.arg("--verbose");
        }
        drivers.push(driver);
    }
    for driver in &mut drivers {
        driver.current_dir(&workspace.root).env("POGU", &pogu);
        driver.env("PYTHONPATH", workspace.root.join(DRIVERS));
    }
    Ok(Some(drivers))
}

/// The files of a folder whose names end so, in the order of their names.
fn files(workspace: &Workspace, folder: &str, end: &str) -> Result<Vec<PathBuf>> {
    let folder = workspace.root.join(folder);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(end));
    files.sort();
    Ok(files)
}

//! Real clients against the real server: curl, nc, a browser, Python's websockets, clients of STOMP and the tool itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::steps::Outcome;
use crate::workspace::Workspace;
use crate::{provide, shell};

const REQUIREMENTS: &str = "conformance/clients/requirements.txt";
const NODE: &str = "conformance/node";
pub(crate) const NO_NODE: &str = "clients from npm need node and npm, version 20 or later";

/// A message published by each way is received by all the others.
pub(crate) fn matrix(workspace: &Workspace) -> Result<Outcome> {
    let packages = node_packages(workspace)?;
    let Some(packages) = packages.as_deref().and_then(Path::to_str) else {
        println!("    {NO_NODE}: the matrix goes without them");
        return drive(workspace, "matrix.py", &[]);
    };
    drive(workspace, "matrix.py", &["--packages", packages])
}

/// The code blocks of the README do what they say.
pub(crate) fn examples(workspace: &Workspace) -> Result<Outcome> {
    let packages = node_packages(workspace)?;
    let Some(packages) = packages.as_deref().and_then(Path::to_str) else {
        println!("    {NO_NODE}: examples with their libraries are left out");
        return drive(workspace, "examples.py", &["README.md"]);
    };
    drive(workspace, "examples.py", &["--packages", packages, "README.md"])
}

fn drive(workspace: &Workspace, script: &str, arguments: &[&str]) -> Result<Outcome> {
    let python = prepare(workspace)?;
    shell::run(
        Command::new(&python)
            .current_dir(&workspace.root)
            .arg("conformance/clients/tests.py"),
    )?;
    let pogu = workspace.build_release("pogu-cli", "pogu")?;
    let mut driver = Command::new(python);
    driver
        .current_dir(&workspace.root)
        .arg(format!("conformance/clients/{script}"));
    shell::run(driver.arg("--pogu").arg(pogu).args(arguments))?;
    Ok(Outcome::Passed)
}

/// The packages of npm that drivers use, if there is a node for them.
pub(crate) fn node_packages(workspace: &Workspace) -> Result<Option<PathBuf>> {
    provide::node_packages(workspace, NODE)
}

/// What all drivers use beside them, and the Python that they run in.
pub(crate) fn prepare(workspace: &Workspace) -> Result<PathBuf> {
    provide::program("curl", "curl")?;
    provide::program("nc.openbsd", "netcat-openbsd")?;
    provide::program("chromium", "chromium")?;
    provide::python3(workspace, REQUIREMENTS)
}

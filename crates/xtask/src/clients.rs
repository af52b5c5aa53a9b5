//! Real clients against the real server: curl, nc, a browser, Python's websockets and the tool itself.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::steps::Outcome;
use crate::workspace::Workspace;
use crate::{provide, shell};

const REQUIREMENTS: &str = "conformance/clients/requirements.txt";

/// A message published by each way is received by all the others.
pub(crate) fn matrix(workspace: &Workspace) -> Result<Outcome> {
    drive(workspace, "matrix.py", &[])
}

/// The code blocks of the README do what they say.
pub(crate) fn examples(workspace: &Workspace) -> Result<Outcome> {
    drive(workspace, "examples.py", &["README.md"])
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

fn prepare(workspace: &Workspace) -> Result<PathBuf> {
    provide::program("curl", "curl")?;
    provide::program("nc.openbsd", "netcat-openbsd")?;
    provide::program("chromium", "chromium")?;
    provide::python3(workspace, REQUIREMENTS)
}

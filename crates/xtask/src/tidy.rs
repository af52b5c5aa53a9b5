//! What neither the compiler nor clippy checks. Each check takes text and gives back its findings, so that its test can
//! show that it finds.

mod borders;
mod readme;
mod source;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// The crates that know no sockets and no clock (the three statements of ARCHITECTURE.md).
const PURE: [&str; 2] = ["pogu-proto", "pogu-hub"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = borders::check(&workspace.graph()?)?;
    for (path, text) in source::files(&workspace.root)? {
        findings.extend(source::check(&path, &text));
    }
    let english = read(&workspace.root.join("README.md"))?;
    let korean = read(&workspace.root.join("README.ko.md"))?;
    findings.extend(readme::check(&english, &korean));
    for finding in &findings {
        println!("    {finding}");
    }
    ensure!(findings.is_empty(), "{} findings", findings.len());
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

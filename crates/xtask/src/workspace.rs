use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::shell;

/// Where the sources are, and where what is built or fetched goes.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// cargo's target folder, wherever the user's settings put it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .with_context(|| format!("{} is gone", root.display()))?;
        let metadata = metadata(&root, &["--no-deps"])?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo metadata names no target folder")?;
        Ok(Self {
            target: PathBuf::from(target),
            root,
        })
    }

    /// A cargo command in the root of the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = shell::cargo();
        cargo.args(arguments).current_dir(&self.root);
        cargo
    }

    /// Builds a program as its users run it and says where it is.
    pub(crate) fn build_release(&self, package: &str, program: &str) -> Result<PathBuf> {
        shell::run(&mut self.cargo(&[
            "build",
            "--release",
            "--locked",
            "--package",
            package,
            "--bin",
            program,
        ]))?;
        Ok(self.target.join("release").join(program))
    }

    /// Builds an example as the tests of the workspace have built it already, and says where it is.
    pub(crate) fn build_example(&self, example: &str) -> Result<PathBuf> {
        shell::run(&mut self.cargo(&["build", "--workspace", "--locked", "--example", example]))?;
        Ok(self.target.join("debug/examples").join(example))
    }

    /// A folder under `target/` for what the tasks install and write.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// What `cargo metadata` says of the whole dependency graph, on every platform and with all features.
    pub(crate) fn graph(&self) -> Result<Value> {
        metadata(&self.root, &["--all-features"])
    }
}

fn metadata(root: &Path, arguments: &[&str]) -> Result<Value> {
    let output = shell::cargo()
        .args(["metadata", "--format-version=1"])
        .args(arguments)
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")
}

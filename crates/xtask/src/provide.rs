//! What the steps need of the machine, installed by name when it is not there: Debian packages as root, everything else
//! under `target/xtask/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// Makes sure that `program` is there, from the Debian package `package`.
pub(crate) fn program(program: &str, package: &str) -> Result<()> {
    if shell::is_installed(program) {
        return Ok(());
    }
    apt(package).with_context(|| format!("{program} is missing; install the package {package}"))
}

fn apt(package: &str) -> Result<()> {
    if !shell::is_installed("apt-get") {
        bail!("there is no apt-get to install it with");
    }
    // The lists of a fresh image are empty or old.
    shell::run(Command::new("apt-get").args(["-qq", "update"]))?;
    let install = ["-qq", "install", "--yes", "--no-install-recommends", package];
    shell::run(
        Command::new("apt-get")
            .args(install)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// A Python 3 with the packages of `requirements` (a path under the root), and the way to it.
pub(crate) fn python3(workspace: &Workspace, requirements: &str) -> Result<PathBuf> {
    program("python3", "python3")?;
    let folder = workspace.scratch("python3");
    let python = folder.join("bin/python");
    let wanted = read(&workspace.root.join(requirements))?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) && works(&python, "pass") {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    // Debian ships the module in a package of its own.
    if shell::run(&mut create).is_err() {
        apt("python3-venv")?;
        shell::run(&mut create)?;
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    shell::run(
        Command::new(&python)
            .args(install)
            .arg(workspace.root.join(requirements)),
    )?;
    write(&stamp, &wanted)?;
    Ok(python)
}

/// A Python 2.7 of this machine that has pip, if there is one: on the search path or among pyenv's.
pub(crate) fn python2() -> Option<PathBuf> {
    let named = ["python2.7", "python2"].map(PathBuf::from);
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let kept = pyenv
        .into_iter()
        .chain(home)
        .flat_map(|root| pyenv_versions(&root));
    named
        .into_iter()
        .chain(kept)
        .find(|python| works(python, "import sys, pip; assert sys.version_info[:2] == (2, 7)"))
}

fn pyenv_versions(root: &Path) -> Vec<PathBuf> {
    let Ok(versions) = fs::read_dir(root.join("versions")) else {
        return Vec::new();
    };
    let versions = versions
        .flatten()
        .filter(|version| version.file_name().to_string_lossy().starts_with("2.7"));
    versions
        .map(|version| version.path().join("bin/python"))
        .collect()
}

/// A folder with the packages of `requirements` for this Python, to be named in `PYTHONPATH`.
pub(crate) fn python_packages(workspace: &Workspace, python: &Path, requirements: &str) -> Result<PathBuf> {
    let folder = workspace.scratch("python2");
    let wanted = read(&workspace.root.join(requirements))?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
    ];
    let mut pip = Command::new(python);
    pip.args(install)
        .arg(&folder)
        .arg("--requirement")
        .arg(workspace.root.join(requirements));
    shell::run(&mut pip)?;
    write(&stamp, &wanted)?;
    Ok(folder)
}

/// A folder with the npm packages of `folder` (a path under the root, of `package.json` and its lock), to be named in `NODE_PATH`;
/// `None` without npm and a node whose test runner is no older than that of version 20.
pub(crate) fn node_packages(workspace: &Workspace, folder: &str) -> Result<Option<PathBuf>> {
    let is_new = ["--test-concurrency=1", "--test-timeout=1", "--eval", "0"];
    if !shell::succeeds(Command::new("node").args(is_new)) || !shell::is_installed("npm") {
        return Ok(None);
    }
    let installed = workspace.scratch("node");
    let packages = installed.join("node_modules");
    let source = workspace.root.join(folder);
    let wanted = read(&source.join("package-lock.json"))?;
    let stamp = installed.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) && packages.is_dir() {
        return Ok(Some(packages));
    }
    fs::create_dir_all(&installed).with_context(|| format!("cannot make {}", installed.display()))?;
    write(&installed.join("package-lock.json"), &wanted)?;
    write(
        &installed.join("package.json"),
        &read(&source.join("package.json"))?,
    )?;
    // Nothing that is installed needs to run a script of its own.
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    shell::run(Command::new("npm").args(install).current_dir(&installed))?;
    write(&stamp, &wanted)?;
    Ok(Some(packages))
}

fn works(python: &Path, script: &str) -> bool {
    shell::succeeds(Command::new(python).args(["-c", script]))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

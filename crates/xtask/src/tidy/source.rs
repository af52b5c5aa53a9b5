use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::PURE;

/// Past this a file usually holds two ideas; tests are not counted.
const LINES_MAX: usize = 600;

const SOCKETS_AND_CLOCKS: [&str; 4] = [
    "std::net",
    "std::os::unix::net",
    "Instant::now",
    "SystemTime::now",
];

/// Written in two halves so that this file is not its own finding.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

const ENDINGS: [&str; 8] = ["rs", "md", "toml", "py", "js", "html", "sh", "json"];

/// The text files of the project with their paths below `root`, without what is built, fetched or hidden.
pub(super) fn files(root: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_text = path
                .extension()
                .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
            if path.is_dir() {
                let is_ours =
                    !matches!(name.as_str(), "target" | "node_modules" | "corpus") && !name.starts_with('.');
                folders.extend(is_ours.then_some(path));
            } else if is_text {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                found.push((below(root, &path), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn below(root: &Path, path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    path.to_string_lossy().replace('\\', "/")
}

/// The findings in one file.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let is_rust = path.ends_with(".rs");
    let is_pure = is_rust
        && PURE
            .iter()
            .any(|pure| path.starts_with(&format!("crates/{pure}/src/")));
    for (number, line) in (1..).zip(text.lines()) {
        for mark in MARKS {
            if has_word(line, mark) {
                findings.push(format!("{path}:{number}: {mark}: do it, or open an issue"));
            }
        }
        for word in SOCKETS_AND_CLOCKS {
            if is_pure && line.contains(word) {
                findings.push(format!("{path}:{number}: {word}: bytes and time are handed in"));
            }
        }
    }
    let lines = lines_without_tests(path, text);
    if is_rust && lines > LINES_MAX {
        findings.push(format!(
            "{path}: {lines} lines without its tests, more than {LINES_MAX}: does it hold one idea?"
        ));
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    let mut ends = line
        .match_indices(word)
        .map(|(start, _)| (start, start + word.len()));
    let is_letter =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    ends.any(|(start, end)| {
        !is_letter(line[..start].chars().next_back()) && !is_letter(line[end..].chars().next())
    })
}

/// Tests stand last in a file, or in a file of their own.
fn lines_without_tests(path: &str, text: &str) -> usize {
    if path.contains("/tests/") || path.ends_with("/tests.rs") {
        return 0;
    }
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_unfinished_work_is_found_as_a_word() {
        let mark = MARKS[0];
        let text = format!("// {mark}: later\nlet {mark}S = 1;\n({mark})\n");
        assert_eq!(
            check("crates/pogu/src/a.rs", &text),
            [1, 3].map(|line| format!("crates/pogu/src/a.rs:{line}: {mark}: do it, or open an issue"))
        );
    }

    #[test]
    fn a_clock_or_a_socket_is_found_in_the_pure_crates_only() {
        for word in SOCKETS_AND_CLOCKS {
            assert_eq!(
                check("crates/pogu-proto/src/ws/frame.rs", word).len(),
                1,
                "{word}"
            );
            assert_eq!(check("crates/pogu-hub/src/lib.rs", word).len(), 1, "{word}");
            assert_eq!(check("crates/pogu/src/lib.rs", word).len(), 0, "{word}");
        }
    }

    #[test]
    fn a_long_file_is_found_one_line_past_the_limit() {
        assert_eq!(check("crates/pogu/src/a.rs", &"\n".repeat(LINES_MAX)).len(), 0);
        assert_eq!(
            check("crates/pogu/src/a.rs", &"\n".repeat(LINES_MAX + 1)).len(),
            1
        );
        assert_eq!(
            check("crates/pogu/src/a.md", &"\n".repeat(LINES_MAX + 1)).len(),
            0
        );
    }

    #[test]
    fn tests_do_not_make_a_file_long() {
        let long = "\n".repeat(LINES_MAX + 1);
        assert_eq!(check("crates/pogu/tests/it/a.rs", &long).len(), 0);
        assert_eq!(check("crates/pogu/src/a/tests.rs", &long).len(), 0);
        assert_eq!(
            check(
                "crates/pogu/src/a.rs",
                &format!("#[cfg(test)]\nmod tests {{{long}}}")
            )
            .len(),
            0
        );
        assert_eq!(
            check(
                "crates/pogu/src/a.rs",
                &format!("{long}#[cfg(test)]\nmod tests {{}}")
            )
            .len(),
            1
        );
    }

    #[test]
    fn the_walk_finds_this_file_and_nothing_built() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let paths: Vec<String> = files(&root).unwrap().into_iter().map(|(path, _)| path).collect();
        assert!(paths.iter().any(|path| path == "crates/xtask/src/tidy/source.rs"));
        assert!(!paths.iter().any(|path| path.starts_with("target/")));
    }
}

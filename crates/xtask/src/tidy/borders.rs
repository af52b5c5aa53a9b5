use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::PURE;

/// Crates that bring sockets, an event loop or a runtime, or open the door to the system calls below them.
const SOCKETS_AND_RUNTIMES: &[&str] = &[
    "async-io",
    "async-std",
    "compio",
    "futures-timer",
    "h2",
    "hyper",
    "hyper-util",
    "libc",
    "mio",
    "monoio",
    "nix",
    "polling",
    "quinn-udp",
    "rustix",
    "signal-hook",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "windows-sys",
];

/// Says, with the way there, which forbidden crate a pure crate depends on, and whether the pure crates know each other.
///
/// Reads the resolved graph of `cargo metadata`, for every platform and with all features; development dependencies
/// may bring what they like.
pub(super) fn check(metadata: &Value) -> Result<Vec<String>> {
    let graph = Graph::read(metadata)?;
    let mut findings = Vec::new();
    for pure in PURE {
        for way in graph.ways_from(pure)? {
            let Some(&reached) = way.last() else { continue };
            if SOCKETS_AND_RUNTIMES.contains(&reached) || (PURE.contains(&reached) && reached != pure) {
                findings.push(format!("{pure} depends on {reached}: {}", way.join(" → ")));
            }
        }
    }
    Ok(findings)
}

/// Who needs whom, by package id, in all but development dependencies.
struct Graph<'a> {
    names: HashMap<&'a str, &'a str>,
    needs: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn read(metadata: &'a Value) -> Result<Self> {
        let packages = metadata["packages"]
            .as_array()
            .context("cargo metadata lists no packages")?;
        let nodes = metadata["resolve"]["nodes"]
            .as_array()
            .context("cargo metadata resolves nothing")?;
        let names = packages
            .iter()
            .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)));
        let needs = nodes
            .iter()
            .filter_map(|node| Some((node["id"].as_str()?, needs(node))));
        Ok(Self {
            names: names.collect(),
            needs: needs.collect(),
        })
    }

    /// For each package that `root` reaches, one shortest way of names that leads there, `root` first.
    fn ways_from(&self, root: &str) -> Result<Vec<Vec<&'a str>>> {
        let is_root = |(_, name): &(&&str, &&str)| **name == root;
        let (id, name) = self
            .names
            .iter()
            .find(is_root)
            .with_context(|| format!("there is no crate {root}"))?;
        let mut seen = HashSet::from([*id]);
        let mut ways = vec![(*id, vec![*name])];
        let mut next = 0;
        while let Some((id, way)) = ways.get(next).cloned() {
            next += 1;
            for need in self.needs.get(id).into_iter().flatten() {
                if seen.insert(need) {
                    let name = self.names.get(need).copied().unwrap_or(need);
                    ways.push((need, way.iter().copied().chain([name]).collect()));
                }
            }
        }
        Ok(ways.into_iter().map(|(_, way)| way).collect())
    }
}

fn needs(node: &Value) -> Vec<&str> {
    let dependencies = node["deps"].as_array().into_iter().flatten();
    let not_only_dev = dependencies.filter(|dependency| {
        let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
        kinds.any(|kind| kind["kind"] != "dev")
    });
    not_only_dev
        .filter_map(|dependency| dependency["pkg"].as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A graph of `from → to` edges of a kind (`null` is a normal dependency), as cargo metadata tells it.
    fn metadata(edges: &[(&str, &str, Value)]) -> Value {
        let ends = edges.iter().flat_map(|(from, to, _)| [*from, *to]);
        let names: HashSet<&str> = PURE.into_iter().chain(ends).collect();
        let dependency =
            |to: &str, kind: &Value| json!({"pkg": format!("id {to}"), "dep_kinds": [{"kind": kind}]});
        let node = |name: &str| {
            let deps = edges
                .iter()
                .filter(|(from, ..)| *from == name)
                .map(|(_, to, kind)| dependency(to, kind));
            json!({"id": format!("id {name}"), "deps": deps.collect::<Vec<_>>()})
        };
        json!({
            "packages": names.iter().map(|name| json!({"id": format!("id {name}"), "name": name})).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(|name| node(name)).collect::<Vec<_>>()},
        })
    }

    fn findings(edges: &[(&str, &str, Value)]) -> Vec<String> {
        check(&metadata(edges)).unwrap()
    }

    #[test]
    fn pure_crates_may_depend_on_what_is_pure() {
        assert_eq!(
            findings(&[
                ("pogu-proto", "bytes", json!(null)),
                ("pogu", "tokio", json!(null))
            ]),
            [""; 0]
        );
    }

    #[test]
    fn a_socket_is_found_with_the_way_to_it() {
        let edges = [
            ("pogu-hub", "helper", json!(null)),
            ("helper", "mio", json!(null)),
        ];
        assert_eq!(
            findings(&edges),
            ["pogu-hub depends on mio: pogu-hub → helper → mio"]
        );
    }

    #[test]
    fn a_build_script_counts_and_a_test_does_not() {
        assert_eq!(findings(&[("pogu-proto", "tokio", json!("build"))]).len(), 1);
        assert_eq!(findings(&[("pogu-proto", "tokio", json!("dev"))]), [""; 0]);
    }

    #[test]
    fn the_pure_crates_do_not_know_each_other() {
        let edges = [
            ("pogu-proto", "between", json!(null)),
            ("between", "pogu-hub", json!(null)),
        ];
        assert_eq!(
            findings(&edges),
            ["pogu-proto depends on pogu-hub: pogu-proto → between → pogu-hub"]
        );
    }

    #[test]
    fn a_circle_ends() {
        let edges = [
            ("pogu-proto", "a", json!(null)),
            ("a", "b", json!(null)),
            ("b", "a", json!(null)),
        ];
        assert_eq!(findings(&edges), [""; 0]);
    }

    #[test]
    fn a_missing_crate_is_an_error() {
        assert!(check(&json!({"packages": [], "resolve": {"nodes": []}})).is_err());
    }
}

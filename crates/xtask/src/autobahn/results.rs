use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// A kept or found behavior that is not a failure. The suite calls some answers non-strict or only informs.
const ACCEPTABLE: [&str; 3] = ["OK", "NON-STRICT", "INFORMATIONAL"];

/// What the suite says of each case: how the server behaved, and how it closed.
#[derive(Debug, PartialEq)]
pub(super) struct Results {
    cases: BTreeMap<Case, [String; 2]>,
}

/// `9.10.2` as numbers, so that it comes after `9.9.1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case(Vec<u32>);

impl Results {
    /// Reads the suite's `index.json`: the results of one agent.
    pub(super) fn from_report(text: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("the suite's report is not JSON")?;
        let agents = report.as_object().context("the suite's report names no agent")?;
        ensure!(
            agents.len() == 1,
            "the suite's report names {} agents",
            agents.len()
        );
        Self::read(agents.values().next().unwrap_or(&Value::Null))
    }

    /// Reads the kept file.
    pub(super) fn from_kept(text: &str) -> Result<Self> {
        Self::read(&serde_json::from_str(text).context("the kept results are not JSON")?)
    }

    fn read(cases: &Value) -> Result<Self> {
        let cases = cases.as_object().context("no object of cases")?;
        let word = |case: &Value, key: &str| {
            case[key]
                .as_str()
                .map(str::to_owned)
                .context("a case without behavior")
        };
        let read = |(name, case): (&String, &Value)| {
            Ok((
                Case::parse(name)?,
                [word(case, "behavior")?, word(case, "behaviorClose")?],
            ))
        };
        Ok(Self {
            cases: cases.iter().map(read).collect::<Result<_>>()?,
        })
    }

    /// The kept form: a line for each case, in order.
    pub(super) fn to_json(&self) -> String {
        let line = |(case, [behavior, close]): (&Case, &[String; 2])| {
            format!(
                "  {}: {}",
                json!(case.name()),
                json!({"behavior": behavior, "behaviorClose": close})
            )
        };
        format!(
            "{{\n{}\n}}\n",
            self.cases.iter().map(line).collect::<Vec<_>>().join(",\n")
        )
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The cases of these sections.
    pub(super) fn only(self, sections: &[&str]) -> Self {
        let is_wanted = |case: &Case| {
            case.0
                .first()
                .is_some_and(|first| sections.contains(&first.to_string().as_str()))
        };
        Self {
            cases: self
                .cases
                .into_iter()
                .filter(|(case, _)| is_wanted(case))
                .collect(),
        }
    }

    /// A line for each failure.
    pub(super) fn not_acceptable(&self) -> Vec<String> {
        let is_bad = |words: &[String; 2]| words.iter().any(|word| !ACCEPTABLE.contains(&word.as_str()));
        let bad = self.cases.iter().filter(|(_, words)| is_bad(words));
        bad.map(|(case, words)| format!("{}: {}", case.name(), words.join(", close ")))
            .collect()
    }

    /// A line for each case that `found` has otherwise, or only one of the two has.
    pub(super) fn differences(&self, found: &Self) -> Vec<String> {
        let missing = self.cases.keys().filter(|case| !found.cases.contains_key(case));
        let missing = missing.map(|case| format!("{}: was not run", case.name()));
        let other = found
            .cases
            .iter()
            .filter(|(case, words)| self.cases.get(case) != Some(words));
        let other = other.map(|(case, words)| {
            let kept = self
                .cases
                .get(case)
                .map_or("not kept".into(), |kept| kept.join(", close "));
            format!("{}: {}, expected: {kept}", case.name(), words.join(", close "))
        });
        missing.chain(other).collect()
    }
}

impl Case {
    fn parse(name: &str) -> Result<Self> {
        let numbers = name.split('.').map(str::parse).collect::<Result<_, _>>();
        numbers
            .map(Self)
            .with_context(|| format!("{name:?} is not a case"))
    }

    fn name(&self) -> String {
        self.0.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(cases: &[(&str, &str, &str)]) -> Results {
        let entry = |(case, behavior, close): &(&str, &str, &str)| {
            (
                Case::parse(case).unwrap(),
                [(*behavior).to_owned(), (*close).to_owned()],
            )
        };
        Results {
            cases: cases.iter().map(entry).collect(),
        }
    }

    #[test]
    fn a_report_is_read() {
        let report = r#"{"pogu": {"1.1.2": {"behavior": "OK", "behaviorClose": "FAILED", "duration": 3}}}"#;
        assert_eq!(
            Results::from_report(report).unwrap(),
            results(&[("1.1.2", "OK", "FAILED")])
        );
        assert!(Results::from_report("{}").is_err());
        assert!(Results::from_report(r#"{"pogu": {"1.1.2": {}}}"#).is_err());
        assert!(
            Results::from_report(r#"{"pogu": {"one": {"behavior": "OK", "behaviorClose": "OK"}}}"#).is_err()
        );
    }

    #[test]
    fn what_is_kept_is_read_back_in_order() {
        let kept = results(&[
            ("9.10.1", "OK", "OK"),
            ("9.9.1", "NON-STRICT", "OK"),
            ("10.1.1", "OK", "INFORMATIONAL"),
        ]);
        let text = kept.to_json();
        assert_eq!(Results::from_kept(&text).unwrap(), kept);
        assert!(
            text.find("9.9.1") < text.find("9.10.1") && text.find("9.10.1") < text.find("10.1.1"),
            "{text}"
        );
    }

    #[test]
    fn every_difference_is_told() {
        let kept = results(&[
            ("1.1.1", "OK", "OK"),
            ("1.1.2", "OK", "OK"),
            ("1.1.3", "OK", "OK"),
        ]);
        let found = results(&[
            ("1.1.1", "OK", "OK"),
            ("1.1.2", "OK", "FAILED"),
            ("1.1.4", "OK", "OK"),
        ]);
        assert_eq!(
            kept.differences(&found),
            [
                "1.1.3: was not run",
                "1.1.2: OK, close FAILED, expected: OK, close OK",
                "1.1.4: OK, close OK, expected: not kept"
            ]
        );
        assert_eq!(kept.differences(&kept), [""; 0]);
    }

    #[test]
    fn sections_are_whole_numbers() {
        let all = results(&[
            ("1.1.1", "OK", "OK"),
            ("10.1.1", "OK", "OK"),
            ("12.1.1", "OK", "OK"),
        ]);
        assert_eq!(
            all.only(&["1", "12"]),
            results(&[("1.1.1", "OK", "OK"), ("12.1.1", "OK", "OK")])
        );
    }

    #[test]
    fn a_failure_is_not_acceptable() {
        let found = results(&[
            ("1.1.1", "OK", "OK"),
            ("6.4.1", "NON-STRICT", "OK"),
            ("13.1.1", "UNIMPLEMENTED", "OK"),
        ]);
        assert_eq!(found.not_acceptable(), ["13.1.1: UNIMPLEMENTED, close OK"]);
    }
}

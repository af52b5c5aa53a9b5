use proptest::prelude::*;

use super::super::like::Like;
use super::*;

/// LIKE as the standard defines it, by trying everything.
fn naive(pattern: &[char], value: &[char]) -> bool {
    match pattern {
        [] => value.is_empty(),
        ['%', rest @ ..] => (0..=value.len()).any(|at| naive(rest, &value[at..])),
        ['_', rest @ ..] => !value.is_empty() && naive(rest, &value[1..]),
        [one, rest @ ..] => value.first() == Some(one) && naive(rest, &value[1..]),
    }
}

/// Selectors that make sense, with what they are without precedence: everything in parentheses.
fn condition() -> impl Strategy<Value = (String, String)> {
    let leaf = prop_oneof![
        Just("TRUE".to_owned()),
        Just("b".to_owned()),
        Just("a = 1".to_owned()),
        Just("a + 2 * 3 > 6".to_owned()),
        Just("none IS NULL".to_owned()),
        Just("none = 1".to_owned()),
        Just("a NOT BETWEEN 1 AND 2".to_owned()),
        Just("b LIKE '%e'".to_owned()),
        Just("a NOT IN ('1', '2')".to_owned()),
    ]
    .prop_map(|leaf| (leaf.clone(), format!("({leaf})")));
    leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            // An AND of ORs would need its parentheses in both; so would a NOT.
            (inner.clone(), inner.clone()).prop_map(|(l, r)| (
                format!("({}) AND ({})", l.0, r.0),
                format!("({} AND {})", l.1, r.1)
            )),
            (inner.clone(), inner.clone())
                .prop_map(|(l, r)| (format!("{} OR {}", l.0, r.0), format!("({} OR {})", l.1, r.1))),
            inner.prop_map(|i| (format!("NOT ({})", i.0), format!("(NOT {})", i.1))),
        ]
    })
}

proptest! {
    #[test]
    fn like_is_what_the_standard_says(pattern in "[ab_%]{0,10}", value in "[abü]{0,12}") {
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            Like::new(&pattern, None).unwrap().matches(&value),
            naive(&characters(&pattern), &characters(&value))
        );
    }

    #[test]
    fn precedence_is_what_parentheses_say((short, long) in condition()) {
        let headers = [("a", "1"), ("b", "true")];
        if let (Ok(_), Ok(_)) = (short.parse::<Selector>(), long.parse::<Selector>()) {
            prop_assert_eq!(evaluate(&short, &headers), evaluate(&long, &headers));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in any::<String>()) {
        if let Err(error) = text.parse::<Selector>() {
            prop_assert!(error.position <= text.len());
        }
    }

    #[test]
    fn any_tokens_are_read_or_refused_and_evaluated(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "a", "b", "none", "1", "2.5", "'x'", "'%a'", "(", ")", "=", "<>", "<", "+", "-", "*", "/", ",", "AND", "OR", "NOT",
            "BETWEEN", "IN", "LIKE", "ESCAPE", "'!'", "IS", "NULL", "TRUE", "\"q\"",
        ]), 0..14),
    ) {
        if let Ok(selector) = tokens.join(" ").parse::<Selector>() {
            selector.matches(|name| [("a", "1"), ("b", "true")].iter().find(|(n, _)| *n == name).map(|(_, v)| *v));
        }
    }

    #[test]
    fn a_quoted_text_is_itself(text in any::<String>()) {
        prop_assume!(text.len() < 400);
        let selector = format!("a = '{}'", text.replace('\'', "''"));
        prop_assert_eq!(evaluate(&selector, &[("a", &text)]), Some(true));
        if !text.is_empty() {
            let selector = format!("\"{}\" = 'x'", text.replace('"', "\"\""));
            prop_assert_eq!(evaluate(&selector, &[(&text, "x")]), Some(true));
        }
    }
}

mod errors;
mod evaluation;
mod like;
mod properties;

use super::*;

/// What a selector comes to over headers, unknown being `None`.
fn evaluate(selector: &str, headers: &[(&str, &str)]) -> Option<bool> {
    let parsed: Selector = match selector.parse() {
        Ok(parsed) => parsed,
        Err(error) => panic!("{selector}: {error}"),
    };
    let find = |name: &str| {
        let found = headers.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| *value)
    };
    let result = parsed.0.evaluate(&find);
    assert_eq!(parsed.matches(find), result == Some(true), "{selector}");
    result
}

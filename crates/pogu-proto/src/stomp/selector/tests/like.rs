use super::super::like::Like;
use super::*;

fn like(pattern: &str, escape: Option<char>, value: &str) -> bool {
    Like::new(pattern, escape).unwrap().matches(value)
}

#[test]
fn patterns() {
    for (pattern, value, expect) in [
        ("", "", true),
        ("", "a", false),
        ("%", "", true),
        ("%", "abc", true),
        ("%%", "", true),
        ("_", "", false),
        ("_", "a", true),
        ("_", "ab", false),
        ("_", "ü", true),
        ("__", "ü", false),
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("abc", "ab", false),
        ("a%", "a", true),
        ("a%", "ab", true),
        ("a%", "ba", false),
        ("%a", "ba", true),
        ("%a", "ab", false),
        ("a%b", "ab", true),
        ("a%b", "aXXb", true),
        ("a%b", "aXbX", false),
        ("%b%", "abc", true),
        ("%b%", "ac", false),
        ("a_c", "abc", true),
        ("a_c", "ac", false),
        ("%_%", "", false),
        ("%_%", "x", true),
        ("_%_", "x", false),
        ("_%_", "xy", true),
        ("%ab%ab%", "abab", true),
        ("%ab%ab%", "aba", false),
        ("%aab", "aaab", true),
        ("l_se", "lose", true),
        ("12%3", "12993", true),
        ("12%3", "1234", false),
        ("%日_", "一日二", true),
        ("a.c", "abc", false),
        ("A", "a", false),
    ] {
        assert_eq!(like(pattern, None, value), expect, "{value} LIKE {pattern}");
    }
}

#[test]
fn escapes() {
    for (pattern, escape, value, expect) in [
        ("\\_%", '\\', "_foo", true),
        ("\\_%", '\\', "bar", false),
        ("100!%", '!', "100%", true),
        ("100!%", '!', "1000", false),
        ("!!", '!', "!", true),
        ("!a", '!', "a", true),
        ("%%a", '%', "%a", true),
        ("%%a", '%', "xa", false),
        ("__a", '_', "_a", true),
    ] {
        assert_eq!(
            like(pattern, Some(escape), value),
            expect,
            "{value} LIKE {pattern} ESCAPE {escape}"
        );
    }
    assert_eq!(evaluate("a LIKE '50!%' ESCAPE '!'", &[("a", "50%")]), Some(true));
    assert_eq!(
        evaluate("a NOT LIKE '50!%' ESCAPE '!' AND TRUE", &[("a", "50%")]),
        Some(false)
    );
}

#[test]
fn patterns_as_long_as_words_of_states() {
    for length in [1, 62, 63, 64, 65, 127, 128, 129, 1000] {
        let text = "ab".repeat(length)[..length].to_owned();
        assert!(like(&text, None, &text), "{length}");
        assert!(like(&"_".repeat(length), None, &text));
        assert!(!like(&"_".repeat(length), None, &text[1..]));
        assert!(like(&format!("%{text}"), None, &format!("ba{text}")));
        assert!(like(&format!("{text}%"), None, &format!("{text}ba")));
        assert!(!like(&text, None, &format!("{text}a")));
        let all = format!("{}%", "_%".repeat(length.min(500)));
        assert!(like(&all, None, &"x".repeat(length)), "{length}");
    }
}

/// Where a pattern is tried again from every place this takes minutes, or with one try inside another for ever.
#[test]
fn patterns_take_linear_time() {
    let value = "a".repeat(1 << 18);
    for pattern in [
        format!("%{}b%", "a".repeat(1000)),
        format!("%{}b", "a%".repeat(500)),
        format!("%{}b%", "_".repeat(1000)),
        format!("{}b", "%a_".repeat(300)),
    ] {
        assert!(!like(&pattern, None, &value));
    }
}

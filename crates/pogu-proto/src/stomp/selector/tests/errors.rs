use super::*;

fn error(selector: &str) -> (usize, Wrong) {
    match selector.parse::<Selector>() {
        Ok(_) => panic!("{selector} is read"),
        Err(SelectorError { position, wrong }) => (position, wrong),
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (selector, position, wrong) in [
        ("", 0, Wrong::Value),
        ("   ", 3, Wrong::Value),
        ("a =", 3, Wrong::Value),
        ("a = = 1", 4, Wrong::Value),
        ("= 1", 0, Wrong::Value),
        ("a = )", 4, Wrong::Value),
        ("a = 1 OR", 8, Wrong::Value),
        ("a = 1 AND AND b", 10, Wrong::Value),
        ("()", 1, Wrong::Value),
        ("NOT", 3, Wrong::Value),
        ("* 1", 0, Wrong::Value),
        ("LIKE 'a'", 0, Wrong::Value),
        ("ESCAPE", 0, Wrong::Value),
        ("a b", 2, Wrong::Operator),
        ("a 1", 2, Wrong::Operator),
        ("a 'b'", 2, Wrong::Operator),
        ("a (b)", 2, Wrong::Operator),
        ("a, b", 1, Wrong::Operator),
        ("a NULL", 2, Wrong::Operator),
        ("a = 1 ESCAPE 'x'", 6, Wrong::Operator),
        ("TRUE TRUE", 5, Wrong::Operator),
        ("correlation-id LIKE 'a'", 0, Wrong::Like),
        ("correlation-id = 'a'", 17, Wrong::NumberAndText),
        ("correlation-id IN (1, 'a')", 22, Wrong::NumberAndText),
        ("correlation-id BETWEEN 'a' AND 'b'", 23, Wrong::NumberAndText),
        ("'1' < 1", 6, Wrong::NumberAndText),
        ("a != 1", 2, Wrong::Equality),
        ("a == 1", 2, Wrong::Equality),
        ("a = b; c", 5, Wrong::Character),
        ("a = #1", 4, Wrong::Character),
        ("a = \0", 4, Wrong::Character),
        ("a = {x}", 4, Wrong::Character),
        ("T(java.lang.Runtime).x = 1", 1, Wrong::Operator),
        ("headers['a'] == 'b'", 7, Wrong::Character),
        ("a = 'b", 4, Wrong::Quote),
        ("a = 'b''", 4, Wrong::Quote),
        ("\"a = 1", 0, Wrong::Quote),
        ("\"\" = 1", 0, Wrong::EmptyName),
        ("a = 1x", 4, Wrong::Number),
        ("1a = 2", 0, Wrong::Number),
        ("a = 1.2.3", 4, Wrong::Number),
        ("a = 1e", 4, Wrong::Number),
        ("a = 1e+", 4, Wrong::Number),
        ("a = 1e999", 4, Wrong::Number),
        ("a = 0x10", 4, Wrong::Number),
        ("a = NULL", 4, Wrong::Null),
        ("NULL IS NULL", 0, Wrong::Null),
        ("a = NOT b", 4, Wrong::Not),
        ("a + NOT b", 4, Wrong::Not),
        ("-NOT b", 1, Wrong::Not),
        ("a BETWEEN NOT b AND c", 10, Wrong::Not),
        ("a IS 1", 5, Wrong::Is),
        ("a IS", 4, Wrong::Is),
        ("a IS NOT", 8, Wrong::Is),
        ("a IS NOT NOT NULL", 9, Wrong::Is),
        ("a NOT = 1", 6, Wrong::NotWhat),
        ("a NOT NULL", 6, Wrong::NotWhat),
        ("a NOT", 5, Wrong::NotWhat),
        ("a BETWEEN 1", 2, Wrong::Between),
        ("a BETWEEN 1 OR 2", 2, Wrong::Between),
        ("a BETWEEN b = c AND d", 2, Wrong::Between),
        ("(a BETWEEN 1) AND 2", 3, Wrong::Between),
        ("a BETWEEN b IS NULL AND c", 2, Wrong::Between),
        ("a IN", 4, Wrong::List),
        ("a IN 'b'", 5, Wrong::List),
        ("a IN ()", 6, Wrong::List),
        ("a IN ('b'", 9, Wrong::List),
        ("a IN ('b',)", 10, Wrong::List),
        ("a IN ('b' 'c')", 10, Wrong::List),
        ("a IN (b)", 6, Wrong::List),
        ("a IN (-1)", 6, Wrong::List),
        ("a LIKE b", 2, Wrong::Pattern),
        ("a LIKE 1", 2, Wrong::Pattern),
        ("a LIKE 'b' ESCAPE", 17, Wrong::Escape),
        ("a LIKE 'b' ESCAPE ''", 18, Wrong::Escape),
        ("a LIKE 'b' ESCAPE '!!'", 18, Wrong::Escape),
        ("a LIKE 'b' ESCAPE c", 18, Wrong::Escape),
        ("a LIKE 'b!' ESCAPE '!'", 7, Wrong::EscapeLast),
        ("(a = 1", 0, Wrong::Open),
        ("a = (1 + (2)", 4, Wrong::Open),
        ("a = 1)", 5, Wrong::Close),
        ("(a = 1))", 7, Wrong::Close),
        ("'a'", 0, Wrong::Condition),
        ("1", 0, Wrong::Condition),
        ("a + 1", 0, Wrong::Condition),
        ("a AND 1", 6, Wrong::Condition),
        ("'x' OR a", 0, Wrong::Condition),
        ("NOT 'x'", 4, Wrong::Condition),
        ("NOT a + 1", 4, Wrong::Condition),
        ("a + 'b' = 1", 4, Wrong::Arithmetic),
        ("-'b' = 1", 1, Wrong::Arithmetic),
        ("+(a = 1)", 1, Wrong::Arithmetic),
        ("a * (b = c) > 1", 4, Wrong::Arithmetic),
        ("a = 1 = 2", 0, Wrong::Compare),
        ("1 = (a = 1)", 4, Wrong::Compare),
        ("'true' = TRUE", 9, Wrong::Compare),
        ("a < TRUE", 4, Wrong::Compare),
        ("TRUE BETWEEN a AND b", 0, Wrong::Compare),
        ("a BETWEEN TRUE AND b", 10, Wrong::Compare),
        ("TRUE IN ('a')", 0, Wrong::Compare),
        ("1 LIKE 'a'", 0, Wrong::Like),
    ] {
        assert_eq!(error(selector), (position, wrong), "{selector}");
    }
}

#[test]
fn limits_at_their_edge() {
    let long = |length: usize| format!("a = '{}'", "x".repeat(length - 6));
    assert!(long(TEXT_MAX).parse::<Selector>().is_ok());
    assert_eq!(error(&long(TEXT_MAX + 1)), (TEXT_MAX, Wrong::TooLong));

    // Each term has two nodes, but the first three.
    let large = |terms: usize| format!("a=1{}", " OR b".repeat(terms));
    assert!(large((NODES_MAX - 3) / 2).parse::<Selector>().is_ok());
    assert_eq!(error(&large((NODES_MAX - 3) / 2 + 1)).1, Wrong::TooLarge);

    let likes = |count: usize| vec!["a LIKE 'b'"; count].join(" OR ");
    assert!(likes(PATTERNS_MAX).parse::<Selector>().is_ok());
    assert_eq!(error(&likes(PATTERNS_MAX + 1)).1, Wrong::TooManyPatterns);

    let number = |length: usize| format!("0 = {}", "0".repeat(length));
    assert!(number(NUMBER_MAX).parse::<Selector>().is_ok());
    assert_eq!(error(&number(NUMBER_MAX + 1)), (4, Wrong::Number));
    for (length, expect) in [(NUMBER_MAX, Some(true)), (NUMBER_MAX + 1, Some(false))] {
        assert_eq!(evaluate("a = 0", &[("a", &"0".repeat(length))]), expect);
    }

    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(nested(DEPTH_MAX).parse::<Selector>().is_ok());
    assert_eq!(error(&nested(DEPTH_MAX + 1)), (DEPTH_MAX, Wrong::TooDeep));
    for (deep, position) in [
        ("NOT ", 4 * DEPTH_MAX),
        ("-", DEPTH_MAX),
        ("a OR (", 0),
        ("1+(", 0),
    ] {
        let (at, wrong) = error(&format!("{}a", deep.repeat(100)));
        assert_eq!(wrong, Wrong::TooDeep, "{deep}");
        assert!(position == 0 || at == position, "{deep}");
    }
}

#[test]
fn errors_say_what_would_be_right() {
    let error = "a == 1".parse::<Selector>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "at byte 2 of the selector: equal is `=` and not equal is `<>`"
    );
}

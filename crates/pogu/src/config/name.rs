//! The grammar of topics and patterns.

const TOPIC_BYTES_MAX: usize = 255;

pub(super) fn topic_check(text: &str) -> Result<(), &'static str> {
    if text.len() > TOPIC_BYTES_MAX {
        return Err("it has more than 255 bytes");
    }
    text.split('.').try_for_each(token_check)
}

pub(super) fn pattern_check(text: &str) -> Result<(), &'static str> {
    if text.len() > TOPIC_BYTES_MAX {
        return Err("it has more than 255 bytes");
    }
    let body = match text.strip_suffix('>') {
        Some("") => return Ok(()),
        Some(rest) => rest.strip_suffix('.').ok_or("\">\" is a token of its own")?,
        None => text,
    };
    body.split('.')
        .filter(|token| *token != "*")
        .try_for_each(token_check)
}

fn token_check(token: &str) -> Result<(), &'static str> {
    if token.is_empty() {
        return Err("a token between dots is empty");
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "*>/".contains(c);
    if token.contains(forbidden) {
        return Err("white space, control characters, \"*\", \">\" and \"/\" cannot be part of a token");
    }
    Ok(())
}

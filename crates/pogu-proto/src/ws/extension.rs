//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1) and the parameters of permessage-deflate (RFC 7692 §7.1).

use std::borrow::Cow;

use super::Deflate;

const NAME: &str = "permessage-deflate";

/// What a client offers and what both sides agree on at least. The second parameter frees the server, too, from keeping
/// a context.
pub(super) const NO_CONTEXT_TAKEOVER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Answers an offer of permessage-deflate with what is agreed and the value of the response's
/// `Sec-WebSocket-Extensions`. `offers` are the values of the request's header lines of that name.
///
/// The first offer that can be kept is taken. Neither side takes context over, asked or not (RFC 7692 §7.1.1). An offer
/// is declined when a parameter is unknown, doubled or has a wrong value, and when it asks for a window of 2^8 bytes,
/// with which zlib cannot compress. `None` when no offer is left or a header is malformed.
pub fn negotiate_deflate<'a>(offers: impl Iterator<Item = &'a str>) -> Option<(Deflate, String)> {
    let window = parse(offers)?
        .iter()
        .filter_map(|extension| extension.deflate)
        .map(|terms| terms.server_max_window_bits)
        .find(|window| *window != Some(8))?;
    let mut answer = NO_CONTEXT_TAKEOVER.to_owned();
    if let Some(bits) = window {
        answer.push_str("; server_max_window_bits=");
        answer.push_str(itoa::Buffer::new().format(bits));
    }
    let deflate = match window {
        None | Some(15) => Deflate::Wide,
        Some(_) => Deflate::Narrow,
    };
    Some((deflate, answer))
}

/// Reads a server's answer to [`NO_CONTEXT_TAKEOVER`]: compression, none, or an error for what was not offered.
///
/// A server that accepts must repeat `server_no_context_takeover` (RFC 7692 §7.1.1.1) and must not ask for a
/// `client_max_window_bits` that was not offered (§7.1.2.2). Any window of its own can be inflated.
pub(super) fn accepted_deflate<'a>(
    answers: impl Iterator<Item = &'a str>,
) -> Result<Option<Deflate>, NotOffered> {
    match parse(answers).ok_or(NotOffered)?.as_slice() {
        [] => Ok(None),
        [Extension { deflate: Some(terms) }]
            if terms.server_no_context_takeover && terms.client_max_window_bits.is_none() =>
        {
            Ok(Some(Deflate::Wide))
        }
        _ => Err(NotOffered),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotOffered;

/// One extension of a list; what is not permessage-deflate with sound parameters is only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extension {
    deflate: Option<Terms>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Terms {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// The value is optional in an offer.
    client_max_window_bits: Option<Option<u8>>,
}

impl Terms {
    /// Adds a parameter; `None` when it is unknown, doubled or has a wrong value.
    fn with(mut self, name: &str, value: Option<&str>) -> Option<Self> {
        match (name, value) {
            ("server_no_context_takeover", None) if !self.server_no_context_takeover => {
                self.server_no_context_takeover = true;
            }
            ("client_no_context_takeover", None) if !self.client_no_context_takeover => {
                self.client_no_context_takeover = true;
            }
            ("server_max_window_bits", Some(value)) if self.server_max_window_bits.is_none() => {
                self.server_max_window_bits = Some(window_bits(value)?);
            }
            ("client_max_window_bits", value) if self.client_max_window_bits.is_none() => {
                self.client_max_window_bits = Some(match value {
                    Some(value) => Some(window_bits(value)?),
                    None => None,
                });
            }
            _ => return None,
        }
        Some(self)
    }
}

/// 8 to 15, without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok()?;
    let plain = !value.starts_with(['0', '+']);
    (plain && (8..=15).contains(&bits)).then_some(bits)
}

/// Reads `extension *( ";" param )` lists, each byte once; `None` when one is malformed.
fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Option<Vec<Extension>> {
    let mut extensions = Vec::new();
    for value in values {
        let mut cursor = Cursor { rest: value };
        cursor.skip_blanks();
        while !cursor.rest.is_empty() {
            // Lists may have empty elements (RFC 9110 §5.6.1).
            if !cursor.eat(',') {
                extensions.push(cursor.extension()?);
                if !cursor.rest.is_empty() && !cursor.eat(',') {
                    return None;
                }
            }
        }
    }
    Some(extensions)
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn extension(&mut self) -> Option<Extension> {
        let mut deflate = (self.token()? == NAME).then(Terms::default);
        while self.eat(';') {
            let name = self.token()?;
            let value = if self.eat('=') { Some(self.value()?) } else { None };
            deflate = deflate.and_then(|terms| terms.with(name, value.as_deref()));
        }
        Some(Extension { deflate })
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .bytes()
            .position(|byte| !is_token(byte))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.skip_blanks();
        (!token.is_empty()).then_some(token)
    }

    /// A token, or one in quotes.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(Cow::Borrowed);
        };
        let mut value = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(chars.next()?),
                other => value.push(other),
            }
        }
        self.rest = chars.as_str();
        self.skip_blanks();
        (!value.is_empty() && value.bytes().all(is_token)).then_some(Cow::Owned(value))
    }

    fn eat(&mut self, sign: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else {
            return false;
        };
        self.rest = rest;
        self.skip_blanks();
        true
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

/// A character of a token (RFC 9110 §5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = NO_CONTEXT_TAKEOVER;

    fn negotiate(offers: &[&str]) -> Option<(Deflate, String)> {
        negotiate_deflate(offers.iter().copied())
    }

    #[test]
    fn answers_the_first_offer_it_can_keep() {
        let wide = Some((Deflate::Wide, BASE.to_owned()));
        assert_eq!(negotiate(&["permessage-deflate"]), wide);
        assert_eq!(negotiate(&["permessage-deflate; client_max_window_bits"]), wide);
        assert_eq!(
            negotiate(&["permessage-deflate;client_max_window_bits=\"10\""]),
            wide
        );
        assert_eq!(
            negotiate(&["x-foo; bar=\"a\\b\" ,, permessage-deflate ; client_no_context_takeover "]),
            wide
        );
        assert_eq!(negotiate(&["x-foo", "", "permessage-deflate"]), wide);
        for bits in 9..=15 {
            let deflate = if bits == 15 {
                Deflate::Wide
            } else {
                Deflate::Narrow
            };
            let offer = format!("permessage-deflate; server_max_window_bits={bits}, permessage-deflate");
            let answer = format!("{BASE}; server_max_window_bits={bits}");
            assert_eq!(negotiate(&[&offer]), Some((deflate, answer)));
        }
        // A window of 2^8 cannot be kept, the fallback can.
        assert_eq!(
            negotiate(&["permessage-deflate; server_max_window_bits=8, permessage-deflate"]),
            wide
        );
    }

    #[test]
    fn declines_what_it_cannot_keep() {
        for offer in [
            "",
            ",",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=\"\"",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; constructor",
            "permessage-deflate; unknown=1",
        ] {
            assert_eq!(negotiate(&[offer]), None, "{offer}");
        }
    }

    #[test]
    fn refuses_malformed_headers_as_a_whole() {
        for offer in [
            "permessage-deflate, ;",
            "permessage-deflate, x=",
            "permessage-deflate, x; y=\"",
            "permessage-deflate, x; y=\"\\",
            "permessage-deflate, x; y=\"a b\"",
            "permessage-deflate, x y",
            "permessage-deflate; ",
            "permessage-deflate, \u{e9}",
        ] {
            assert_eq!(negotiate(&[offer]), None, "{offer}");
        }
    }

    /// CVE-2020-7662, -7663: an unclosed quote made the parser's time grow with the square of the length.
    #[test]
    fn reads_each_byte_once() {
        let backslashes = format!("x; y=\"{}", "\\".repeat(1 << 20));
        assert_eq!(negotiate(&[&backslashes]), None);
        let quotes = "a; b=\"c\", ".repeat(1 << 17);
        assert_eq!(negotiate(&[&quotes]), None);
        let blanks = format!("permessage-deflate{}x", " ".repeat(1 << 20));
        assert_eq!(negotiate(&[&blanks]), None);
    }

    #[test]
    fn accepts_only_what_a_client_offered() {
        let accept = |answer: &str| accepted_deflate([answer].into_iter());
        assert_eq!(accepted_deflate([].into_iter()), Ok(None));
        assert_eq!(
            accept("permessage-deflate; server_no_context_takeover"),
            Ok(Some(Deflate::Wide))
        );
        assert_eq!(accept(BASE), Ok(Some(Deflate::Wide)));
        assert_eq!(
            accept(&format!("{BASE}; server_max_window_bits=8")),
            Ok(Some(Deflate::Wide))
        );
        for answer in [
            "permessage-deflate",
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits",
            "permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
            "x-webkit-deflate-frame",
            "permessage-deflate; server_no_context_takeover, x",
            "permessage-deflate; server_no_context_takeover; \"",
        ] {
            assert_eq!(accept(answer), Err(NotOffered), "{answer}");
        }
    }
}

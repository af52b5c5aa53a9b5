//! The opening handshake's header values, the server's side (RFC 6455 §4.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

/// What RFC 6455 §1.3 appends to the key before hashing.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    STANDARD.encode(hash.digest().bytes())
}

/// Whether a `Sec-WebSocket-Key` is the base64 of 16 bytes (RFC 6455 §4.2.1).
pub fn is_valid_key(key: &str) -> bool {
    let mut bytes = [0; 18];
    key.len() == 24 && STANDARD.decode_slice(key, &mut bytes) == Ok(16)
}

/// The subprotocol to answer with: the first offered that is in `known`. `offered` are the values of
/// `Sec-WebSocket-Protocol`, each a comma-separated list in the client's order of preference (RFC 6455 §4.2.2).
pub fn choose_protocol<'a>(
    offered: impl Iterator<Item = &'a str>,
    known: &[&'static str],
) -> Option<&'static str> {
    offered
        .flat_map(|value| value.split(','))
        .map(|name| name.trim_matches([' ', '\t']))
        .find_map(|name| known.iter().copied().find(|known| *known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_key() {
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn keys_are_16_bytes() {
        assert!(is_valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZWU=",
            "dGhlIHNhbXBsZSBub25jZWVl",
            "dGhlIHNhbXBsZSBub25jZQ= ",
            "dGhlIHNhbXBsZSBub25j!Q==",
            "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            assert!(!is_valid_key(key), "{key}");
        }
    }

    #[test]
    fn the_first_known_protocol_is_chosen() {
        let choose = |offered: &[&str]| choose_protocol(offered.iter().copied(), &["pogu", "plain"]);
        assert_eq!(choose(&["plain, pogu"]), Some("plain"));
        assert_eq!(choose(&["stomp,", "\tpogu "]), Some("pogu"));
        assert_eq!(choose(&["Pogu", "pogu2", ""]), None);
        assert_eq!(choose(&[]), None);
        // CVE-2021-32640: time grew with the square of the blanks.
        let blanks = ["b", &" ".repeat(1 << 20), "x"].concat();
        assert_eq!(choose(&[&blanks, "pogu"]), Some("pogu"));
    }
}

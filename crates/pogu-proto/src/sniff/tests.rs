use proptest::prelude::*;

use super::*;

/// What is told at the earliest, and after how many bytes.
fn earliest(bytes: &[u8]) -> Option<(usize, Protocol)> {
    (0..=bytes.len()).find_map(|length| sniff(&bytes[..length]).map(|protocol| (length, protocol)))
}

#[test]
fn every_signature_is_told_by_its_last_byte_and_none_before() {
    for (signature, protocol) in AT_THE_START.iter().chain(AFTER_EMPTY_LINES) {
        assert_eq!(
            earliest(signature),
            Some((signature.len(), *protocol)),
            "{}",
            signature.escape_ascii()
        );
    }
}

#[test]
fn requests_of_every_protocol() {
    for (bytes, protocol) in [
        (&b"GET /topics/chat HTTP/1.1\r\n"[..], Protocol::Http1),
        (b"\r\n\nPOST / HTTP/1.1\r\n", Protocol::Http1),
        (b"CONNECT example.com:443 HTTP/1.1\r\n", Protocol::Http1),
        (b"UPDATEREDIRECTREF / HTTP/1.1\r\n", Protocol::Http1),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::Http2),
        (b"CONNECT\naccept-version:1.2\n", Protocol::Stomp),
        (b"CONNECT\r\naccept-version:1.2\r\n", Protocol::Stomp),
        (b"\n\n\r\nSTOMP\r\nhost:x\r\n", Protocol::Stomp),
        (b"\x16\x03\x01\x02\x00\x01", Protocol::Tls),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Protocol::ProxyV1),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C", Protocol::ProxyV2),
    ] {
        assert_eq!(sniff(bytes), Some(protocol), "{}", bytes.escape_ascii());
        assert_eq!(earliest(bytes).unwrap().1, protocol, "{}", bytes.escape_ascii());
    }
}

#[test]
fn pogu_commands_are_told_within_their_verb() {
    for verb in ["SUB", "UNSUB", "PUB", "AUTH", "PING", "QUIT"] {
        for line in [
            format!("{verb} chat :x\n"),
            format!("{verb}\r\n"),
            format!("\r\n\r\n{verb} GET \n"),
        ] {
            for line in [line.clone(), line.to_lowercase()] {
                let (length, protocol) = earliest(line.as_bytes()).unwrap();
                assert_eq!(protocol, Protocol::Pogu, "{line:?}");
                assert!(
                    length <= line.trim_start().len().min(verb.len()) + 4,
                    "{line:?} after {length}"
                );
            }
        }
    }
}

#[test]
fn what_only_looks_like_another_protocol_is_lines() {
    for bytes in [
        &b"get / HTTP/1.1\r\n"[..],
        b"GET\n",
        b"GET\t/ HTTP/1.1\r\n",
        b"GETS / HTTP/1.1\r\n",
        b"CONNECTED\n",
        b"CONNECT\rX",
        b"STOMP \n",
        b"connect\n",
        b"PRI / HTTP/1.1\r\n",
        b"\nPRI * HTTP/2.0\r\n",
        b"\n\x16\x03\x01",
        b"\x16\x02",
        b"\nPROXY TCP4",
        b"PROXIES",
        b"\r\n\r\n\0\r\nQUIZ",
        b"\0",
        b"\xFF\xFE",
    ] {
        assert_eq!(sniff(bytes), Some(Protocol::Pogu), "{}", bytes.escape_ascii());
    }
}

#[test]
fn lines_of_requests_are_known_and_no_command_is_one() {
    for line in [
        &b"GET / HTTP/1.1"[..],
        b"POST /topics/chat HTTP/1.1",
        b"PUB /topics/chat HTTP/1.0",
        b"brew * HTTP/9",
        b"GET /\xff HTTP/1.1 and more",
        b"Host: localhost:7070",
        b"hOST:",
    ] {
        assert!(is_of_request(line), "{}", line.escape_ascii());
        let is_host = line.len() >= 5 && line[..5].eq_ignore_ascii_case(b"host:");
        assert_eq!(is_request_line(line), !is_host, "{}", line.escape_ascii());
    }
    for line in [
        &b""[..],
        b"PING",
        b"GET /",
        b"SUB chat after=last:1",
        b"PUB chat :GET / HTTP/1.1",
        b"PUB chat :Host: x",
        b"PUB  HTTP/1.1 :x",
        b" / HTTP/1.1",
        b"PUB host: :x",
        b"Hostess: x",
        b"GET / http/1.1",
    ] {
        assert!(!is_of_request(line), "{}", line.escape_ascii());
    }
}

#[test]
fn the_limit_ends_all_doubt() {
    assert_eq!(sniff(&[b'\n'; LIMIT - 1]), None);
    assert_eq!(sniff(&[b'\n'; LIMIT]), Some(Protocol::Pogu));
    let mut late = [b'\n'; LIMIT];
    late[LIMIT - 4..].copy_from_slice(b"GET ");
    assert_eq!(sniff(&late[..LIMIT - 1]), None);
    assert_eq!(sniff(&late), Some(Protocol::Http1));
    let longest = AT_THE_START
        .iter()
        .chain(AFTER_EMPTY_LINES)
        .map(|(signature, _)| signature.len())
        .max();
    assert!(longest.unwrap() < LIMIT);
}

proptest! {
    #[test]
    fn at_the_limit_there_is_an_answer(bytes in prop::collection::vec(any::<u8>(), LIMIT..2 * LIMIT)) {
        prop_assert!(sniff(&bytes).is_some());
    }

    /// Words from the table in any order reach what two signatures share.
    #[test]
    fn an_answer_does_not_change_as_more_arrives(
        words in prop::collection::vec(prop::sample::select(vec![
            "\r\n", "\r", "\n", "\0\r\nQUIT\n", "PR", "I * HTTP/2", ".0", "OXY ", "CONNECT", "STOMP", "UN", "LOCK", "SUB", " ", "P",
        ]), 0..8),
    ) {
        let bytes = words.concat().into_bytes();
        if let Some((length, protocol)) = earliest(&bytes) {
            for more in length..bytes.len().min(LIMIT) {
                prop_assert_eq!(sniff(&bytes[..more]), Some(protocol));
            }
        }
    }
}

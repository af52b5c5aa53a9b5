use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::*;

fn parse(text: &str) -> Config {
    Config::parse(text, "pogu.toml").unwrap()
}

/// The error of `text`, as it is printed.
fn refusal(text: &str) -> String {
    Config::parse(text, "pogu.toml").unwrap_err().to_string()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(refusal(text), expected, "for\n{text}");
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(parse(""), Config::default());
    assert_eq!(Config::load(None).unwrap(), Config::default());
    Config::default().validate().unwrap();
}

#[test]
fn the_default_file_is_the_default() {
    assert_eq!(parse(Config::default_toml()), Config::default());
}

#[test]
fn the_examples_in_the_default_file_are_valid() {
    let config = parse(&with_examples());
    assert_eq!(config.lanes, Some(4));
    assert_eq!(config.listen.len(), 3);
    assert_eq!(config.listen[1].framing(), Framing::Line);
    assert_eq!(config.topics[0].history, 256);
    assert_eq!(config.topics[0].history_age, Duration::from_secs(300));
    assert_eq!(config.topics[0].slow_consumer, Policy::default());
    let (written, default) = (&config.queue_rules()[0], pogu_hub::QueueRule::default());
    assert_eq!(written.messages, default.messages);
    assert_eq!(written.bytes, default.bytes);
    assert_eq!(written.delivery_limit, default.delivery_limit);
}

#[test]
fn the_default_file_has_every_key_and_no_other() {
    let text = with_examples();
    let written: BTreeSet<String> = written_keys(&text);
    let mut known = BTreeSet::new();
    for table in [
        "",
        "limits",
        "cors",
        "websocket",
        "sse",
        "socketio",
        "sockjs",
        "[listen]",
        "[topics]",
        "[queues]",
    ] {
        let header = if table.is_empty() {
            String::new()
        } else {
            format!("[{table}]\n")
        };
        let error = refusal(&format!("{header}qqqqqqqqqqqqqqqqqqqqqqqqqqqqqq = 1"));
        let (_, keys) = error
            .split_once("known here: ")
            .unwrap_or_else(|| panic!("{error}"));
        let table = table.trim_matches(['[', ']']);
        for key in keys.split(", ") {
            known.insert(if table.is_empty() {
                key.to_owned()
            } else {
                format!("{table}.{key}")
            });
        }
    }
    assert!(known.contains("limits.message") && known.contains("listen.reply-topic"));
    assert_eq!(written, known);
}

/// The default file with its commented examples switched on.
fn with_examples() -> String {
    Config::default_toml()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if code.starts_with("[[") || code.contains(" = ") => code,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

fn written_keys(text: &str) -> BTreeSet<String> {
    let table: toml::Table = text.parse().unwrap();
    let mut keys = BTreeSet::new();
    for (name, value) in &table {
        keys.insert(name.clone());
        let inner: Vec<&toml::Table> = match value {
            toml::Value::Table(table) => vec![table],
            toml::Value::Array(entries) => entries.iter().filter_map(|e| e.as_table()).collect(),
            _ => continue,
        };
        keys.extend(
            inner
                .iter()
                .flat_map(|table| table.keys())
                .map(|key| format!("{name}.{key}")),
        );
    }
    keys
}

#[test]
fn every_value_can_be_set() {
    let config = parse(
        r#"
        lanes = 3
        shutdown-timeout = "500ms"
        sniff-timeout = "1s"
        head-timeout = "2m"
        log-format = "json"
        log-level = "trace"
        [[listen]]
        address = "[::1]:80"
        [[listen]]
        address = "udp://example.com:81"
        topic = "a.{port}"
        reply-topic = "b"
        framing = "datagram"
        [limits]
        message = "64KiB"
        mailbox = 65536
        head = "8KiB"
        headers = 32
        connections = 1
        subscriptions = 2
        topics = 3
        history = "2GiB"
        wait = "0s"
        [[topics]]
        pattern = "a.*.>"
        history = 0
        history-age = "1h"
        slow-consumer = "conflate"
        [cors]
        origins = ["https://example.com", "http://[::1]:3000"]
        [websocket]
        compression = false
        ping-interval = "5s"
        pong-timeout = "6s"
        [sse]
        keep-alive = "7s"
        retry = "8s"
        "#,
    );
    assert_eq!(config.lane_count(), 3);
    assert_eq!(config.shutdown_timeout, Duration::from_millis(500));
    assert_eq!(config.head_timeout, Duration::from_secs(120));
    assert_eq!(
        (config.log_format, config.log_level),
        (LogFormat::Json, LogLevel::Trace)
    );
    assert_eq!(config.listen[0].address.to_string(), "[::1]:80");
    assert_eq!(config.listen[1].address.to_string(), "udp://example.com:81");
    assert_eq!(config.limits.message, config.limits.mailbox);
    assert_eq!(config.limits.history, Size::new(2 << 30));
    assert_eq!(config.topics[0].slow_consumer, Policy::Conflate);
    assert!(!config.websocket.compression);
    assert_eq!(config.sse.retry, Duration::from_secs(8));
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_key_that_was_meant() {
    refused(
        "lanes = 2\n\n[limits]\nheaders = 50\n\n[[listen]]\nadress = \"127.0.0.1:1\"\n",
        "pogu.toml:7:1: unknown key \"adress\" in [[listen]]; did you mean \"address\"?",
    );
    refused(
        "  shutdown_timeout = \"1s\"",
        "pogu.toml:1:3: unknown key \"shutdown_timeout\" at the top level; did you mean \"shutdown-timeout\"?",
    );
    refused(
        "[socketio]\npath = \"/topics/io\"",
        "pogu.toml:2:8: socketio.path: \"/topics/io\" is no path of its own; write one as \"/socket.io/\"",
    );
    refused(
        "[limits]\nmesage = 1",
        "pogu.toml:2:1: unknown key \"mesage\" in [limits]; did you mean \"message\"?",
    );
    refused(
        "[sse]\nkeepalive = \"1s\"",
        "pogu.toml:2:1: unknown key \"keepalive\" in [sse]; did you mean \"keep-alive\"?",
    );
    refused(
        "sse = { retry = \"1s\", password = 3 }",
        "pogu.toml:1:23: unknown key \"password\" in [sse]; known here: keep-alive, retry",
    );
    refused(
        "listen = [{ address = \"a:1\" }, { address = \"a:2\", tls = true }]",
        "pogu.toml:1:51: unknown key \"tls\" in [[listen]]; known here: address, topic, reply-topic, framing, protocol",
    );
}

#[test]
fn columns_count_characters() {
    refused(
        "cors = { origins = [\"*\"], \"포구\" = 1, x = 2 }",
        "pogu.toml:1:37: unknown key \"x\" in [cors]; known here: origins",
    );
    refused(
        "cors = { origins = [\"포구\"] }",
        "pogu.toml:1:20: cors.origins: \"포구\" is not an origin; write \"*\" for any, or scheme and host in lower case with no path and no port that the scheme has anyway, as in \"https://example.com\" or \"http://localhost:3000\"",
    );
}

#[test]
fn an_origin_is_as_browsers_write_it() {
    for (origin, is_right) in [
        ("http://a:8080", true),
        ("https://a:80", true),
        ("http://a:80", false),
        ("https://a:443", false),
    ] {
        let read = Config::parse(&format!("cors = {{ origins = [\"{origin}\"] }}"), "pogu.toml");
        assert_eq!(read.is_ok(), is_right, "{origin}");
    }
}

#[test]
fn a_missing_key_is_told() {
    refused(
        "lanes = 1\n[[topics]]\nhistory = 3",
        "pogu.toml:2:1: the key \"pattern\" is missing in [[topics]]",
    );
    refused(
        "listen = [{}]",
        "pogu.toml:1:11: the key \"address\" is missing in [[listen]]",
    );
}

#[test]
fn wrong_types_are_told_with_the_value_and_what_goes_there() {
    refused(
        "lanes = \"four\"",
        "pogu.toml:1:9: lanes: invalid type: string \"four\", expected a whole number",
    );
    refused(
        "[limits]\nmessage = \"1MB\"",
        "pogu.toml:2:11: limits.message: \"1MB\" is not a size such as \"64KiB\" or \"1MiB\", or a whole number of bytes",
    );
    refused(
        "[limits]\nmessage = -1",
        "pogu.toml:2:11: limits.message: invalid value: integer `-1`, expected a size such as \"64KiB\" or \"1MiB\", or a whole number of bytes",
    );
    refused(
        "head-timeout = 10",
        "pogu.toml:1:16: head-timeout: invalid type: integer `10`, expected a duration such as \"500ms\", \"10s\", \"5m\" or \"1h\"",
    );
    refused(
        "[websocket]\ncompression = \"yes\"",
        "pogu.toml:2:15: websocket.compression: invalid type: string \"yes\", expected a boolean",
    );
    refused(
        "log-format = \"jsn\"",
        "pogu.toml:1:14: log-format: \"jsn\" is not known; did you mean \"json\"?",
    );
    refused(
        "[[topics]]\npattern = \"a\"\n[[topics]]\npattern = \"b\"\nslow-consumer = \"wait\"",
        "pogu.toml:5:17: topics[1].slow-consumer: \"wait\" is not known; known here: drop-oldest, drop-newest, conflate, disconnect",
    );
    refused(
        "listen = [\"127.0.0.1:7070\"]",
        "pogu.toml:1:11: listen[0]: invalid type: string \"127.0.0.1:7070\", expected a table: write [[listen]] on a line of its own and address = \"127.0.0.1:7070\" below it",
    );
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let error = refusal("lanes = 1\nlanes = 2");
    assert!(
        error.starts_with("pogu.toml:2:1: ") && error.contains("duplicate key"),
        "{error}"
    );
    let error = refusal("lanes = 1\n[limits\n");
    assert!(error.starts_with("pogu.toml:2:8: "), "{error}");
    // Nothing that is typed may panic or be taken silently.
    let whole = with_examples();
    for end in 0..whole.len() {
        if let Some(part) = whole.get(..end) {
            let _ = Config::parse(part, "pogu.toml");
        }
    }
}

#[test]
fn hostile_nesting_is_refused() {
    let error = refusal(&format!("lanes = {}", "[".repeat(100_000)));
    assert!(error.starts_with("pogu.toml:1:"), "{error}");
}

#[test]
fn values_out_of_range_are_told_with_their_path() {
    refused(
        "lanes = 0",
        "pogu.toml:1:9: lanes: lanes go from 1 to 1024; leave it out for one a core",
    );
    assert!(refusal("lanes = 1025").starts_with("pogu.toml:1:9: lanes: "));
    assert_eq!(parse("lanes = 1024").lane_count(), LANES_MAX);
    refused(
        "listen = []",
        "pogu.toml:1:10: listen: there is nothing to listen on; add a [[listen]] or leave listen out",
    );
    refused(
        "[sse]\nretry = \"0s\"",
        "pogu.toml:2:9: sse.retry: this may not be zero",
    );
    refused(
        "[limits]\nmessage = \"2MiB\"",
        "pogu.toml:1:1: limits.mailbox: the largest message would not fit; write at least limits.message, 2MiB",
    );
    refused(
        "[limits]\nhistory = \"1KiB\"",
        "pogu.toml:2:11: limits.history: the largest message would not fit; write at least limits.message, 1MiB",
    );
    for key in [
        "message",
        "headers",
        "head",
        "connections",
        "subscriptions",
        "topics",
    ] {
        let error = refusal(&format!("[limits]\n{key} = 0"));
        assert!(error.contains(&format!(": limits.{key}: ")), "{error}");
    }
    refused(
        "[[topics]]\npattern = \"a..b\"",
        "pogu.toml:2:11: topics[0].pattern: \"a..b\" is not a pattern: a token is empty at byte 2: every dot stands between two tokens",
    );
}

#[test]
fn impossible_values_are_refused() {
    refused(
        "[[queues]]\npattern = \">\"\nmessages = 0",
        "pogu.toml:3:12: queues[0].messages: a queue that holds nothing takes nothing; write at least 1",
    );
    refused(
        "[[queues]]\npattern = \">\"\ndelivery-limit = 0",
        "pogu.toml:3:18: queues[0].delivery-limit: this may not be zero: a message is delivered once at least",
    );
    refused(
        "[socketio]\nping-timeout = \"1ms\"",
        "pogu.toml:2:16: socketio.ping-timeout: nobody answers in 1ms; write at least 5ms",
    );
    refused(
        "[cors]\norigins = \"*\"",
        "pogu.toml:2:11: cors.origins: origins are a list; write origins = [\"*\"]",
    );
    assert!(refusal("cors.origins = 5").contains("origins are a list of strings"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    refused(
        "lanes = 0\n[sse]\nretry = \"0s\"\n[limits]\ntopics = 0\nconnections = 0",
        "pogu.toml:1:9: lanes: lanes go from 1 to 1024; leave it out for one a core\n\
         pogu.toml:3:9: sse.retry: this may not be zero\n\
         pogu.toml:6:15: limits.connections: this may not be zero\n\
         pogu.toml:5:10: limits.topics: this may not be zero",
    );
}

#[test]
fn names_are_looked_up_and_what_nobody_means_is_told() {
    let known = parse("[[listen]]\naddress = \"localhost:1\"\n[[listen]]\naddress = \"[::1]:2\"");
    known.look_closer().unwrap();
    let unknown = parse("[[listen]]\naddress = \"no.such.name.invalid:1\"");
    let error = unknown.look_closer().unwrap_err().to_string();
    assert!(
        error.starts_with("listen[0].address: \"no.such.name.invalid\" is no address that is known here"),
        "{error}"
    );
    let error = parse("[sockjs]\nresponse-limit = 1").look_closer().unwrap_err();
    assert_eq!(
        error.to_string(),
        "sockjs.response-limit: each message would need a response of its own; write at least 1KiB"
    );
    Config::default().look_closer().unwrap();
}

#[test]
fn values_without_a_file_are_told_without_a_place() {
    let mut config = Config {
        lanes: Some(0),
        ..Config::default()
    };
    let error = config.validate().unwrap_err().to_string();
    assert_eq!(
        error,
        "lanes: lanes go from 1 to 1024; leave it out for one a core"
    );
    config.lanes = Some(1);
    config.validate().unwrap();
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Some(Path::new("/no/such/pogu.toml"))).unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("cannot read the configuration /no/such/pogu.toml: "),
        "{said}"
    );
}

#[test]
fn bound_ports_are_checked_as_a_whole() {
    let listen = |rest: &str| format!("[[listen]]\naddress = \"x:1\"\n[[listen]]\n{rest}");
    refused(
        &listen("address = \"tcp://a:1\"\nframing = \"line\""),
        "pogu.toml:5:11: listen[1].framing: framing is for a port bound to a topic; add topic = \"…\" or leave framing out",
    );
    refused(
        &listen("address = \"tcp://a:1\"\nreply-topic = \"b\""),
        "pogu.toml:5:15: listen[1].reply-topic: reply-topic is for a port bound to a topic; add topic = \"…\" or leave reply-topic out",
    );
    refused(
        &listen("address = \"tcp://a:1\"\ntopic = \"t\"\nprotocol = \"stomp\""),
        "pogu.toml:6:12: listen[1].protocol: a port bound to a topic carries bare messages; leave topic or protocol out",
    );
    refused(
        &listen("address = \"a:1\"\nprotocol = \"stomp\""),
        "pogu.toml:5:12: listen[1].protocol: STOMP is spoken on TCP alone; write address = \"tcp://…\"",
    );
    refused(
        &listen("address = \"tcp://a:1\"\ntopic = \"t\"\nframing = \"datagram\""),
        "pogu.toml:6:11: listen[1].framing: TCP has no datagrams; write framing = \"line\" or \"length\", or address = \"udp://…\"",
    );
    refused(
        &listen("address = \"udp://a:1\"\ntopic = \"t\"\nframing = \"length\""),
        "pogu.toml:6:11: listen[1].framing: on UDP each datagram is a message; write framing = \"datagram\" or leave framing out",
    );
    refused(
        &listen("address = \"tcp://a:1\"\ntopic = \"$sys.{ip}\""),
        "pogu.toml:5:9: listen[1].topic: \"$sys.{ip}\" is reserved: a first token that begins with $ belongs to the server",
    );
    refused(
        &listen("address = \"tcp://a:1\"\ntopic = \"a.{host}\""),
        "pogu.toml:5:9: listen[1].topic: \"a.{host}\" has a placeholder that is not known; {ip} and {port} are",
    );
    refused(
        &listen("address = \"tcp://a:1\"\ntopic = \"a.*\""),
        "pogu.toml:5:9: listen[1].topic: \"a.*\" is not a topic: a topic cannot contain '*' (byte 2)",
    );
}

#[test]
fn a_template_is_refused_when_the_longest_address_would_not_fit() {
    let fits = format!("{}.{{ip}}.{{port}}", "a".repeat(255 - 39 - 5 - 2));
    fits.parse::<TopicTemplate>().unwrap();
    format!("a{fits}").parse::<TopicTemplate>().unwrap_err();
}

#[test]
fn framing_follows_the_transport() {
    let framing = |address: &str| address.parse::<Listen>().unwrap().framing();
    assert_eq!(framing("a:1"), Framing::Line);
    assert_eq!(framing("tcp://a:1"), Framing::Line);
    assert_eq!(framing("udp://a:1"), Framing::Datagram);
}

#[test]
fn one_port_is_listened_on_once() {
    let two = |a: &str, b: &str| format!("listen = [{{ address = \"{a}\" }}, {{ address = \"{b}\" }}]");
    refused(
        &two("a:1", "udp://a:1"),
        "pogu.toml:1:44: listen[1].address: udp://a:1 is within listen[0] already",
    );
    parse(&two("tcp://a:1", "udp://a:1"));
    parse(&two("a:1", "b:1"));
    parse(&two("a:0", "a:0"));
    for (one, other) in [
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("127.0.0.1:1", "0.0.0.0:1"),
        ("[::]:1", "127.0.0.1:1"),
        ("[::]:1", "0.0.0.0:1"),
        ("[::]:1", "tcp://[::1]:1"),
        ("[0:0::1]:1", "[::1]:1"),
        ("localhost:1", "127.0.0.1:1"),
    ] {
        assert!(
            refusal(&two(one, other)).contains("is within listen[0]"),
            "{one} {other}"
        );
    }
    parse(&two("0.0.0.0:1", "[::1]:1"));
    parse(&two("127.0.0.1:1", "127.0.0.2:1"));
    parse(&two("0.0.0.0:1", "127.0.0.1:2"));
}

#[test]
fn addresses_are_read_and_written() {
    for text in [
        "127.0.0.1:7070",
        "tcp://0.0.0.0:0",
        "udp://[::1]:65535",
        "localhost:1",
        "tcp://my-host.example:2",
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    let wrong = [
        ("7070", "write host:port"),
        ("127.0.0.1", "write host:port"),
        (":7070", "write 0.0.0.0 before the port for every interface"),
        ("a:", "the port is a number"),
        ("a:65536", "the port is a number"),
        ("a:80/x", "the port is a number"),
        ("::1:7070", "an IPv6 address goes into brackets"),
        ("[a]:1", "only an IPv6 address goes into brackets"),
        ("http://a:1", "write \"a:1\" for both"),
        ("a b:1", "the host is a name or an IP address"),
        ("*:1", "the host is a name or an IP address"),
    ];
    for (text, why) in wrong {
        let said = text.parse::<Address>().unwrap_err();
        assert!(
            said.contains(why) && said.contains(&format!("{text:?}")),
            "{said}"
        );
    }
}

#[test]
fn addresses_resolve() {
    let resolve = |text: &str| text.parse::<Address>().unwrap().resolve();
    assert_eq!(resolve("127.0.0.1:7").unwrap(), "127.0.0.1:7".parse().unwrap());
    assert_eq!(resolve("udp://[::1]:7").unwrap(), "[::1]:7".parse().unwrap());
    assert!(resolve("localhost:7").unwrap().ip().is_loopback());
}

#[test]
fn a_template_is_filled_with_the_client_as_one_token() {
    let filled = |client: &str| {
        let template: TopicTemplate = "telemetry.{ip}.{port}".parse().unwrap();
        template.fill(client.parse::<SocketAddr>().unwrap())
    };
    assert_eq!(filled("192.0.2.7:5"), "telemetry.192-0-2-7.5");
    assert_eq!(filled("[::ffff:192.0.2.7]:5"), "telemetry.192-0-2-7.5");
    assert_eq!(filled("[2001:db8::1]:65535"), "telemetry.2001-db8--1.65535");
}

#[test]
fn sizes_are_read() {
    for (text, bytes) in [
        ("0", 0),
        ("7", 7),
        ("7B", 7),
        ("64KiB", 65536),
        ("1MiB", 1 << 20),
        ("3GiB", 3 << 30),
    ] {
        assert_eq!(text.parse(), Ok(Size::new(bytes)));
    }
    for text in [
        "",
        "KiB",
        "1 KiB",
        "1kib",
        "1.5MiB",
        "-1",
        "1TiB",
        "99999999999999999999",
        "18446744073709551615KiB",
    ] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
    for (bytes, text) in [
        (0, "0B"),
        (1000, "1000B"),
        (1 << 10, "1KiB"),
        (3 << 20, "3MiB"),
        (1 << 31, "2GiB"),
    ] {
        assert_eq!(Size::new(bytes).to_string(), text);
    }
}

#[test]
fn durations_are_read() {
    for (text, millis) in [
        ("0ms", 0),
        ("500ms", 500),
        ("10s", 10_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
    }
    for text in [
        "",
        "10",
        "s",
        "1.5s",
        "-1s",
        "1d",
        "1m30s",
        "18446744073709551615h",
    ] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}

#[test]
fn words_are_read_for_flags() {
    assert_eq!("json".parse(), Ok(LogFormat::Json));
    assert_eq!("warn".parse(), Ok(LogLevel::Warn));
    assert_eq!(
        "WARN".parse::<LogLevel>(),
        Err("\"WARN\" is not error, warn, info, debug or trace".to_owned())
    );
    for level in [
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ] {
        assert_eq!(level.as_str().parse(), Ok(level));
    }
}

#[test]
fn origins_are_checked() {
    for wrong in [
        "example.com",
        "https://Example.com",
        "https://a.example/",
        "null",
        "",
        "://a",
        "https://",
    ] {
        assert!(
            refusal(&format!("cors.origins = [{wrong:?}]")).contains("is not an origin"),
            "{wrong}"
        );
    }
}

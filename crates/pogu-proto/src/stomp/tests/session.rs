use super::*;
use crate::cuts::every_cut;

/// What a server of `version` hears, however it is cut.
fn check(version: Version, stream: &str, expect: &[&str]) {
    every_cut(&wire(stream), |pieces| {
        let mut side = Side::connected(version);
        let (heard, violation) = side.hear(Time(0), pieces);
        assert_eq!(violation, None, "{stream}");
        assert_eq!(heard, expect, "{stream}");
        assert_eq!(shown(&side.out), "", "{stream}");
        assert!(side.server.is_between_frames());
    });
}

/// What a server hears of a client that connects, and what it answers.
fn check_connect(connect: &str, expect: &str, answer: &str) {
    every_cut(&wire(connect), |pieces| {
        let mut side = Side::new();
        let (heard, violation) = side.hear(Time(0), pieces);
        assert_eq!((heard, violation), (vec![expect.to_owned()], None), "{connect}");
        assert_eq!(shown(&side.out), answer, "{connect}");
        assert!(side.server.is_connected());
    });
}

#[test]
fn clients_connect() {
    // As the specifications have it.
    check_connect(
        "CONNECT\nlogin: <username>\npasscode:<passcode>\n\n^@",
        "connect version=1.0 login=<username> passcode=<passcode> heart-beat=0,0",
        "CONNECTED\nversion:1.0\nsession:s-1\nserver:pogu/1\n\n^@",
    );
    check_connect(
        "CONNECT\naccept-version:1.0,1.1,2.0\nhost:stomp.github.org\n\n^@",
        "connect version=1.1 host=stomp.github.org heart-beat=0,0",
        "CONNECTED\nversion:1.1\nheart-beat:10000,10000\nsession:s-1\nserver:pogu/1\n\n^@",
    );
    check_connect(
        "STOMP\r\naccept-version:1.2\r\nhost:stomp.github.org\r\n\r\n^@",
        "connect version=1.2 host=stomp.github.org heart-beat=0,0",
        "CONNECTED\nversion:1.2\nheart-beat:10000,10000\nsession:s-1\nserver:pogu/1\n\n^@",
    );
    let answer = "CONNECTED\nversion:1.2\nheart-beat:10000,10000\nsession:s-1\nserver:pogu/1\n\n^@";
    // As stompjs does, without a host.
    check_connect(
        "CONNECT\nlogin:guest\npasscode:guest\naccept-version:1.2,1.1,1.0\nheart-beat:10000,10000\n\n^@",
        "connect version=1.2 login=guest passcode=guest heart-beat=10000,10000",
        answer,
    );
    // As stomp.py does, which escapes what STOMP says.
    check_connect(
        "STOMP\naccept-version:1.2\nclient-id:d-1\nheart-beat:0,0\nhost:localhost\nlogin:a\\cb\npasscode:\\\\x\\cy\nx-token:\\tt\n\n^@\n",
        "connect version=1.2 login=a:b passcode=\\x:y host=localhost client-id=d-1 heart-beat=0,0 rest=x-token:\\tt",
        answer,
    );
    // Nothing is escaped in CONNECT.
    check_connect(
        "CONNECT\naccept-version:1.2\npasscode: a:b\\c\\t \n\n^@",
        "connect version=1.2 passcode= a:b\\c\\t  heart-beat=0,0",
        answer,
    );
    check_connect(
        "\n\r\n^@CONNECT\naccept-version: 1.2 , 1.1\nheart-beat: 5 , 99999999999\ncontent-length:0\n\n^@",
        "connect version=1.2 heart-beat=5,4294967295",
        answer,
    );
    // As it is typed, with a line end too many.
    check_connect(
        "CONNECT\naccept-version:1.2\nhost:h\n\n\n^@\n",
        "connect version=1.2 host=h heart-beat=0,0",
        answer,
    );
    // In 1.0 there are no heart-beats, whatever a client says.
    check_connect(
        "CONNECT\naccept-version:1.0\nheart-beat:what\n\n^@",
        "connect version=1.0 heart-beat=0,0",
        "CONNECTED\nversion:1.0\nsession:s-1\nserver:pogu/1\n\n^@",
    );
}

#[test]
fn what_clients_say_in_1_0() {
    let version = Version::V1_0;
    check(
        version,
        "SEND\ndestination:/queue/a\n\nhello queue a\n^@",
        &["send destination=/queue/a body=hello queue a\\n"],
    );
    check(
        version,
        "SUBSCRIBE\ndestination: /queue/foo\nack: client\n\nthis is ignored^@",
        &["subscribe destination=/queue/foo ack=client"],
    );
    check(
        version,
        "SUBSCRIBE\ndestination:/queue/foo\nid:7\n\n^@UNSUBSCRIBE\ndestination: /queue/a\n\n^@UNSUBSCRIBE\nid: 7\n\n^@",
        &[
            "subscribe id=7 destination=/queue/foo ack=auto",
            "unsubscribe destination=/queue/a",
            "unsubscribe id=7",
        ],
    );
    check(
        version,
        "BEGIN\ntransaction: <id>\n\n^@ACK\nmessage-id: <m>\ntransaction: <id>\n\n^@COMMIT\ntransaction: <id>\n\n^@ABORT\ntransaction: <id>\n\n^@",
        &[
            "begin transaction=<id>",
            "ack id=<m> transaction=<id>",
            "commit transaction=<id>",
            "abort transaction=<id>",
        ],
    );
    check(
        version,
        "SEND\ndestination:/queue/a\nreceipt:message-12345\n\nHello a!^@",
        &["send destination=/queue/a receipt=message-12345 body=Hello a!"],
    );
    check(
        version,
        "SEND\ndestination:a\nback:\\c\\t\n\n^@DISCONNECT\n\n^@",
        &["send destination=a rest=back:\\c\\t body=", "disconnect"],
    );
}

#[test]
fn what_clients_say_in_1_1() {
    let version = Version::V1_1;
    check(
        version,
        "SUBSCRIBE\nid:0\ndestination:/queue/foo\nack:client-individual\n\n^@",
        &["subscribe id=0 destination=/queue/foo ack=client-individual"],
    );
    check(
        version,
        "ACK\nsubscription:0\nmessage-id:007\ntransaction:tx1\n\n^@NACK\nsubscription:0\nmessage-id:008\nreceipt:r\n\n^@",
        &[
            "ack id=007 subscription=0 transaction=tx1",
            "nack id=008 subscription=0 receipt=r",
        ],
    );
    check(
        version,
        "SEND\ndestination:a\\cb\ncontent-type:text/plain\nx:a\\nb:c\n\n^@",
        &["send destination=a:b content-type=text/plain rest=x:a\nb:c body="],
    );
}

#[test]
fn what_clients_say_in_1_2() {
    let version = Version::V1_2;
    check(
        version,
        "SUBSCRIBE\nid:0\ndestination:/queue/foo\nack:client\nselector:a = 'b'\nprefetch-count:1\n\n^@",
        &["subscribe id=0 destination=/queue/foo ack=client rest=selector:a = 'b', prefetch-count:1"],
    );
    check(
        version,
        "UNSUBSCRIBE\nid:0\ndestination:x\nreceipt:77\ndurable:true\n\n^@",
        &["unsubscribe id=0 destination=x receipt=77 rest=durable:true"],
    );
    check(
        version,
        "ACK\nid:12345\ntransaction:tx1\n\n^@NACK\nid:12346\nrequeue:false\n\n^@",
        &["ack id=12345 transaction=tx1", "nack id=12346 rest=requeue:false"],
    );
    check(
        version,
        "BEGIN\ntransaction:tx1\nreceipt:1\n\n^@COMMIT\ntransaction:tx1\nreceipt:2\n\n^@ABORT\ntransaction:tx1\nreceipt:3\n\n^@",
        &[
            "begin transaction=tx1 receipt=1",
            "commit transaction=tx1 receipt=2",
            "abort transaction=tx1 receipt=3",
        ],
    );
    // As stompjs writes them.
    check(
        version,
        "SUBSCRIBE\nid:sub-0\ndestination:/topic/chat\n\n^@\
         SEND\ndestination:/topic/chat\ncontent-length:5\n\nhello^@\n\
         SEND\ndestination:/topic/chat\npriority:9\ncontent-type:application/json\ncontent-length:12\n\n{\"a\":\"b\u{fc}\"}\n^@\n\
         ACK\nid:a-1\nsubscription:sub-0\n\n^@\
         UNSUBSCRIBE\nid:sub-0\n\n^@\
         DISCONNECT\nreceipt:close-1\n\n^@",
        &[
            "subscribe id=sub-0 destination=/topic/chat ack=auto",
            "send destination=/topic/chat body=hello",
            "send destination=/topic/chat content-type=application/json rest=priority:9 body={\\\"a\\\":\\\"b\\xc3\\xbc\\\"}\\n",
            "ack id=a-1 subscription=sub-0",
            "unsubscribe id=sub-0",
            "disconnect receipt=close-1",
        ],
    );
    // As stomp.py writes them, headers in the order of their names.
    check(
        version,
        "SUBSCRIBE\nack:auto\ndestination:/queue/test\nid:1\n\n^@\
         SEND\ncontent-length:14\ncorrelation-id:c\\c1\ndestination:/queue/test\nreceipt:r\n\nthis is a test^@\
         DISCONNECT\nreceipt:0d1f\n\n^@",
        &[
            "subscribe id=1 destination=/queue/test ack=auto",
            "send destination=/queue/test receipt=r rest=correlation-id:c:1 body=this is a test",
            "disconnect receipt=0d1f",
        ],
    );
    // The first of a name counts, and none of them is passed on.
    check(
        version,
        "SEND\ndestination:a\ndestination:b\nfoo:1\nreceipt:r\nfoo:2\nreceipt:s\n\n^@",
        &["send destination=a receipt=r rest=foo:1, foo:2 body="],
    );
    check(
        version,
        "SEND\r\ndestination:\r\n\r\n\r\n^@\r\n",
        &["send destination= body=\\r\\n"],
    );
    check(
        version,
        "SEND\ndestination:a\ncontent-length:3\n\n\0\n\0^@",
        &["send destination=a body=\\x00\\n\\x00"],
    );
}

#[test]
fn nothing_is_read_after_disconnect() {
    let mut side = Side::connected(Version::V1_2);
    let (heard, violation) = side.hear(
        Time(0),
        &[
            &wire("DISCONNECT\nreceipt:77\n\n^@SEND\ndestination:a\n\nb^@"),
            &wire("nonsense^@"),
        ],
    );
    assert_eq!(
        (heard, violation),
        (vec!["disconnect receipt=77".to_owned()], None)
    );
    assert!(side.server.is_ended() && !side.server.is_connected());
    assert_eq!(side.server.version(), Version::V1_2);
    receipt("77", &[], side.server.version(), &mut side.out);
    assert_eq!(shown(&side.out), "RECEIPT\nreceipt-id:77\n\n^@");
    assert_eq!(side.server.deadline(&LIMITS), None);
}

#[test]
fn what_follows_connect_waits_for_its_answer() {
    let mut server = Server::new(Time(0));
    let mut out = Vec::new();
    let mut bytes = wire("CONNECT\naccept-version:1.2\n\n^@DISCONNECT\n\n^@");
    let mut input = Reader::new(&mut bytes);
    assert!(matches!(
        server.next(Time(0), &LIMITS, &mut input, &mut out),
        Ok(Some(Event::Connect(_)))
    ));
    assert!(
        server
            .next(Time(0), &LIMITS, &mut input, &mut out)
            .unwrap()
            .is_none()
    );
    assert!(!input.is_empty() && !server.is_connected() && out.is_empty());
    assert_eq!(server.deadline(&LIMITS), None);
    let accepted = Accepted {
        session: "s",
        server: "p",
        heart_beat: HeartBeat::default(),
    };
    server.accept(Time(0), &accepted, &mut out);
    let length = out.len();
    assert!(length > 0 && server.is_connected());
    server.accept(Time(0), &accepted, &mut out);
    assert_eq!(out.len(), length);
    assert!(matches!(
        server.next(Time(0), &LIMITS, &mut input, &mut out),
        Ok(Some(Event::Disconnect { .. }))
    ));
}

#[test]
fn a_refusal_ends_the_session() {
    let mut server = Server::new(Time(0));
    let mut out = Vec::new();
    let mut bytes = wire("CONNECT\naccept-version:1.2\npasscode:wrong\n\n^@DISCONNECT\n\n^@");
    let mut input = Reader::new(&mut bytes);
    let event = server.next(Time(0), &LIMITS, &mut input, &mut out).unwrap();
    assert!(event.is_some());
    let failure = Failure {
        message: "not authenticated: no such user",
        detail: "login and passcode are not known here",
        receipt: None,
    };
    server.fail(failure, &mut out);
    server.fail(failure, &mut out);
    assert_eq!(
        shown(&out),
        "ERROR\nmessage:not authenticated\\c no such user\ncontent-type:text/plain\ncontent-length:37\n\nlogin and passcode are not known here^@"
    );
    assert!(server.is_ended());
    assert!(
        server
            .next(Time(0), &LIMITS, &mut input, &mut out)
            .unwrap()
            .is_none()
    );
    assert!(input.is_empty());
}

#[test]
fn memory_is_given_back_when_nothing_waits() {
    for last in ["SEND\ndestination:a\n\nb^@", "DISCONNECT\n\n^@"] {
        let mut side = Side::connected(Version::V1_2);
        let bytes = wire(last);
        side.hear(Time(0), &[&bytes[..3]]);
        assert!(!side.server.is_between_frames());
        side.hear(Time(0), &[&bytes[3..]]);
        assert!(format!("{:?}", side.server).contains("Kept(None)"), "{last}");
    }
}

#[test]
fn a_passcode_is_not_shown() {
    let mut server = Server::new(Time(0));
    let mut bytes = wire("CONNECT\nlogin:me\npasscode:secret\n\n^@");
    let mut input = Reader::new(&mut bytes);
    let event = server.next(Time(0), &LIMITS, &mut input, &mut Vec::new());
    let shown = format!("{:?}", event.unwrap().unwrap());
    assert!(shown.contains("me") && !shown.contains("secret"));
}

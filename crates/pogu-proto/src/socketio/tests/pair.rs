//! A client and a server that say the same to each other.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Connect(usize),
    Disconnect(usize),
    /// The server ends it.
    Leave(usize),
    ClientSays(usize, bool, Vec<Vec<u8>>),
    ServerSays(usize, bool, Vec<Vec<u8>>),
}

const NAMES: [&str; 3] = ["/", "/a", "/b"];

fn step() -> impl Strategy<Value = Step> {
    let binary = || proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..3);
    prop_oneof![
        (0..3_usize).prop_map(Step::Connect),
        (0..3_usize).prop_map(Step::Disconnect),
        (0..3_usize).prop_map(Step::Leave),
        (0..3_usize, any::<bool>(), binary())
            .prop_map(|(at, wants, binary)| Step::ClientSays(at, wants, binary)),
        (0..3_usize, any::<bool>(), binary())
            .prop_map(|(at, wants, binary)| Step::ServerSays(at, wants, binary)),
    ]
}

/// A packet and its binary messages.
type Said = (String, Vec<Vec<u8>>);

struct Pair {
    client: Client,
    server: Session,
    /// Those that the server has joined.
    ids: [Option<NamespaceId>; 3],
    to_server: Vec<Said>,
    to_client: Vec<Said>,
    events: usize,
    acks: usize,
}

impl Pair {
    /// Everything arrives, and what answers it.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.server_hears();
            self.client_hears();
        }
    }

    fn server_hears(&mut self) {
        for (text, binary) in std::mem::take(&mut self.to_server) {
            let parts =
                std::iter::once(Data::Text(&text)).chain(binary.iter().map(|bytes| Data::Binary(bytes)));
            for data in parts {
                let mut answer = Vec::new();
                match self.server.receive(data).unwrap() {
                    Some(Event::Connect { namespace, name, .. }) => {
                        let at = NAMES.iter().position(|other| *other == name).unwrap();
                        self.ids[at] = Some(namespace);
                        self.server.accept(namespace, "s", Some("p"), &mut answer);
                    }
                    Some(Event::Event { id, name, args, .. }) => {
                        assert_eq!((&*name, args.iter().count()), ("from client", binary.len() + 1));
                        self.events += 1;
                        if let Some(id) = id {
                            let args: Vec<_> = args.iter().collect();
                            ack(namespace_of(&text), id, &args, &mut answer);
                        }
                    }
                    Some(Event::Ack { args, .. }) => {
                        assert_eq!(args.raw(), "true");
                        self.acks += 1;
                    }
                    Some(Event::Disconnect { namespace }) => {
                        let place = self.ids.iter_mut().find(|id| **id == Some(namespace));
                        *place.expect("it was joined") = None;
                    }
                    None => {}
                }
                if !answer.is_empty() {
                    let text = String::from_utf8(answer).unwrap();
                    let is_ack = text.starts_with('3') || text.starts_with('6');
                    self.to_client
                        .push((text, if is_ack { binary.clone() } else { vec![] }));
                }
            }
        }
    }

    fn client_hears(&mut self) {
        for (text, binary) in std::mem::take(&mut self.to_client) {
            let parts =
                std::iter::once(Data::Text(&text)).chain(binary.iter().map(|bytes| Data::Binary(bytes)));
            for data in parts {
                match self.client.receive(data).unwrap() {
                    Some(ClientEvent::Event {
                        namespace,
                        id,
                        name,
                        args,
                    }) => {
                        assert_eq!((&*name, args.iter().count()), ("from server", binary.len()));
                        self.events += 1;
                        if let Some(id) = id {
                            let answer = written(|out| ack(namespace, id, &[Arg::Json("true")], out));
                            self.to_server.push((answer, vec![]));
                        }
                    }
                    Some(ClientEvent::Ack { args, .. }) => {
                        assert_eq!(args.iter().count(), binary.len() + 1);
                        self.acks += 1;
                    }
                    Some(ClientEvent::Refused { .. }) => panic!("nothing is refused"),
                    Some(ClientEvent::Connected { .. } | ClientEvent::Disconnected { .. }) | None => {}
                }
            }
        }
    }
}

fn namespace_of(text: &str) -> &'static str {
    let named = NAMES[1..].iter().find(|name| text.contains(&format!("{name},")));
    named.copied().unwrap_or("/")
}

/// A JSON argument, perhaps, and binary ones.
fn args<'a>(json: Option<&'a str>, binary: &'a [Vec<u8>]) -> Vec<Arg<'a>> {
    let binary = binary.iter().map(|bytes| Arg::Binary(bytes));
    json.map(Arg::Json).into_iter().chain(binary).collect()
}

proptest! {
    #[test]
    fn they_understand_each_other(steps in proptest::collection::vec((step(), any::<bool>()), 0..40)) {
        let mut pair = Pair {
            client: Client::new(Arc::new(Limits::default())),
            server: session(Version::V4),
            ids: [None; 3],
            to_server: vec![],
            to_client: vec![],
            events: 0,
            acks: 0,
        };
        let (mut events, mut wanted) = (0, 0);
        for (step, settle) in steps {
            match step {
                Step::Connect(at) => {
                    let mut out = Vec::new();
                    if pair.client.connect(NAMES[at], None, None, &mut out) {
                        pair.to_server.push((String::from_utf8(out).unwrap(), vec![]));
                    }
                }
                // What is on its way to who has left is for nobody: first everything arrives.
                Step::Disconnect(at) if pair.client.is_joined(NAMES[at]) => {
                    pair.settle();
                    let text = written(|out| pair.client.disconnect(NAMES[at], out));
                    pair.to_server.push((text, vec![]));
                    pair.settle();
                }
                Step::Leave(at) if pair.ids[at].is_some() => {
                    pair.settle();
                    let namespace = pair.ids[at].take().unwrap();
                    let text = written(|out| pair.server.leave(namespace, out));
                    pair.to_client.push((text, vec![]));
                    pair.settle();
                }
                Step::ClientSays(at, wants, binary) if pair.client.is_joined(NAMES[at]) => {
                    let id = if wants { pair.client.next_id(NAMES[at]) } else { None };
                    let all = args(Some("1"), &binary);
                    let text = written(|out| event(NAMES[at], id, "from client", &all, out));
                    pair.to_server.push((text, binary));
                    (events, wanted) = (events + 1, wanted + usize::from(wants));
                }
                Step::ServerSays(at, wants, binary) if pair.ids[at].is_some() => {
                    let namespace = pair.ids[at].unwrap();
                    let id = if wants { pair.server.next_id(namespace) } else { None };
                    let all = args(None, &binary);
                    let text = written(|out| event(NAMES[at], id, "from server", &all, out));
                    pair.to_client.push((text, binary));
                    (events, wanted) = (events + 1, wanted + usize::from(wants));
                }
                _ => {}
            }
            if settle {
                pair.server_hears();
                pair.client_hears();
            }
        }
        pair.settle();
        prop_assert_eq!((pair.events, pair.acks), (events, wanted));
    }
}

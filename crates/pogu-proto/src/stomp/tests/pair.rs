//! A client and a server that talk to each other.

use super::*;

const LIMITS: ServerLimits = ServerLimits {
    before_connect: Limits::BEFORE_CONNECT,
    frame: Limits {
        command: 32,
        headers: 100,
        header: 1024,
        head: 4096,
        body: 4096,
    },
    connect_timeout: 10_000,
};

struct Pair {
    now: Time,
    client: Client,
    server: Server,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
}

impl Pair {
    fn new(client: HeartBeat) -> Self {
        let mut to_server = Vec::new();
        let offer = Offer {
            host: "localhost",
            login: Some("guest"),
            passcode: Some("a:b\\c"),
            client_id: None,
            heart_beat: client,
        };
        Self {
            now: Time(0),
            client: Client::connect(Time(0), &offer, &mut to_server),
            server: Server::new(Time(0)),
            to_client: Vec::new(),
            to_server,
        }
    }

    /// What the server hears of all that was sent.
    fn server_hears(&mut self) -> Vec<String> {
        let mut bytes = std::mem::take(&mut self.to_server);
        let mut input = Reader::new(&mut bytes);
        let mut heard = Vec::new();
        while let Some(event) = self
            .server
            .next(self.now, &LIMITS, &mut input, &mut self.to_client)
            .unwrap()
        {
            let is_connect = matches!(event, Event::Connect(_));
            heard.push(format!("{event:?}"));
            if let Event::Connect(connect) = event {
                assert_eq!(connect.passcode.as_deref(), Some("a:b\\c"));
            }
            if is_connect {
                let accepted = Accepted {
                    session: "s1",
                    server: "pogu/1",
                    heart_beat: HeartBeat {
                        send: 1000,
                        receive: 1000,
                    },
                };
                self.server.accept(self.now, &accepted, &mut self.to_client);
            }
        }
        heard
    }

    fn client_hears(&mut self) -> Vec<String> {
        let mut bytes = std::mem::take(&mut self.to_client);
        let mut input = Reader::new(&mut bytes);
        let mut heard = Vec::new();
        while let Some(told) = self.client.next(self.now, &LIMITS.frame, &mut input).unwrap() {
            heard.push(format!("{told:?}"));
        }
        heard
    }
}

#[test]
fn a_conversation() {
    let mut pair = Pair::new(HeartBeat::default());
    assert_eq!(pair.server_hears().len(), 1);
    assert_eq!(pair.client_hears().len(), 1);
    assert_eq!(
        (pair.client.version(), pair.server.version()),
        (Version::V1_2, Version::V1_2)
    );
}

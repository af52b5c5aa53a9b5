//! Sessions on several lanes: requests find them, and messages keep their order.

use std::thread;

use super::client::{Session, SockJs};
use super::transport::Transport;
use super::{echo, serve};
use crate::server::Lines;

const LANES: &str = "lanes = 4\n[sockjs]\nresponse-limit = 700\n";
const MESSAGES: usize = 300;

#[test]
fn requests_on_all_lanes_find_their_session() {
    let server = serve(LANES, &[("/echo", echo())]);
    let sessions: Vec<Session> = (0..24).map(|_| Session::new(&server, "/echo")).collect();
    // So that connections are spread over the lanes.
    let _idle: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for session in &sessions {
        session.open();
    }
    for round in 0..3 {
        for (number, session) in sessions.iter().enumerate() {
            session.send(&format!("[\"{round}\",\"{number}\"]"));
        }
        for (number, session) in sessions.iter().enumerate() {
            assert_eq!(session.poll(), format!("a[\"{round}\",\"{number}\"]\n"));
        }
    }
    let lanes = (0..4).filter(|lane| {
        let lane = format!("lane=\"{lane}\"");
        server.metric(&["pogu_lane_turn_seconds_count", &lane]) > 0
    });
    assert_eq!(lanes.count(), 4);
}

#[test]
fn hundreds_of_responses_lose_and_double_nothing() {
    let server = serve(LANES, &[]);
    let readers: Vec<_> = Transport::ALL
        .into_iter()
        .map(|transport| {
            let mut client = SockJs::open(&server, "/topics/a", transport);
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    assert_eq!(client.hear(), number.to_string(), "{transport:?}");
                }
            })
        })
        .collect();
    let mut publisher = Lines::new(&server);
    for number in 0..MESSAGES {
        publisher.ask(&format!("PUB a :{number}"), "OK");
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn what_is_sent_by_one_post_after_the_other_keeps_its_order() {
    let server = serve(LANES, &[("/echo", echo())]);
    for transport in Transport::ALL {
        let mut client = SockJs::open(&server, "/echo", transport);
        let sender = (transport != Transport::WebSocket).then(|| {
            let session = client.session.clone();
            thread::spawn(move || {
                for number in 0..MESSAGES / 3 {
                    session.send(&format!("[\"{number}\",\"and\"]"));
                }
            })
        });
        for number in 0..MESSAGES / 3 {
            if sender.is_none() {
                client.say_all([&*number.to_string(), "and"]);
            }
            assert_eq!(client.hear(), number.to_string(), "{transport:?}");
            assert_eq!(client.hear(), "and");
        }
        sender.into_iter().for_each(|sender| sender.join().unwrap());
    }
}

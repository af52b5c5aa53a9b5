//! Bodies of requests that are on their way, and what they may hold together.

use crate::server::{Answer, Http, Running};

/// Begins to post a message of so many bytes, all but the last.
fn begin(server: &Running, bytes: usize) -> Http {
    let mut http = Http::new(server.connect());
    http.raw(format!("POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: {bytes}\r\n\r\n").as_bytes());
    http.raw(&vec![b'x'; bytes - 1]);
    http
}

fn publish(server: &Running, bytes: usize) -> Answer {
    server.ask("POST /topics/a HTTP/1.1", &vec![b'x'; bytes])
}

#[test]
fn all_together_hold_as_much_as_the_limit() {
    let server = Running::with("[limits]\nmessage = \"32KiB\"\nhead = \"8KiB\"\nbodies = \"80KiB\"\n");
    let mut begun = [begin(&server, 32 << 10), begin(&server, 32 << 10)];
    server.await_metric(&["pogu_request_body_bytes "], 2 * ((32 << 10) - 1));
    let refused = publish(&server, 20 << 10);
    let problem = refused.problem(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("limits.bodies"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(
        publish(&server, 1 << 10).status,
        200,
        "there is room for a small one"
    );
    for http in &mut begun {
        http.raw(b"x");
        assert_eq!(http.answer().status, 200);
    }
    assert_eq!(publish(&server, 20 << 10).status, 200);
    server.await_metric(&["pogu_request_body_bytes "], 0);
}

#[test]
fn what_cannot_be_done_is_refused_before_its_body_is_read() {
    let server = Running::with("[cors]\norigins = [\"https://good.example\"]\n");
    let sid = "A".repeat(24);
    for (target, status) in [
        (format!("/socket.io/?EIO=4&transport=polling&sid={sid}"), 400),
        ("/pogu/000/nobody/xhr_send".to_owned(), 404),
        ("/pogu/000/nobody/jsonp_send".to_owned(), 404),
        ("/topics/a..b".to_owned(), 400),
        ("/healthz".to_owned(), 405),
        ("/nowhere".to_owned(), 404),
    ] {
        let mut http = Http::new(server.connect());
        http.raw(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").as_bytes());
        assert_eq!(http.answer().status, status, "{target}");
    }
    let mut http = Http::new(server.connect());
    http.raw(b"POST /topics/a HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\nContent-Length: 100000\r\n\r\n");
    http.answer().problem(403, "bad-origin");
}

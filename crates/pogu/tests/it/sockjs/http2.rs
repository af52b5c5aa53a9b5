//! HTTP/2: every transport but the WebSocket, on streams of one connection.

use std::collections::VecDeque;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::client::BUSY;
use super::transport::{Frame, Transport};
use super::{echo, serve};
use crate::http2::{Client, WINDOW, with_client};

async fn ask(client: &mut Client, method: &str, target: &str, body: String) -> Response<Incoming> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://test{target}"))
        .body(Full::from(Bytes::from(body)))
        .unwrap();
    client.ready().await.unwrap();
    client.send_request(request).await.unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// A session's responses, one after another.
struct Receiver {
    client: Client,
    transport: Transport,
    url: String,
    body: Option<Incoming>,
    waiting: VecDeque<String>,
}

impl Receiver {
    fn new(client: &Client, transport: Transport, name: &str) -> Receiver {
        Receiver {
            client: client.clone(),
            transport,
            url: format!("/echo/000/{name}"),
            body: None,
            waiting: VecDeque::new(),
        }
    }

    async fn ask(&mut self) -> Response<Incoming> {
        let method = self.transport.method();
        let target = format!("{}/{}?c=f", self.url, self.transport.name());
        let response = ask(&mut self.client, method, &target, String::new()).await;
        assert_eq!(response.status(), 200);
        for header in ["connection", "transfer-encoding"] {
            assert!(!response.headers().contains_key(header), "{header}");
        }
        assert_eq!(response.headers()["cache-control"], super::fixed::NO_STORE);
        response
    }

    async fn frame(&mut self) -> Frame {
        let transport = self.transport;
        if transport.is_poll() {
            let text = text(self.ask().await).await;
            return Frame::read(&transport.unwrap(&text));
        }
        loop {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let mut body = self.ask().await.into_body();
                    body.frame().await.expect("a prelude").unwrap();
                    self.body.insert(body)
                }
            };
            match body.frame().await {
                Some(frame) => {
                    let bytes = frame.unwrap().into_data().unwrap();
                    // That which ends a stream may be empty.
                    if bytes.is_empty() {
                        continue;
                    }
                    let text = std::str::from_utf8(&bytes).unwrap();
                    return Frame::read(&transport.unwrap(text));
                }
                None => self.body = None,
            }
        }
    }

    async fn hear(&mut self) -> String {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return message;
            }
            match self.frame().await {
                Frame::Messages(messages) => self.waiting.extend(messages),
                other => panic!("{other:?} in place of messages"),
            }
        }
    }

    async fn send(&mut self, body: String) -> u16 {
        let target = format!("{}/xhr_send", self.url);
        ask(&mut self.client, "POST", &target, body)
            .await
            .status()
            .as_u16()
    }
}

#[test]
fn each_transport_rides_on_streams() {
    let server = serve("[sockjs]\nresponse-limit = 700\n", &[("/echo", echo())]);
    with_client(&server, WINDOW, |client| async move {
        let mut receivers: Vec<Receiver> = Transport::HTTP
            .into_iter()
            .map(|transport| Receiver::new(&client, transport, transport.name()))
            .collect();
        for receiver in &mut receivers {
            assert_eq!(receiver.frame().await, Frame::Open);
        }
        for number in 0..30 {
            for receiver in &mut receivers {
                let body = format!("[\"{number}\",\"안녕\"]");
                assert_eq!(receiver.send(body).await, 204);
            }
            for receiver in &mut receivers {
                assert_eq!(receiver.hear().await, number.to_string());
                assert_eq!(receiver.hear().await, "안녕");
            }
        }
    });
}

#[test]
fn a_second_receiver_is_refused_and_a_stream_can_be_cancelled() {
    let server = serve("", &[("/echo", echo())]);
    with_client(&server, WINDOW, |client| async move {
        for transport in Transport::STREAMS {
            let mut receiver = Receiver::new(&client, transport, transport.name());
            assert_eq!(receiver.frame().await, Frame::Open);
            let mut second = Receiver::new(&client, Transport::Xhr, transport.name());
            let busy = Frame::read(BUSY);
            assert_eq!(second.frame().await, busy);
            receiver.send("[\"a\"]".into()).await;
            assert_eq!(receiver.hear().await, "a");
            // The connection goes on.
            receiver.body = None;
            while receiver.send("[]".into()).await != 404 {}
            let interrupted = Frame::Close(1002, "Connection interrupted".into());
            assert_eq!(second.frame().await, interrupted);
        }
    });
}

#[test]
fn the_rest_is_as_on_http_1() {
    let server = serve("", &[("/echo", echo())]);
    with_client(&server, WINDOW, |mut client| async move {
        for (method, target, status) in [
            ("GET", "/echo/", 200),
            ("GET", "/echo/info", 200),
            ("OPTIONS", "/echo/info", 204),
            ("GET", "/echo/iframe.html", 200),
            ("GET", "/echo/0/a/xhr", 405),
            ("GET", "/echo/0/a/jsonp", 500),
            ("POST", "/echo/0/a/xhr_send", 404),
            ("GET", "/echo/0/a/websocket", 400),
            ("GET", "/echo/websocket", 400),
            ("GET", "/echo/nothing", 404),
            ("POST", "/topics/a..b/0/a/xhr", 400),
        ] {
            let response = ask(&mut client, method, target, String::new()).await;
            assert_eq!(response.status(), status, "{method} {target}");
        }
    });
}

use std::sync::{Arc, Mutex};

use pogu_client::{Call, Error, Options, Pipe, Received, Target, Trace, TraceStep, Transport, Via};
use tokio::time::timeout;

use crate::server::Harbour;
use crate::{PATIENCE, options};

async fn open(url: &str, via: Via, options: Options) -> Result<Pipe, Error> {
    let target: Target = url.parse().unwrap();
    timeout(PATIENCE, Pipe::open(&target, via, options))
        .await
        .expect("it opens in time")
}

async fn next(pipe: &mut Pipe) -> String {
    match timeout(PATIENCE, pipe.next())
        .await
        .expect("something comes in time")
        .unwrap()
    {
        Some(Received::Bytes(bytes) | Received::Message(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_topic_is_a_pipe_over_every_scheme() {
    let harbour = Harbour::start();
    let at = harbour.address;
    for (url, via) in [
        (format!("ws://{at}/topics/pipe.ws"), Via::Auto),
        (format!("tcp://{at}/pipe.tcp"), Via::Auto),
        (format!("udp://{at}/pipe.udp"), Via::Auto),
        (format!("http://{at}/topics/pipe.stream"), Via::Stream),
        (format!("http://{at}/topics/pipe.sse"), Via::Sse),
        (format!("stomp://{at}/pipe.stomp"), Via::Auto),
        (format!("ws://{at}/topics/pipe.stomp.ws"), Via::Stomp),
        (format!("socketio://{at}/pipe/socketio"), Via::Auto),
        (format!("http://{at}/topics/pipe.socketio.http"), Via::SocketIo),
        (
            format!("socketio://{at}/pipe/socketio/polls?transport=polling"),
            Via::Auto,
        ),
        (format!("http://{at}/topics/pipe.sockjs"), Via::SockJs),
        (format!("tcp://{at}/pipe.sockjs.tcp"), Via::SockJs),
    ] {
        let mut pipe = open(&url, via, options()).await.unwrap();
        for line in ["one", "", "zwei ü"] {
            assert!(pipe.has_room());
            pipe.send(line.as_bytes()).await.unwrap();
            assert_eq!(next(&mut pipe).await, line, "{url}");
        }
        pipe.close().await;
    }
}

#[tokio::test]
async fn bare_sockets_carry_what_is_typed() {
    let harbour = Harbour::start();
    for scheme in ["tcp", "udp"] {
        let mut pipe = open(&format!("{scheme}://{}", harbour.address), Via::Auto, options())
            .await
            .unwrap();
        pipe.send(b"PUB bare :hello").await.unwrap();
        let answer = next(&mut pipe).await;
        assert!(answer.starts_with("OK seq=1 cursor="), "{scheme}: {answer:?}");
        pipe.close().await;
    }
    let mut pipe = open(&format!("tcp://{}", harbour.address), Via::Auto, options())
        .await
        .unwrap();
    pipe.send(b"QUIT").await.unwrap();
    next(&mut pipe).await;
    assert_eq!(timeout(PATIENCE, pipe.next()).await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn a_url_without_a_topic_is_refused_where_it_needs_one() {
    let harbour = Harbour::start();
    let error = open(&format!("http://{}", harbour.address), Via::Stream, options())
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::BadUrl { .. }), "{error}");
    for (url, via, example) in [
        ("stomp://{}", Via::Auto, "/queue/jobs"),
        ("stomp://{}/", Via::Stomp, "/queue/jobs"),
        ("ws://{}/stomp", Via::Stomp, "/queue/jobs"),
        ("socketio://{}", Via::Auto, "socketio://127.0.0.1:7070/chat"),
        (
            "ws://{}/socket.io/",
            Via::SocketIo,
            "socketio://127.0.0.1:7070/chat",
        ),
        ("ws://{}/", Via::SockJs, "http://127.0.0.1:7070/pogu"),
        ("sockjs://{}", Via::Auto, "sockjs://127.0.0.1:7070/chat"),
    ] {
        let url = url.replace("{}", &harbour.address.to_string());
        let error = open(&url, via, options()).await.unwrap_err();
        assert!(
            error.to_string().contains(example),
            "{url}: it says how to name one: {error}"
        );
    }
    let error = open(&format!("ws://{}/nothing", harbour.address), Via::Auto, options())
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Status { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn the_life_of_each_socket_is_traced() {
    let harbour = Harbour::start();
    let at = harbour.address;
    for (url, transport) in [
        (format!("tcp://{at}/traced"), Transport::Tcp),
        (format!("udp://{at}/traced"), Transport::Udp),
        (format!("ws://{at}/topics/traced"), Transport::Tcp),
        (format!("http://{at}/topics/traced"), Transport::Tcp),
        (format!("stomp://{at}/traced"), Transport::Tcp),
        (format!("socketio://{at}/traced"), Transport::Tcp),
        (
            format!("socketio://{at}/traced?transport=polling"),
            Transport::Tcp,
        ),
    ] {
        let steps = Arc::new(Mutex::new(Vec::<TraceStep>::new()));
        let kept = steps.clone();
        let mut options = options();
        options.trace = Some(Trace::new(move |step| kept.lock().unwrap().push(step.clone())));
        let mut pipe = open(&url, Via::Stream, options).await.unwrap();
        pipe.send(b"hello").await.unwrap();
        assert_eq!(next(&mut pipe).await, "hello");
        pipe.close().await;
        // The ends of HTTP connections are dropped by their own tasks.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let steps = steps.lock().unwrap();
        assert!(
            steps
                .iter()
                .all(|step| step.remote == at && step.transport == transport)
        );
        // HTTP has a socket for each direction, and so have polls; their ports, known after the first step, tell them apart.
        let mut ports: Vec<_> = steps.iter().filter_map(|step| Some(step.local?.port())).collect();
        ports.sort();
        ports.dedup();
        assert_eq!(
            ports.len(),
            if url.starts_with("http") || url.contains("polling") {
                2
            } else {
                1
            },
            "{url}"
        );
        assert_eq!(
            steps.iter().filter(|step| step.call == Call::Socket).count(),
            ports.len(),
            "{url}"
        );
        for port in ports {
            let life: Vec<_> = steps
                .iter()
                .filter(|step| step.local.is_some_and(|local| local.port() == port))
                .collect();
            let calls: Vec<_> = life.iter().map(|step| &step.call).collect();
            assert_eq!(calls[..2], [&Call::Bind, &Call::Connect], "{url}: {calls:?}");
            assert_eq!(calls.last(), Some(&&Call::Close), "{url}: {calls:?}");
            assert!(
                calls.iter().any(|call| matches!(call, Call::Send(1..))),
                "{url}: {calls:?}"
            );
            assert!(
                calls.iter().any(|call| matches!(call, Call::Recv(1..))),
                "{url}: {calls:?}"
            );
            assert!(life.is_sorted_by_key(|step| step.elapsed), "{url}");
        }
    }
}

//! Against pogu itself, by every way of receiving and of publishing.

use std::net::SocketAddr;
use std::thread;

use pogu::Server;
use pogu::config::Config;

use super::{FOREVER, assert_faultless, bar, echoed, fan_out, stage};
use crate::bench::args::IdleArgs;
use crate::bench::measure::STALL;
use crate::bench::target::{Target, Via};
use crate::bench::trial::{Kind, Trial};
use crate::bench::{echo, idle, stamp::Phases};

/// Runs a server for as long as the tests do.
fn serve() -> SocketAddr {
    let listen = vec!["tcp://127.0.0.1:0".parse().unwrap()];
    let config = Config {
        listen,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bind = || {
        Server::builder()
            .config(config)
            .websocket("/echo", |socket, message| {
                socket.send(message.kind, message.payload)
            })
            .bind()
    };
    let server = runtime.block_on(async { bind() }).unwrap();
    let address = server.addresses()[0];
    thread::spawn(move || runtime.block_on(server.run(std::future::pending())));
    address
}

#[test]
fn fan_out_by_every_way() {
    let address = serve();
    let target = |scheme: &str, topic: &str| {
        let path = match scheme {
            "ws" | "http" => format!("topics/{topic}"),
            _ => topic.to_owned(),
        };
        Target::parse(&format!("{scheme}://{address}/{path}")).unwrap()
    };
    for (n, (via, subscribe, publish)) in [
        (Via::Ws, "ws", "ws"),
        (Via::Sse, "http", "ws"),
        (Via::Stream, "http", "tcp"),
        (Via::Longpoll, "http", "ws"),
        (Via::Tcp, "tcp", "http"),
        (Via::Stomp, "ws", "ws"),
        (Via::Stomp, "http", "tcp"),
        (Via::Stomp, "tcp", "ws"),
        (Via::Stomp, "stomp", "stomp"),
        (Via::Socketio, "socketio", "socketio"),
        (Via::Socketio, "ws", "ws"),
        (Via::Socketio, "http", "http"),
        (Via::Socketio, "tcp", "stomp"),
    ]
    .into_iter()
    .enumerate()
    {
        let topic = format!("bench.{n}");
        let measured = fan_out(
            &stage(target(subscribe, &topic), via, target(publish, &topic)),
            STALL,
        );
        assert_faultless(&measured, u64::from(super::MESSAGES), super::SUBSCRIBERS);
    }
}

#[test]
fn fan_out_to_clients_that_poll() {
    let address = serve();
    for (n, (subscribe, publish)) in [
        (
            "socketio://{}/bench/N?transport=polling",
            "ws://{}/topics/bench.N",
        ),
        (
            "http://{}/topics/bench.N?transport=polling",
            "socketio://{}/bench/N",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let target = |url: &str| {
            let url = url.replace("{}", &address.to_string());
            Target::parse(&url.replace('N', &n.to_string())).unwrap()
        };
        let stage = stage(target(subscribe), Via::Socketio, target(publish));
        let measured = fan_out(&stage, STALL);
        assert_faultless(&measured, u64::from(super::MESSAGES), super::SUBSCRIBERS);
    }
    // Where nothing else is said, it is published where it is heard, by a WebSocket that knows nothing of transports.
    let target = Target::parse(&format!("http://{address}/topics/bench.same?transport=polling")).unwrap();
    let stage = stage(target.clone(), Via::Socketio, target.publisher());
    let measured = fan_out(&stage, STALL);
    assert_faultless(&measured, u64::from(super::MESSAGES), super::SUBSCRIBERS);
}

#[test]
fn echo_by_every_way() {
    let address = serve();
    for (url, via) in [
        (format!("ws://{address}/echo"), Via::Ws),
        (format!("ws://{address}/topics/bench.ws.{{i}}"), Via::Ws),
        (format!("tcp://{address}/bench.tcp.{{i}}"), Via::Tcp),
        (format!("ws://{address}/topics/bench.stomp.ws.{{i}}"), Via::Stomp),
        (format!("stomp://{address}/bench.stomp.{{i}}"), Via::Stomp),
        (format!("tcp://{address}/bench.stomp.tcp.{{i}}"), Via::Stomp),
    ] {
        let measured = echoed(Target::parse(&url).unwrap(), via, 4, STALL);
        assert_faultless(&measured, 10 * u64::from(super::MESSAGES), 1);
    }
}

#[test]
fn a_trial_tells_what_the_process_used() {
    let target = Target::parse(&format!("ws://{}/echo", serve())).unwrap();
    let stage = echo::Stage {
        target,
        via: Via::Ws,
        connections: 4,
        threads: 1,
        size: 64,
        inflight: 2,
    };
    let load = echo::Load {
        messages: Some(1000),
        duration: FOREVER,
    };
    let pids = vec![std::process::id()];
    let warmup = std::time::Duration::from_millis(1);
    let trial = Trial {
        name: "echo".to_owned(),
        warmup,
        pids,
        kind: Kind::Echo(stage, load),
    };
    let measured = trial.run(&mut Phases::new(), &bar()).unwrap();
    assert_faultless(&measured, 4000, 1);
    let server = measured.server.unwrap();
    assert!(server.rss_bytes > 0 && server.cpu_us >= server.user_us);
}

#[test]
fn idle_connections_by_every_way() {
    let address = serve();
    for (url, via) in [
        (format!("ws://{address}/topics/idle"), Via::Ws),
        (format!("http://{address}/topics/idle"), Via::Sse),
        (format!("http://{address}/topics/idle"), Via::Longpoll),
        (format!("ws://{address}/topics/idle"), Via::Sockjs),
        (format!("ws://{address}/topics/idle"), Via::Stomp),
        (format!("stomp://{address}/idle"), Via::Stomp),
        (format!("socketio://{address}/idle"), Via::Socketio),
        (
            format!("socketio://{address}/idle?transport=polling"),
            Via::Socketio,
        ),
    ] {
        let settle = std::time::Duration::from_millis(10);
        let pid = vec![std::process::id()];
        let report = idle::run(&IdleArgs {
            url,
            via: Some(via),
            sockjs_transport: None,
            connections: 150,
            settle,
            pid,
            threads: 2,
        })
        .unwrap();
        assert!(report.is_faultless(), "{via:?}");
        let json: serde_json::Value = serde_json::from_slice(&report.render(true).unwrap()).unwrap();
        assert!(json["rss_connected_bytes"].as_u64().unwrap() > 0);
    }
}

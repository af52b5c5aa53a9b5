use std::net::SocketAddr;
use std::thread::JoinHandle;

use pogu::Server;
use pogu::config::Config;
use tokio::sync::oneshot;

/// A server on a free port of loopback, with a thread of its own.
pub(crate) struct Harbour {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Harbour {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With some configuration besides where to listen.
    pub(crate) fn with(toml: &str) -> Self {
        Self::launch("127.0.0.1:0", toml)
    }

    /// Another one where one has been.
    pub(crate) fn again(address: SocketAddr) -> Self {
        Self::launch(&address.to_string(), "")
    }

    fn launch(address: &str, toml: &str) -> Self {
        let text =
            format!("lanes = 1\nshutdown-timeout = \"2s\"\n{toml}\n[[listen]]\naddress = \"{address}\"\n");
        let config = Config::parse(&text, "test").unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = Server::builder().config(config).bind().unwrap();
                told.send(server.addresses()[0]).unwrap();
                let stopped = async { drop(stopped.await) };
                server.run(stopped).await.unwrap();
            });
        });
        Self {
            address: address.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Stops it and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join().unwrap())
            .await
            .unwrap();
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

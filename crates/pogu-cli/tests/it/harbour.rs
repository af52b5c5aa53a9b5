use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Output};
use std::sync::mpsc;

use crate::{PATIENCE, finish, pogu, signal};

/// `pogu serve` on a free port.
pub(crate) struct Harbour {
    child: Option<Child>,
    pub(crate) address: String,
    /// The line of its log that tells the address.
    pub(crate) first_line: String,
    log: mpsc::Receiver<String>,
}

impl Harbour {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", flags)
    }

    pub(crate) fn start_at(listen: &str, flags: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", listen, "--lanes", "1"], flags].concat();
        let mut child = pogu(&arguments).spawn().unwrap();
        let log = follow(child.stderr.take().unwrap());
        let mut harbour = Self {
            child: Some(child),
            address: String::new(),
            first_line: String::new(),
            log,
        };
        let line = harbour.log_line("listening on ");
        let at = line.find("listening on ").unwrap() + "listening on ".len();
        harbour.address = line[at..]
            .chars()
            .take_while(|c| !c.is_whitespace() && *c != '"')
            .collect();
        harbour.first_line = line;
        harbour
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next line of its log that contains `text`.
    pub(crate) fn log_line(&self, text: &str) -> String {
        loop {
            let line = self
                .log
                .recv_timeout(PATIENCE)
                .expect("a line of the log in time");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Stops it by a signal and waits for its end.
    pub(crate) fn stop(mut self, name: &str) -> Output {
        let child = self.child.take().unwrap();
        signal(&child, name);
        finish(child)
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn follow(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // The test may have ended.
            let _ = sender.send(line);
        }
    });
    receiver
}

//! Who asks, and how: what the answer to a request depends on beside what it says.

use std::rc::Rc;

use http::{Request, Version, header};
use hyper::body::{Body as _, Incoming};

use super::bodies::Client;
use super::idle::{Answering, Requests, Running};
use super::session::Takeover;
use super::upgrade;

/// Who asks, and what may become of the connection.
pub(super) struct Caller {
    pub(super) client: Rc<Client>,
    pub(super) running: Rc<Running>,
    /// None where the connection carries others' answers, too.
    pub(super) takeover: Option<Takeover>,
    /// It goes on after the answer.
    pub(super) goes_on: bool,
    /// Whoever reads the connection next finds the next request there, and not a body.
    pub(super) has_body: bool,
}

impl Caller {
    pub(super) fn new(
        client: &Rc<Client>,
        requests: &Rc<Requests>,
        takeover: Option<Takeover>,
        request: &Request<Incoming>,
    ) -> Self {
        let closes = request.version() < Version::HTTP_11
            || upgrade::has_token(request.headers(), header::CONNECTION, "close");
        Self {
            client: client.clone(),
            running: requests.begin(),
            takeover,
            goes_on: !closes,
            has_body: !request.body().is_end_stream(),
        }
    }

    /// Where its connection can be left to the lane now.
    pub(super) fn takeover(&self) -> Option<&Takeover> {
        self.takeover.as_ref().filter(|takeover| !takeover.blocked.get())
    }

    /// Whether its connection may be left to the lane until there is an answer, and taken back then. A socket that would close after it
    /// stays with hyper.
    pub(super) fn may_leave(&self) -> bool {
        self.takeover().is_some() && self.goes_on && !self.has_body
    }

    pub(super) fn answering<B>(self, body: B) -> Answering<B> {
        Answering {
            body,
            _running: self.running,
        }
    }
}

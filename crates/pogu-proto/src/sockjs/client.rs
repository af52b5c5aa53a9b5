use super::{Close, Frame, FrameError, Messages};

/// The client's side of one session.
///
/// It keeps one response or WebSocket open while [`receives`](Self::receives) says so, another one after each that has ended well, and
/// at most one POST under way, so that messages keep their order. What is to be said waits with the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Closed,
}

/// What a frame came to.
#[derive(Clone, Debug)]
pub enum ClientEvent<'a> {
    /// The session is open.
    Open,
    /// Messages.
    Messages(Messages<'a>),
    /// The server has closed the session.
    Closed(Close<'a>),
}

/// What a server did that ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerViolation {
    /// What cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The session began again: what was said in between may be lost.
    #[error("the server has lost the session")]
    Lost,
    /// Messages before the open frame.
    #[error("messages before the session was open")]
    NotOpen,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A session whose first response or WebSocket is asked for.
    pub fn new() -> Self {
        Self {
            state: State::Opening,
        }
    }

    /// Whether a response is to be waited for.
    pub fn receives(&self) -> bool {
        self.state != State::Closed
    }

    /// Whether messages may be sent.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The session is left, or what was to carry it has failed: a status other than 200, or a POST or a WebSocket that was cut.
    ///
    /// A server sees that a client has left when the response that waits is given up, or else when none comes any more.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Takes up a frame.
    ///
    /// # Errors
    ///
    /// The session is closed.
    pub fn receive<'a>(
        &mut self,
        frame: Result<Frame<'a>, FrameError>,
    ) -> Result<Option<ClientEvent<'a>>, ServerViolation> {
        if self.state == State::Closed {
            return Ok(None);
        }
        match (frame, self.state) {
            (Err(error), _) => Err(self.fail(error.into())),
            (Ok(Frame::Open), State::Opening) => {
                self.state = State::Open;
                Ok(Some(ClientEvent::Open))
            }
            (Ok(Frame::Open), _) => Err(self.fail(ServerViolation::Lost)),
            (Ok(Frame::Heartbeat), _) => Ok(None),
            (Ok(Frame::Messages(_)), State::Opening) => Err(self.fail(ServerViolation::NotOpen)),
            (Ok(Frame::Messages(messages)), _) => Ok(Some(ClientEvent::Messages(messages))),
            (Ok(Frame::Close(close)), _) => {
                self.state = State::Closed;
                Ok(Some(ClientEvent::Closed(close)))
            }
        }
    }

    fn fail(&mut self, violation: ServerViolation) -> ServerViolation {
        self.state = State::Closed;
        violation
    }
}

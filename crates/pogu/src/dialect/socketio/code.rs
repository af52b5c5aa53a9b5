//! Where Socket.IO meets the code behind a namespace.

use std::sync::Arc;

use pogu_proto::socketio::{Arg, Args, NamespaceId};
use serde_json::Value;

use super::{Joined, PendingAck, State};
use crate::dialect::Speaker;
use crate::socketio::{Event, Namespace, NoAck, Reason, Refusal, Socket};

impl Speaker<'_> {
    fn socket<'s>(
        &'s mut self,
        joined: &'s mut Joined,
        acks: &'s mut Vec<PendingAck>,
        ack: Option<u64>,
    ) -> Socket<'s> {
        Socket {
            id: self.id,
            wrap: self.wrap,
            out: self.out,
            catching_up: self.catching_up,
            core: self.core,
            joined,
            acks,
            ack,
            leaves: false,
        }
    }

    /// Asks the code behind a namespace whether the client may join. What it says to the client is appended to `welcome`.
    pub(super) fn admit(
        &mut self,
        code: &Namespace,
        joined: &mut Joined,
        acks: &mut Vec<PendingAck>,
        auth: &Value,
        welcome: &mut Vec<u8>,
    ) -> Result<bool, Refusal> {
        let mut socket = self.socket(joined, acks, None);
        socket.out = welcome;
        code.connect(&mut socket, auth)?;
        Ok(!socket.leaves)
    }

    /// Has code handle an event; true if the client is to leave.
    pub(super) fn run(
        &mut self,
        code: &Arc<Namespace>,
        state: &mut State,
        joined: usize,
        id: Option<u64>,
        name: &str,
        args: Args<'_>,
    ) -> bool {
        let Some(handler) = code.event(name) else {
            self.core.counters.refused(self.way);
            return false;
        };
        self.core.counters.received(self.way, args.raw().len());
        let State {
            joined: all, acks, ..
        } = state;
        let mut socket = self.socket(&mut all[joined], acks, id);
        let event = Event {
            name,
            args,
            wants_ack: id.is_some(),
        };
        handler(&mut socket, &event);
        socket.leaves
    }

    /// A client has acknowledged; true if it is to leave.
    pub(super) fn acknowledged(
        &mut self,
        state: &mut State,
        namespace: NamespaceId,
        id: u64,
        args: &Args<'_>,
    ) -> bool {
        let State { joined, acks, .. } = state;
        let at = acks
            .iter()
            .position(|ack| ack.namespace == namespace && ack.id == id);
        let Some(joined) = joined.iter_mut().find(|joined| joined.id == namespace) else {
            return false;
        };
        let Some(at) = at else { return false };
        let PendingAck { then, .. } = acks.swap_remove(at);
        let value = match args.iter().next() {
            Some(Arg::Json(value)) => serde_json::from_str(value).unwrap_or_default(),
            Some(Arg::Binary(bytes)) => bytes.into(),
            None => Value::Null,
        };
        let mut socket = self.socket(joined, acks, None);
        then(&mut socket, Ok(value));
        socket.leaves
    }

    /// Tells code that acknowledgements will not come.
    pub(super) fn give_up(&mut self, state: &mut State, acks: Vec<PendingAck>, why: NoAck) {
        let mut nowhere = Vec::new();
        for PendingAck { namespace, then, .. } in acks {
            let State { joined, acks, .. } = state;
            if let Some(joined) = joined.iter_mut().find(|joined| joined.id == namespace) {
                let mut socket = self.socket(joined, acks, None);
                if why == NoAck::Gone {
                    socket.out = &mut nowhere;
                }
                then(&mut socket, Err(why));
            }
        }
    }

    /// Tells the code behind a namespace that the client is gone.
    pub(super) fn tell_gone(&mut self, joined: &mut Joined, reason: Reason) {
        let Some(code) = joined.code.clone() else { return };
        // A client hears nothing of a namespace that it is gone from.
        let (mut nowhere, mut acks) = (Vec::new(), Vec::new());
        let mut socket = self.socket(joined, &mut acks, None);
        socket.out = &mut nowhere;
        code.disconnect(&mut socket, reason);
    }

    /// Ends what a namespace that the client is gone from has asked of the hub.
    pub(super) fn part(&mut self, joined: &Joined) {
        for id in &joined.subscriptions {
            self.catching_up.retain(|other| other != id);
            self.core.unsubscribe(*id);
        }
    }
}

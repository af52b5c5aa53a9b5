use std::borrow::Cow;

use bytes::Bytes;

/// A packet with arguments, an event or without a name an acknowledgement, in one of a connection's namespaces.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) namespace: usize,
    pub(super) id: Option<u64>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) args: &'a str,
}

/// The place of a namespace that the connection does not have.
pub(super) const NOWHERE: usize = usize::MAX;

/// A packet with binary between its text and the last of its binary messages. Idle it is one null pointer.
#[derive(Debug)]
pub(super) struct Assembler(Option<Box<Partial>>);

#[derive(Debug)]
struct Partial {
    namespace: usize,
    id: Option<u64>,
    name: Option<Box<str>>,
    args: Box<str>,
    attachments: Vec<Bytes>,
    wanted: usize,
    bytes: usize,
    /// The packet became whole and was lent; its memory is given back at the next call.
    lent: bool,
}

/// What a binary message came to.
pub(super) enum Added<'e> {
    /// More are wanted.
    Partial,
    /// The packet is whole.
    Whole(Said<'e>, &'e [Bytes]),
    /// None is wanted.
    Unwanted,
    /// All of the packet's are more than the limit of bytes.
    TooLong,
}

impl Assembler {
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// Whether a packet is not whole yet.
    pub(super) fn is_partial(&self) -> bool {
        self.0.as_ref().is_some_and(|partial| !partial.lent)
    }

    /// Gives back the memory of what was lent.
    pub(super) fn trim(&mut self) {
        if !self.is_partial() {
            self.0 = None;
        }
    }

    /// Of the namespaces in their table one was removed.
    pub(super) fn removed(&mut self, place: usize) {
        if let Some(partial) = &mut self.0 {
            partial.namespace = match partial.namespace {
                at if at == place => NOWHERE,
                at if at > place && at != NOWHERE => at - 1,
                at => at,
            };
        }
    }

    /// Begins a packet that wants so many binary messages, at least one.
    pub(super) fn begin(&mut self, said: Said<'_>, wanted: usize) {
        self.0 = Some(Box::new(Partial {
            namespace: said.namespace,
            id: said.id,
            name: said.name.map(Into::into),
            args: said.args.into(),
            attachments: Vec::with_capacity(wanted),
            wanted,
            bytes: 0,
            lent: false,
        }));
    }

    /// Adds a binary message; `limit` is for all of the packet's.
    pub(super) fn add(&mut self, bytes: &[u8], limit: usize) -> Added<'_> {
        let Some(partial) = self.0.as_mut().filter(|partial| !partial.lent) else {
            return Added::Unwanted;
        };
        partial.bytes = partial.bytes.saturating_add(bytes.len());
        if partial.bytes > limit {
            return Added::TooLong;
        }
        partial.attachments.push(Bytes::copy_from_slice(bytes));
        if partial.attachments.len() < partial.wanted {
            return Added::Partial;
        }
        partial.lent = true;
        let said = Said {
            namespace: partial.namespace,
            id: partial.id,
            name: partial.name.as_deref().map(Cow::Borrowed),
            args: &partial.args,
        };
        Added::Whole(said, &partial.attachments)
    }
}

//! Letters: a message on its way through one lane, with its wire forms.

use std::cell::OnceCell;
use std::sync::Arc;

use bytes::Bytes;

use crate::message::Message;

/// How many wire forms a letter has room for. What each is, its user decides.
pub const FORMS: usize = 18;

/// A message waiting on one lane, shared by its mailboxes as `Rc<Letter>`. The first peer that needs a wire form makes and keeps it, and
/// the others share the bytes.
#[derive(Debug)]
pub struct Letter {
    /// The message.
    pub message: Arc<Message>,
    /// Made with the first form: a message with one receiver is written without.
    forms: OnceCell<Box<[OnceCell<Bytes>; FORMS]>>,
}

impl Letter {
    /// A letter with no form made.
    pub fn new(message: Arc<Message>) -> Letter {
        Letter {
            message,
            forms: OnceCell::new(),
        }
    }

    /// Keeps a wire form for others, unless one is kept as `index`. There is none that is not below [`FORMS`].
    pub fn keep(&self, index: usize, form: impl FnOnce() -> Bytes) {
        let forms = self
            .forms
            .get_or_init(|| Box::new([const { OnceCell::new() }; FORMS]));
        if let Some(place) = forms.get(index) {
            place.get_or_init(form);
        }
    }

    /// The wire form that is kept as `index`.
    pub fn cached(&self, index: usize) -> Option<&Bytes> {
        self.forms.get()?.get(index)?.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cursor, Draft, Kind, Policy};

    #[test]
    fn a_form_is_made_once() {
        let draft = Draft::new("a".parse().expect("a topic"), Kind::Text, "hi");
        let letter = Letter::new(Arc::new(draft.stamp(
            Cursor { epoch: 1, seq: 1 },
            0,
            Policy::default(),
        )));
        assert_eq!(letter.cached(3), None);
        letter.keep(3, || letter.message.body.clone());
        letter.keep(3, || panic!("made twice"));
        letter.keep(FORMS, || panic!("there is no room"));
        assert_eq!(letter.cached(3).map(|form| form.as_ref()), Some(&b"hi"[..]));
        assert_eq!(letter.cached(FORMS - 1), None);
        assert_eq!(letter.cached(FORMS), None);
    }
}

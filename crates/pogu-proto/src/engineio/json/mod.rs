//! JSON (RFC 8259) as far as the protocols need it: it is checked, taken apart and put together, but never turned into values.
//!
//! What JavaScript's parser takes is taken, lone surrogates and numbers of any size included, as that is what the clients speak;
//! only deeper nesting than the caller wants is not. Nothing here recurses, and only an escaped string is copied.

mod pieces;
mod scan;
mod string;

pub(crate) use pieces::{Elements, array, elements, members, string};
pub(crate) use scan::{DEPTH_MAX, JsonError, LEVELS_MAX, Scanner, Token, check};
pub(crate) use string::{put_script_string, put_string, unescape};

#[cfg(test)]
mod tests;

//! The pogu dialect: one command a line (TCP), a message (WebSocket, SockJS) or a datagram (UDP), made to be typed.
//!
//! ```text
//! client → server                                       server → client
//!
//! SUB chat after=last:10                                OK seq=1 cursor=k3f-7
//! PUB chat event=greet :hello world                     OK seq=2 cursor=k3f-18
//!                                                       MSG chat cursor=k3f-18 event=greet :hello world
//! PUB blob len=5 type=image/png :<5 bytes>              OK seq=3 cursor=k3f-19
//! UNSUB chat                                            OK seq=4
//! PUB a..b :hello                                       ERR bad-topic seq=5 :why
//! AUTH <token>                                          OK seq=6
//! PING                                                  PONG
//!                                                       GAP chat :12 messages are gone
//! QUIT                                                  BYE quit
//! ```
//!
//! # Grammar
//!
//! ```text
//! unit      = verb *( 1*SP word ) *SP [ SP ":" body ] [ EOL ]      the first two words never begin the body
//! word      = argument / key "=" value
//! EOL       = [CR] LF                                               needed on TCP; elsewhere one at the end is no part of the body
//!
//! commands    SUB pattern     after= echo=0|1 token=                no body
//!             UNSUB pattern   token=                                no body
//!             PUB topic       event= type= key= header.*=           body, perhaps empty
//!                             len= base64=1
//!             AUTH token                                            no body
//!             PING
//!             QUIT
//! answers     OK              seq= cursor= token=                   a first answer over UDP may have no seq, being that short
//!             MSG topic       cursor= event= type= header.*=        body
//!                             len= base64=1
//!             ERR name        seq=                                  body: why, in one line of text
//!             GAP pattern                                           body: how many messages are gone, when known, in words
//!             PONG
//!             BYE name                                              body: why, in one line of text
//! ```
//!
//! - Everything before the body is UTF-8 without control characters. Verbs are read in any case, answers and keys only as written here.
//! - The argument is the second word as it is, whatever it holds but a space, so that a topic may begin with `:` or hold `=`.
//! - The values of `event`, `type`, `key` and headers are free text, in which `%XX` is a byte, as in a URL: `event=hello%20world`, `%25` for
//!   `%`. Writers do so for white space, control characters and `%`, so that no name breaks a line. Other values are taken as they are.
//! - `header.NAME=VALUE` is a header of the message, up to 64 of them. In its name `=` is written `%3D`.
//! - A command with an unknown or a repeated key, or with a word too many, is refused, and the refusal names it. In answers
//!   unknown keys are passed over, so that servers may learn new ones.
//! - The body begins after the first `:` that begins a word. Without `len` it runs to the end of the line, message or datagram, less
//!   its EOL; with `len=N` it is `N` bytes of any kind and nothing but one EOL follows. Writers give `len` to a body that holds LF, CR or NUL
//!   or is not UTF-8. `PUB` wants its `:` even for an empty body, as otherwise `PUB :hello` would publish nothing to `:hello`.
//! - With `base64=1` the body is written in base64 (RFC 4648 §4), and what it means is those bytes. Writers do so with bytes that are not
//!   UTF-8 where the carrier has nothing but text, as SockJS has.
//! - A line that is empty or blank is passed over on TCP. A line that its stream ends in is not a command.
//! - A `len` that cannot be followed ends the connection: what was meant as a body would be read as commands.
//! - Whoever answers datagrams looks at [`is_answer`] first: an answer is never answered, or two servers could be set to talk to each
//!   other for ever. For the same reason a datagram that does not begin with a verb ([`SyntaxError::is_foreign`]) is best left
//!   without an answer.

mod answer;
mod command;
mod decoder;
mod error;
mod words;

pub use answer::{Answer, bye, error, gap, is_answer, message, message_in_base64, ok, parse_answer, pong};
pub use command::{Command, parse};
pub use decoder::{Decoder, Limits, Violation};
pub use error::SyntaxError;
pub use words::{HEADERS_MAX, Headers};

#[cfg(test)]
mod tests;

//! Topics, mailboxes, history and the engine seam of pogu: no protocols, no sockets, no clock.

//! The beginning of a turn: what the poller saw of a socket, and a peer's share of reading.

use std::io::{self, Read};
use std::mem;

use crate::carrier::Carrier;
use crate::lane::{Lane, Ready};
use crate::link::Link;

/// Bytes read from a socket at once, and the size of the lane's only read buffer.
pub(crate) const READ_BYTES: usize = 64 * 1024;
/// Reads from one peer in a turn; what is left then waits for the next, so that no peer holds up the others.
const READS_PER_TURN: usize = 4;
/// A peer's own answers that may wait before its input is left unread.
pub(crate) const BACKLOG_MAX: usize = 256 * 1024;
/// Bytes that a peer's input may become by inflating before the rest waits for the next turn, too.
const INFLATED_MAX: usize = 1 << 20;
/// Bytes read at once of a peer whose input may be inflated to more than [`RATIO_MAX`] times as many: deflate does up to 1,032.
const CAREFUL_BYTES: usize = 4096;
/// How much longer a message usually is than its compressed form, at most.
const RATIO_MAX: usize = 16;

impl Lane {
    pub(crate) fn on_ready(&mut self, event: Ready) {
        let Some(peer) = self.peers.get_mut(event.slot) else {
            return;
        };
        if matches!(peer.carrier, Carrier::Silent) && peer.closing.is_none() {
            if event.readable || event.ended {
                self.give_back(event.slot);
            }
            return;
        }
        let is_poll = matches!(peer.carrier, Carrier::LongPoll { .. } | Carrier::Parked(_));
        if event.writable && mem::take(&mut peer.blocked) {
            self.mark_dirty(event.slot);
        }
        if is_poll {
            // What it sends is its next request, for hyper to read.
            if event.ended {
                self.remove(event.slot);
            }
        } else if event.readable || event.ended {
            self.read(event.slot, event.ended);
        }
    }

    /// The other side has sent its last byte: what it asked for is still answered.
    fn on_end_of_input(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        peer.heard_out = true;
        if peer.shut {
            return self.remove(slot);
        }
        if peer.closing.is_none()
            && let Err(ending) = peer.hear_end(&mut self.codec, &mut self.core)
        {
            self.end(slot, &ending);
        }
        self.mark_dirty(slot);
    }

    /// Reads a peer's socket until it is empty or the peer has had its share.
    pub(crate) fn read(&mut self, slot: usize, ended: bool) {
        let mut buffer = mem::take(&mut self.buffer);
        // What was inflated for others is not its own.
        self.codec.take_inflated();
        let (mut came, mut inflated) = (0, 0);
        for round in 0..=READS_PER_TURN {
            let Some(peer) = self.peers.get_mut(slot) else {
                break;
            };
            if peer.backlog() > BACKLOG_MAX && peer.closing.is_none() {
                // Read again once it has taken its answers.
                peer.unread = true;
                break;
            }
            if round == READS_PER_TURN || inflated > INFLATED_MAX || self.core.hub.congested() {
                self.held.push(peer.id);
                break;
            }
            let inflates = peer.carrier.inflates() && inflated >= came * RATIO_MAX;
            let room = if inflates { CAREFUL_BYTES } else { READ_BYTES };
            let Link::Tcp(stream) = &mut peer.link else { break };
            match stream.read(&mut buffer[..room]) {
                Ok(0) => {
                    self.on_end_of_input(slot);
                    break;
                }
                Ok(n) => {
                    self.core.counters.bytes_in(peer.way(), n);
                    self.receive(slot, &mut buffer[..n]);
                    came += n;
                    inflated += self.codec.take_inflated();
                    // Edge-triggered: a short read has emptied the socket, and what comes later is a new edge.
                    if n < room && !ended {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.remove(slot);
                    break;
                }
            }
        }
        self.buffer = buffer;
        self.touched(slot);
    }
}

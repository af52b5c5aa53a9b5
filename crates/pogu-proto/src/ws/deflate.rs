//! permessage-deflate without context takeover (RFC 7692 §7).

use zlib_rs::{DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::frame::{self, RSV1};
use super::{Codec, Kind, Violation};

/// Bytes below which a message is not compressed: what can be saved is not worth the time.
pub const DEFLATE_MIN: usize = 256;

/// Measured on JSON and prose of 256 to 4,000 bytes: a tenth to a third faster than zlib's defaults, level 6 and memory
/// level 8, and 0 to 6 % longer.
const LEVEL: i32 = 2;
const MEMORY_LEVEL: i32 = 6;
/// What a compressor's flush ends with, and what is left away on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The tail, and an empty last block that is only read as such when the message ended with a whole block.
const END: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];
/// Bytes that inflating starts with; the buffer doubles from there up to the limit.
const INFLATE_FIRST: usize = 4 << 10;

/// permessage-deflate as agreed, by the window that this side may compress with. Context is never taken over, so two
/// receivers with the same value can be sent the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deflate {
    /// A window of 2^15 bytes.
    Wide,
    /// Some smaller window: messages are compressed with 2^9 bytes, which suits them all.
    Narrow,
}

/// Appends a whole unmasked frame with one message, compressed. A message below [`DEFLATE_MIN`], or one that would not
/// get shorter, becomes the plain frame that [`encode`](super::encode) makes.
pub fn encode_deflated(kind: Kind, payload: &[u8], deflate: Deflate, codec: &mut Codec, out: &mut Vec<u8>) {
    write_deflated(kind, payload, deflate, None, codec, out);
}

pub(super) fn write_deflated(
    kind: Kind,
    payload: &[u8],
    deflate: Deflate,
    key: Option<[u8; 4]>,
    codec: &mut Codec,
    out: &mut Vec<u8>,
) {
    let first = frame::first_byte(kind);
    let start = out.len();
    if payload.len() < DEFLATE_MIN {
        return frame::write(first, payload, key, out);
    }
    // The header is written with the length of the plain message, to leave its place, and moved when it got shorter.
    frame::write_header(first | RSV1, payload.len(), key, out);
    let body = out.len();
    let Some(length) = codec.deflate(deflate, payload, out) else {
        out.truncate(start);
        return frame::write(first, payload, key, out);
    };
    if let Some(key) = key {
        frame::mask(&mut out[body..], key);
    }
    let mut header = Vec::with_capacity(frame::HEADER_MAX);
    frame::write_header(first | RSV1, length, key, &mut header);
    let end = start + header.len();
    out[start..end].copy_from_slice(&header);
    if end < body {
        out.copy_within(body.., end);
        out.truncate(end + length);
    }
}

#[derive(Default)]
pub(super) struct Compressors {
    wide: Option<zlib_rs::Deflate>,
    narrow: Option<zlib_rs::Deflate>,
}

impl Compressors {
    pub(super) fn deflate(&mut self, deflate: Deflate, payload: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let (kept, window_bits) = match deflate {
            Deflate::Wide => (&mut self.wide, 15),
            Deflate::Narrow => (&mut self.narrow, 9),
        };
        let state = kept.get_or_insert_with(|| {
            zlib_rs::Deflate::new_with_config(DeflateConfig {
                // Negative asks for raw DEFLATE, without a zlib header.
                window_bits: -window_bits,
                mem_level: MEMORY_LEVEL,
                ..DeflateConfig::new(LEVEL)
            })
        });
        state.reset();
        let start = out.len();
        let room = bound(payload.len());
        out.resize(start + room, 0);
        let done = state.compress(payload, &mut out[start..], DeflateFlush::SyncFlush);
        let length = usize::try_from(state.total_out()).unwrap_or(room).min(room);
        let whole = done.is_ok() && length < room && out[start..start + length].ends_with(&TAIL);
        if !whole {
            // Output left in the state takes up room there even after a reset (zlib-rs 0.6.8), until none is left and
            // it panics. The room given makes that impossible; should it not, the state is not used again.
            *kept = None;
        }
        let length = length.saturating_sub(TAIL.len());
        if !whole || length >= payload.len() {
            out.truncate(start);
            return None;
        }
        out.truncate(start + length);
        Some(length)
    }
}

/// More bytes than compressing and flushing `length` bytes ever makes: what zlib gives as its bound for any settings, and
/// the flush.
fn bound(length: usize) -> usize {
    length + length / 8 + length / 64 + 64
}

#[derive(Default)]
pub(super) struct Inflater {
    state: Option<Inflate>,
}

impl Inflater {
    /// Inflates one message into `out`, whose length is only ever raised, and returns how many bytes of it are filled.
    pub(super) fn inflate(
        &mut self,
        bytes: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Violation> {
        if bytes.is_empty() {
            // Against RFC 7692 §7.2.3.6, but some compressors make nothing of an empty message.
            return Ok(0);
        }
        let state = self.state.get_or_insert_with(|| Inflate::new(false, 15));
        state.reset(false);
        let mut filled = 0;
        for (mut rest, last) in [(bytes, false), (&END[..], true)] {
            loop {
                if filled == out.len() {
                    grow(out, limit)?;
                }
                let (before_in, before_out) = (state.total_in(), state.total_out());
                let status = state
                    .decompress(rest, &mut out[filled..], InflateFlush::NoFlush)
                    .map_err(|_| Violation::NotDeflate)?;
                let taken = (state.total_in() - before_in) as usize;
                let made = (state.total_out() - before_out) as usize;
                rest = &rest[taken.min(rest.len())..];
                filled += made;
                if filled > limit {
                    return Err(Violation::MessageTooLong);
                }
                let ended = status == Status::StreamEnd;
                if last && (made > 0 || ended && !rest.is_empty()) {
                    // The message lacked bytes, and those of the end were read in their place.
                    return Err(Violation::NotDeflate);
                }
                if ended && rest.is_empty() {
                    return Ok(filled);
                }
                if ended {
                    // A message may hold several streams (RFC 7692 §7.2.3.5).
                    state.reset(false);
                    continue;
                }
                if rest.is_empty() && filled < out.len() {
                    if last {
                        return Err(Violation::NotDeflate);
                    }
                    break;
                }
                if taken == 0 && made == 0 {
                    return Err(Violation::NotDeflate);
                }
            }
        }
        Err(Violation::NotDeflate)
    }
}

/// Doubles `out`, up to one byte more than the limit: that one byte tells a message that is too long.
fn grow(out: &mut Vec<u8>, limit: usize) -> Result<(), Violation> {
    let length = out
        .len()
        .saturating_mul(2)
        .max(INFLATE_FIRST)
        .min(limit.saturating_add(1));
    if length <= out.len() {
        return Err(Violation::MessageTooLong);
    }
    out.reserve_exact(length - out.len());
    out.resize(length, 0);
    Ok(())
}

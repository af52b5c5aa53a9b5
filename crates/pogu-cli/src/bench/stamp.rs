//! What every message of the bench carries: which phase and place it has, and when it was sent.
//!
//! A stamp is plain text, so it crosses JSON, SSE and lines unchanged and is found again by looking for its mark, whatever a
//! server wraps around a message: `~pb:` phase (8 hex digits) seq (8) sent (12).

use memchr::memmem;

pub(super) const MARK: &[u8; 4] = b"~pb:";

/// Bytes of a stamp, and so the least size of a message.
pub(super) const LEN: usize = 32;

/// The place of one message in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Which phase of which process sent it; a message of another phase is never counted in this one.
    pub(super) phase: u32,
    /// Its place in the phase, from 0.
    pub(super) seq: u32,
    /// When it was sent (or should have been, at a fixed rate): nanoseconds since the start of the process.
    pub(super) sent: u64,
}

/// Hands out the numbers of phases: another one each time, and others in each process.
#[derive(Debug)]
pub(super) struct Phases(u32);

impl Phases {
    pub(super) fn new() -> Phases {
        Phases(std::process::id() << 16)
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(1);
        self.0
    }
}

impl Stamp {
    /// Writes the stamp to the first [`LEN`] bytes of `out`.
    pub(super) fn write(self, out: &mut [u8]) {
        out[..4].copy_from_slice(MARK);
        hex(u64::from(self.phase), &mut out[4..12]);
        hex(u64::from(self.seq), &mut out[12..20]);
        hex(self.sent, &mut out[20..LEN]);
    }

    /// The stamp that `bytes` begin with.
    pub(super) fn read(bytes: &[u8]) -> Option<Stamp> {
        let stamp = bytes.get(..LEN).filter(|stamp| stamp.starts_with(MARK))?;
        Some(Stamp {
            phase: u32::try_from(unhex(&stamp[4..12])?).ok()?,
            seq: u32::try_from(unhex(&stamp[12..20])?).ok()?,
            sent: unhex(&stamp[20..])?,
        })
    }
}

/// Hands every stamp in `bytes` to `found`; returns how many bytes are done with. The rest may be the start of a stamp.
pub(super) fn scan(bytes: &[u8], mut found: impl FnMut(Stamp)) -> usize {
    let mut done = 0;
    while let Some(at) = memmem::find(&bytes[done..], MARK) {
        let start = done + at;
        if bytes.len() - start < LEN {
            return start;
        }
        done = match Stamp::read(&bytes[start..]) {
            Some(stamp) => {
                found(stamp);
                start + LEN
            }
            None => start + MARK.len(),
        };
    }
    done.max(bytes.len().saturating_sub(MARK.len() - 1))
}

fn hex(value: u64, out: &mut [u8]) {
    let mut value = value;
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn unhex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, &digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        phase: 0xdead_beef,
        seq: 0x12ab,
        sent: 0x0123_4567_89ab,
    };

    #[test]
    fn a_stamp_reads_back() {
        let mut bytes = [b'x'; 40];
        STAMP.write(&mut bytes);
        assert_eq!(&bytes[..LEN], b"~pb:deadbeef000012ab0123456789ab");
        assert_eq!(Stamp::read(&bytes), Some(STAMP));
        assert_eq!(Stamp::read(&bytes[..LEN - 1]), None);
        bytes[7] = b'~';
        assert_eq!(Stamp::read(&bytes), None);
    }

    #[test]
    fn a_scan_finds_the_same_at_every_cut() {
        let mut text = b"data: ".to_vec();
        for seq in 0..3 {
            let mut stamp = [0; LEN];
            Stamp { seq, ..STAMP }.write(&mut stamp);
            text.extend_from_slice(&stamp);
            text.extend_from_slice(b"~~pb: not one\n~");
        }
        for cut in 0..=text.len() {
            let mut found = Vec::new();
            let done = scan(&text[..cut], |stamp| found.push(stamp.seq));
            scan(&text[done..], |stamp| found.push(stamp.seq));
            assert_eq!(found, [0, 1, 2], "cut at {cut}");
        }
    }
}

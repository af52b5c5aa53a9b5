//! Standard input, read on a thread of its own: reading a terminal cannot be cancelled.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

/// Lines that wait to be taken.
const LINES_WAITING_MAX: usize = 64;

/// Bytes of one line, or of all of standard input when it is one message.
const BYTES_MAX: u64 = 64 << 20;

/// Lines without their ends, as they come.
pub(crate) fn lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input, BYTES_MAX).transpose() {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// All of it.
pub(crate) fn whole() -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    io::stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut body)?;
    if body.len() as u64 > BYTES_MAX {
        return Err(too_long(BYTES_MAX));
    }
    Ok(body)
}

/// The next line without its LF or CRLF; `None` at the end.
fn next_line(input: &mut impl BufRead, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // Room for the end of a line of the full length.
    input.by_ref().take(limit + 2).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.len() as u64 > limit {
        return Err(too_long(limit));
    }
    Ok(Some(line))
}

fn too_long(limit: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a message from standard input has at most {limit} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, limit: u64) -> Vec<Result<String, ()>> {
        let mut input = text.as_bytes();
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input, limit).transpose() {
            let failed = line.is_err();
            lines.push(
                line.map(|line| String::from_utf8_lossy(&line).into_owned())
                    .map_err(drop),
            );
            if failed {
                break;
            }
        }
        lines
    }

    #[test]
    fn lines_end_in_lf_crlf_or_the_end() {
        let lines = |text| {
            split(text, 100)
                .into_iter()
                .map(Result::unwrap)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines("a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(lines("a\r\r\n"), ["a\r"]);
        assert!(lines("").is_empty());
    }

    #[test]
    fn a_line_at_the_limit_passes_and_a_longer_one_does_not() {
        assert_eq!(split("abcd\nx\n", 4), [Ok("abcd".into()), Ok("x".into())]);
        assert_eq!(split("abcd\r\n", 4), [Ok("abcd".into())]);
        assert_eq!(split("abcd", 4), [Ok("abcd".into())]);
        assert_eq!(split("abcde\n", 4), [Err(())]);
        assert_eq!(split("abcdefghi", 4), [Err(())]);
    }
}

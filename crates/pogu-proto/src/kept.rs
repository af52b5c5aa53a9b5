//! Lending whole units out of a read, and keeping an incomplete one for the next.

use crate::Reader;

/// Finds the end of a unit that grows.
pub(crate) trait Cut: Default {
    type Limits;
    type Violation;

    /// Looks at a unit from its first byte on. In a fresh read more may follow its end; a later call sees the same bytes and more,
    /// so that what was seen need not be looked at again.
    fn cut(&mut self, unit: &[u8], limits: &Self::Limits) -> Result<Option<Span>, Self::Violation>;

    /// How many bytes of `fresh`, which is not empty, may be added to the `have` bytes of an incomplete unit without passing its end
    /// or, by more than its EOL, its limit. At least 1.
    fn step(&self, have: usize, fresh: &[u8], limits: &Self::Limits) -> usize;
}

/// Where a whole unit lies.
pub(crate) struct Span {
    /// First byte of what is lent.
    pub(crate) start: usize,
    /// One past the last byte of what is lent.
    pub(crate) end: usize,
    /// One past the last byte of the unit, its EOL included.
    pub(crate) next: usize,
}

/// An incomplete unit between reads. Idle it is one null pointer.
#[derive(Debug)]
pub(crate) struct Kept<C>(Option<Box<Rest<C>>>);

#[derive(Debug)]
struct Rest<C> {
    bytes: Vec<u8>,
    cut: C,
    /// The unit became whole and was lent; its memory is given back at the next call.
    lent: bool,
}

impl<C: Cut> Kept<C> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|rest| rest.lent)
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |rest| rest.bytes.capacity())
    }

    /// Lends the next whole unit, out of `input` when it lies there in one piece. After an error nothing is kept.
    pub(crate) fn next<'e>(
        &'e mut self,
        limits: &C::Limits,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<&'e [u8]>, C::Violation> {
        match self.0.take() {
            Some(rest) if !rest.lent => self.resume(rest, limits, input),
            _ => self.begin(limits, input),
        }
    }

    fn begin<'e>(
        &'e mut self,
        limits: &C::Limits,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<&'e [u8]>, C::Violation> {
        if input.is_empty() {
            return Ok(None);
        }
        let mut cut = C::default();
        if let Some(span) = cut.cut(input.rest(), limits)? {
            return Ok(Some(&input.take(span.next)[span.start..span.end]));
        }
        let bytes = input.take(usize::MAX).to_vec();
        self.0 = Some(Box::new(Rest {
            bytes,
            cut,
            lent: false,
        }));
        Ok(None)
    }

    fn resume<'e>(
        &'e mut self,
        mut rest: Box<Rest<C>>,
        limits: &C::Limits,
        input: &'e mut Reader<'_>,
    ) -> Result<Option<&'e [u8]>, C::Violation> {
        while !input.is_empty() {
            let step = rest.cut.step(rest.bytes.len(), input.rest(), limits);
            rest.bytes.extend_from_slice(input.take(step));
            if let Some(span) = rest.cut.cut(&rest.bytes, limits)? {
                rest.lent = true;
                let rest = self.0.insert(rest);
                return Ok(Some(&rest.bytes[span.start..span.end]));
            }
        }
        self.0 = Some(rest);
        Ok(None)
    }
}

/// Bytes of the longest EOL, CRLF.
pub(crate) const EOL_MAX: usize = 2;

/// A line without the CR of its CRLF.
pub(crate) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A cursor over bytes that arrived, lent by the caller for the length of one read.
///
/// The bytes are mutable so that a codec can unmask or unescape in place instead of copying.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a mut [u8],
}

impl<'a> Reader<'a> {
    /// A reader over `bytes`, at their start.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not yet taken.
    pub fn rest(&self) -> &[u8] {
        self.rest
    }

    /// Whether all bytes are taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next `n` bytes, or all that are left when there are fewer.
    pub fn take(&mut self, n: usize) -> &'a mut [u8] {
        let n = n.min(self.rest.len());
        let (head, tail) = std::mem::take(&mut self.rest).split_at_mut(n);
        self.rest = tail;
        head
    }
}

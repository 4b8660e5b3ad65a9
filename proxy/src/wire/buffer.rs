//! Bytes read and not yet consumed.
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A growing buffer with a read position. Empty buffers hold no memory worth speaking of until read into.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// How much is there.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes that were read elsewhere.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Gives the memory back; only when nothing is there.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Buffer::default();
        }
    }

    /// Reads once, at most `room` bytes. Returns 0 at the end of the stream.
    ///
    /// Cancel safety: nothing read is lost when this is dropped.
    pub(crate) async fn fill<R: AsyncRead + Unpin>(&mut self, reader: &mut R, room: usize) -> io::Result<usize> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(room);
        reader.take(room as u64).read_buf(&mut self.bytes).await
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[tokio::test]
    async fn what_is_consumed_is_gone_and_what_is_left_stays() {
        let mut buffer = Buffer::default();
        let mut source: &[u8] = b"abcdef";
        assert_eq!(buffer.fill(&mut source, 6).await.expect("a slice reads"), 6);
        buffer.consume(2);
        assert_eq!(buffer.bytes(), b"cdef");
        let mut more: &[u8] = b"ghi";
        assert_eq!(buffer.fill(&mut more, 2).await.expect("a slice reads"), 2, "no more than was asked for");
        assert_eq!(buffer.bytes(), b"cdefgh");
        buffer.consume(usize::MAX / 2);
        assert!(buffer.is_empty());
    }
}

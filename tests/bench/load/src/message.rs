//! Answers read to their exact end (RFC 9112 §6), bodies given away piece by piece.

use crate::tally::Failure;
use std::ops::Range;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// The longest head.
const HEAD: usize = 64 * 1024;
/// Room of a read.
const ROOM: usize = 64 * 1024;
/// What a slow reader takes at once, and how long it rests before.
const LITTLE: usize = 16 * 1024;
const REST: Duration = Duration::from_millis(20);

/// What an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Bytes of its body.
    pub(crate) body: u64,
    /// Whether the connection can be used again.
    pub(crate) kept: bool,
}

/// What ends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    Close,
}

/// The bytes read of a connection and not yet used, in a buffer that is used again and again.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    unread: Range<usize>,
    /// Whether it reads little at a time, and rests in between.
    pub(crate) slow: bool,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { buffer: vec![0; HEAD + ROOM], unread: 0..0, slow: false }
    }
}

impl Reader {
    /// Forgets what was read: another connection comes.
    pub(crate) fn clear(&mut self) {
        self.unread = 0..0;
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.unread.clone()).unwrap_or_default()
    }

    async fn fill(&mut self, stream: &mut TcpStream) -> Result<(), Failure> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.buffer.len() - self.unread.end < ROOM {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        let mut room = self.buffer.len() - self.unread.end;
        if self.slow {
            sleep_until(Instant::now() + REST).await;
            room = room.min(LITTLE);
        }
        let free = self.buffer.get_mut(self.unread.end..self.unread.end + room).unwrap_or_default();
        match stream.read(free).await {
            Ok(0) => Err(Failure::CutShort),
            Ok(count) => {
                self.unread.end += count;
                Ok(())
            }
            Err(_) => Err(Failure::Read),
        }
    }

    /// Reads a head: its status, what ends the body, whether the connection is kept.
    async fn head(&mut self, stream: &mut TcpStream) -> Result<(u16, Framing, bool), Failure> {
        let mut seen = 0usize;
        let end = loop {
            // The end may have been cut by the last read.
            let from = seen.saturating_sub(3);
            let news = self.bytes().get(from..).unwrap_or_default();
            if let Some(at) = news.windows(4).position(|four| four == b"\r\n\r\n") {
                break from + at + 4;
            }
            seen = self.bytes().len();
            if seen > HEAD {
                return Err(Failure::Malformed);
            }
            self.fill(stream).await?;
        };
        let head = std::str::from_utf8(self.bytes().get(..end).unwrap_or_default()).map_err(|_| Failure::Malformed)?;
        let parsed = parse(head).ok_or(Failure::Malformed)?;
        self.unread.start += end;
        Ok(parsed)
    }

    /// Reads the head of an answer to CONNECT: what follows is the tunnel's (RFC 9110 §9.3.6). Returns its status.
    pub(crate) async fn tunnel(&mut self, stream: &mut TcpStream) -> Result<u16, Failure> {
        Ok(self.head(stream).await?.0)
    }

    /// Reads a whole answer. `sink` gets the body in pieces, each with its place, and says whether it is good.
    pub(crate) async fn answer(
        &mut self,
        stream: &mut TcpStream,
        mut sink: impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        let (status, framing, kept) = self.head(stream).await?;
        let mut body = 0;
        match framing {
            Framing::Length(length) => self.take(stream, length, &mut body, &mut sink).await?,
            Framing::Chunked => loop {
                let line = self.line(stream).await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16).map_err(|_| Failure::Malformed)?;
                if size == 0 {
                    while !self.line(stream).await?.is_empty() {}
                    break;
                }
                self.take(stream, size, &mut body, &mut sink).await?;
                if !self.line(stream).await?.is_empty() {
                    return Err(Failure::Malformed);
                }
            },
            Framing::Close => match self.take(stream, u64::MAX, &mut body, &mut sink).await {
                Err(Failure::CutShort) => {}
                other => other?,
            },
        }
        Ok(Answer { status, body, kept: kept && framing != Framing::Close })
    }

    /// Gives away the next `length` bytes.
    async fn take(
        &mut self,
        stream: &mut TcpStream,
        mut length: u64,
        body: &mut u64,
        sink: &mut impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), Failure> {
        while length > 0 {
            if self.unread.is_empty() {
                self.fill(stream).await?;
            }
            let count = length.min(self.unread.len() as u64);
            let piece = self.bytes().get(..count as usize).unwrap_or_default();
            if !sink(*body, piece) {
                return Err(Failure::Body);
            }
            self.unread.start += count as usize;
            *body += count;
            length -= count;
        }
        Ok(())
    }

    /// The next line, without its end.
    async fn line(&mut self, stream: &mut TcpStream) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.bytes().windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(self.bytes().get(..end).unwrap_or_default()).into_owned();
                self.unread.start += end + 2;
                return Ok(line);
            }
            if self.unread.len() > HEAD {
                return Err(Failure::Malformed);
            }
            self.fill(stream).await?;
        }
    }
}

/// Reads a head, empty line included.
fn parse(head: &str) -> Option<(u16, Framing, bool)> {
    let mut lines = head.split("\r\n");
    let first = lines.next()?;
    let rest = first.strip_prefix("HTTP/1.")?;
    let status: u16 = rest.get(2..5)?.parse().ok()?;
    let mut kept = rest.starts_with('1');
    let mut framing = Framing::Close;
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("content-length") && framing != Framing::Chunked {
            framing = Framing::Length(value.parse().ok()?);
        } else if is("transfer-encoding") {
            framing = Framing::Chunked;
        } else if is("connection") || is("proxy-connection") {
            kept = value.eq_ignore_ascii_case("keep-alive") || kept && !value.eq_ignore_ascii_case("close");
        }
    }
    if status == 204 || status == 304 {
        framing = Framing::Length(0);
    }
    Some((status, framing, kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    /// What is read of these bytes, after which the other side closes.
    fn read(bytes: &'static [u8]) -> (Result<Answer, Failure>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let mut stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
            let (mut other, _) = listener.accept().await.expect("a connection");
            other.write_all(bytes).await.expect("sent");
            drop(other);
            let mut got = Vec::new();
            let mut reader = Reader::default();
            let answer = reader.answer(&mut stream, |at, piece| {
                assert_eq!(at, got.len() as u64);
                got.extend_from_slice(piece);
                true
            });
            (answer.await, got)
        })
    }

    #[test]
    fn answers_end_where_their_framing_says() {
        let whole = |body, kept| Ok(Answer { status: 200, body, kept });
        let (answer, body) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd");
        assert_eq!((answer, body.as_slice()), (whole(3, true), b"abc".as_slice()));
        let (answer, body) =
            read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        assert_eq!((answer, body.as_slice()), (whole(3, true), b"abc".as_slice()));
        let (answer, body) = read(b"HTTP/1.0 200 OK\r\n\r\nabc");
        assert_eq!((answer, body.as_slice()), (whole(3, false), b"abc".as_slice()));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").0, whole(0, false));
    }

    #[test]
    fn what_is_cut_short_is_said() {
        for cut in [
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab".as_slice(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Le",
        ] {
            assert_eq!(read(cut).0, Err(Failure::CutShort));
        }
        assert_eq!(read(b"SSH-2.0\r\n\r\n").0, Err(Failure::Malformed));
    }
}

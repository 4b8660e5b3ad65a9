//! The chunked coding (RFC 9112 §7.1), read strictly and without copying: it says which bytes are payload and when
//! the body ends, so that they can be passed on as they are or without their frames.
use super::Malformed;
use std::ops::Range;

/// The longest chunk-size line.
const LINE_LIMIT: usize = 256;
/// The most bytes of extensions in one body: they are nobody's, and a way past the count of payload (RFC 9112 §7.1.1).
const EXTENSION_LIMIT: usize = 16384;
/// The most bytes of trailer fields.
const TRAILER_LIMIT: usize = 16384;

/// Where in the coding the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of, or in, a chunk-size line.
    Size,
    /// In the data of a chunk.
    Data,
    /// At the CRLF behind the data.
    DataEnd,
    /// In the trailer section.
    Trailer,
    /// Behind the last CRLF.
    Done,
}

/// A reader of one chunked body.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    left: u64,
    extensions: usize,
    trailer: usize,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes are framing (sizes, CRLFs, trailers), in the form everybody reads in the same way.
    Frame(usize),
    /// So many bytes are the line of a chunk of `size`, with an extension or zeros in front: it is to be written anew.
    Rewrite {
        /// The line with its CRLF.
        line: usize,
        /// The size it states.
        size: u64,
    },
    /// These bytes, from the start, are payload.
    Data(Range<usize>),
    /// More bytes are needed.
    More,
    /// The body has ended.
    End,
}

impl Chunked {
    /// At the start of a body.
    pub(crate) fn new() -> Chunked {
        Chunked { state: State::Size, left: 0, extensions: 0, trailer: 0 }
    }

    /// Looks at `bytes`, which begin where the last step ended. The caller consumes what the step names.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        match self.state {
            State::Size => match line(bytes, LINE_LIMIT)? {
                None => Ok(Step::More),
                Some(text) => {
                    let (size, digits) = size(text)?;
                    self.left = size;
                    self.state = if size == 0 { State::Trailer } else { State::Data };
                    self.extensions += text.len() - digits;
                    if self.extensions > EXTENSION_LIMIT {
                        return Err(Malformed::Chunk);
                    }
                    let line = text.len() + 2;
                    let usual = text.len() == digits && (digits == 1 || !text.starts_with(b"0"));
                    Ok(if usual { Step::Frame(line) } else { Step::Rewrite { line, size } })
                }
            },
            State::Data if bytes.is_empty() => Ok(Step::More),
            State::Data => {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= count as u64;
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
                Ok(Step::Data(0..count))
            }
            State::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Step::Frame(2))
                }
                [] | [b'\r'] => Ok(Step::More),
                _ => Err(Malformed::Chunk),
            },
            State::Trailer => match line(bytes, TRAILER_LIMIT)? {
                None => Ok(Step::More),
                Some(text) => {
                    if text.is_empty() {
                        self.state = State::Done;
                    } else {
                        field(text)?;
                    }
                    self.trailer += text.len() + 2;
                    if self.trailer > TRAILER_LIMIT {
                        return Err(Malformed::Chunk);
                    }
                    Ok(Step::Frame(text.len() + 2))
                }
            },
            State::Done => Ok(Step::End),
        }
    }
}

/// The line at the start of `bytes`, without its CRLF; `None` while it isn't whole.
fn line(bytes: &[u8], limit: usize) -> Result<Option<&[u8]>, Malformed> {
    match bytes.iter().take(limit).position(|&b| b == b'\n') {
        None if bytes.len() >= limit => Err(Malformed::Chunk),
        None => Ok(None),
        Some(end) => match bytes.get(..end) {
            Some([text @ .., b'\r']) if !text.contains(&b'\r') => Ok(Some(text)),
            _ => Err(Malformed::Chunk),
        },
    }
}

/// Hexadecimal digits, at most sixteen, then nothing or an extension made of visible characters. The number, and how many
/// digits it was written with.
fn size(line: &[u8]) -> Result<(u64, usize), Malformed> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (number, extension) = line.split_at_checked(digits).ok_or(Malformed::Chunk)?;
    let visible = |b: &u8| matches!(b, b'\t' | b' '..=b'~');
    if !(1..=16).contains(&digits)
        || !(extension.is_empty() || extension.starts_with(b";"))
        || !extension.iter().all(visible)
    {
        return Err(Malformed::Chunk);
    }
    let text = std::str::from_utf8(number).map_err(|_| Malformed::Chunk)?;
    // Not beyond signed numbers: there are readers that have those.
    let size = i64::from_str_radix(text, 16).map_err(|_| Malformed::Chunk)?;
    Ok((u64::try_from(size).map_err(|_| Malformed::Chunk)?, digits))
}

/// A trailer field must be well formed, and must not frame or route anything (RFC 9110 §6.5.1).
fn field(line: &[u8]) -> Result<(), Malformed> {
    let mut whole = line.to_vec();
    whole.extend_from_slice(b"\r\n\r\n");
    let fields = super::Fields::parse(&whole, 0).map_err(|_| Malformed::Chunk)?;
    match fields.iter().next() {
        Some(field) if field.known == super::Known::Other => Ok(()),
        _ => Err(Malformed::Chunk),
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunked, Step};
    use crate::wire::Malformed;

    /// Feeds `bytes` in pieces of `piece`; returns the payload and how many bytes the body took.
    fn read(bytes: &[u8], piece: usize) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
        let (mut chunked, mut payload, mut at, mut seen) = (Chunked::new(), Vec::new(), 0, 0);
        loop {
            match chunked.step(&bytes[at..seen])? {
                Step::Frame(count) | Step::Rewrite { line: count, .. } => at += count,
                Step::Data(range) => {
                    payload.extend_from_slice(&bytes[at..seen][range.clone()]);
                    at += range.len();
                }
                Step::End => return Ok(Some((payload, at))),
                Step::More if seen == bytes.len() => return Ok(None),
                Step::More => seen = bytes.len().min(seen + piece),
            }
        }
    }

    #[test]
    fn the_same_body_whatever_the_pieces() {
        let body = b"4\r\nWiki\r\n6;name=\"v\"\r\npedia \r\n0\r\nX-Sum: 1\r\n\r\nGET";
        for piece in 1..body.len() {
            assert_eq!(read(body, piece), Ok(Some((b"Wikipedia ".to_vec(), body.len() - 3))));
        }
        for cut in 0..body.len() - 3 {
            assert_eq!(read(&body[..cut], 5), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn lines_with_more_than_a_size_are_written_anew() {
        for (line, step) in [
            ("a\r\n", Step::Frame(3)),
            ("0\r\n", Step::Frame(3)),
            ("a;x=\"y\"\r\n", Step::Rewrite { line: 9, size: 10 }),
            ("000A\r\n", Step::Rewrite { line: 6, size: 10 }),
            ("00\r\n", Step::Rewrite { line: 4, size: 0 }),
        ] {
            assert_eq!(Chunked::new().step(line.as_bytes()), Ok(step), "{line:?}");
        }
    }

    #[test]
    fn what_others_could_read_otherwise_is_refused() {
        for body in [
            &b"4\nWiki\r\n0\r\n\r\n"[..],
            b" 4\r\nWiki\r\n0\r\n\r\n",
            b"4 \r\nWiki\r\n0\r\n\r\n",
            b"0x4\r\nWiki\r\n0\r\n\r\n",
            b"-4\r\nWiki\r\n",
            b"\r\nWiki\r\n",
            b"4\r\nWikiX\r\n0\r\n\r\n",
            b"11111111111111111\r\n",
            b"4;a\rb\r\nWiki\r\n0\r\n\r\n",
            b"0\r\nContent-Length: 4\r\n\r\n",
            b"0\r\nbroken\r\n\r\n",
            b"0\r\n folded: 1\r\n\r\n",
        ] {
            assert_eq!(read(body, 64), Err(Malformed::Chunk), "{:?}", String::from_utf8_lossy(body));
        }
        assert_eq!(read(&vec![b'1'; 5000], 64), Err(Malformed::Chunk));
        let extended = format!("1;{}\r\na\r\n", "x".repeat(200));
        assert_eq!(read(extended.repeat(81).as_bytes(), 64), Ok(None));
        assert_eq!(read(extended.repeat(82).as_bytes(), 64), Err(Malformed::Chunk));
    }
}

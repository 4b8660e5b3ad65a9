//! The lines of a log of any size, as it is or compressed: one at a time, each of bounded length.

use flate2::read::MultiGzDecoder;
use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// Longest line read. Squid's own bound on a URL is 8 KB, on some systems 64.
pub(super) const LINE_BYTES: usize = 128 * 1024;

/// A line longer than [`LINE_BYTES`]; the rest of it was read over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "longer than {LINE_BYTES} bytes")
    }
}

/// Lines, read from what may be compressed by gzip.
pub(super) struct Lines<'i> {
    input: Box<dyn BufRead + 'i>,
    line: Vec<u8>,
}

impl<'i> Lines<'i> {
    /// Tells what is compressed by its first two bytes (RFC 1952 §2.3.1), whatever its name.
    pub(super) fn of(mut input: impl Read + 'i) -> io::Result<Lines<'i>> {
        const BUFFER: usize = 1 << 16;
        let mut first = Vec::new();
        input.by_ref().take(2).read_to_end(&mut first)?;
        let gzip = first == [0x1f, 0x8b];
        let whole = Cursor::new(first).chain(input);
        let input: Box<dyn BufRead + 'i> = if gzip {
            // Several members may follow each other, as `cat *.gz` makes them.
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER, whole))
        };
        Ok(Lines { input, line: Vec::new() })
    }

    /// The next line, without its end; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<&[u8], Cut>>> {
        self.line.clear();
        let most = LINE_BYTES as u64 + 1;
        if self.input.by_ref().take(most).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() > LINE_BYTES {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Err(Cut)));
        }
        // The last one may be without its end.
        Ok(Some(Ok(&self.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn all(bytes: &[u8]) -> io::Result<Vec<Result<Vec<u8>, Cut>>> {
        let mut lines = Lines::of(bytes)?;
        let mut all = Vec::new();
        while let Some(line) = lines.next()? {
            all.push(line.map(<[u8]>::to_vec));
        }
        Ok(all)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("compressed");
        encoder.finish().expect("compressed")
    }

    #[test]
    fn compressed_or_not_lines_are_the_same() {
        let text: &[u8] = b"one\n\ntwo\xff\r\nthree";
        let lines = all(text).expect("read");
        assert_eq!(lines, [&b"one"[..], b"", b"two\xff\r", b"three"].map(|line| Ok(line.to_vec())));
        assert_eq!(all(&gzip(text)).expect("read"), lines);
        let twice = [gzip(b"one\n\n"), gzip(b"two\xff\r\nthree")].concat();
        assert_eq!(all(&twice).expect("read"), lines);
        for short in [&b""[..], b"\x1f"] {
            assert_eq!(all(short).expect("read").len(), short.len());
        }
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_memory() {
        let long = [b"short\n".to_vec(), vec![b'x'; 3 * LINE_BYTES], b"\nshort again".to_vec()].concat();
        let lines = all(&long).expect("read");
        assert_eq!(lines, [Ok(b"short".to_vec()), Err(Cut), Ok(b"short again".to_vec())]);
        let mut longest = vec![b'x'; LINE_BYTES];
        assert_eq!(all(&longest).expect("read"), [Ok(longest.clone())]);
        longest.push(b'\n');
        assert!(all(&longest).expect("read")[0].is_ok());
    }

    #[test]
    fn what_breaks_off_is_an_error_after_its_good_lines() {
        let mut cut = gzip(&b"a line of text that is long enough to be compressed\n".repeat(50_000));
        cut.truncate(cut.len() / 2);
        let mut lines = Lines::of(&*cut).expect("begun");
        assert!(lines.next().is_ok_and(|line| line.is_some()));
        let why = loop {
            match lines.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end is not the end"),
                Err(why) => break why,
            }
        };
        assert_eq!(why.kind(), io::ErrorKind::UnexpectedEof);
    }
}

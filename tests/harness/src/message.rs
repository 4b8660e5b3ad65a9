//! HTTP/1.1 messages as they stand on the wire: head, then a body framed by length, chunks or the end of the stream.
use std::io::{self, Read};

/// Bytes read from a connection and not used yet.
#[derive(Default)]
pub struct Pending(Vec<u8>);

/// The first line and the fields of a message.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The bytes as they came, up to and with the empty line.
    pub raw: Vec<u8>,
    /// The request or status line, without its line end.
    pub line: String,
    /// Names and values, in order, as written.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The value of the first field of that name, whatever the case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// All values of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// The word at that place of the first line, from 0; empty when there is none.
    pub fn word(&self, place: usize) -> &str {
        self.line.splitn(3, ' ').nth(place).unwrap_or("")
    }

    /// The status of a response; 0 when the line holds none.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    pub(crate) fn parse(raw: Vec<u8>) -> Head {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.lines();
        let line = lines.next().unwrap_or("").to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Head { raw, line, fields }
    }
}

/// How the body that follows a head is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Everything until the stream ends.
    UntilClose,
}

impl Framing {
    /// Of a request.
    pub fn of_request(head: &Head) -> Framing {
        Framing::declared(head).unwrap_or(Framing::None)
    }

    /// Of the response to a request with that method.
    pub fn of_response(head: &Head, method: &str) -> Framing {
        let status = head.status();
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return Framing::None;
        }
        if method == "CONNECT" && status < 300 {
            return Framing::None;
        }
        Framing::declared(head).unwrap_or(Framing::UntilClose)
    }

    fn declared(head: &Head) -> Option<Framing> {
        if head.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return Some(Framing::Chunked);
        }
        head.field("content-length").and_then(|length| length.parse().ok()).map(Framing::Length)
    }
}

impl Pending {
    /// Reads a head. `None` when the stream ends before its first byte.
    pub fn head(&mut self, stream: &mut dyn Read) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.0, b"\r\n\r\n") {
                let rest = self.0.split_off(end + 4);
                return Ok(Some(Head::parse(std::mem::replace(&mut self.0, rest))));
            }
            if !self.more(stream)? {
                return if self.0.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads a body, whole.
    pub fn body(&mut self, stream: &mut dyn Read, framing: Framing) -> io::Result<Vec<u8>> {
        match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => self.take(stream, usize::try_from(length).map_err(io::Error::other)?),
            Framing::UntilClose => {
                while self.more(stream)? {}
                Ok(std::mem::take(&mut self.0))
            }
            Framing::Chunked => self.chunks(stream),
        }
    }

    /// What came after the last message read.
    pub fn rest(&self) -> &[u8] {
        &self.0
    }

    fn chunks(&mut self, stream: &mut dyn Read) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(stream)?;
            let size = line.split(';').next().unwrap_or("").trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                // Trailer fields, then the empty line.
                while !self.line(stream)?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(stream, size)?);
            self.line(stream)?;
        }
    }

    fn line(&mut self, stream: &mut dyn Read) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.0, b"\r\n") {
                let rest = self.0.split_off(end + 2);
                let line = std::mem::replace(&mut self.0, rest);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more(stream)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(&mut self, stream: &mut dyn Read, length: usize) -> io::Result<Vec<u8>> {
        while self.0.len() < length {
            if !self.more(stream)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.0.split_off(length);
        Ok(std::mem::replace(&mut self.0, rest))
    }

    /// Reads once more; false at the end of the stream.
    fn more(&mut self, stream: &mut dyn Read) -> io::Result<bool> {
        let mut buffer = [0; 65_536];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.0.extend_from_slice(&buffer[..n]);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(wire: &str, method: &str) -> (Head, Vec<u8>, Vec<u8>) {
        let mut stream = wire.as_bytes();
        let mut pending = Pending::default();
        let head = pending.head(&mut stream).expect("a head").expect("bytes");
        let framing = Framing::of_response(&head, method);
        let body = pending.body(&mut stream, framing).expect("a body");
        (head, body, pending.rest().to_vec())
    }

    #[test]
    fn a_length_ends_the_body_and_leaves_the_rest() {
        let (head, body, rest) = whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP", "GET");
        assert_eq!((head.status(), body.as_slice(), rest.as_slice()), (200, &b"hi"[..], &b"HTTP"[..]));
    }

    #[test]
    fn chunks_are_joined_and_trailers_passed_over() {
        let wire =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n";
        let (_, body, rest) = whole(wire, "GET");
        assert_eq!((body.as_slice(), rest.as_slice()), (&b"hi0123456789"[..], &b""[..]));
    }

    #[test]
    fn heads_alone_answer_head_and_not_modified() {
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").1, b"");
        assert_eq!(whole("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET").1, b"");
    }

    #[test]
    fn a_short_body_is_an_error() {
        let mut stream = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"[..];
        let mut pending = Pending::default();
        let head = pending.head(&mut stream).expect("a head").expect("bytes");
        assert!(pending.body(&mut stream, Framing::of_response(&head, "GET")).is_err());
    }
}

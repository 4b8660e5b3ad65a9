//! The head of an answer (RFC 9112 §4).
use super::fields::Fields;
use super::request::{end_of_head, version_of};
use super::{Malformed, Version};
use memchr::memchr;
use std::ops::Range;

/// An answer's head, as positions in the bytes it stands in.
#[derive(Debug, Clone)]
pub(crate) struct ResponseHead {
    /// How many bytes it takes, the empty line included.
    pub(crate) len: usize,
    /// The origin's version.
    pub(crate) version: Version,
    /// The status, 100 to 599 (RFC 9110 §15).
    pub(crate) status: u16,
    /// The reason phrase.
    pub(crate) reason: Range<usize>,
    /// The field lines.
    pub(crate) fields: Fields,
}

impl ResponseHead {
    /// Reads a head from the start of `bytes`; `None` while it isn't whole.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<ResponseHead>, Malformed> {
        // What speaks another protocol may never send an empty line.
        if bytes.first().is_some_and(|&byte| byte != b'H') {
            return Err(Malformed::StartLine);
        }
        let Some(len) = end_of_head(bytes, 0)? else { return Ok(None) };
        let head = bytes.get(..len).unwrap_or_default();
        let line_end = memchr(b'\r', head).ok_or(Malformed::StartLine)?;
        if head.get(line_end + 1) != Some(&b'\n') {
            return Err(Malformed::StartLine);
        }
        let line = head.get(..line_end).unwrap_or_default();
        let (version, rest) = line.split_at_checked(8).ok_or(Malformed::StartLine)?;
        let version = version_of(version)?;
        let status = match rest {
            [b' ', a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', end @ ..]
                if end.is_empty() || end.starts_with(b" ") =>
            {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(Malformed::StartLine),
        };
        let reason = (13.min(line_end))..line_end;
        let readable = |b: &u8| matches!(b, b'\t' | b' '..=b'~' | 0x80..=0xff);
        if !head.get(reason.clone()).unwrap_or_default().iter().all(readable) {
            return Err(Malformed::StartLine);
        }
        Ok(Some(ResponseHead { len, version, status, reason, fields: Fields::parse(head, line_end + 2)? }))
    }

    /// Whether the origin keeps the connection.
    pub(crate) fn persistent(&self, head: &[u8]) -> bool {
        match self.version {
            Version::Http11 => !self.fields.connection_has(head, b"close"),
            Version::Http10 => self.fields.connection_has(head, b"keep-alive"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseHead;

    #[test]
    fn status_and_reason() {
        let text = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let head = ResponseHead::parse(text).expect("well formed").expect("whole");
        assert_eq!((head.status, &text[head.reason.clone()], head.len), (404, &b"Not Found"[..], text.len()));
        let bare = ResponseHead::parse(b"HTTP/1.0 200\r\n\r\n").expect("well formed").expect("whole");
        assert_eq!((bare.status, bare.reason.len()), (200, 0));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            &b"HTTP/1.1 20 OK\r\n\r\n"[..],
            b"HTTP/1.1 600 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 200 O\0K\r\n\r\n",
            b"HTTP/1.1 200 OK\rXA: b\r\n\r\n",
        ] {
            assert!(ResponseHead::parse(text).is_err(), "{:?}", String::from_utf8_lossy(text));
        }
    }
}

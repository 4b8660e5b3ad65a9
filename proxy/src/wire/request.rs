//! The head of a request (RFC 9112 §3).
use super::fields::{Fields, Known, is_token_byte};
use super::{Malformed, Version};
use memchr::{memchr, memchr_iter};
use std::ops::Range;

/// A request's head, as positions in the bytes it stands in.
#[derive(Debug, Clone)]
pub(crate) struct RequestHead {
    /// How many bytes it takes, the empty line included.
    pub(crate) len: usize,
    /// The method.
    pub(crate) method: Range<usize>,
    /// The request target as it was sent.
    pub(crate) target: Range<usize>,
    /// The client's version.
    pub(crate) version: Version,
    /// The field lines.
    pub(crate) fields: Fields,
}

impl RequestHead {
    /// Reads a head from the start of `bytes`; `None` while it isn't whole.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<RequestHead>, Malformed> {
        // An empty line or two before the request is allowed for (RFC 9112 §2.2).
        let skipped = bytes.chunks(2).take(2).take_while(|pair| *pair == b"\r\n").count() * 2;
        let Some(len) = end_of_head(bytes, skipped)? else { return Ok(None) };
        let head = bytes.get(..len).unwrap_or_default();
        let line_end = memchr(b'\r', head.get(skipped..).unwrap_or_default()).ok_or(Malformed::StartLine)? + skipped;
        if head.get(line_end + 1) != Some(&b'\n') {
            return Err(Malformed::StartLine);
        }
        let line = head.get(skipped..line_end).unwrap_or_default();
        let mut words = line.split(|&b| b == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Malformed::StartLine);
        };
        if method.is_empty() || !method.iter().all(|&b| is_token_byte(b)) {
            return Err(Malformed::StartLine);
        }
        if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
            return Err(Malformed::StartLine);
        }
        let target_at = skipped + method.len() + 1;
        Ok(Some(RequestHead {
            len,
            method: skipped..skipped + method.len(),
            target: target_at..target_at + target.len(),
            version: version_of(version)?,
            fields: Fields::parse(head, line_end + 2)?,
        }))
    }

    /// The one Host value, which RFC 9112 §3.2 asks of every HTTP/1.1 request. An empty value counts as given.
    pub(crate) fn host<'a>(&'a self, head: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        let mut hosts = self.fields.values(head, Known::Host);
        match (hosts.next(), hosts.next()) {
            (Some(host), None) if host.iter().all(|&byte| is_host_byte(byte)) => Ok(Some(host)),
            (None, None) if self.version == Version::Http10 => Ok(None),
            _ => Err(Malformed::Host),
        }
    }

    /// Whether the client wants the connection kept: by its version and by Connection, or Proxy-Connection as older
    /// clients say it to proxies.
    pub(crate) fn persistent(&self, head: &[u8]) -> bool {
        let says = |option: &[u8]| {
            self.fields.connection_has(head, option)
                || self.fields.iter().any(|field| {
                    field.known == Known::HopByHop
                        && head.get(field.name.clone()).is_some_and(|n| n.eq_ignore_ascii_case(b"proxy-connection"))
                        && head.get(field.value.clone()).is_some_and(|v| v.eq_ignore_ascii_case(option))
                })
        };
        match self.version {
            Version::Http11 => !says(b"close"),
            Version::Http10 => says(b"keep-alive") && !says(b"close"),
        }
    }
}

/// What `uri-host [":" port]` is written with (RFC 3986 §3.2.2, §3.2.3), and the bytes of names not yet encoded.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// Whether an empty line may have ended a head behind `seen`, so that looking at the whole of it is worth while.
pub(crate) fn may_end(bytes: &[u8], seen: usize) -> bool {
    let fresh = bytes.get(seen.saturating_sub(2)..).unwrap_or_default();
    memchr_iter(b'\n', fresh).any(|at| matches!(fresh.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])))
}

/// Where the empty line ends the head; an error when a line ends with LF alone.
pub(super) fn end_of_head(bytes: &[u8], from: usize) -> Result<Option<usize>, Malformed> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(lf) = memchr(b'\n', rest) else { return Ok(None) };
        match lf.checked_sub(1).and_then(|before| rest.get(before)) {
            Some(b'\r') if lf == 1 && at > from => return Ok(Some(at + 2)),
            Some(b'\r') => at += lf + 1,
            _ => return Err(Malformed::BareLineFeed),
        }
    }
}

/// `HTTP/1.x`.
pub(super) fn version_of(text: &[u8]) -> Result<Version, Malformed> {
    match text {
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit() => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', ..] => Err(Malformed::Version),
        _ => Err(Malformed::StartLine),
    }
}

#[cfg(test)]
mod tests {
    use super::RequestHead;
    use crate::wire::{Malformed, Version};

    fn parse(text: &str) -> Result<Option<RequestHead>, Malformed> {
        RequestHead::parse(text.as_bytes())
    }

    #[test]
    fn a_head_is_read_where_it_ends() {
        let text = "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\nrest";
        let head = parse(text).expect("well formed").expect("whole");
        assert_eq!(head.len, text.len() - 4);
        assert_eq!(&text[head.method.clone()], "GET");
        assert_eq!(&text[head.target.clone()], "http://a.example/x");
        assert_eq!(head.version, Version::Http11);
        for cut in 0..text.len() - 4 {
            assert!(parse(&text[..cut]).expect("so far well formed").is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn an_empty_line_before_it_is_allowed_for() {
        let text = "\r\nGET / HTTP/1.0\r\n\r\n";
        let head = parse(text).expect("well formed").expect("whole");
        assert_eq!((&text[head.method.clone()], head.len), ("GET", text.len()));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (text, why) in [
            ("GET  / HTTP/1.1\r\n\r\n", Malformed::StartLine),
            ("GET / HTTP/1.1 \r\n\r\n", Malformed::StartLine),
            ("GET /\r\n\r\n", Malformed::StartLine),
            ("G@T / HTTP/1.1\r\n\r\n", Malformed::StartLine),
            ("GET /\u{e9} HTTP/1.1\r\n\r\n", Malformed::StartLine),
            ("GET /\t HTTP/1.1\r\n\r\n", Malformed::StartLine),
            ("GET / HTTP/2.0\r\n\r\n", Malformed::Version),
            ("GET / HTTP/1.1\rXHost: a\r\n\r\n", Malformed::StartLine),
            ("GET / http/1.1\r\n\r\n", Malformed::StartLine),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", Malformed::BareLineFeed),
            ("GET / HTTP/1.1\r\nHost: a\n\n", Malformed::BareLineFeed),
            ("\x16\x03\x01\n", Malformed::BareLineFeed),
        ] {
            assert_eq!(parse(text).err(), Some(why), "{text:?}");
        }
    }

    #[test]
    fn one_host_and_only_one() {
        let hosts = |text: &str| {
            let head = parse(text).expect("well formed").expect("whole");
            head.host(text.as_bytes()).map(|host| host.map(<[u8]>::to_vec))
        };
        assert_eq!(hosts("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Some(b"a".to_vec())));
        assert_eq!(hosts("GET / HTTP/1.1\r\n\r\n"), Err(Malformed::Host));
        assert_eq!(hosts("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), Err(Malformed::Host));
        assert_eq!(hosts("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), Err(Malformed::Host));
        assert_eq!(hosts("GET / HTTP/1.0\r\n\r\n"), Ok(None));
        assert_eq!(hosts("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Err(Malformed::Host));
    }

    #[test]
    fn persistence_by_version_and_connection() {
        let kept = |text: &str| parse(text).expect("well formed").expect("whole").persistent(text.as_bytes());
        assert!(kept("GET / HTTP/1.1\r\n\r\n"));
        assert!(!kept("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(!kept("GET / HTTP/1.0\r\n\r\n"));
        assert!(kept("GET / HTTP/1.0\r\nProxy-Connection: Keep-Alive\r\n\r\n"));
    }
}

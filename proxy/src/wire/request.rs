//! The head of a request (RFC 9112 §3).
use super::fields::{Fields, Known, is_blank, is_token_byte, list};
use super::framing::number;
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
        match bytes.first() {
            // The record of a ClientHello (RFC 8446 §5.1).
            Some(0x16) => return Err(Malformed::Tls),
            Some(&byte) if !may_begin(byte) => return Err(Malformed::StartLine),
            _ => {}
        }
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

    /// Whether the client will send the body only once it is told to, or refused (RFC 9110 §10.1.1). Of HTTP/1.0 nothing is
    /// expected. Any other expectation is an error: nobody on the way may pass over it.
    pub(crate) fn expects_continue(&self, head: &[u8]) -> Result<bool, Malformed> {
        if self.version == Version::Http10 || !self.fields.has(Known::Expect) {
            return Ok(false);
        }
        let mut expected = self.fields.values(head, Known::Expect).flat_map(list);
        if expected.all(|item| item.eq_ignore_ascii_case(b"100-continue")) {
            Ok(true)
        } else {
            Err(Malformed::Expectation)
        }
    }

    /// How many more times the request may be passed on (RFC 9110 §7.6.2).
    pub(crate) fn max_forwards(&self, head: &[u8]) -> Result<Option<u64>, Malformed> {
        let mut values = self.fields.values(head, Known::MaxForwards);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match number(value) {
                Some(number) => Ok(Some(number)),
                None => Err(Malformed::MaxForwards),
            },
            (Some(_), Some(_)) => Err(Malformed::MaxForwards),
        }
    }

    /// The hops that Via names, all of them, in one value.
    pub(crate) fn via(&self, head: &[u8]) -> Option<String> {
        let hops: Vec<_> = self.fields.values(head, Known::Via).map(String::from_utf8_lossy).collect();
        (!hops.is_empty()).then(|| hops.join(", "))
    }

    /// Whether the gate of that name has passed this request on before (RFC 9110 §7.6.3): it has come round.
    pub(crate) fn came_by(&self, head: &[u8], received_by: &str) -> bool {
        let names_us = |hop: &[u8]| {
            let mut words = hop.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty());
            words.nth(1).is_some_and(|by| by.eq_ignore_ascii_case(received_by.as_bytes()))
        };
        self.fields.values(head, Known::Via).flat_map(list).any(names_us)
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

/// Whether a message may begin with this byte: a token's, or a line end that is passed over or refused by its name.
fn may_begin(byte: u8) -> bool {
    is_token_byte(byte) || byte == b'\r' || byte == b'\n'
}

/// Whether looking at the whole head is worth while: an empty line may have ended it behind `seen`, or its first byte is
/// none of HTTP's, and whoever sent it waits for an answer in another protocol.
pub(crate) fn may_end(bytes: &[u8], seen: usize) -> bool {
    if seen == 0 && bytes.first().is_some_and(|&byte| !may_begin(byte)) {
        return true;
    }
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
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(Malformed::Version)
        }
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
            ("GET / HTTP/1.1x\r\n\r\n", Malformed::StartLine),
            ("PRI * HTTP/2.0\r\n\r\n", Malformed::Version),
            ("\x16\x03\x01", Malformed::Tls),
            ("\x05\x01\0", Malformed::StartLine),
            ("\n", Malformed::BareLineFeed),
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
    fn expectations_hops_and_loops() {
        let head = |text: &str| parse(text).expect("well formed").expect("whole");
        let expects = |text: &str| head(text).expects_continue(text.as_bytes());
        assert_eq!(expects("PUT / HTTP/1.1\r\n\r\n"), Ok(false));
        assert_eq!(expects("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n"), Ok(true));
        assert_eq!(expects("PUT / HTTP/1.0\r\nExpect: miracles\r\n\r\n"), Ok(false));
        assert_eq!(expects("PUT / HTTP/1.1\r\nExpect: 100-continue, x\r\n\r\n"), Err(Malformed::Expectation));
        let hops = |text: &str| head(text).max_forwards(text.as_bytes());
        assert_eq!(hops("TRACE / HTTP/1.1\r\n\r\n"), Ok(None));
        assert_eq!(hops("TRACE / HTTP/1.1\r\nMax-Forwards: 10\r\n\r\n"), Ok(Some(10)));
        for wrong in ["", "-1", "1, 2", "1\r\nMax-Forwards: 1"] {
            let text = format!("TRACE / HTTP/1.1\r\nMax-Forwards: {wrong}\r\n\r\n");
            assert_eq!(hops(&text), Err(Malformed::MaxForwards), "{wrong:?}");
        }
        let came = |via: &str| {
            let text = format!("GET / HTTP/1.1\r\nVia: 1.0 fred\r\nVia: {via}\r\n\r\n");
            head(&text).came_by(text.as_bytes(), "octroi-1a")
        };
        assert!(came("1.1 octroi-1a") && came("1.1 x, HTTP/1.1\tOctroi-1A (gate)"));
        assert!(!came("1.1 octroi-1ab") && !came("1.1 x (octroi-1a)") && !came("octroi-1a"));
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

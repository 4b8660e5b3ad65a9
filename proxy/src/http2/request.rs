//! What a stream asks (RFC 9113 §8.3), as the head of HTTP/1.1 that says the same.
use crate::wire::fields::is_token_byte;
use h2::RecvStream;
use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, Method, Request, Uri};

/// A request, ready to be read as one of HTTP/1.1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its head.
    pub(super) head: Vec<u8>,
    /// What follows the head.
    pub(super) body: Body,
    /// Whether it asks for a tunnel.
    pub(super) is_connect: bool,
    /// Whether its answer has no body.
    pub(super) is_head: bool,
}

/// How the payload of a stream is written behind the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// There is none.
    None,
    /// As it is: a tunnel, or a body whose length was given and is watched over by `h2`.
    Plain,
    /// In chunks.
    Chunked,
}

impl Asked {
    /// Reads a request. None: it is malformed, and its stream to be reset (RFC 9113 §8.1.1).
    pub(super) fn read(request: Request<RecvStream>) -> Option<(Asked, RecvStream)> {
        let (parts, body) = request.into_parts();
        // `h2` leaves out a stream that asks for another protocol over CONNECT: RFC 8441 was not offered.
        Some((Asked::of(&parts.method, &parts.uri, &parts.headers, body.is_end_stream())?, body))
    }

    fn of(method: &Method, uri: &Uri, fields: &HeaderMap, ended: bool) -> Option<Asked> {
        let is_connect = method == Method::CONNECT;
        let authority = authority(uri, fields)?;
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(method.as_str().as_bytes());
        head.push(b' ');
        if !is_connect {
            // Without an authority of its own the address has lost its scheme in `h2`; only http is spoken here.
            head.extend_from_slice(uri.scheme_str().unwrap_or("http").as_bytes());
            head.extend_from_slice(b"://");
        }
        head.extend_from_slice(authority);
        if !is_connect {
            match uri.path_and_query()?.as_str() {
                // All of a server (RFC 9112 §3.2.4).
                "*" if method == Method::OPTIONS => {}
                path if path.starts_with('/') => head.extend_from_slice(path.as_bytes()),
                _ => return None,
            }
        }
        head.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        head.extend_from_slice(authority);
        head.extend_from_slice(b"\r\n");
        let body = match (is_connect, ended) {
            (true, _) => Body::Plain,
            (false, true) => Body::None,
            (false, false) if fields.contains_key(CONTENT_LENGTH) => Body::Plain,
            (false, false) => Body::Chunked,
        };
        write_fields(&mut head, fields, is_connect)?;
        if body == Body::Chunked {
            head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        head.extend_from_slice(b"\r\n");
        Some(Asked { head, body, is_connect, is_head: method == Method::HEAD })
    }
}

/// The authority asked for: `:authority`, or Host in its absence. Both must say the same (RFC 9113 §8.3.1).
fn authority<'a>(uri: &'a Uri, fields: &'a HeaderMap) -> Option<&'a [u8]> {
    let mut hosts = fields.get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return None;
    }
    let authority = match (uri.authority(), host) {
        (Some(authority), Some(host)) if !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()) => {
            return None;
        }
        (Some(authority), _) => authority.as_str().as_bytes(),
        (None, Some(host)) => host.as_bytes(),
        (None, None) => return None,
    };
    // Names of persons have no place in it, nor has what would end the request line.
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'@';
    (!authority.is_empty() && authority.iter().all(plain)).then_some(authority)
}

/// Writes the field lines; none when one has no place in HTTP/2 (RFC 9113 §8.2).
fn write_fields(head: &mut Vec<u8>, fields: &HeaderMap, is_connect: bool) -> Option<()> {
    for (name, value) in fields {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if !name.iter().all(|&byte| is_token_byte(byte) && !byte.is_ascii_uppercase())
            || value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
            || blank(value.first())
            || blank(value.last())
        {
            return None;
        }
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => return None,
            b"te" if value != b"trailers" => return None,
            // A tunnel's content is no body.
            b"content-length" if is_connect => return None,
            b"host" | b"cookie" => continue,
            _ => {}
        }
        head.extend_from_slice(name);
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    // One field again, as HTTP/1.1 has it (RFC 9113 §8.2.3).
    let crumbs: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(|value| value.as_bytes()).collect();
    if !crumbs.is_empty() {
        head.extend_from_slice(b"cookie: ");
        head.extend_from_slice(&crumbs.join(&b"; "[..]));
        head.extend_from_slice(b"\r\n");
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn asked(method: &str, uri: &str, fields: &[(&str, &str)], ended: bool) -> Option<(String, Body)> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
        }
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let asked = Asked::of(&method, &uri.parse().expect("an address"), &map, ended)?;
        Some((String::from_utf8(asked.head).expect("text"), asked.body))
    }

    #[test]
    fn a_stream_is_written_as_the_request_that_says_the_same() {
        for (method, uri, fields, ended, head, body) in [
            (
                "GET",
                "http://a.test:81/x?y",
                &[("cookie", "a=1"), ("te", "trailers"), ("cookie", "b=2"), ("accept", "*/*")][..],
                true,
                "GET http://a.test:81/x?y HTTP/1.1\r\nHost: a.test:81\r\nte: trailers\r\naccept: */*\r\n\
                 cookie: a=1; b=2\r\n\r\n",
                Body::None,
            ),
            (
                "CONNECT",
                "a.test:443",
                &[("proxy-authorization", "Basic eA==")],
                false,
                "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nproxy-authorization: Basic eA==\r\n\r\n",
                Body::Plain,
            ),
            (
                "POST",
                "http://a.test/",
                &[("content-length", "3"), ("host", "A.test")],
                false,
                "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\ncontent-length: 3\r\n\r\n",
                Body::Plain,
            ),
            (
                "POST",
                "http://a.test/",
                &[],
                false,
                "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n",
                Body::Chunked,
            ),
            // Without :authority, as `h2` hands it over.
            (
                "GET",
                "/x",
                &[("host", "a.test")],
                true,
                "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
                Body::None,
            ),
        ] {
            assert_eq!(asked(method, uri, fields, ended), Some((head.to_owned(), body)));
        }
    }

    #[test]
    fn what_has_no_place_in_http_2_is_refused() {
        for (method, uri, fields) in [
            ("GET", "http://a.test/", &[("connection", "close")][..]),
            ("GET", "http://a.test/", &[("keep-alive", "1")]),
            ("GET", "http://a.test/", &[("proxy-connection", "keep-alive")]),
            ("GET", "http://a.test/", &[("transfer-encoding", "chunked")]),
            ("GET", "http://a.test/", &[("upgrade", "websocket")]),
            ("GET", "http://a.test/", &[("te", "gzip")]),
            ("GET", "http://a.test/", &[("host", "b.test")]),
            ("GET", "http://a.test/", &[("host", "a.test"), ("host", "a.test")]),
            ("GET", "http://a.test/", &[("x", " blank before")]),
            ("GET", "http://a.test/", &[("x", "blank behind\t")]),
            ("GET", "http://me@a.test/", &[]),
            ("GET", "/x", &[]),
            ("GET", "/x", &[("host", "")]),
            ("GET", "/x", &[("host", "a.test b")]),
            ("CONNECT", "a.test:443", &[("content-length", "3")]),
        ] {
            assert_eq!(asked(method, uri, fields, false), None, "{method} {uri} {fields:?}");
        }
    }
}

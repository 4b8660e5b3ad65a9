//! Heads as they leave for the next hop (RFC 9110 §7.6): start line, Host, framing and Via written anew, the rest as it came
//! but for what is of one hop.
use super::fields::{Kinds, list};
use super::framing::content_length;
use super::{Framing, Known, Protocol, RequestHead, ResponseHead, Version, upgrade};
use std::io::Write as _;

/// Fields written anew in every request.
const OF_REQUESTS: Kinds = Kinds::of(&[Known::Host, Known::ContentLength, Known::TransferEncoding]);
/// Fields written anew in every answer.
const OF_ANSWERS: Kinds = Kinds::of(&[Known::ContentLength, Known::TransferEncoding]);
/// What an expectation is about is not there, or not to be waited for (RFC 9110 §10.1.1).
const EXPECT: Kinds = Kinds::of(&[Known::Expect]);
/// Counted down where it counts.
const MAX_FORWARDS: Kinds = Kinds::of(&[Known::MaxForwards]);
/// Gone with the chunks (RFC 9112 §7.1.3).
const TRAILER: Kinds = Kinds::of(&[Known::Trailer]);

/// How a request names what it asks for (RFC 9112 §3.2).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    /// To the origin: path and query.
    Origin,
    /// To another proxy: the whole URL.
    Absolute {
        /// The value of Proxy-Authorization that proxy wants of this gate; the client's own never goes on.
        credentials: Option<&'a str>,
    },
}

/// What of a request is written anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asks<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// `host[:port]` of the origin.
    pub(crate) authority: &'a str,
    /// Path and query, or `*` for OPTIONS of the server as a whole.
    pub(crate) path_and_query: &'a str,
    /// How the target is written.
    pub(crate) form: Form<'a>,
    /// What ends the body.
    pub(crate) framing: Framing,
    /// How many more times the next hop may pass it on.
    pub(crate) max_forwards: Option<u64>,
    /// What carried it here.
    pub(crate) protocol: Protocol,
    /// The protocols offered, as [`super::upgrade::offered`] gave them.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// The gate's name in Via.
    pub(crate) received_by: &'a str,
}

/// What of an answer is written anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers<'a> {
    /// What ends the body, as the origin frames it.
    pub(crate) framing: Framing,
    /// The client gets the body without its chunks.
    pub(crate) unchunked: bool,
    /// The client's version.
    pub(crate) version: Version,
    /// The client's connection is kept behind this answer.
    pub(crate) kept: bool,
    /// The gate's name in Via.
    pub(crate) received_by: &'a str,
}

/// A request's head as it goes to the next hop; `bytes` are those `head` was read from.
pub(crate) fn request_head(bytes: &[u8], head: &RequestHead, asks: &Asks<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len + 128);
    let Asks { method, authority, path_and_query, form, framing, max_forwards, upgrade, protocol, received_by } = *asks;
    let (scheme, host, path) = match form {
        Form::Origin => ("", "", path_and_query),
        // The whole server has no path in this form (RFC 9112 §3.2.4).
        Form::Absolute { .. } if path_and_query == "*" => ("http://", authority, ""),
        Form::Absolute { .. } => ("http://", authority, path_and_query),
    };
    for part in [method, " ", scheme, host, path, " HTTP/1.1\r\nHost: ", authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let mut ours = OF_REQUESTS;
    if head.version == Version::Http10 || framing == Framing::None {
        ours = ours.and(EXPECT);
    }
    if let Some(left) = max_forwards {
        ours = ours.and(MAX_FORWARDS);
        // Writing into a Vec does not fail, here and below.
        let _ = write!(out, "Max-Forwards: {left}\r\n");
    }
    head.fields.forward(bytes, &mut out, ours);
    if let Form::Absolute { credentials: Some(credentials) } = form {
        for part in ["Proxy-Authorization: ", credentials, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    via(&mut out, head.version, protocol, received_by);
    if let Some(protocols) = upgrade {
        switch(&mut out, protocols);
    } else if wants_trailers(bytes, head) {
        // Trailer fields pass through this gate, so the client's wish for them may too (RFC 9110 §10.1.4).
        out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n");
    }
    match framing {
        // A length of nought is passed on: to POST and PUT it means an empty body.
        Framing::None if head.fields.first(bytes, Known::ContentLength).is_some() => {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        framing => frame(&mut out, framing),
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// A final answer's head as it goes to the client; `bytes` are those `response` was read from.
pub(crate) fn response_head(bytes: &[u8], response: &ResponseHead, answers: &Answers<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(response.len + 96);
    status_line(&mut out, bytes, response);
    response.fields.forward(bytes, &mut out, if answers.unchunked { OF_ANSWERS.and(TRAILER) } else { OF_ANSWERS });
    via(&mut out, response.version, Protocol::Http1, answers.received_by);
    // Who is told to switch must be told to what (RFC 9110 §15.5.22).
    if let (426, Some(protocols)) = (response.status, upgrade::wanted(bytes, response)) {
        switch(&mut out, &protocols);
    }
    match answers.framing {
        // Answers without a body may say how long it would have been (RFC 9110 §8.6), 204 may not.
        Framing::None if response.status != 204 => {
            if let Ok(Some(length)) = content_length(bytes, &response.fields) {
                frame(&mut out, Framing::Length(length));
            }
        }
        _ if answers.unchunked => {}
        framing => frame(&mut out, framing),
    }
    if !answers.kept {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if answers.version == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// An interim answer's head (RFC 9110 §15.2) as it goes to the client.
pub(crate) fn interim_head(bytes: &[u8], response: &ResponseHead, received_by: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(response.len + 64);
    status_line(&mut out, bytes, response);
    response.fields.forward(bytes, &mut out, OF_ANSWERS);
    via(&mut out, response.version, Protocol::Http1, received_by);
    out.extend_from_slice(b"\r\n");
    out
}

/// The head of a switch to `protocol` (RFC 9110 §15.2.2) as it goes to the client.
pub(crate) fn switching_head(bytes: &[u8], response: &ResponseHead, protocol: &[u8], received_by: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(response.len + 96);
    status_line(&mut out, bytes, response);
    response.fields.forward(bytes, &mut out, OF_ANSWERS);
    via(&mut out, response.version, Protocol::Http1, received_by);
    switch(&mut out, protocol);
    out.extend_from_slice(b"\r\n");
    out
}

/// TE counts only where Connection names it.
fn wants_trailers(bytes: &[u8], head: &RequestHead) -> bool {
    head.fields.has(Known::Te)
        && head.version == Version::Http11
        && head.fields.connection_has(bytes, b"te")
        && head.fields.values(bytes, Known::Te).flat_map(list).any(|item| item.eq_ignore_ascii_case(b"trailers"))
}

fn switch(out: &mut Vec<u8>, protocols: &[u8]) {
    for part in [&b"Connection: upgrade\r\nUpgrade: "[..], protocols, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

fn status_line(out: &mut Vec<u8>, bytes: &[u8], response: &ResponseHead) {
    let _ = write!(out, "HTTP/1.1 {} ", response.status);
    out.extend_from_slice(bytes.get(response.reason.clone()).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 §7.6.3: the version received, and who passed it on.
fn via(out: &mut Vec<u8>, received: Version, protocol: Protocol, received_by: &str) {
    let version = match (protocol, received) {
        (Protocol::Http2, _) => "Via: 2.0 ",
        (Protocol::Http1, Version::Http10) => "Via: 1.0 ",
        (Protocol::Http1, Version::Http11) => "Via: 1.1 ",
    };
    for part in [version, received_by, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn frame(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::Length(length) => {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::Close => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, Asks, Form, request_head, response_head};
    use crate::wire::{Framing, Protocol, RequestHead, ResponseHead, Version};

    const ASKS: Asks<'static> = Asks {
        method: "GET",
        authority: "a.example",
        path_and_query: "/x",
        form: Form::Origin,
        framing: Framing::None,
        max_forwards: None,
        upgrade: None,
        protocol: Protocol::Http1,
        received_by: "octroi-1a",
    };

    fn written(fields: &str, asks: Asks<'_>) -> String {
        let text = format!("GET http://a.example/x HTTP/1.1\r\nHost: b\r\n{fields}X-A: 1\r\n\r\n");
        let head = RequestHead::parse(text.as_bytes()).expect("well formed").expect("whole");
        String::from_utf8(request_head(text.as_bytes(), &head, &asks)).expect("text")
    }

    #[test]
    fn origins_are_asked_in_their_form_and_proxies_in_theirs() {
        let credentials = "Proxy-Authorization: Basic eA==\r\n";
        let origin = written(credentials, ASKS);
        assert_eq!(origin, "GET /x HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nVia: 1.1 octroi-1a\r\n\r\n");
        let form = Form::Absolute { credentials: Some("Basic b3Vycw==") };
        let parent = written(credentials, Asks { form, ..ASKS });
        assert!(parent.starts_with("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\n"), "{parent}");
        assert_eq!(parent.matches("Proxy-Authorization: Basic b3Vycw==\r\n").count(), 1, "{parent}");
        assert!(!parent.contains("eA=="), "{parent}");
        let form = Form::Absolute { credentials: None };
        let whole = written("", Asks { form, path_and_query: "*", ..ASKS });
        assert!(whole.starts_with("GET http://a.example HTTP/1.1\r\n"), "{whole}");
    }

    #[test]
    fn what_counts_at_this_hop_is_said_anew_to_the_next() {
        let counted = written("Max-Forwards: 5\r\n", Asks { max_forwards: Some(4), ..ASKS });
        assert!(counted.contains("\r\nMax-Forwards: 4\r\n") && !counted.contains("5"), "{counted}");
        assert!(written("Max-Forwards: 5\r\n", ASKS).contains("\r\nMax-Forwards: 5\r\n"));
        let trailers = "\r\nTE: trailers\r\nConnection: TE\r\n";
        assert!(written("TE: deflate, trailers\r\nConnection: close, TE\r\n", ASKS).contains(trailers));
        assert!(!written("TE: trailers\r\n", ASKS).contains("TE:"));
        let upgrade = Some(&b"websocket"[..]);
        let switching = written("Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n", Asks { upgrade, ..ASKS });
        assert!(switching.contains("\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"), "{switching}");
        assert!(!written("Expect: 100-continue\r\n", ASKS).contains("Expect"), "there is nothing to wait for");
        let asks = Asks { framing: Framing::Length(3), ..ASKS };
        assert!(written("Expect: 100-continue\r\n", asks).contains("Expect: 100-continue\r\n"));
    }

    #[test]
    fn who_must_switch_is_told_to_what() {
        let answered = |status: &str, fields: &str| {
            let bytes = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes();
            let response = ResponseHead::parse(&bytes).expect("well formed").expect("whole");
            let framing = Framing::Length(0);
            let answers = Answers { framing, unchunked: false, version: Version::Http11, kept: true, received_by: "o" };
            String::from_utf8(response_head(&bytes, &response, &answers)).expect("text")
        };
        let fields = "Connection: upgrade\r\nUpgrade: h2c, websocket, HTTP/3.0\r\n";
        let head = answered("426 Upgrade Required", fields);
        assert!(head.contains("\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        assert!(!answered("200 OK", fields).contains("pgrade:"), "an offer that is made to this hop");
        assert!(!answered("426 Upgrade Required", "Upgrade: h2c\r\n").contains("pgrade:"));
    }

    #[test]
    fn trailers_are_not_announced_where_chunks_end() {
        let bytes = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n";
        let response = ResponseHead::parse(bytes).expect("well formed").expect("whole");
        let framing = Framing::Chunked;
        let answers = Answers { framing, unchunked: true, version: Version::Http10, kept: false, received_by: "o" };
        let head = String::from_utf8(response_head(bytes, &response, &answers)).expect("text");
        assert_eq!(head, "HTTP/1.1 200 OK\r\nX-A: 1\r\nVia: 1.1 o\r\nConnection: close\r\n\r\n");
    }
}

//! Heads as they leave for the next hop (RFC 9110 §7.6): start line, Host, framing and Via written anew, the rest as it came
//! but for what is of one hop.
use super::framing::content_length;
use super::{Framing, Known, RequestHead, ResponseHead, Version};
use std::io::Write as _;

/// Fields written anew in every request.
const OF_REQUESTS: [Known; 3] = [Known::Host, Known::ContentLength, Known::TransferEncoding];
/// Fields written anew in every answer.
const OF_ANSWERS: [Known; 2] = [Known::ContentLength, Known::TransferEncoding];

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
}

/// What of an answer is written anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    /// What ends the body, as the origin frames it.
    pub(crate) framing: Framing,
    /// The client gets the body without its chunks.
    pub(crate) unchunked: bool,
    /// The client's version.
    pub(crate) version: Version,
    /// The client's connection is kept behind this answer.
    pub(crate) kept: bool,
}

/// A request's head as it goes to the next hop; `bytes` are those `head` was read from.
pub(crate) fn request_head(bytes: &[u8], head: &RequestHead, asks: &Asks<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len + 128);
    let Asks { method, authority, path_and_query, form, framing } = *asks;
    let (scheme, host, path) = match form {
        Form::Origin => ("", "", path_and_query),
        // The whole server has no path in this form (RFC 9112 §3.2.4).
        Form::Absolute { .. } if path_and_query == "*" => ("http://", authority, ""),
        Form::Absolute { .. } => ("http://", authority, path_and_query),
    };
    for part in [method, " ", scheme, host, path, " HTTP/1.1\r\nHost: ", authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    head.fields.forward(bytes, &mut out, &OF_REQUESTS);
    if let Form::Absolute { credentials: Some(credentials) } = form {
        for part in ["Proxy-Authorization: ", credentials, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    via(&mut out, head.version);
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
pub(crate) fn response_head(bytes: &[u8], response: &ResponseHead, answers: &Answers) -> Vec<u8> {
    let mut out = Vec::with_capacity(response.len + 96);
    status_line(&mut out, bytes, response);
    response.fields.forward(bytes, &mut out, &OF_ANSWERS);
    via(&mut out, response.version);
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
pub(crate) fn interim_head(bytes: &[u8], response: &ResponseHead) -> Vec<u8> {
    let mut out = Vec::with_capacity(response.len + 16);
    status_line(&mut out, bytes, response);
    response.fields.forward(bytes, &mut out, &OF_ANSWERS);
    out.extend_from_slice(b"\r\n");
    out
}

fn status_line(out: &mut Vec<u8>, bytes: &[u8], response: &ResponseHead) {
    // Writing into a Vec does not fail, here and below.
    let _ = write!(out, "HTTP/1.1 {} ", response.status);
    out.extend_from_slice(bytes.get(response.reason.clone()).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 §7.6.3: the version received, and who passed it on. The pseudonym says nothing of the network behind it.
fn via(out: &mut Vec<u8>, received: Version) {
    out.extend_from_slice(match received {
        Version::Http10 => b"Via: 1.0 octroi\r\n",
        Version::Http11 => b"Via: 1.1 octroi\r\n",
    });
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
    use super::{Asks, Form, request_head};
    use crate::wire::{Framing, RequestHead};

    fn written(form: Form<'_>, path_and_query: &str) -> String {
        let bytes = b"GET http://a.example/x HTTP/1.1\r\nHost: b\r\nProxy-Authorization: Basic eA==\r\nX-A: 1\r\n\r\n";
        let head = RequestHead::parse(bytes).expect("well formed").expect("whole");
        let asks = Asks { method: "GET", authority: "a.example", path_and_query, form, framing: Framing::None };
        String::from_utf8(request_head(bytes, &head, &asks)).expect("text")
    }

    #[test]
    fn origins_are_asked_in_their_form_and_proxies_in_theirs() {
        let origin = written(Form::Origin, "/x");
        assert!(origin.starts_with("GET /x HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nVia: "), "{origin}");
        let parent = written(Form::Absolute { credentials: Some("Basic b3Vycw==") }, "/x");
        assert!(parent.starts_with("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\n"), "{parent}");
        assert_eq!(parent.matches("Proxy-Authorization: Basic b3Vycw==\r\n").count(), 1, "{parent}");
        assert!(!parent.contains("eA=="), "{parent}");
        let whole = written(Form::Absolute { credentials: None }, "*");
        assert!(whole.starts_with("GET http://a.example HTTP/1.1\r\n"), "{whole}");
    }
}

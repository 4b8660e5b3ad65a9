//! The head of an answer: read the same in any pieces, as others read it, framed by status and method.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, unused_imports, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod wire;
}

use fuzz::same_in_pieces;
use gate::wire;
use libfuzzer_sys::fuzz_target;
use wire::forward::{Answers, interim_head, response_head, switching_head};
use wire::{Framing, Malformed, ResponseHead, Version, upgrade};

/// The gate's name in Via.
const US: &str = "octroi-1a";
/// What the client offered to switch to.
const OFFERED: &[u8] = b"websocket, x/1";

/// A head as owned values, to be compared.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    length: usize,
    version: Version,
    status: u16,
    reason: Vec<u8>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Message {
    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(of, _)| of.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn read(bytes: &[u8]) -> Option<Result<Message, Malformed>> {
    let message = |head: ResponseHead| Message {
        length: head.len,
        version: head.version,
        status: head.status,
        reason: bytes[head.reason.clone()].to_vec(),
        fields: head.fields.iter().map(|f| (bytes[f.name.clone()].to_vec(), bytes[f.value.clone()].to_vec())).collect(),
    };
    ResponseHead::parse(bytes).map(|head| head.map(message)).transpose()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(Ok(message)) = same_in_pieces(bytes, read) else { return };
    let Ok(Some(head)) = ResponseHead::parse(bytes) else { unreachable!("it was just read") };
    nothing_is_ambiguous(&bytes[..message.length]);
    others_read_the_same(bytes, &message);
    for to_head in [false, true] {
        let frame = |head: &ResponseHead, bytes: &[u8]| {
            Framing::of_response(bytes, &head.fields, head.version, head.status, to_head)
        };
        let Ok(framing) = frame(&head, bytes) else { continue };
        framed_by_status(&message, to_head, framing);
        for (version, kept) in [Version::Http10, Version::Http11].into_iter().flat_map(|v| [(v, false), (v, true)]) {
            // As the gate asks for it: clients of HTTP/1.0 know no chunks, and see the end by the end of the connection.
            let unchunked = framing == Framing::Chunked && version == Version::Http10;
            let kept = kept && framing != Framing::Close && !unchunked;
            let answers = Answers { framing, unchunked, version, kept, received_by: US };
            let sent = response_head(bytes, &head, &answers);
            let Some(Ok(again)) = read(&sent) else { panic!("what leaves is no message: {}", sent.escape_ascii()) };
            let Ok(Some(next)) = ResponseHead::parse(&sent) else { unreachable!("it was just read") };
            assert_eq!(again.length, sent.len(), "what leaves is more than a head");
            assert_eq!((again.status, &again.reason), (message.status, &message.reason));
            let expected = if unchunked { Framing::Close } else { framing };
            assert_eq!(frame(&next, &sent), Ok(expected), "framed otherwise");
            assert_eq!(next.persistent(&sent), kept);
            let twice = response_head(&sent, &next, &Answers { framing: expected, unchunked: false, ..answers });
            assert_eq!(without_via(&twice), without_via(&sent), "a second gate changes more");
        }
    }
    if message.status < 200 {
        let sent = interim_head(bytes, &head, US);
        let Some(Ok(again)) = read(&sent) else { panic!("what leaves is no message: {}", sent.escape_ascii()) };
        assert_eq!((again.length, again.status, &again.reason), (sent.len(), message.status, &message.reason));
        assert!(!again.has("Content-Length") && !again.has("Transfer-Encoding"));
    }
    if let Some(protocol) = upgrade::accepted(bytes, &head, OFFERED) {
        let sent = switching_head(bytes, &head, protocol, US);
        let Ok(Some(next)) = ResponseHead::parse(&sent) else { panic!("no message: {}", sent.escape_ascii()) };
        assert_eq!((next.len, upgrade::accepted(&sent, &next, OFFERED)), (sent.len(), Some(protocol)));
    }
});

/// Via grows with every hop (RFC 9110 §7.6.3).
fn without_via(bytes: &[u8]) -> Message {
    let Some(Ok(mut message)) = read(bytes) else { panic!("no message: {}", bytes.escape_ascii()) };
    message.fields.retain(|(name, _)| !name.eq_ignore_ascii_case(b"via"));
    Message { length: 0, ..message }
}

/// No byte that some reader takes for the end of a line, none that ends a text, no folded line.
fn nothing_is_ambiguous(head: &[u8]) {
    assert!(head.ends_with(b"\r\n\r\n") && !head.contains(&0));
    for (at, pair) in head.windows(2).enumerate() {
        assert_eq!(pair[0] == b'\r', pair[1] == b'\n', "a bare CR or LF at {at}");
        assert!(pair[0] != b'\n' || !matches!(pair[1], b' ' | b'\t'), "a folded line at {at}");
    }
}

/// httparse knows the versions 1.0 and 1.1 only; later ones are 1.1 to us (RFC 9110 §2.5).
fn others_read_the_same(bytes: &[u8], message: &Message) {
    let mut known = bytes[..message.length].to_vec();
    known[b"HTTP/1.".len()] = if message.version == Version::Http10 { b'0' } else { b'1' };
    let mut room = [httparse::EMPTY_HEADER; wire::fields::MAX_FIELDS];
    let mut other = httparse::Response::new(&mut room);
    assert_eq!(other.parse(&known), Ok(httparse::Status::Complete(message.length)));
    assert_eq!(other.code, Some(message.status));
    // It gives no reason that isn't ASCII.
    assert!(!message.reason.is_ascii() || other.reason.map(str::as_bytes) == Some(&message.reason[..]));
    let theirs: Vec<_> =
        other.headers.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect();
    assert_eq!(theirs, message.fields);
}

/// RFC 9112 §6.3, points 1 to 8, in their order.
fn framed_by_status(message: &Message, to_head: bool, framing: Framing) {
    let bodiless = to_head || matches!(message.status, 100..=199 | 204 | 304);
    let (coded, long) = (message.has("Transfer-Encoding"), message.has("Content-Length"));
    assert!(!(coded && (long || message.version == Version::Http10)), "framed twice, or by what HTTP/1.0 has not");
    match framing {
        _ if bodiless => assert_eq!(framing, Framing::None),
        Framing::Chunked => assert!(coded),
        Framing::Length(_) | Framing::None => assert!(long && !coded),
        Framing::Close => assert!(!long && !coded),
    }
}

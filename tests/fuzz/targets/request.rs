//! The head of a request: read the same in any pieces, as others read it, and forwarded as what was understood.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, unused_imports, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod wire;
}

use fuzz::{cuts, same_in_pieces};
use gate::wire;
use libfuzzer_sys::fuzz_target;
use policy::{Scheme, Target};
use wire::forward::{Asks, Form, request_head};
use wire::{Fields, Framing, Malformed, Protocol, RequestHead, Version, upgrade};

/// The gate's name in Via.
const US: &str = "octroi-1a";

/// A head as owned values, to be compared.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    length: usize,
    method: Vec<u8>,
    target: Vec<u8>,
    version: Version,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Message {
    fn of(bytes: &[u8], head: &RequestHead) -> Message {
        Message {
            length: head.len,
            method: bytes[head.method.clone()].to_vec(),
            target: bytes[head.target.clone()].to_vec(),
            version: head.version,
            fields: fields(bytes, &head.fields),
        }
    }

    fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        self.fields.iter().filter(move |(of, _)| of.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| &value[..])
    }
}

fn fields(bytes: &[u8], fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|field| (bytes[field.name.clone()].to_vec(), bytes[field.value.clone()].to_vec())).collect()
}

fn read(bytes: &[u8]) -> Option<Result<Message, Malformed>> {
    RequestHead::parse(bytes).map(|head| head.map(|head| Message::of(bytes, &head))).transpose()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(Ok(message)) = same_in_pieces(bytes, read) else { return };
    let Ok(Some(head)) = RequestHead::parse(bytes) else { unreachable!("it was just read") };
    for seen in cuts(message.length - 1) {
        let found = [message.length, bytes.len()].map(|end| wire::request::may_end(&bytes[..end], seen));
        assert_eq!(found, [true; 2], "the end of the head is overlooked by who had seen {seen} bytes");
    }
    nothing_is_ambiguous(&bytes[..message.length]);
    others_read_the_same(bytes, &message, &head);
    let framing = Framing::of_request(bytes, &head.fields, head.version);
    the_frame_is_the_only_one(&message, framing);
    if let Ok(framing) = framing {
        what_leaves_is_what_was_understood(bytes, &message, &head, framing);
    }
});

/// No byte that some reader takes for the end of a line, none that ends a text, no folded line.
fn nothing_is_ambiguous(head: &[u8]) {
    assert!(head.ends_with(b"\r\n\r\n") && !head.contains(&0));
    for (at, pair) in head.windows(2).enumerate() {
        assert_eq!(pair[0] == b'\r', pair[1] == b'\n', "a bare CR or LF at {at}");
        assert!(pair[0] != b'\n' || !matches!(pair[1], b' ' | b'\t'), "a folded line at {at}");
    }
}

/// httparse knows the versions 1.0 and 1.1 only; later ones are 1.1 to us (RFC 9110 §2.5).
fn others_read_the_same(bytes: &[u8], message: &Message, head: &RequestHead) {
    let mut known = bytes[..message.length].to_vec();
    let version = head.target.end + b" HTTP/1.".len();
    known[version] = if message.version == Version::Http10 { b'0' } else { b'1' };
    let mut room = [httparse::EMPTY_HEADER; wire::fields::MAX_FIELDS];
    let mut other = httparse::Request::new(&mut room);
    assert_eq!(other.parse(&known), Ok(httparse::Status::Complete(message.length)));
    assert_eq!(other.method.map(str::as_bytes), Some(&message.method[..]));
    assert_eq!(other.path.map(str::as_bytes), Some(&message.target[..]));
    let theirs: Vec<_> =
        other.headers.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect();
    assert_eq!(theirs, message.fields);
}

/// What frames the body is said once, whoever looks for it; and what is said plainly is understood.
fn the_frame_is_the_only_one(message: &Message, framing: Result<Framing, Malformed>) {
    let (lengths, codings) = (message.values("Content-Length"), message.values("Transfer-Encoding"));
    let (lengths, codings): (Vec<&[u8]>, Vec<&[u8]>) = (lengths.collect(), codings.collect());
    let digits = |value: &[u8]| value.iter().all(u8::is_ascii_digit);
    let number = |value: &[u8]| -> Option<u64> {
        std::str::from_utf8(value).ok().filter(|_| digits(value))?.parse::<i64>().ok()?.try_into().ok()
    };
    match framing {
        Ok(Framing::Chunked) => {
            assert!(lengths.is_empty() && message.version == Version::Http11);
            let items = codings.iter().flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
            let items: Vec<_> = items.filter(|item| !item.is_empty()).map(<[u8]>::to_ascii_lowercase).collect();
            assert_eq!(items, [b"chunked"]);
        }
        Ok(framing @ (Framing::None | Framing::Length(_))) => {
            assert!(codings.is_empty());
            let length = if let Framing::Length(length) = framing { length } else { 0 };
            assert!(length == 0 || !lengths.is_empty());
            let items = lengths.iter().flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
            assert!(items.filter(|item| !item.is_empty()).all(|item| number(item) == Some(length)));
        }
        Ok(Framing::Close) => panic!("a request does not end with its connection"),
        Err(_) => {
            let single = lengths.len() == 1 && number(lengths[0]).is_some();
            assert!(!codings.is_empty() || !(lengths.is_empty() || single), "a plain message is refused");
        }
    }
}

/// The head that goes to the next hop says what the gate understood, and going through a second gate changes no more.
fn what_leaves_is_what_was_understood(bytes: &[u8], message: &Message, head: &RequestHead, framing: Framing) {
    let (Ok(_), Ok(text)) = (head.host(bytes), std::str::from_utf8(&message.target)) else { return };
    let Ok(target) = Target::of_url(text) else { return };
    if target.scheme() != Scheme::Http || message.method == b"CONNECT" {
        return;
    }
    let (Ok(max_forwards), Ok(_)) = (head.max_forwards(bytes), head.expects_continue(bytes)) else { return };
    let offered = upgrade::offered(bytes, head, framing);
    for form in [Form::Origin, Form::Absolute { credentials: None }] {
        let sent = sent(bytes, head, &target, form, framing);
        let Some(Ok(again)) = read(&sent) else { panic!("what leaves is no message: {}", sent.escape_ascii()) };
        let Ok(Some(head)) = RequestHead::parse(&sent) else { unreachable!("it was just read") };
        assert_eq!(again.length, sent.len(), "what leaves is more than a head");
        assert_eq!((&again.method, again.version), (&message.method, Version::Http11));
        assert_eq!(head.host(&sent), Ok(Some(target.authority().as_bytes())));
        assert_eq!(Framing::of_request(&sent, &head.fields, head.version), Ok(framing), "framed otherwise");
        assert_eq!((head.max_forwards(&sent), head.expects_continue(&sent).is_ok()), (Ok(max_forwards), true));
        assert_eq!(upgrade::offered(&sent, &head, framing), offered);
        assert!(head.came_by(&sent, US) && head.persistent(&sent));
        let kept: Vec<_> = again.fields.iter().filter(|(name, _)| !is_ours(name)).collect();
        let due = |name: &[u8]| !is_ours(name) && end_to_end(message, name);
        let expected: Vec<_> = message.fields.iter().filter(|(name, _)| due(name)).collect();
        assert_eq!(kept, expected);

        let url = match form {
            Form::Origin => [b"http://", target.authority().as_bytes(), &again.target].concat(),
            Form::Absolute { .. } => again.target.clone(),
        };
        let next = Target::of_url(std::str::from_utf8(&url).expect("what leaves is ASCII"));
        let next = next.unwrap_or_else(|why| panic!("{} is no target for the next gate: {why}", url.escape_ascii()));
        let place =
            |target: &Target| (target.authority(), target.path().to_owned(), target.path_and_query().to_owned());
        assert_eq!(place(&next), place(&target));
        assert_eq!(without_via(&self::sent(&sent, &head, &next, form, framing)), without_via(&sent));
    }
}

fn sent(bytes: &[u8], head: &RequestHead, target: &Target, form: Form<'_>, framing: Framing) -> Vec<u8> {
    let method = std::str::from_utf8(&bytes[head.method.clone()]).expect("a token is ASCII");
    let (authority, path_and_query) = (&target.authority(), target.path_and_query());
    let offered = upgrade::offered(bytes, head, framing);
    let (upgrade, max_forwards, received_by) = (offered.as_deref(), None, US);
    let asks = Asks {
        method,
        authority,
        path_and_query,
        form,
        framing,
        max_forwards,
        upgrade,
        protocol: Protocol::Http1,
        received_by,
    };
    request_head(bytes, head, &asks)
}

/// Via grows with every hop (RFC 9110 §7.6.3).
fn without_via(bytes: &[u8]) -> Message {
    let Some(Ok(mut message)) = read(bytes) else { panic!("no message: {}", bytes.escape_ascii()) };
    message.fields.retain(|(name, _)| !name.eq_ignore_ascii_case(b"via"));
    Message { length: 0, ..message }
}

/// What the gate writes itself, or says anew to the next hop.
fn is_ours(name: &[u8]) -> bool {
    const OURS: [&[u8]; 8] =
        [b"host", b"content-length", b"transfer-encoding", b"via", b"connection", b"te", b"upgrade", b"expect"];
    OURS.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// Whether a field goes further than this hop (RFC 9110 §7.6.1). Connection may name any that isn't for the other end.
fn end_to_end(message: &Message, name: &[u8]) -> bool {
    const OF_THIS_HOP: [&[u8]; 7] = [
        b"close",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
    ];
    const FOR_THE_END: [&[u8]; 19] = [
        b"accept-language",
        b"authorization",
        b"cache-control",
        b"cookie",
        b"date",
        b"etag",
        b"expires",
        b"forwarded",
        b"location",
        b"max-forwards",
        b"origin",
        b"range",
        b"referer",
        b"set-cookie",
        b"strict-transport-security",
        b"trailer",
        b"vary",
        b"www-authenticate",
        b"x-forwarded-for",
    ];
    const FOR_THE_END_TOO: [&[u8]; 4] = [b"access-control-", b"content-", b"if-", b"sec-"];
    let is = |one: &[u8]| name.eq_ignore_ascii_case(one);
    let begins = |with: &[u8]| name.to_ascii_lowercase().starts_with(with);
    let stays = || FOR_THE_END.iter().any(|one| is(one)) || FOR_THE_END_TOO.iter().any(|with| begins(with));
    let named =
        || message.values("Connection").flat_map(|value| value.split(|b| *b == b',')).any(|one| is(one.trim_ascii()));
    !OF_THIS_HOP.iter().any(|one| is(one)) && (stays() || !named())
}

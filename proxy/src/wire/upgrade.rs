//! Upgrade (RFC 9110 §7.8): what of a client's offer goes on, and whether what an origin switched to was offered.
use super::fields::{is_token_byte, list};
use super::{Framing, Known, RequestHead, ResponseHead, Version};

/// The protocols to offer the origin, as the value of Upgrade; `None` when there is none to offer.
///
/// HTTP/2 is not offered: what is asked inside it would pass undecided. Nor is TLS: it may hide another name.
pub(crate) fn offered(bytes: &[u8], head: &RequestHead, framing: Framing) -> Option<Vec<u8>> {
    // A body in one protocol and what follows in another have no border that everybody sees.
    let may = head.fields.has(Known::Upgrade)
        && head.version == Version::Http11
        && framing == Framing::None
        && head.fields.connection_has(bytes, b"upgrade");
    if !may {
        return None;
    }
    passable(head.fields.values(bytes, Known::Upgrade))
}

/// The protocols to one of which an answer 426 wants the client to switch (RFC 9110 §15.5.22), but for those the gate would
/// not offer in the client's name.
pub(crate) fn wanted(bytes: &[u8], response: &ResponseHead) -> Option<Vec<u8>> {
    passable(response.fields.values(bytes, Known::Upgrade))
}

/// The protocols of these values that may pass, as one value.
fn passable<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let protocols = values.flat_map(list);
    let passable: Vec<&[u8]> = protocols.filter(|protocol| is_protocol(protocol) && !is_withheld(protocol)).collect();
    (!passable.is_empty()).then(|| passable.join(&b", "[..]))
}

/// The protocol a 101 answer switches to, when it is one, and one that was offered.
pub(crate) fn accepted<'a>(bytes: &'a [u8], response: &'a ResponseHead, offered: &[u8]) -> Option<&'a [u8]> {
    let mut protocols = response.fields.values(bytes, Known::Upgrade).flat_map(list);
    match (protocols.next(), protocols.next()) {
        (Some(protocol), None)
            if response.version == Version::Http11
                && response.fields.connection_has(bytes, b"upgrade")
                && list(offered).any(|one| one.eq_ignore_ascii_case(protocol)) =>
        {
            Some(protocol)
        }
        _ => None,
    }
}

/// `name[/version]`.
fn is_protocol(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b'/');
    let is_token = |part: &[u8]| !part.is_empty() && part.iter().all(|&byte| is_token_byte(byte));
    parts.next().is_some_and(is_token) && parts.next().is_none_or(is_token) && parts.next().is_none()
}

fn is_withheld(protocol: &[u8]) -> bool {
    let name = protocol.split(|&byte| byte == b'/').next().unwrap_or_default();
    [&b"h2"[..], b"h2c", b"http", b"tls"].iter().any(|withheld| name.eq_ignore_ascii_case(withheld))
}

#[cfg(test)]
mod tests {
    use super::{accepted, offered};
    use crate::wire::{Framing, RequestHead, ResponseHead};

    fn offer(fields: &str) -> Option<String> {
        let text = format!("GET http://a/ HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = RequestHead::parse(text.as_bytes()).expect("well formed").expect("whole");
        offered(text.as_bytes(), &head, Framing::None).map(|offer| String::from_utf8(offer).expect("text"))
    }

    #[test]
    fn only_what_can_be_watched_over_is_offered() {
        let with = |protocols: &str| offer(&format!("Connection: keep-alive, Upgrade\r\nUpgrade: {protocols}\r\n"));
        assert_eq!(with("websocket").as_deref(), Some("websocket"));
        assert_eq!(with("h2c, WebSocket, TLS/1.2, x/1").as_deref(), Some("WebSocket, x/1"));
        for none in ["h2c", "HTTP/2.0", "TLS/1.0", "h2", "", "a b", "a/b/c", "/"] {
            assert_eq!(with(none), None, "{none:?}");
        }
        assert_eq!(offer("Upgrade: websocket\r\n"), None, "Connection must name it");
        assert_eq!(offer("Connection: upgrade\r\n"), None);
    }

    #[test]
    fn only_what_was_offered_is_switched_to() {
        let switched = |fields: &str| {
            let text = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
            let head = ResponseHead::parse(text.as_bytes()).expect("well formed").expect("whole");
            accepted(text.as_bytes(), &head, b"websocket, x/1").is_some()
        };
        assert!(switched("Connection: Upgrade\r\nUpgrade: WebSocket\r\n"));
        assert!(switched("Connection: upgrade\r\nUpgrade: x/1\r\n"));
        assert!(!switched("Connection: upgrade\r\nUpgrade: x\r\n"));
        assert!(!switched("Connection: upgrade\r\nUpgrade: websocket, x/1\r\n"));
        assert!(!switched("Connection: upgrade\r\n"));
        assert!(!switched("Upgrade: websocket\r\n"));
    }
}

//! Requests no gate may pass on: 400, the connection closed, nothing forwarded.
//!
//! Two readers that disagree on where a request ends are how one request is smuggled inside another (RFC 9112 §11.2), so
//! whatever can be read in two ways is refused.
use harness::{Answer, Origin, Setup, raw};

/// `{o}` stands for the authority of an origin that must see nothing, `~` for a line end.
const REFUSED: &[(&str, &str)] = &[
    ("length and chunks", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 4~Transfer-Encoding: chunked~~0~~"),
    ("two lengths", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 1~Content-Length: 2~~xx"),
    ("two lengths in one field", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 1, 2~~xx"),
    ("a signed length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: +2~~xx"),
    ("a negative length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: -2~~xx"),
    ("a length in hexadecimal", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 0x2~~xx"),
    ("a length past 64 bits", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 99999999999999999999~~xx"),
    ("an empty length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: ~~xx"),
    ("chunked twice", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked, chunked~~0~~"),
    ("chunked, then something else", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked, identity~~0~~"),
    ("a coding nobody knows", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: xchunked~~0~~"),
    ("chunks in HTTP/1.0", "POST http://{o}/ HTTP/1.0~Host: {o}~Transfer-Encoding: chunked~~0~~"),
    ("a folded field", "GET http://{o}/ HTTP/1.1~Host: {o}~X-A: b~ c~~"),
    ("a folded length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length:~ 2~~xx"),
    ("a space before the colon", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length : 2~~xx"),
    ("a space before the first field", "GET http://{o}/ HTTP/1.1~ Host: {o}~~"),
    ("a field without a colon", "GET http://{o}/ HTTP/1.1~Host: {o}~Nonsense~~"),
    ("a field without a name", "GET http://{o}/ HTTP/1.1~Host: {o}~: x~~"),
    ("a name that is no token", "GET http://{o}/ HTTP/1.1~Host: {o}~X(A): b~~"),
    ("a NUL in a value", "GET http://{o}/ HTTP/1.1~Host: {o}~X-A: b\0c~~"),
    ("a carriage return in a value", "GET http://{o}/ HTTP/1.1~Host: {o}~X-A: b\rc~~"),
    ("line feeds alone", "GET http://{o}/ HTTP/1.1\nHost: {o}\n\n"),
    ("a line feed alone in the middle", "GET http://{o}/ HTTP/1.1~Host: {o}\nX-A: b~~"),
    ("no Host", "GET http://{o}/ HTTP/1.1~~"),
    ("two Hosts", "GET http://{o}/ HTTP/1.1~Host: {o}~Host: {o}~~"),
    ("a Host that is none", "GET http://{o}/ HTTP/1.1~Host: a b~~"),
    ("no version", "GET http://{o}/~Host: {o}~~"),
    ("a version of another kind", "GET http://{o}/ HTTP/1.1x~Host: {o}~~"),
    ("no target", "GET HTTP/1.1~Host: {o}~~"),
    ("a method that is no token", "G@T http://{o}/ HTTP/1.1~Host: {o}~~"),
    ("a space in the target", "GET http://{o}/a b HTTP/1.1~Host: {o}~~"),
    ("a tab in the target", "GET http://{o}/a\tb HTTP/1.1~Host: {o}~~"),
    ("two spaces", "GET  http://{o}/ HTTP/1.1~Host: {o}~~"),
    ("a control character in the target", "GET http://{o}/a\u{1}b HTTP/1.1~Host: {o}~~"),
    ("the form for origins", "GET / HTTP/1.1~Host: {o}~~"),
    ("the form for nobody", "GET * HTTP/1.1~Host: {o}~~"),
    ("a scheme of another kind", "GET ftp://{o}/ HTTP/1.1~Host: {o}~~"),
    ("an account in the target", "GET http://someone:secret@{o}/ HTTP/1.1~Host: {o}~~"),
    ("no host", "GET http:///path HTTP/1.1~Host: {o}~~"),
    ("port 0", "GET http://allowed.test:0/ HTTP/1.1~Host: {o}~~"),
    ("a port past the last", "GET http://allowed.test:65536/ HTTP/1.1~Host: {o}~~"),
    ("a tunnel without a port", "CONNECT allowed.test HTTP/1.1~Host: allowed.test~~"),
    ("a tunnel to a path", "CONNECT {o}/path HTTP/1.1~Host: {o}~~"),
    ("a tunnel to a URL", "CONNECT http://{o}/ HTTP/1.1~Host: {o}~~"),
    ("a tunnel with an account", "CONNECT someone@{o} HTTP/1.1~Host: {o}~~"),
    ("no HTTP at all", "hello~~"),
    ("TLS on a plain port", "\u{16}\u{3}\u{1}\u{0}\u{5}abcde~~"),
];

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let authority = format!("allowed.test:{}", origin.port());
    let mut passed = Vec::new();
    for (what, request) in REFUSED {
        let request = request.replace("{o}", &authority).replace('~', "\r\n");
        let answer = raw::exchange(gate.proxy(), &request);
        match answer {
            Ok(answer) if answer.starts_with("HTTP/1.1 400 ") && answer.matches("HTTP/1.1 ").count() == 1 => {}
            other => passed.push((what, request, other)),
        }
    }
    assert!(passed.is_empty(), "not answered by 400 and a close: {passed:#?}");
    assert_eq!(origin.connections(), 0, "nothing was forwarded: {:?}", origin.seen());
}

/// Each is cut after a head that is fine, so the origin may see that the request begins, and never that it ends.
const BAD_CHUNKS: &[(&str, &str)] = &[
    ("a size that is no number", "zz\r\nxx\r\n0\r\n\r\n"),
    ("a signed size", "+2\r\nxx\r\n0\r\n\r\n"),
    ("a size with 0x", "0x2\r\nxx\r\n0\r\n\r\n"),
    ("an empty size", "\r\nxx\r\n0\r\n\r\n"),
    ("a size past 64 bits", "fffffffffffffffff\r\nxx\r\n0\r\n\r\n"),
    ("data longer than its size", "2\r\nxxxx\r\n0\r\n\r\n"),
    ("sizes ended by line feeds", "2\nxx\n0\n\n"),
];

#[test]
fn a_body_in_bad_chunks_never_becomes_a_request() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let authority = format!("allowed.test:{}", origin.port());
    for (what, chunks) in BAD_CHUNKS {
        let head =
            format!("POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let smuggled = format!("GET http://{authority}/smuggled HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let answer = raw::exchange(gate.proxy(), format!("{head}{chunks}{smuggled}"));
        let answer = answer.unwrap_or_else(|error| panic!("{what}: the connection stays open: {error}"));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
    }
    assert!(origin.seen().is_empty(), "a whole request came out of a broken one: {:?}", origin.seen());
}

#[test]
fn what_follows_a_malformed_request_is_not_read() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let authority = format!("allowed.test:{}", origin.port());
    let answer = raw::exchange(
        gate.proxy(),
        format!(
            "GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nX : y\r\n\r\n\
             GET http://{authority}/after HTTP/1.1\r\nHost: {authority}\r\n\r\n"
        ),
    )
    .expect("the connection ends");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_head_past_the_limit_is_refused_before_it_is_whole() {
    let gate = Setup::new().config("[limits]\nheader_bytes = 8192").start();
    let origin = Origin::http(|_| Answer::ok(""));
    let url = origin.url("allowed.test", "/");
    let request = |filler: usize| {
        format!("GET {url} HTTP/1.1\r\nHost: a.test\r\nX: {}\r\nConnection: close\r\n\r\n", "x".repeat(filler))
    };
    let fits = raw::exchange(gate.proxy(), request(7000)).expect("an answer");
    assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
    let too_long = raw::exchange(gate.proxy(), request(20_000)).expect("an answer");
    assert!(too_long.starts_with("HTTP/1.1 431 "), "{too_long}");
    assert_eq!(origin.seen().len(), 1);
}

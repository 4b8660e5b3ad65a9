//! Requests no gate may pass on, and answers none may pass back: the exact status, the connection closed.
//!
//! Two readers that disagree on where a request ends are how one request is smuggled inside another (RFC 9112 §11.2), so
//! whatever can be read in two ways is refused.
use harness::{Answer, Bare, Origin, Setup, ports, raw};

/// Status, what it is, request: `{o}` stands for the authority of an origin that must see nothing, `~` for a line end.
const REFUSED: &[(u16, &str, &str)] = &[
    (400, "length and chunks", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 4~Transfer-Encoding: chunked~~0~~"),
    (400, "two lengths", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 1~Content-Length: 2~~xx"),
    (400, "two lengths in one field", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 1, 2~~xx"),
    (400, "a signed length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: +2~~xx"),
    (400, "a negative length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: -2~~xx"),
    (400, "a length in hexadecimal", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 0x2~~xx"),
    (400, "a length past 64 bits", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 99999999999999999999~~xx"),
    (400, "an empty length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: ~~xx"),
    (400, "chunked twice", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked, chunked~~0~~"),
    (
        400,
        "chunked, then something else",
        "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked, identity~~0~~",
    ),
    (400, "a coding nobody knows", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: xchunked~~0~~"),
    (400, "chunks in HTTP/1.0", "POST http://{o}/ HTTP/1.0~Host: {o}~Transfer-Encoding: chunked~~0~~"),
    (400, "a folded field", "GET http://{o}/ HTTP/1.1~Host: {o}~X-A: b~ c~~"),
    (400, "a folded length", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length:~ 2~~xx"),
    (400, "a space before the colon", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length : 2~~xx"),
    (400, "a space before the first field", "GET http://{o}/ HTTP/1.1~ Host: {o}~~"),
    (400, "a field without a colon", "GET http://{o}/ HTTP/1.1~Host: {o}~Nonsense~~"),
    (400, "a field without a name", "GET http://{o}/ HTTP/1.1~Host: {o}~: x~~"),
    (400, "a name that is no token", "GET http://{o}/ HTTP/1.1~Host: {o}~X(A): b~~"),
    (400, "a NUL in a value", "GET http://{o}/ HTTP/1.1~Host: {o}~X-A: b\0c~~"),
    (400, "a carriage return in a value", "GET http://{o}/ HTTP/1.1~Host: {o}~X-A: b\rc~~"),
    (400, "line feeds alone", "GET http://{o}/ HTTP/1.1\nHost: {o}\n\n"),
    (400, "a line feed alone in the middle", "GET http://{o}/ HTTP/1.1~Host: {o}\nX-A: b~~"),
    (400, "no Host", "GET http://{o}/ HTTP/1.1~~"),
    (400, "two Hosts", "GET http://{o}/ HTTP/1.1~Host: {o}~Host: {o}~~"),
    (400, "a Host that is none", "GET http://{o}/ HTTP/1.1~Host: a b~~"),
    (400, "no version", "GET http://{o}/~Host: {o}~~"),
    (400, "a version of another kind", "GET http://{o}/ HTTP/1.1x~Host: {o}~~"),
    (400, "no target", "GET HTTP/1.1~Host: {o}~~"),
    (400, "a method that is no token", "G@T http://{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "a space in the target", "GET http://{o}/a b HTTP/1.1~Host: {o}~~"),
    (400, "a tab in the target", "GET http://{o}/a\tb HTTP/1.1~Host: {o}~~"),
    (400, "two spaces", "GET  http://{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "a control character in the target", "GET http://{o}/a\u{1}b HTTP/1.1~Host: {o}~~"),
    (400, "the form for origins", "GET / HTTP/1.1~Host: {o}~~"),
    (400, "the form for nobody", "GET * HTTP/1.1~Host: {o}~~"),
    (400, "a scheme of another kind", "GET ftp://{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "an account in the target", "GET http://someone:secret@{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "no host", "GET http:///path HTTP/1.1~Host: {o}~~"),
    (400, "port 0", "GET http://allowed.test:0/ HTTP/1.1~Host: {o}~~"),
    (400, "a port past the last", "GET http://allowed.test:65536/ HTTP/1.1~Host: {o}~~"),
    (400, "a tunnel without a port", "CONNECT allowed.test HTTP/1.1~Host: allowed.test~~"),
    (400, "a tunnel to a path", "CONNECT {o}/path HTTP/1.1~Host: {o}~~"),
    (400, "a tunnel to a URL", "CONNECT http://{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "a tunnel with an account", "CONNECT someone@{o} HTTP/1.1~Host: {o}~~"),
    (400, "no HTTP at all", "hello~~"),
    (400, "TLS on a plain port", "\u{16}\u{3}\u{1}\u{0}\u{5}abcde~~"),
    (400, "TLS on a plain port, without a line end", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}"),
    (400, "SOCKS on a plain port", "\u{5}\u{1}\u{0}"),
    (505, "HTTP/2 on a plain port", "PRI * HTTP/2.0~~SM~~"),
    (505, "HTTP/2.0 in a request line", "GET http://{o}/ HTTP/2.0~Host: {o}~~"),
    (505, "HTTP/0.9 by its name", "GET http://{o}/ HTTP/0.9~Host: {o}~~"),
    (505, "HTTP/3.1", "GET http://{o}/ HTTP/3.1~Host: {o}~~"),
    (400, "a version in small letters", "GET http://{o}/ http/1.1~Host: {o}~~"),
    (400, "a version of two digits", "GET http://{o}/ HTTP/1.10~Host: {o}~~"),
    (501, "a coding under the chunks", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: gzip, chunked~~0~~"),
    (501, "identity under the chunks", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: identity, chunked~~0~~"),
    (
        501,
        "codings in two fields",
        "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: br~Transfer-Encoding: chunked~~0~~",
    ),
    (400, "identity alone", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: identity~Content-Length: 2~~xx"),
    (
        400,
        "chunks in two fields",
        "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked~Transfer-Encoding: chunked~~0~~",
    ),
    (
        400,
        "chunks, then a length",
        "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked~Content-Length: 4~~0~~",
    ),
    (
        400,
        "chunks in capitals and a length",
        "POST http://{o}/ HTTP/1.1~Host: {o}~TRANSFER-ENCODING: CHUNKED~Content-Length: 4~~0~~",
    ),
    (400, "chunks with a parameter", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: chunked;q=1~~0~~"),
    (400, "chunks in quotes", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: \"chunked\"~~0~~"),
    (400, "chunks behind a vertical tab", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding: \u{b}chunked~~0~~"),
    (
        400,
        "a coding and a space before the colon",
        "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding : chunked~~0~~",
    ),
    (400, "a folded coding", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding:~ chunked~~0~~"),
    (400, "an empty coding", "POST http://{o}/ HTTP/1.1~Host: {o}~Transfer-Encoding:~Content-Length: 2~~xx"),
    (400, "a length with a space in it", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 1 2~~xx"),
    (400, "a length with a decimal point", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 2.0~~xx"),
    (400, "a length in other digits", "POST http://{o}/ HTTP/1.1~Host: {o}~Content-Length: \u{662}~~xx"),
    (400, "a tunnel with a body", "CONNECT {o} HTTP/1.1~Host: {o}~Content-Length: 2~~xx"),
    (400, "a tunnel in chunks", "CONNECT {o} HTTP/1.1~Host: {o}~Transfer-Encoding: chunked~~0~~"),
    (400, "TRACE with a body", "TRACE http://{o}/ HTTP/1.1~Host: {o}~Content-Length: 2~~xx"),
    (400, "a fragment", "GET http://{o}/a#b HTTP/1.1~Host: {o}~~"),
    (400, "a method outside ASCII", "G\u{c9}T http://{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "a target outside ASCII", "GET http://{o}/\u{e9} HTTP/1.1~Host: {o}~~"),
    (400, "tabs for spaces", "GET\thttp://{o}/\tHTTP/1.1~Host: {o}~~"),
    (400, "a space at the end of the line", "GET http://{o}/ HTTP/1.1 ~Host: {o}~~"),
    (400, "a space at the start of the line", " GET http://{o}/ HTTP/1.1~Host: {o}~~"),
    (400, "a carriage return for a line end", "GET http://{o}/ HTTP/1.1\rHost: {o}~~"),
    (400, "two carriage returns", "GET http://{o}/ HTTP/1.1\r~Host: {o}~~"),
    (400, "a NUL in a name", "GET http://{o}/ HTTP/1.1~Host: {o}~X\0A: b~~"),
    (400, "a Host with an account", "GET http://{o}/ HTTP/1.1~Host: a@{o}~~"),
    (400, "a Host in a list", "GET http://{o}/ HTTP/1.1~Host: {o}, b.test~~"),
    (400, "two Hosts in HTTP/1.0", "GET http://{o}/ HTTP/1.0~Host: {o}~Host: b.test~~"),
    (417, "an expectation nobody knows", "POST http://{o}/ HTTP/1.1~Host: {o}~Expect: 200-ok~Content-Length: 2~~xx"),
    (400, "hops that are no number", "OPTIONS http://{o}/ HTTP/1.1~Host: {o}~Max-Forwards: 1x~~"),
    (501, "https without a tunnel", "GET https://{o}/ HTTP/1.1~Host: {o}~~"),
];

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let authority = format!("allowed.test:{}", origin.port());
    assert!(REFUSED.len() > 60);
    let mut passed = Vec::new();
    for (status, what, request) in REFUSED {
        let request = request.replace("{o}", &authority).replace('~', "\r\n");
        let begins = format!("HTTP/1.1 {status} ");
        match raw::exchange(gate.proxy(), &request) {
            Ok(answer)
                if answer.starts_with(&begins)
                    && answer.matches("HTTP/1.1 ").count() == 1
                    && answer.contains("\r\nProxy-Status: octroi; error=http_request_error\r\n")
                    && answer.contains("\r\nConnection: close\r\n") => {}
            other => passed.push((status, what, request, other)),
        }
    }
    assert!(passed.is_empty(), "not answered by its status and a close: {passed:#?}");
    assert_eq!(origin.connections(), 0, "nothing was forwarded: {:?}", origin.seen());
}

/// Each is cut after a head that is fine, so the origin may see that the request begins, and never that it ends.
const BAD_CHUNKS: &[(&str, &str)] = &[
    ("a size that is no number", "zz\r\nxx\r\n0\r\n\r\n"),
    ("a signed size", "+2\r\nxx\r\n0\r\n\r\n"),
    ("a size with 0x", "0x2\r\nxx\r\n0\r\n\r\n"),
    ("a size behind a space", " 2\r\nxx\r\n0\r\n\r\n"),
    ("a size before a space", "2 \r\nxx\r\n0\r\n\r\n"),
    ("a size before a tab and an extension", "2\t;a\r\nxx\r\n0\r\n\r\n"),
    ("a negative size", "-2\r\nxx\r\n0\r\n\r\n"),
    ("a carriage return in an extension", "2;a\rb\r\nxx\r\n0\r\n\r\n"),
    ("a line feed in an extension", "2;a\nb\r\nxx\r\n0\r\n\r\n"),
    ("data shorter than its size", "3\r\nxx\r\n0\r\n\r\n"),
    ("data ended by a line feed", "2\r\nxx\n0\r\n\r\n"),
    ("a last chunk ended by a line feed", "2\r\nxx\r\n0\n\r\n"),
    ("a trailer that frames", "2\r\nxx\r\n0\r\nContent-Length: 3\r\n\r\n"),
    ("a folded trailer", "2\r\nxx\r\n0\r\nA: b\r\n c\r\n\r\n"),
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
    let endless = raw::exchange(gate.proxy(), format!("GET {url}{}", "x".repeat(20_000))).expect("an answer");
    assert!(endless.starts_with("HTTP/1.1 414 "), "RFC 9112 §3: {endless}");
    assert_eq!(origin.seen().len(), 1);
}

/// What origins answer that no client may get: what it is, the answer, the `error` of Proxy-Status.
const MISANSWERED: &[(&str, &str, &str)] = &[
    ("no HTTP", "hello~~", "http_protocol_error"),
    ("another protocol", "SSH-2.0-OpenSSH~~", "http_protocol_error"),
    ("TLS", "\u{16}\u{3}\u{3}", "http_protocol_error"),
    ("another version", "HTTP/2.0 200 OK~~", "http_protocol_error"),
    ("no status", "HTTP/1.1 OK~~", "http_protocol_error"),
    ("a status past the last", "HTTP/1.1 600 OK~~", "http_protocol_error"),
    ("a status of four digits", "HTTP/1.1 2000 OK~~", "http_protocol_error"),
    ("line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "http_protocol_error"),
    ("a folded field", "HTTP/1.1 200 OK~X-A: b~ c~Content-Length: 0~~", "http_protocol_error"),
    ("a space before the colon", "HTTP/1.1 200 OK~Content-Length : 0~~", "http_protocol_error"),
    ("a NUL in a value", "HTTP/1.1 200 OK~X-A: \0~Content-Length: 0~~", "http_protocol_error"),
    ("two lengths", "HTTP/1.1 200 OK~Content-Length: 1~Content-Length: 2~~xx", "http_protocol_error"),
    ("a signed length", "HTTP/1.1 200 OK~Content-Length: +1~~x", "http_protocol_error"),
    ("length and chunks", "HTTP/1.1 200 OK~Content-Length: 1~Transfer-Encoding: chunked~~0~~", "http_protocol_error"),
    (
        "a coding nobody asked for",
        "HTTP/1.1 200 OK~Transfer-Encoding: gzip, chunked~~0~~",
        "http_response_transfer_coding",
    ),
    (
        "chunks, then something else",
        "HTTP/1.1 200 OK~Transfer-Encoding: chunked, gzip~~0~~",
        "http_response_transfer_coding",
    ),
    ("chunks in HTTP/1.0", "HTTP/1.0 200 OK~Transfer-Encoding: chunked~~0~~", "http_response_transfer_coding"),
    ("a first chunk that is none", "HTTP/1.1 200 OK~Transfer-Encoding: chunked~~xyz~", "http_response_transfer_coding"),
    (
        "a switch nobody asked for",
        "HTTP/1.1 101 Switching Protocols~Connection: upgrade~Upgrade: x~~",
        "http_upgrade_failed",
    ),
    ("half a head", "HTTP/1.1 200 OK~Content-Le", "http_response_incomplete"),
    ("nothing", "", "connection_terminated"),
];

#[test]
fn what_an_origin_may_not_answer_is_answered_for() {
    let gate = Setup::new().config("[limits]\nheader_bytes = 8192").start();
    let origin = Bare::new();
    let url = format!("http://{}/", origin.authority("allowed.test"));
    let large = format!("HTTP/1.1 200 OK~X-A: {}~~", "x".repeat(9000));
    let many = format!("HTTP/1.1 200 OK~{}~", "A: b~".repeat(300));
    let size = "http_response_header_section_size";
    let sizes = [("a head past the limit", large.as_str(), size), ("fields past the limit", many.as_str(), size)];
    for (what, answer, error) in MISANSWERED.iter().copied().chain(sizes) {
        let mut client = gate.client();
        client.send(format!("GET {url} HTTP/1.1\r\nHost: a.test\r\n\r\n")).expect("a request");
        let mut there = origin.accept();
        there.head().expect("a request");
        there.send(answer.replace('~', "\r\n")).expect("an answer");
        there.finish().expect("the end of it");
        let answer = client.response("GET").expect("an answer");
        let status = answer.head.field("proxy-status").unwrap_or_default();
        assert_eq!((answer.status(), status), (502, format!("octroi; error={error}").as_str()), "{what}");
        assert!(there.ended(), "{what}: it is not asked again");
        // The client's own connection is as good as before.
        client.send("GET http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\n\r\n").expect("a request");
        assert_eq!(client.response("GET").expect("a refusal").status(), 403, "{what}");
    }
    let failed =
        gate.log().into_iter().filter(|record| record.outcome == "failed" && record.status == Some(502)).count();
    assert_eq!(failed, MISANSWERED.len() + 2);
}

#[test]
fn where_nobody_listens_is_told_from_where_nobody_answers() {
    let gate = Setup::new().start();
    let answer = gate.client().get(&format!("http://allowed.test:{}/", ports::free())).expect("an answer");
    assert_eq!((answer.status(), answer.head.field("proxy-status")), (502, Some("octroi; error=connection_refused")));
}

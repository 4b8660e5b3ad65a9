//! What is let through when it is asked, and decided on again: by the address that is dialled, by what is answered.
use harness::{Answer, Curl, Gate, Origin, Record, Setup};
use std::net::TcpListener;

const CHARTER: &str = r#"
version = "1"

[groups.direction]
users = ["p.dupont"]

[[rule]]
id = "direction"
action = "allow"
groups = ["direction"]
media_types = ["video/*"]

[[rule]]
id = "ailleurs"
article = "3"
action = "block"
destinations = ["127.0.0.2"]

[[rule]]
id = "films"
article = "3"
action = "block"
media_types = ["video/*"]
reason = { fr = "Pas de films ici.", en = "No films here." }

[[rule]]
id = "programmes"
action = "block"
extensions = ["exe"]

[[rule]]
id = "programmes-caches"
action = "block"
media_types = ["application/vnd.microsoft.portable-executable"]

[[rule]]
id = "gros"
action = "block"
min_size = "100kB"
"#;

fn gate() -> Gate {
    Setup::new().charter(CHARTER).host("second.test", "127.0.0.2").start()
}

/// The beginning of a program for Windows.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 600];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[60] = 128;
    bytes[128..132].copy_from_slice(b"PE\0\0");
    bytes
}

fn said(record: &Record) -> (&str, &str, Option<&str>, Option<u16>) {
    (&record.action, &record.outcome, record.rule.as_deref(), record.status)
}

#[test]
fn an_answer_that_a_rule_refuses_is_answered_with_the_page_of_the_rule() {
    let gate = gate();
    let film = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41";
    let origin = Origin::http(move |seen| match seen.target() {
        "/declared" => Answer::with("200 OK", &[("Content-Type", "Video/MP4; codecs=x")], "film"),
        "/shown" => Answer::with("200 OK", &[("Content-Type", "text/plain")], film),
        "/in-chunks" => Answer::chunked(film, 7),
        "/named" => Answer::with("200 OK", &[("Content-Disposition", "attachment; filename=\"a.mkv\"")], "film"),
        _ => Answer::ok("a page"),
    });
    let mut client = gate.client();
    let paths = ["/declared", "/shown", "/in-chunks", "/named"];
    for path in paths {
        let answer = client.get(&origin.url("allowed.test", path)).expect("an answer");
        assert_eq!(answer.status(), 403, "{path}");
        assert!(answer.text().contains("Pas de films ici."), "{path}: {}", answer.text());
        // The connection is in step: nothing of the film is read as an answer.
        let next = client.get(&origin.url("allowed.test", "/page")).expect("an answer");
        assert_eq!((next.status(), next.text().as_str()), (200, "a page"), "{path}");
    }
    let records = gate.log_of(2 * paths.len());
    let refused: Vec<&Record> = records.iter().filter(|record| record.action == "block").collect();
    assert_eq!(refused.len(), paths.len());
    for record in refused {
        assert_eq!(said(record), ("block", "refused", Some("films"), Some(403)), "{record:?}");
        // It was asked, and answered: that is where it went.
        assert_eq!((record.destination_ip.as_deref(), record.bytes_received), (Some("127.0.0.1"), 0), "{record:?}");
        assert_eq!(record.article.as_deref(), Some("3"));
    }
}

#[test]
fn a_file_is_judged_by_the_path_then_by_the_name_and_bytes_it_comes_with() {
    let gate = gate();
    let origin = Origin::http(|seen| match seen.target() {
        "/get?id=7" => {
            Answer::with("200 OK", &[("Content-Disposition", "attachment; filename*=UTF-8''a%2Eexe")], "text")
        }
        "/photo.png" => Answer::with("200 OK", &[("Content-Type", "image/png")], program()),
        // What is compressed does not show what it is, and a part is not looked at from its middle.
        "/packed" => Answer::with("200 OK", &[("Content-Encoding", "gzip")], program()),
        "/part" => Answer::with("206 Partial Content", &[("Content-Range", "bytes 5-604/700")], program()),
        "/fresh" => Answer::raw("HTTP/1.1 304 Not Modified\r\nContent-Type: video/mp4\r\n\r\n"),
        _ => Answer::ok("MZ begins this text too"),
    });
    for (path, status, rule) in [
        ("/setup.EXE", 403, Some("programmes")),
        ("/get?id=7", 403, Some("programmes")),
        ("/photo.png", 403, Some("programmes-caches")),
        ("/packed", 200, None),
        ("/part", 206, None),
        ("/fresh", 304, None),
        ("/text", 200, None),
    ] {
        let answer = gate.client().get(&origin.url("allowed.test", path)).expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
        let record = gate.log_of(1).into_iter().max_by_key(|record| record.id).expect("a record");
        assert_eq!(record.rule.as_deref(), rule, "{path}");
    }
    assert!(origin.seen().iter().all(|seen| seen.target() != "/setup.EXE"), "what the path tells is not asked for");
}

#[test]
fn a_large_answer_is_refused_by_its_length_or_cut_where_it_is_too_large() {
    let gate = gate();
    let origin = Origin::http(|seen| match seen.target() {
        "/announced" => Answer::zeros(100_000),
        "/under" => Answer::zeros(99_999),
        "/part" => Answer::with("206 Partial Content", &[("Content-Range", "bytes 0-9/100000")], "0123456789"),
        "/chunked" => Answer::chunked(vec![b'x'; 300_000], 5000),
        "/until-close" => Answer::until_close(vec![b'x'; 300_000]),
        "/small" => Answer::chunked(vec![b'x'; 50_000], 5000),
        _ => Answer::ok(""),
    });
    let get = |path: &str| Curl::through(&gate).get(&origin.url("allowed.test", path));
    for path in ["/announced", "/part"] {
        assert_eq!(get(path).status, 403, "{path}");
    }
    let head = Curl::through(&gate).args(["--head"]).get(&origin.url("allowed.test", "/announced"));
    assert_eq!(head.status, 403, "what GET would bring is told by HEAD");
    for (path, length) in [("/under", 99_999), ("/small", 50_000)] {
        let whole = get(path);
        assert_eq!((whole.exit, whole.status, whole.body.len()), (0, 200, length), "{path}");
    }
    for path in ["/chunked", "/until-close"] {
        let cut = get(path);
        assert_ne!(cut.exit, 0, "{path}: the client sees the cut");
        assert!(cut.body.len() < 100_000, "{path}: {} bytes came", cut.body.len());
        let record = gate.log().into_iter().max_by_key(|record| record.id).expect("a record");
        let record = gate.log_search(&["--id", &record.id.to_string()]).remove(0);
        assert_eq!((record.action.as_str(), record.rule.as_deref()), ("block", Some("gros")), "{record:?}");
        assert!(record.bytes_received < 100_000, "{record:?}");
    }
    let records = gate.log_of(7);
    assert!(records.iter().filter(|record| record.action == "block").all(|record| record.outcome == "refused"));
}

#[test]
fn a_network_that_a_rule_refuses_is_not_dialled() {
    let origin = Origin::http(|_| Answer::ok("here"));
    let second = TcpListener::bind(("127.0.0.2", origin.port())).expect("the other address of this machine");
    second.set_nonblocking(true).expect("a socket");
    let both = "[dns.hosts]\n\"both.test\" = [\"127.0.0.2\", \"127.0.0.1\"]";
    let gate = Setup::new().charter(CHARTER).host("second.test", "127.0.0.2").config(both).start();
    let refused = Curl::through(&gate).get(&origin.url("second.test", "/"));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("ailleurs"), "{}", refused.text());
    let mut client = gate.client();
    let authority = |host: &str| format!("{host}:{}", origin.port());
    assert_eq!(client.connect_to(&authority("second.test")).expect("an answer").status(), 403);
    assert_eq!(gate.client().connect_to(&authority("127.0.0.2")).expect("an answer").status(), 403);
    assert!(second.accept().is_err(), "nothing was dialled there");
    // Of several addresses, those are dialled that no rule refuses.
    assert_eq!(Curl::through(&gate).get(&origin.url("both.test", "/")).text(), "here");
    for record in gate.log_of(4) {
        let refused = record.host.as_deref() != Some("both.test");
        let expected = if refused { ("block", "refused", Some("ailleurs")) } else { ("allow", "completed", None) };
        assert_eq!((record.action.as_str(), record.outcome.as_str(), record.rule.as_deref()), expected, "{record:?}");
        assert_eq!(record.destination_ip.as_deref(), (!refused).then_some("127.0.0.1"), "{record:?}");
    }
}

#[test]
fn the_first_rule_that_holds_decides_again_too() {
    let setup = Setup::new().charter(CHARTER);
    let gate = setup.config("[identity.address]\nnames = { \"127.0.0.1\" = \"p.dupont\" }").start();
    let film = [("Content-Type", "video/mp4")];
    let origin = Origin::http(move |seen| match seen.target() {
        "/mixed" => Answer::with("200 OK", &film, program()),
        _ => Answer::with("200 OK", &film, "film"),
    });
    assert_eq!(Curl::through(&gate).get(&origin.url("allowed.test", "/film")).text(), "film");
    // What claims to be a film and is a program is not let through as a film.
    assert_eq!(Curl::through(&gate).get(&origin.url("allowed.test", "/mixed")).status, 403);
    let records = gate.log_of(2);
    let rules: Vec<_> = records.iter().map(|record| (record.action.as_str(), record.rule.as_deref())).collect();
    assert!(rules.contains(&("allow", Some("direction"))) && rules.contains(&("block", Some("films"))), "{rules:?}");
}

#[test]
fn explain_tells_what_hangs_on_the_address_and_the_answer() {
    let gate = Setup::new().charter(CHARTER).prepare();
    let explain = |args: &[&str]| -> serde_json::Value {
        let said = gate.say(&[&["explain", "--json", "http://allowed.test/a"], args].concat());
        serde_json::from_str(&said).expect("an explanation")
    };
    let first = explain(&[]);
    assert_eq!((first["action"].as_str(), first["rule"].as_str()), (Some("allow"), None));
    let undecided: Vec<&str> =
        first["undecided"].as_array().expect("a list").iter().filter_map(|rule| rule.as_str()).collect();
    assert_eq!(undecided, ["ailleurs", "films", "programmes", "programmes-caches", "gros"]);
    for (args, rule) in [
        (&["--media-type", "video/mp4"][..], "films"),
        (&["--destination", "127.0.0.2"], "ailleurs"),
        (&["--size", "1GB"], "gros"),
        (&["--file", "a.exe"], "programmes"),
    ] {
        let said = explain(args);
        assert_eq!((said["action"].as_str(), said["rule"].as_str()), (Some("block"), Some(rule)), "{args:?}");
    }
    let wrong = gate.octroi(&["explain", "http://allowed.test/a", "--size", "big"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--size big"), "{wrong:?}");
}

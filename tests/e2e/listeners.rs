//! Where clients come in: TLS, HTTP/1.1 and HTTP/2 under it, a tunnel for each stream.
use harness::frames::{Fate, Frames};
use harness::{Answer, Authority, Browser, Curl, Gate, LIMIT, Node, Origin, Setup, ports, wait};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("http2.js")
}

/// A gate with TLS, set up further by `setup`.
pub(crate) fn gate(authority: &Authority, setup: Setup) -> Gate {
    let mut gate = setup.tls().prepare();
    gate.certify(authority);
    gate.start();
    gate
}

/// Node, doing one of the script's scenarios by HTTP/2 through that gate.
pub(crate) fn node(gate: &Gate, scenario: &[&str]) -> Node {
    let (secure, ca) = (gate.secure().to_string(), gate.path("ca.pem").display().to_string());
    Node::start(&script(), &[&[secure.as_str(), &ca], scenario].concat())
}

pub(crate) fn ask(gate: &Gate, requests: &Value) -> Vec<Value> {
    node(gate, &["ask", &requests.to_string()]).end()
}

/// A service that gives back what it gets, and ends when its client does. Returns its port.
pub(crate) fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut back = stream.try_clone().expect("a socket");
                let _ = io::copy(&mut &stream, &mut back);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

#[test]
fn a_proxy_is_reached_by_tls() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let plain = Origin::http(|seen| Answer::ok(seen.head.field("via").unwrap_or("")));
    let secure = Origin::https(&authority, &["allowed.test"], |_| Answer::ok("hidden"));
    let curl = Curl::through_tls(&gate);
    assert!(curl.get(&plain.url("allowed.test", "/")).text().starts_with("1.1 octroi-"));
    assert_eq!(curl.get(&plain.url("blocked.test", "/")).status, 403);
    let ca = gate.path("ca.pem").display().to_string();
    let url = secure.url_tls("allowed.test", "/");
    assert_eq!(curl.clone().args(["--cacert", &ca]).get(&url).text(), "hidden");
    for (version, spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", version, "-verify_return_error", "-CAfile", &ca, "-connect"]);
        let ended = openssl.arg(gate.secure().to_string()).stdin(Stdio::null()).output().expect("openssl runs");
        assert_eq!(ended.status.success(), spoken, "{version}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let kept = curl.get_all(&[&plain.url("allowed.test", "/"), &plain.url("allowed.test", "/")]);
    assert_eq!(kept.connections, 1);
    // What speaks neither TLS nor HTTP there is told nothing and counted.
    let mut bare = TcpStream::connect(gate.secure()).expect("it listens");
    bare.write_all(b"\x05\x01\x00").expect("sent");
    bare.shutdown(Shutdown::Write).expect("sent");
    let mut told = Vec::new();
    let _ = bare.read_to_end(&mut told);
    assert!(!told.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&told));
    let metrics = gate.page("/metrics").text();
    assert!(metrics.contains("octroi_tls_handshakes_failed_total 2\n"), "{metrics}");
    assert!(metrics.contains(&format!("octroi_certificate_days_left{{address=\"{}\"}} ", gate.secure())), "{metrics}");
}

#[test]
fn a_proxy_is_reached_by_ipv6() {
    let authority = Authority::new();
    let [plain, secure] = [(); 2].map(|()| ports::free());
    let tls = format!("{{ address = \"[::1]:{secure}\", certificate = \"six.pem\", key = \"six.key\" }}");
    let listen = format!("[listen]\nproxy = [\"[::1]:{plain}\"]\nproxy_tls = [{tls}]");
    let mut gate = Setup::new().config(&listen).prepare();
    let (certificate, key) = authority.files(&["::1"]);
    gate.write("six.pem", certificate);
    gate.write("six.key", key);
    gate.start();
    let origin = Origin::http(|_| Answer::ok("served"));
    let curl = Curl::direct().args(["--proxy", &format!("http://[::1]:{plain}"), "--noproxy", ""]);
    assert_eq!(curl.get(&origin.url("allowed.test", "/")).text(), "served");
    let by_tls = SocketAddr::from((Ipv6Addr::LOCALHOST, secure));
    let mut frames = Frames::connect(by_tls, &authority).expect("a connection");
    let host = format!("allowed.test:{}", origin.port());
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", host.as_str()), (":path", "/")];
    frames.ask(1, &fields, false).expect("sent");
    assert_eq!(frames.fate(1), Fate::Answered);
    assert!(gate.log_of(2).iter().all(|record| record.client_ip == "::1"));
}

#[test]
fn a_big_answer_passes_whole_by_tls() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|_| Answer::zeros(20_000_000));
    let brought = Curl::through_tls(&gate).get(&origin.url("allowed.test", "/"));
    assert_eq!((brought.exit, brought.body.len()), (0, 20_000_000), "{}", brought.complaint);
}

#[test]
fn an_answer_that_is_cut_does_not_look_whole_by_tls() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|_| Answer::cut(1_000_000, 10));
    let brought = Curl::through_tls(&gate).get(&origin.url("allowed.test", "/"));
    assert_ne!(brought.exit, 0);
    let by_stream = ask(&gate, &json!([get(&origin.url("allowed.test", "/"))]));
    assert_ne!(by_stream[0]["reset"], 0, "{by_stream:?}");
}

/// A plain request, as a stream asks it.
pub(crate) fn get(url: &str) -> Value {
    let rest = url.strip_prefix("http://").expect("a plain address");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    json!({ "fields": { ":method": "GET", ":scheme": "http", ":authority": authority, ":path": path } })
}

fn with(mut request: Value, fields: Value, body: Option<&str>) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        request["fields"][name] = value.clone();
    }
    if let Some(body) = body {
        request["body"] = body.into();
    }
    request
}

#[test]
fn plain_requests_are_asked_by_streams() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|seen| match seen.target() {
        "/chunked" => Answer::chunked("hello", 2),
        "/nothing" => Answer::raw("HTTP/1.1 204 No Content\r\n\r\n"),
        "/close" => Answer::until_close("until the end"),
        _ => Answer::ok(&seen.body),
    });
    let url = |path| origin.url("allowed.test", path);
    let post = json!({ ":method": "POST" });
    let answers = ask(
        &gate,
        &json!([
            get(&url("/x?y")),
            get(&url("/chunked")),
            get(&url("/nothing")),
            get(&url("/close")),
            with(get(&url("/")), json!({ ":method": "HEAD" }), None),
            with(get(&url("/")), post.clone(), Some("in chunks")),
            with(get(&url("/")), json!({ ":method": "POST", "content-length": 5 }), Some("fixed")),
            with(get(&url("/")), json!({ "cookie": ["a=1", "b=2"], "te": "trailers" }), None),
            get(&origin.url("blocked.test", "/")),
            with(get(&url("/")), json!({ ":scheme": "https" }), None),
            get(&url("/again")),
        ]),
    );
    let found: Vec<(u64, &str)> = answers
        .iter()
        .map(|answer| (answer["status"].as_u64().unwrap_or(0), answer["body"].as_str().unwrap_or("")))
        .map(|(status, body)| (status, if status < 400 { body } else { "" }))
        .collect();
    let expected = [
        (200, ""),
        (200, "hello"),
        (204, ""),
        (200, "until the end"),
        (200, ""),
        (200, "in chunks"),
        (200, "fixed"),
        (200, ""),
        (403, ""),
        (501, ""),
        (200, ""),
    ];
    assert_eq!(found, expected, "{answers:#?}");
    assert!(answers.iter().all(|answer| answer["reset"] == 0), "{answers:#?}");
    assert!(answers[8]["fields"]["proxy-status"].as_str().is_some_and(|why| why.contains("http_request_denied")));
    let seen = origin.seen();
    assert_eq!(seen[0].target(), "/x?y");
    assert!(seen[0].head.field("via").is_some_and(|via| via.starts_with("2.0 octroi-")), "{:?}", seen[0].head);
    assert_eq!(seen[7].head.field("cookie"), Some("a=1; b=2"));
    assert_eq!(seen[7].head.field("te"), None, "of the hop");
    assert_eq!(gate.log_of(10).len(), 10, "what could not be understood is not recorded");
}

#[test]
fn interim_answers_reach_a_stream() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|_| {
        Answer::raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    });
    let answers = ask(&gate, &json!([get(&origin.url("allowed.test", "/"))]));
    assert_eq!((&answers[0]["interim"], &answers[0]["body"]), (&json!([103]), &json!("ok")));
}

#[test]
fn each_stream_may_be_a_tunnel() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let to = format!("allowed.test:{}", echo());
    assert_eq!(node(&gate, &["tunnels", &to, "100"]).end(), [json!(100)]);
    assert_eq!(gate.log_of(100).iter().filter(|record| record.outcome == "completed").count(), 100);
}

#[test]
fn a_tunnel_moves_much_both_ways() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let to = format!("allowed.test:{}", echo());
    let bytes = 50_000_000;
    let told = node(&gate, &["bulk", &to, &bytes.to_string()]).end();
    assert_eq!(told, [json!({ "back": bytes, "same": true, "reset": 0 })]);
    let record = &gate.log_of(1)[0];
    assert_eq!((record.bytes_sent, record.bytes_received, record.outcome.as_str()), (bytes, bytes, "completed"));
}

#[test]
fn a_refused_tunnel_leaves_the_others_their_connection() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let to = |host: &str| json!({ "fields": { ":method": "CONNECT", ":authority": host }, "body": "" });
    let echo = format!("allowed.test:{}", echo());
    let answers =
        ask(&gate, &json!([to("blocked.test:443"), to("allowed.test:22"), to(&echo), to("blocked.test:443")]));
    let statuses: Vec<&Value> = answers.iter().map(|answer| &answer["status"]).collect();
    assert_eq!(statuses, [403, 403, 200, 403], "{answers:#?}");
    assert!(answers[0]["body"].as_str().is_some_and(|page| page.contains("interdit")), "the page is there to be shown");
    let outcomes: Vec<String> = gate.log_of(4).into_iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "refused").count(), 3, "{outcomes:?}");
}

#[test]
fn a_stream_is_asked_for_a_name() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new().config("[identity]\nmethods = [\"basic\"]"));
    let mut add = gate.command(&["user", "add", "a.martin", "--password-stdin"]);
    let mut child = add.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary can be started");
    child.stdin.take().expect("piped").write_all("Une-Phrase-Assez-Longue-7".as_bytes()).expect("told");
    assert!(child.wait().expect("a child can be waited for").success());
    let origin = Origin::http(|_| Answer::ok("known"));
    let asked = get(&origin.url("allowed.test", "/"));
    let token = "Basic YS5tYXJ0aW46VW5lLVBocmFzZS1Bc3Nlei1Mb25ndWUtNw==";
    let answers = ask(&gate, &json!([asked, with(asked.clone(), json!({ "proxy-authorization": token }), None)]));
    assert_eq!((&answers[0]["status"], &answers[1]["body"]), (&json!(407), &json!("known")), "{answers:#?}");
    assert!(answers[0]["fields"]["proxy-authenticate"].as_str().is_some_and(|way| way.starts_with("Basic realm=")));
    assert_eq!(origin.seen()[0].head.field("proxy-authorization"), None);
    assert_eq!(gate.log_of(1)[0].user.as_deref(), Some("a.martin"));
}

#[test]
fn a_reset_ends_one_stream_alone() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let to = format!("allowed.test:{}", echo());
    assert_eq!(node(&gate, &["reset", &to]).end(), [json!(true)]);
    assert_eq!(gate.log_of(2).len(), 2);
}

#[test]
fn who_is_turned_away_is_counted_by_reason() {
    let limits = "[clients]\nallow = [\"127.0.0.1\"]\n[limits]\nconnections_per_client = 1";
    let gate = Setup::new().config(limits).start();
    let kept = gate.client();
    wait::until("a place taken", LIMIT, || {
        gate.page("/metrics").text().contains("octroi_connections 1\n").then_some(())
    });
    assert_eq!(gate.client().rest().map(|told| told.starts_with(b"HTTP/1.1 503")).ok(), Some(true));
    let stranger = Curl::through(&gate).args(["--interface", "127.0.0.2"]).get("http://allowed.test/");
    assert_eq!(stranger.status, 403);
    let metrics = gate.page("/metrics").text();
    for (reason, count) in [("not_allowed", 1), ("full", 0), ("client_full", 1)] {
        let line = format!("octroi_turned_away_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    drop(kept);
}

#[test]
fn a_connection_that_does_nothing_is_said_goodbye() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new().config("[limits]\nidle_timeout = \"1s\""));
    assert_eq!(node(&gate, &["idle"]).end(), [json!("open"), json!({ "goaway": 0 })]);
    let silent = TcpStream::connect(gate.secure()).expect("it listens");
    drop(silent);
}

#[test]
fn a_handshake_has_a_deadline() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new().config("[limits]\nheader_timeout = \"1s\""));
    let mut silent = TcpStream::connect(gate.secure()).expect("it listens");
    silent.set_read_timeout(Some(LIMIT)).expect("a socket");
    assert_eq!(silent.read(&mut [0; 16]).ok().filter(|count| *count > 0), None, "closed");
    let metrics = gate.page("/metrics").text();
    assert!(metrics.contains("octroi_tls_handshakes_failed_total 1\n"), "{metrics}");
}

#[test]
fn plain_http_at_the_port_with_tls_is_told_so() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    for first in
        ["GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n", "CONNECT allowed.test:443 HTTP/1.1\r\n\r\n"]
    {
        let mut plain = TcpStream::connect(gate.secure()).expect("it listens");
        plain.set_read_timeout(Some(LIMIT)).expect("a socket");
        plain.write_all(first.as_bytes()).expect("sent");
        let mut told = String::new();
        plain.read_to_string(&mut told).expect("an answer and its end");
        let (head, text) = told.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 400 ") && text.contains("speaks TLS"), "{told}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", text.len())), "{told}");
    }
    let metrics = gate.page("/metrics").text();
    assert!(metrics.contains("octroi_tls_handshakes_failed_total 2\n"), "{metrics}");
}

#[test]
fn a_browser_reaches_the_gate_by_tls_alone() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new().config("[listen]\nproxy = []"));
    let pac = gate.page("/proxy.pac").text();
    assert!(pac.contains(&format!("\"HTTPS {}\"", gate.secure())), "{pac}");
    assert_eq!(gate.say(&["pac"]), pac);
    let html = [("Content-Type", "text/html; charset=utf-8")];
    let page = move |seen: &harness::Seen| {
        Answer::with("200 OK", &html, format!("<p id=it>{}</p>", seen.head.field("via").unwrap_or("hidden")))
    };
    let plain = Origin::http(page);
    let secure = Origin::https(&authority, &["other.test"], page);
    let browser = Browser::by_pac(&format!("http://{}/proxy.pac", gate.console())).trusting(&authority);
    let dom = browser.dom(&plain.url("allowed.test", "/"));
    assert!(dom.contains("2.0 octroi"), "by HTTP/2: {dom}");
    let dom = browser.dom(&secure.url_tls("other.test", "/"));
    assert!(dom.contains("hidden"), "{dom}");
}

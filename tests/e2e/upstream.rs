//! The way out: name servers and what is remembered of them, addresses raced, parent proxies.
use harness::dns::{Dns, Reply};
use harness::raw::Response;
use harness::services::parent::{ESCAPED, PASSWORD, USER};
use harness::services::{Socks, Squid, SquidSetup};
use harness::{Answer, Authority, Blackhole, Gate, LIMIT, Origin, Setup, ports, wait};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const A: u16 = 1;
const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A gate that asks this name server, and may go to this machine by either family.
fn asking(dns: &Dns) -> Setup {
    Setup::new().config(&format!(
        "[dns]\nservers = [\"{}\"]\n[destinations]\nallow_private = [\"127.0.0.0/8\", \"::1/128\"]",
        dns.address()
    ))
}

/// How often the name server was asked for the IPv4 addresses of a name.
fn asked(dns: &Dns, name: &str) -> usize {
    dns.asked(name).iter().filter(|question| question.kind == A).count()
}

fn tunnel(gate: &Gate, name: &str, port: u16) -> Response {
    gate.client().connect_to(&format!("{name}:{port}")).expect("an answer")
}

/// Status, and the error of `Proxy-Status`; empty without.
fn told(response: &Response) -> (u16, String) {
    let status = response.head.field("proxy-status").unwrap_or("");
    (response.status(), status.split_once("error=").map_or("", |(_, error)| error).to_owned())
}

fn failed(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[test]
fn a_name_is_asked_for_once_while_its_answer_holds() {
    let dns = Dns::new();
    dns.reply("site.test", Reply::Addresses(vec![FOUR], 300));
    dns.reply("brief.test", Reply::Addresses(vec![FOUR], 1));
    dns.reply("alias.test", Reply::Alias("elsewhere.test".into(), vec![FOUR], 300));
    let gate = asking(&dns).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    for name in ["site.test", "alias.test"] {
        for _ in 0..3 {
            assert_eq!(tunnel(&gate, name, origin.port()).status(), 200);
        }
        assert_eq!(asked(&dns, name), 1, "{name}: {:?}", dns.asked(name));
    }
    // A reload that changes nothing of the way out forgets nothing of it.
    gate.say(&["reload"]);
    assert_eq!(tunnel(&gate, "site.test", origin.port()).status(), 200);
    assert_eq!(asked(&dns, "site.test"), 1);
    wait::until("the brief answer to be asked for again", LIMIT, || {
        assert_eq!(tunnel(&gate, "brief.test", origin.port()).status(), 200);
        (asked(&dns, "brief.test") >= 2).then_some(())
    });
    assert!(asked(&dns, "brief.test") < dns.asked("brief.test").len(), "both families are asked for");
}

#[test]
fn that_a_name_is_not_there_is_remembered_and_that_a_server_failed_is_not() {
    let dns = Dns::new();
    dns.reply("none.test", Reply::NoName(300));
    dns.reply("brief.test", Reply::NoName(1));
    dns.reply("failing.test", Reply::Failure);
    dns.reply("silent.test", Reply::Silence);
    let gate = asking(&dns).config("[limits]\nconnect_timeout = \"1s\"").start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    for _ in 0..3 {
        assert_eq!(told(&tunnel(&gate, "none.test", 443)), failed(502, "dns_error"));
    }
    assert_eq!(asked(&dns, "none.test"), 1);
    assert_eq!(told(&tunnel(&gate, "failing.test", 443)), failed(504, "dns_timeout"));
    assert_eq!(told(&tunnel(&gate, "silent.test", 443)), failed(504, "dns_timeout"));
    dns.reply("failing.test", Reply::Addresses(vec![FOUR], 300));
    assert_eq!(tunnel(&gate, "failing.test", origin.port()).status(), 200);
    // A name that comes to be is found once the answer that it is not has run out.
    assert_eq!(tunnel(&gate, "brief.test", origin.port()).status(), 502);
    dns.reply("brief.test", Reply::Addresses(vec![FOUR], 300));
    wait::until("the name to be found", LIMIT, || {
        (tunnel(&gate, "brief.test", origin.port()).status() == 200).then_some(())
    });
}

#[test]
fn an_answer_too_long_for_udp_is_fetched_over_tcp() {
    let dns = Dns::new();
    dns.reply("long.test", Reply::Cut(vec![FOUR], 300));
    let gate = asking(&dns).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    assert_eq!(tunnel(&gate, "long.test", origin.port()).status(), 200);
    assert!(dns.asked("long.test").iter().any(|question| question.over_tcp && question.kind == A));
}

#[test]
fn ipv6_is_tried_first_and_a_dead_one_holds_nobody_up() {
    let dns = Dns::new();
    dns.reply("both.test", Reply::Addresses(vec![FOUR, SIX], 300));
    let gate = asking(&dns).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let six = SocketAddr::new(SIX, origin.port());
    // Nothing listens there: refused, and the next at once.
    assert_eq!(tunnel(&gate, "both.test", origin.port()).status(), 200);
    let dead = Blackhole::at(six);
    assert_eq!(tunnel(&gate, "both.test", origin.port()).status(), 200);
    drop(dead);
    let alive = TcpListener::bind(six).expect("the port is free for IPv6");
    // Its end ends the tunnel.
    thread::spawn(move || alive.incoming().for_each(drop));
    assert_eq!(tunnel(&gate, "both.test", origin.port()).status(), 200);
    let went: Vec<_> = gate.log_of(3).into_iter().filter_map(|record| record.destination_ip).collect();
    assert_eq!(went.iter().filter(|ip| *ip == "127.0.0.1").count(), 2, "{went:?}");
    assert_eq!(went.iter().filter(|ip| *ip == "::1").count(), 1, "{went:?}");
}

#[test]
fn only_vetted_addresses_race() {
    let dns = Dns::new();
    let [good, bad] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
    dns.reply("mixed.test", Reply::Addresses(vec![SIX, bad.into(), good.into()], 300));
    let gate = asking(&dns).config("[destinations]\nallow_private = [\"127.0.0.1\"]").start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let decoys = [SIX, bad.into()]
        .map(|ip| TcpListener::bind(SocketAddr::new(ip, origin.port())).expect("the port is free at that address"));
    for _ in 0..8 {
        assert_eq!(tunnel(&gate, "mixed.test", origin.port()).status(), 200);
    }
    for decoy in decoys {
        decoy.set_nonblocking(true).expect("a listener has options");
        assert!(decoy.accept().is_err(), "a forbidden address was dialled");
    }
}

#[test]
fn all_refused_is_502_and_none_answering_is_504() {
    let dns = Dns::new();
    dns.reply("both.test", Reply::Addresses(vec![FOUR, SIX], 300));
    dns.reply("four.test", Reply::Addresses(vec![FOUR], 300));
    let gate = asking(&dns).config("[limits]\nconnect_timeout = \"1s\"").start();
    let port = ports::free();
    assert_eq!(told(&tunnel(&gate, "both.test", port)), failed(502, "connection_refused"));
    let _dead = [FOUR, SIX].map(|ip| Blackhole::at(SocketAddr::new(ip, port)));
    assert_eq!(told(&tunnel(&gate, "four.test", port)), failed(504, "connection_timeout"));
    assert_eq!(told(&tunnel(&gate, "both.test", port)), failed(504, "connection_timeout"));
}

/// Names that Squid finds and the gate does not.
const OUTSIDE: [(&str, &str); 2] = [("outside.test", "127.0.0.1"), ("refused.test", "127.0.0.1")];

/// A gate behind this parent; no name server is asked, so that whoever resolves a name is told by the outcome.
fn behind(parent: &str) -> Setup {
    Setup::new().config(&format!("[dns]\nservers = [\"127.0.0.1:1\"]\n[upstream]\nparent = \"{parent}\""))
}

/// Whether requests and tunnels reach the origin by way of the parent, which alone resolves the name.
fn passes(gate: &Gate, name: &str) {
    let origin = Origin::http(|_| Answer::ok("hello"));
    for path in ["/a", "/b?c=d"] {
        let answer = gate.client().get(&origin.url(name, path)).expect("an answer");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"), "{:?}", told(&answer));
    }
    for seen in origin.seen() {
        assert_eq!(seen.head.field("host"), Some(format!("{name}:{}", origin.port()).as_str()));
        assert_eq!(seen.head.field("proxy-authorization"), None);
    }
    let authority = Authority::new();
    let secure = Origin::https(&authority, &[name], |_| Answer::ok("inside"));
    let mut client = gate.client();
    let opened = client.connect_to(&format!("{name}:{}", secure.port())).expect("an answer");
    assert_eq!(opened.status(), 200, "{:?}", told(&opened));
    let mut tls = client.tls(authority.client(), name).expect("a name");
    assert_eq!(tls.get(name, "/").expect("an answer").text(), "inside");
    drop(tls);
    let records = gate.log_of(3);
    assert!(records.iter().all(|record| record.outcome == "completed"), "{records:#?}");
    assert!(records.iter().all(|record| record.destination_ip.is_none()), "the gate does not know it: {records:#?}");
}

/// The password is nowhere that people or programs look.
fn is_told_nowhere(gate: &Gate) {
    let check = gate.octroi(&["check"]);
    let shown = [
        gate.printed(),
        gate.say(&["status"]),
        gate.say(&["status", "--json"]),
        String::from_utf8_lossy(&check.stdout).into_owned(),
        String::from_utf8_lossy(&check.stderr).into_owned(),
        gate.page("/metrics").text(),
    ];
    for text in shown {
        assert!(![PASSWORD, ESCAPED, "wrong-password"].iter().any(|secret| text.contains(secret)), "{text}");
    }
}

#[test]
fn a_parent_proxy_carries_requests_and_tunnels() {
    let squid = Squid::start(&SquidSetup { hosts: &OUTSIDE, ..SquidSetup::default() });
    let gate = behind(&format!("http://127.0.0.1:{}", squid.port())).start();
    passes(&gate, "outside.test");
    let seen = squid.seen_of(3);
    assert!(seen.iter().all(|line| line.contains("outside.test") && line.ends_with(" 200")), "{seen:?}");
    // What it refuses is told apart from what an origin does; what it says of a plain request is the client's to read.
    let refused = tunnel(&gate, "refused.test", 443);
    assert_eq!(told(&refused), failed(502, "connection_refused"));
    let answer = gate.client().get("http://refused.test/").expect("an answer");
    assert_eq!((answer.status(), answer.head.field("proxy-status")), (403, None));
    let dead = tunnel(&gate, "outside.test", ports::free());
    assert_eq!(told(&dead), failed(502, "connection_refused"));
}

#[test]
fn what_the_gate_knows_of_an_address_is_checked_before_a_parent_is_asked() {
    let squid = Squid::start(&SquidSetup { hosts: &OUTSIDE, ..SquidSetup::default() });
    let gate = behind(&format!("http://127.0.0.1:{}", squid.port()))
        .config("[destinations]\nallow_private = []")
        .host("intranet.test", "10.0.0.1")
        .start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    // A connection to the parent is kept meanwhile: it is no way round.
    assert_eq!(gate.client().get(&origin.url("outside.test", "/")).expect("an answer").status(), 200);
    for host in [
        "127.0.0.1",
        "2130706433",
        "[::1]",
        "[::ffff:7f00:1]",
        "localhost",
        "a.localhost.",
        "ip6-localhost",
        "localhost.localdomain",
        "intranet.test",
    ] {
        let answer = gate.client().get(&origin.url(host, "/")).expect("an answer");
        assert_eq!(told(&answer), failed(403, "destination_ip_prohibited"), "{host}");
        assert_eq!(told(&tunnel(&gate, host, origin.port())), failed(403, "destination_ip_prohibited"), "{host}");
    }
    assert_eq!((squid.seen_of(1).len(), origin.connections()), (1, 1));
}

#[test]
fn a_parent_that_asks_who_the_gate_is_is_told() {
    let squid = Squid::start(&SquidSetup { asks: true, hosts: &OUTSIDE, ..SquidSetup::default() });
    let gate = behind(&format!("http://{USER}:{ESCAPED}@127.0.0.1:{}", squid.port())).start();
    passes(&gate, "outside.test");
    is_told_nowhere(&gate);
    let setup = behind(&format!("http://{USER}@127.0.0.1:{}", squid.port()));
    let mut gate = setup.config("[upstream]\nparent_password_file = \"parent.password\"").prepare();
    gate.write("parent.password", format!("{PASSWORD}\n"));
    gate.start();
    passes(&gate, "outside.test");
    is_told_nowhere(&gate);
    // Another password is another way out, although the configuration's own text is the same.
    gate.write("parent.password", "wrong-password");
    gate.say(&["reload"]);
    assert_eq!(told(&tunnel(&gate, "outside.test", 443)), failed(502, "proxy_configuration_error"));
}

#[test]
fn credentials_a_parent_does_not_accept_are_the_gates_matter() {
    let squid = Squid::start(&SquidSetup { asks: true, hosts: &OUTSIDE, ..SquidSetup::default() });
    for parent in [
        format!("http://{USER}:wrong-password@127.0.0.1:{}", squid.port()),
        format!("http://127.0.0.1:{}", squid.port()),
    ] {
        let gate = behind(&parent).start();
        let origin = Origin::http(|_| Answer::ok("never"));
        // A client that saw the parent's 407 would take it for the gate's, and send what is meant for the gate.
        let answer = gate.client().get(&origin.url("outside.test", "/")).expect("an answer");
        assert_eq!(told(&answer), failed(502, "proxy_configuration_error"));
        assert_eq!(answer.head.field("proxy-authenticate"), None);
        let opened = tunnel(&gate, "outside.test", origin.port());
        assert_eq!(told(&opened), failed(502, "proxy_configuration_error"));
        assert_eq!(origin.connections(), 0);
        wait::until("the operator to be told", LIMIT, || gate.printed().contains("407").then_some(()));
        is_told_nowhere(&gate);
    }
}

#[test]
fn an_origin_that_asks_for_what_is_the_gates_is_not_passed_on() {
    let gate = Setup::new().start();
    let asks = [("Proxy-Authenticate", "Basic realm=\"Octroi\"")];
    let origin = Origin::http(move |_| Answer::with("407 Proxy Authentication Required", &asks, "who?"));
    let answer = gate.client().get(&origin.url("allowed.test", "/")).expect("an answer");
    assert_eq!(told(&answer), failed(502, "http_protocol_error"));
    assert_eq!(answer.head.field("proxy-authenticate"), None);
}

#[test]
fn a_parent_is_reached_over_tls_when_its_certificate_is_good() {
    let authority = Authority::new();
    let squid = Squid::start(&SquidSetup { asks: true, tls: Some(&authority), hosts: &OUTSIDE });
    let parent = format!("https://{USER}:{ESCAPED}@127.0.0.1:{}", squid.port());
    let mut gate = behind(&parent).config("[upstream]\nca_file = \"ca.pem\"").prepare();
    gate.write("ca.pem", authority.pem());
    gate.start();
    passes(&gate, "outside.test");
    let gate = behind(&parent).start();
    assert_eq!(told(&tunnel(&gate, "outside.test", 443)), failed(502, "destination_unavailable"));
    wait::until("the operator to be told", LIMIT, || gate.printed().contains("certificate").then_some(()));
    is_told_nowhere(&gate);
}

#[test]
fn socks_carries_requests_and_tunnels_and_resolves_names() {
    for asks in [false, true] {
        let socks = Socks::start(asks);
        let who = if asks { format!("{USER}:{ESCAPED}@") } else { String::new() };
        let gate = behind(&format!("socks5://{who}127.0.0.1:{}", socks.port())).start();
        passes(&gate, "localhost");
        let closed = tunnel(&gate, "localhost", ports::free());
        assert_eq!(told(&closed), failed(502, "connection_refused"));
        is_told_nowhere(&gate);
    }
    let socks = Socks::start(true);
    for who in ["", "octroi:wrong-password@"] {
        let gate = behind(&format!("socks5://{who}127.0.0.1:{}", socks.port())).start();
        assert_eq!(told(&tunnel(&gate, "localhost", 443)), failed(502, "proxy_configuration_error"));
        is_told_nowhere(&gate);
    }
}

#[test]
fn what_is_excepted_goes_past_the_parent_and_the_rest_ends_with_it() {
    let nowhere = format!("http://127.0.0.1:{}", ports::free());
    let mut gate = behind(&nowhere)
        .config("[upstream]\ndirect = [\"other.test\", \"127.0.0.1\"]")
        .host("www.other.test", "127.0.0.1")
        .start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    for host in ["other.test", "www.other.test", "127.1"] {
        assert_eq!(gate.client().get(&origin.url(host, "/")).expect("an answer").status(), 200, "{host}");
        assert_eq!(tunnel(&gate, host, origin.port()).status(), 200, "{host}");
    }
    let records = gate.log_of(6);
    assert!(records.iter().all(|record| record.destination_ip.as_deref() == Some("127.0.0.1")), "{records:#?}");
    // `another.test` only ends with the letters; nobody listens where the parent should be.
    for host in ["allowed.test", "another.test"] {
        let answer = gate.client().get(&origin.url(host, "/")).expect("an answer");
        assert_eq!(told(&answer), failed(502, "destination_unavailable"), "{host}");
        assert_eq!(told(&tunnel(&gate, host, origin.port())), failed(502, "destination_unavailable"), "{host}");
    }
    // Another parent is there for the next request.
    let squid = Squid::start(&SquidSetup { hosts: &OUTSIDE, ..SquidSetup::default() });
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it was written");
    gate.write("octroi.toml", text.replace(&nowhere, &format!("http://127.0.0.1:{}", squid.port())));
    gate.say(&["reload"]);
    assert_eq!(gate.client().get(&origin.url("outside.test", "/")).expect("an answer").status(), 200);
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
}

/// How often the gate has printed this.
fn printed(gate: &Gate, text: &str) -> usize {
    gate.printed().matches(text).count()
}

#[test]
fn that_a_parent_is_no_help_is_said_once_and_shown_until_it_is_again() {
    let good = Arc::new(AtomicBool::new(false));
    let answers = good.clone();
    // To a request in absolute form a parent answers as an origin does.
    let parent = Origin::http(move |_| match answers.load(Ordering::Relaxed) {
        true => Answer::ok("hello"),
        false => Answer::with("407 Proxy Authentication Required", &[("Proxy-Authenticate", "Basic realm=\"p\"")], ""),
    });
    let gate = behind(&format!("http://127.0.0.1:{}", parent.port())).start();
    let ask = || gate.client().get("http://allowed.test/").expect("an answer").status();
    let up = |value: u8| gate.page("/metrics").text().contains(&format!("\noctroi_upstream_parent_up {value}\n"));
    assert!(up(1), "nobody has asked it yet");
    for _ in 0..3 {
        assert_eq!(ask(), 502);
    }
    assert!(up(0));
    let why = "the parent proxy is no help: it answers 407";
    assert!(gate.say(&["status"]).contains(why));
    let ready = gate.page("/readyz");
    assert!(ready.status() == 200 && ready.text().contains(why), "{}", ready.text());
    good.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(ask(), 200);
    }
    wait::until("that it is back to be said", LIMIT, || (printed(&gate, "is back") > 0).then_some(()));
    assert_eq!((printed(&gate, "no help"), printed(&gate, "is back")), (1, 1), "{}", gate.printed());
    assert!(up(1) && !gate.say(&["status"]).contains("no help"));
}

#[test]
fn a_parent_that_accepts_and_is_silent_is_no_help() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("a socket").port();
    for (scheme, limits) in [("http", "idle_timeout"), ("http", "connect_timeout"), ("socks5", "connect_timeout")] {
        let gate =
            behind(&format!("{scheme}://127.0.0.1:{port}")).config(&format!("[limits]\n{limits} = \"1s\"")).start();
        for _ in 0..2 {
            let status = match limits {
                "idle_timeout" => gate.client().get("http://allowed.test/").expect("an answer").status(),
                _ => tunnel(&gate, "allowed.test", 443).status(),
            };
            assert_eq!(status, 504, "{scheme}, {limits}");
        }
        let why = "the parent proxy is no help: it does not answer in time";
        wait::until("the operator to be told", LIMIT, || (printed(&gate, why) > 0).then_some(()));
        assert_eq!((printed(&gate, "no help"), printed(&gate, "is back")), (1, 0), "{}", gate.printed());
    }
}

#[test]
fn what_is_wrong_with_a_parents_certificate_is_said_once() {
    let authority = Authority::new();
    let parent = Origin::https(&authority, &["127.0.0.1"], |_| Answer::ok("never"));
    let gate = behind(&format!("https://127.0.0.1:{}", parent.port())).start();
    for _ in 0..3 {
        assert_eq!(told(&tunnel(&gate, "outside.test", 443)), failed(502, "destination_unavailable"));
    }
    wait::until("the operator to be told", LIMIT, || (printed(&gate, "ERROR") > 0).then_some(()));
    assert_eq!(
        (printed(&gate, "ERROR"), printed(&gate, "name that authority's in `ca_file`")),
        (1, 1),
        "{}",
        gate.printed()
    );
}

//! Tickets: who shows one is let in under its account, over each protocol; what is wrong with one lets nobody in, and is told
//! the administrator.
mod doctor;
mod domain;
mod guide;

use crate::listeners::{self, ask, get};
use harness::services::Kdc;
use harness::services::kdc::REALM;
use harness::{Answer, Authority, Browser, Curl, Gate, LIMIT, Origin, Setup, wait};
use serde_json::json;
use std::path::Path;

/// The gate's name, which leads to 127.0.0.1 for every client without anybody's help (RFC 6761 §6.3).
const HOST: &str = "gate.localhost";
/// Its service, as Kerberos and as GSS-API write it.
const SERVICE: &str = "HTTP/gate.localhost";
const BY_NAME: &str = "HTTP@gate.localhost";

/// A gate that asks for tickets, which this keytab reads.
fn asking(keytab: &Path, services: &str) -> Setup {
    Setup::new().config(&format!(
        "[identity]\nmethods = [\"negotiate\"]\n[identity.negotiate]\nkeytab = \"{}\"\nservice = {services}",
        keytab.display()
    ))
}

/// A realm, somebody's tickets, and a gate that takes them.
fn realm_and_gate() -> (Kdc, String, Gate) {
    let kdc = Kdc::start();
    kdc.person("a.martin");
    let keytab = kdc.keytab(SERVICE);
    let tickets = kdc.login("a.martin", &[]);
    let gate = asking(&keytab, &format!("\"{SERVICE}\"")).start();
    (kdc, tickets, gate)
}

/// curl, on its way through the gate by its name.
fn curl(gate: &Gate, host: &str) -> Curl {
    Curl::direct().args(["--proxy", &format!("http://{host}:{}", gate.proxy().port()), "--noproxy", ""])
}

/// How many tokens proved nobody, for that reason.
fn failed(gate: &Gate, reason: &str) -> String {
    let start = format!("octroi_negotiate_failed_total{{reason=\"{reason}\"}} ");
    let page = gate.page("/metrics").text();
    page.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or("nothing").to_owned()
}

/// A request with that token.
fn request(url: &str, token: &str) -> String {
    format!("GET {url} HTTP/1.1\r\nHost: allowed.test\r\nProxy-Authorization: Negotiate {token}\r\n\r\n")
}

#[test]
fn who_shows_a_ticket_is_let_in_and_recorded_under_its_account() {
    let (kdc, tickets, gate) = realm_and_gate();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let asked = curl(&gate, HOST).get(&url);
    assert_eq!((asked.status, asked.field("proxy-authenticate")), (407, Some("Negotiate")));
    assert_eq!(origin.connections(), 0);

    let let_in = curl(&gate, HOST).with_ticket(kdc.environment(&tickets)).get_all(&[&url, &url, &url]);
    assert_eq!((let_in.status, let_in.text().as_str(), let_in.connections), (200, "hellohellohello", 1), "{let_in:?}");
    // curl shows a token for each request; by the last one, it knows the gate.
    let statuses: Vec<u16> = let_in.heads.iter().map(|head| head.status()).collect();
    let proofs = let_in.heads.iter().filter(|head| {
        head.status() == 200 && head.field("proxy-authenticate").is_some_and(|value| value.starts_with("Negotiate "))
    });
    assert_eq!((proofs.count(), statuses.len()), (3, 3), "{statuses:?}");
    assert!(
        origin.seen().iter().all(|seen| seen.head.field("proxy-authorization").is_none()),
        "tokens stop at the gate"
    );

    // Who shows one a single time is known for the rest of the connection.
    let mut client = gate.client();
    client.send(request(&url, &kdc.token(&tickets, BY_NAME))).expect("sent");
    assert_eq!(client.response("GET").expect("an answer").status(), 200);
    assert_eq!(client.get(&url).expect("an answer").status(), 200);
    assert_eq!(gate.client().get(&url).expect("an answer").status(), 407, "nobody else is");

    let records = gate.log_of(5);
    for record in &records {
        assert_eq!((record.user.as_deref(), record.auth.as_str()), (Some("a.martin@PME.TEST"), "negotiate"));
    }
}

#[test]
fn a_tunnel_is_opened_on_the_connection_that_was_asked_on() {
    let (kdc, tickets, gate) = realm_and_gate();
    let origin = Origin::http(|_| Answer::ok("through"));
    let through = curl(&gate, HOST).with_ticket(kdc.environment(&tickets)).args(["--proxytunnel"]);
    let brought = through.get(&origin.url("allowed.test", "/"));
    assert_eq!((brought.connect_status, brought.text().as_str()), (200, "through"), "{brought:?}");
    assert_eq!(brought.connections, 1, "{:?}", brought.heads);
    assert_eq!(gate.log_search(&["--user", "a.martin@PME.TEST"]).len(), 2, "the tunnel, and what is in it");
    // What came behind a tunnel that was not opened is never read as a request.
    let mut client = gate.client();
    client
        .send(format!("CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n{}", "\x16\x03\x01"))
        .expect("sent");
    assert_eq!(client.response("CONNECT").expect("an answer").status(), 407);
    assert!(client.ended());
}

#[test]
fn a_keytab_has_several_services_and_several_versions_of_a_key() {
    let kdc = Kdc::start();
    kdc.person("a.martin");
    kdc.keytab(SERVICE);
    let keytab = kdc.keytab("HTTP/other.localhost");
    let old = kdc.login("a.martin", &[]);
    let both = format!("[\"{SERVICE}\", \"http/OTHER.localhost@{REALM}\"]");
    let gate = asking(&keytab, &both).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let status = |gate: &Gate, host: &str, tickets: &str| {
        curl(gate, host).with_ticket(kdc.environment(tickets)).get(&url).status
    };
    assert_eq!((status(&gate, HOST, &old), status(&gate, "other.localhost", &old)), (200, 200));
    // New keys, beside the old ones: whoever has a ticket goes on with it, and no reload is needed for the new ones.
    kdc.keytab(SERVICE);
    kdc.admin("addprinc -pw Cheval-Correct-4-Agrafe p.dupont");
    let new = kdc.login("p.dupont", &[]);
    assert_eq!((status(&gate, HOST, &old), status(&gate, HOST, &new)), (200, 200));
    // A key that the keytab has, of a service that is not named.
    let narrow = asking(&keytab, &format!("\"{SERVICE}\"")).start();
    assert_eq!((status(&narrow, HOST, &new), status(&narrow, "other.localhost", &new)), (200, 407));
    assert_eq!(failed(&narrow, "service"), "1");
    let any = asking(&keytab, "\"\"").start();
    assert_eq!(status(&any, "other.localhost", &new), 200);
}

#[test]
fn a_token_is_good_once() {
    let (kdc, tickets, mut gate) = realm_and_gate();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let token = kdc.token(&tickets, BY_NAME);
    let send = |gate: &Gate| {
        let mut client = gate.client();
        client.send(request(&url, &token)).expect("sent");
        client.response("GET").expect("an answer").status()
    };
    assert_eq!((send(&gate), send(&gate)), (200, 407));
    assert_eq!(failed(&gate, "replayed"), "1");
    // Nor after a restart.
    gate.terminate();
    gate.wait();
    gate.start();
    assert_eq!(send(&gate), 407);
    assert_eq!((failed(&gate, "replayed").as_str(), origin.seen().len()), ("1", 1));
    wait::until("the log to name it", LIMIT, || gate.printed().contains("a second time").then_some(()));
}

#[test]
fn what_is_no_token_lets_nobody_in_and_three_of_them_end_a_connection() {
    let (kdc, tickets, gate) = realm_and_gate();
    let origin = Origin::http(|_| Answer::ok("never"));
    let url = origin.url("allowed.test", "/");
    let good = kdc.token(&tickets, BY_NAME);
    let cut = |length: usize| good.get(..length).expect("a token is long").to_owned();
    // NTLM as it is, and as the one thing offered.
    let ntlm = "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw==";
    let offered = "YBwGBisGAQUFAqASMBCgDjAMBgorBgEEAYI3AgIK";
    let long = format!("{good}{}", "A".repeat(64 * 1024));
    let tokens = ["", "!!!", "YA==", "AAAA", &cut(40), &cut(400), &cut(good.len() - 4), ntlm, offered];
    for token in tokens {
        let mut client = gate.client();
        client.send(request(&url, token)).expect("sent");
        let answer = client.response("GET").expect("an answer");
        assert_eq!((answer.status(), answer.head.field("proxy-authenticate")), (407, Some("Negotiate")), "{token}");
        assert_eq!(client.get(&url).expect("the connection is kept").status(), 407, "and nobody is known by it");
    }
    // The head as a whole is bounded first.
    let mut client = gate.client();
    client.send(request(&url, &long)).expect("sent");
    assert_eq!(client.response("GET").expect("an answer").status(), 431);
    assert_eq!(failed(&gate, "ntlm"), "2");
    wait::until("the administrator to be told", LIMIT, || {
        gate.printed().contains("check SPN, clock, name").then_some(())
    });
    for private in [good.as_str(), "a.martin", "127.0.0.1:1", "allowed.test"] {
        assert!(!gate.printed().contains(private), "{}", gate.printed());
    }

    let mut client = gate.client();
    for (answered, kept) in [(1, "keep-alive"), (2, "keep-alive"), (3, "close")] {
        client.send(request(&url, ntlm)).expect("sent");
        let answer = client.response("GET").expect("an answer");
        assert_eq!((answer.status(), answer.head.field("connection")), (407, Some(kept)), "answer {answered}");
    }
    assert!(client.ended());
    assert_eq!(origin.connections(), 0);
    assert_eq!(gate.log().len(), 0);
}

#[test]
fn a_token_of_64_kib_is_looked_at_no_further_where_heads_may_be_larger() {
    let kdc = Kdc::start();
    let gate = asking(&kdc.keytab(SERVICE), "\"\"").config("[limits]\nheader_bytes = \"1MiB\"").start();
    let mut client = gate.client();
    client.send(request("http://allowed.test/", &"YIIB".repeat(16 * 1024 + 1))).expect("sent");
    assert_eq!(client.response("GET").expect("an answer").status(), 407);
    assert_eq!(failed(&gate, "token"), "1");
}

#[test]
fn clocks_that_differ_let_nobody_in() {
    let kdc = Kdc::start();
    kdc.person("a.martin");
    let keytab = kdc.keytab(SERVICE);
    let tickets = kdc.login("a.martin", &["-l", "7d"]);
    let origin = Origin::http(|_| Answer::ok("never"));
    let url = origin.url("allowed.test", "/");
    for (offset, reason, told) in [
        ("+1h", "clock", "more than five minutes off"),
        ("-1h", "expired", "a ticket is over, or has not begun"),
        ("+8d", "expired", "a ticket is over, or has not begun"),
    ] {
        let mut gate = asking(&keytab, "\"\"").prepare();
        gate.start_at(offset);
        let turned_back = curl(&gate, HOST).with_ticket(kdc.environment(&tickets)).get(&url);
        assert_eq!(turned_back.status, 407, "{offset}");
        assert_ne!(failed(&gate, reason), "0", "{offset}: {}", gate.page("/metrics").text());
        wait::until("the administrator to be told", LIMIT, || gate.printed().contains(told).then_some(()));
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn tickets_of_another_realm_or_an_older_key_let_nobody_in() {
    let (_kdc, _tickets, gate) = realm_and_gate();
    // It calls itself the same, and has other keys.
    let other = Kdc::start();
    other.person("a.martin");
    other.keytab(SERVICE);
    let tickets = other.login("a.martin", &[]);
    let origin = Origin::http(|_| Answer::ok("never"));
    let turned_back = curl(&gate, HOST).with_ticket(other.environment(&tickets)).get(&origin.url("allowed.test", "/"));
    assert_eq!((turned_back.status, failed(&gate, "key").as_str()), (407, "1"), "{}", gate.page("/metrics").text());
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_keytab_that_works_for_nobody_is_refused_at_the_start() {
    let kdc = Kdc::start();
    let keytab = kdc.keytab(SERVICE);
    kdc.admin(&format!("ktadd -e rc4-hmac:normal -k {} {SERVICE}", kdc.path("old.keytab").display()));
    std::fs::write(kdc.path("broken.keytab"), &std::fs::read(&keytab).expect("a keytab")[..60]).expect("written");
    std::fs::write(kdc.path("text.keytab"), "HTTP/gate.localhost").expect("written");
    for (keytab, services, told) in [
        (keytab.clone(), "\"HTTP/elsewhere.test\"", "the keytab has HTTP/gate.localhost@PME.TEST"),
        (keytab.clone(), "\"gate.localhost\"", "expected such as \"HTTP/proxy.example.com\""),
        (kdc.path("old.keytab"), "\"\"", "the keytab has no AES key, only RC4"),
        (kdc.path("old.keytab"), "\"\"", "/crypto AES256-SHA1"),
        (kdc.path("broken.keytab"), "\"\"", "it is cut or damaged"),
        (kdc.path("text.keytab"), "\"\"", "this file is no keytab"),
        (kdc.path("none.keytab"), "\"\"", "No such file"),
    ] {
        let refused = asking(&keytab, services).prepare().run_to_its_end();
        assert_eq!(refused.code, Some(2), "{told}: {}", refused.printed);
        assert!(refused.printed.contains(told) && refused.printed.contains("octroi.toml:"), "{}", refused.printed);
    }
    let without = Setup::new().config("[identity]\nmethods = [\"negotiate\"]").prepare().run_to_its_end();
    assert!(without.printed.contains("`negotiate` needs a keytab"), "{}", without.printed);
    // A machine without the library: the loader finds this one first.
    let gate = asking(&keytab, "\"\"").prepare();
    gate.write("lib/libgssapi_krb5.so.2", "");
    let output = gate.command(&["run"]).env("LD_LIBRARY_PATH", gate.path("lib")).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("apt-get install libgssapi-krb5-2"), "{said}");
}

#[test]
fn a_context_of_two_tokens_stays_with_its_connection() {
    let (kdc, tickets, gate) = realm_and_gate();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let two = kdc.tokens(&tickets, BY_NAME, "two");
    let mut client = gate.client();
    client.send(request(&url, &two[0])).expect("sent");
    let more = client.response("GET").expect("an answer");
    let asked = more.head.field("proxy-authenticate").unwrap_or_default();
    assert!(more.status() == 407 && asked.starts_with("Negotiate oR"), "{:?}", more.head);
    // On another connection nothing was begun.
    let mut other = gate.client();
    other.send(request(&url, &two[1])).expect("sent");
    assert_eq!(other.response("GET").expect("an answer").status(), 407);
    client.send(request(&url, &two[1])).expect("sent");
    assert_eq!(client.response("GET").expect("an answer").status(), 200);
    // A tunnel's connection is kept between the two as well. A bare token of Kerberos needs no second.
    let two = kdc.tokens(&tickets, BY_NAME, "two");
    let mut client = gate.client();
    let connect = |token: &str| {
        let to = format!("allowed.test:{}", origin.port());
        format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Negotiate {token}\r\n\r\n")
    };
    client.send(connect(&two[0])).expect("sent");
    assert_eq!(client.response("CONNECT").expect("an answer").status(), 407);
    client.send(connect(&two[1])).expect("sent");
    assert_eq!(client.response("CONNECT").expect("an answer").status(), 200);
    let bare = kdc.tokens(&tickets, BY_NAME, "kerberos");
    let mut client = gate.client();
    client.send(request(&url, &bare[0])).expect("sent");
    assert_eq!(client.response("GET").expect("an answer").status(), 200);
}

#[test]
fn all_streams_of_a_connection_know_who_it_is() {
    let kdc = Kdc::start();
    kdc.person("a.martin");
    let keytab = kdc.keytab(SERVICE);
    let tickets = kdc.login("a.martin", &[]);
    let authority = Authority::new();
    let gate = listeners::gate(&authority, asking(&keytab, "\"\""));
    let origin = Origin::http(|_| Answer::ok("known"));
    let url = origin.url("allowed.test", "/");
    let to = format!("allowed.test:{}", origin.port());
    let field = |token: &str| json!({ "proxy-authorization": format!("Negotiate {token}") });
    let mut shown = get(&url);
    shown["fields"]
        .as_object_mut()
        .expect("fields")
        .extend(field(&kdc.token(&tickets, BY_NAME)).as_object().cloned().expect("a field"));
    let tunnel = json!({ "fields": { ":method": "CONNECT", ":authority": to } , "body": ""});
    let answers = ask(&gate, &json!([get(&url), shown, get(&url), tunnel]));
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].as_u64().unwrap_or_default()).collect();
    assert_eq!(statuses, [407, 200, 200, 200], "{answers:#?}");
    let mut tunnel = json!({ "fields": { ":method": "CONNECT", ":authority": to }, "body": "" });
    tunnel["fields"]["proxy-authorization"] = json!(format!("Negotiate {}", kdc.token(&tickets, BY_NAME)));
    assert_eq!(ask(&gate, &json!([tunnel]))[0]["status"], 200);
    assert!(gate.log().iter().all(|record| record.user.as_deref() == Some("a.martin@PME.TEST")));
    // Three in vain, and the connection is told goodbye: what is asked next is asked on another.
    let mut wrong = get(&url);
    wrong["fields"]["proxy-authorization"] = json!("Negotiate TlRMTVNTUAABAAAA");
    let answers = ask(&gate, &json!([wrong, wrong, wrong]));
    assert!(answers.iter().all(|answer| answer["status"] == 407), "{answers:#?}");
}

#[test]
fn who_comes_through_another_proxy_is_asked_each_time() {
    let (kdc, tickets, gate) = realm_and_gate();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let via = |token: Option<&str>| {
        let proof = token.map(|token| format!("Proxy-Authorization: Negotiate {token}\r\n")).unwrap_or_default();
        format!("GET {url} HTTP/1.1\r\nHost: allowed.test\r\nVia: 1.1 branch\r\n{proof}\r\n")
    };
    let mut client = gate.client();
    let token = kdc.token(&tickets, BY_NAME);
    for (request, status) in [(via(Some(&token)), 200), (via(None), 407)] {
        client.send(request).expect("sent");
        assert_eq!(client.response("GET").expect("an answer").status(), status);
    }
    assert_eq!(client.get(&url).expect("an answer").status(), 407);
}

#[test]
fn a_password_still_does_where_both_are_asked_for() {
    let kdc = Kdc::start();
    kdc.person("a.martin");
    let keytab = kdc.keytab(SERVICE);
    let tickets = kdc.login("a.martin", &[]);
    // In whichever order: the strongest is offered first.
    for methods in ["[\"negotiate\", \"basic\"]", "[\"basic\", \"negotiate\"]"] {
        let mut gate = asking(&keytab, "\"\"").config(&format!("[identity]\nmethods = {methods}")).prepare();
        let password = crate::identity::PASSWORD;
        assert!(
            crate::identity::with_password(&gate, &["user", "add", "p.dupont", "--password-stdin"], password)
                .status
                .success()
        );
        gate.start();
        let origin = Origin::http(|_| Answer::ok("hello"));
        let url = origin.url("allowed.test", "/");
        let asked = gate.client().get(&url).expect("an answer");
        let ways: Vec<String> = asked.head.all("proxy-authenticate").into_iter().map(str::to_owned).collect();
        assert!(ways.len() == 2 && ways[0] == "Negotiate" && ways[1].starts_with("Basic "), "{ways:?}");
        assert_eq!(curl(&gate, HOST).as_user("p.dupont", password).get(&url).status, 200);
        assert_eq!(curl(&gate, HOST).as_user("p.dupont", "wrong").get(&url).status, 407);
        assert_eq!(curl(&gate, HOST).with_ticket(kdc.environment(&tickets)).get(&url).status, 200);
        let mut users: Vec<_> = gate.log_of(2).into_iter().filter_map(|record| record.user).collect();
        users.sort();
        assert_eq!(users, ["a.martin@PME.TEST", "p.dupont"]);
        // A wrong credential on a connection that is known is not passed over.
        let mut client = gate.client();
        client.send(request(&url, &kdc.token(&tickets, BY_NAME))).expect("sent");
        assert_eq!(client.response("GET").expect("an answer").status(), 200);
        assert_eq!(client.get(&url).expect("an answer").status(), 200);
        client.send(request(&url, "AAAA")).expect("sent");
        assert_eq!(client.response("GET").expect("an answer").status(), 407);
        assert_eq!(client.get(&url).expect("an answer").status(), 407, "forgotten");
    }
}

#[test]
fn machines_are_known_as_machines() {
    let kdc = Kdc::start();
    kdc.person("PC01$");
    kdc.person("a.martin");
    let keytab = kdc.keytab(SERVICE);
    let charter = format!(
        "{}\n[groups.machines]\n[[rule]]\nid = \"machines\"\naction = \"block\"\ngroups = [\"machines\"]\n",
        harness::setup::CHARTER
    );
    let gate = asking(&keytab, "\"\"").charter(&charter).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    for (name, status) in [("PC01$", 403), ("a.martin", 200)] {
        let tickets = kdc.login(name, &[]);
        assert_eq!(curl(&gate, HOST).with_ticket(kdc.environment(&tickets)).get(&url).status, status, "{name}");
    }
    let mut records = gate.log_of(2);
    records.sort_by(|one, other| one.user.cmp(&other.user));
    assert_eq!((records[1].user.as_deref(), records[1].rule.as_deref()), (Some("pc01$@PME.TEST"), Some("machines")));
    assert_eq!(records[1].auth, "negotiate");
}

#[test]
fn a_browser_browses_without_a_prompt() {
    let (kdc, tickets, gate) = realm_and_gate();
    let authority = Authority::new();
    let html = &[("Content-Type", "text/html; charset=utf-8")];
    let plain = Origin::http(|_| Answer::with("200 OK", html, "<p>passed the gate</p>"));
    let secure = Origin::https(&authority, &["other.test"], |_| Answer::with("200 OK", html, "<p>passed the gate</p>"));
    // However the file was found, it names the gate as tickets do.
    let way = format!("PROXY {HOST}:{}", gate.proxy().port());
    assert!(gate.page("/proxy.pac").text().contains(&way), "{}", gate.page("/proxy.pac").text());
    let pac = format!("http://{HOST}:{}/proxy.pac", gate.console().port());
    let browser = Browser::by_pac(&pac).trusting(&authority).with_tickets(kdc.environment(&tickets));
    for url in [plain.url("allowed.test", "/"), secure.url_tls("other.test", "/")] {
        let dom = browser.dom(&url);
        assert!(dom.contains("passed the gate"), "{url}:\n{dom}");
    }
    let records = gate.log();
    assert!(records.iter().any(|record| record.method == "CONNECT") && records.len() >= 2, "{records:#?}");
    for record in &records {
        assert_eq!((record.user.as_deref(), record.auth.as_str()), (Some("a.martin@PME.TEST"), "negotiate"));
    }
}

#[test]
fn a_machine_is_nobody_in_answers_to_persons() {
    let (_kdc, _tickets, gate) = realm_and_gate();
    let refused = gate.octroi(&["export", "subject", "PC01$@PME.TEST", "--reference", "D-2026-001", "--out", "out"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("is a machine's account"), "{said}");
    assert_eq!(refused.status.code(), Some(2));
}

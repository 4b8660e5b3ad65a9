//! Requests that are turned back: the page, its language, its reference, the record.
use harness::{Answer, Curl, Origin, Setup};

#[test]
fn a_refusal_is_a_page_a_person_can_read() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let url = origin.url("blocked.test", "/page");
    let refused = Curl::through(&gate).field("Accept-Language", "fr-FR,fr;q=0.9,en;q=0.5").get(&url);
    assert_eq!((refused.exit, refused.status), (0, 403));
    assert!(refused.field("content-type").is_some_and(|value| value == "text/html; charset=utf-8"), "{refused:?}");
    assert!(refused.field("cache-control").is_some_and(|value| value.contains("no-store")), "{refused:?}");
    assert!(refused.field("proxy-status").is_some_and(|value| value.contains("error=http_request_denied")));
    let page = refused.text();
    let told = ["blocked.test", "interdits", "Sites interdits", "interdit par la charte", "informatique@exemple.test"];
    for words in told {
        assert!(page.contains(words), "the page doesn't say {words:?}:\n{page}");
    }
    let link = format!("href=\"http://{}/\"", gate.console());
    assert!(page.contains(&link), "the page leads to what is recorded:\n{page}");
    let rest = page.replace(&link, "");
    assert!(!rest.contains("<script") && !rest.contains("http://") && !rest.contains("https://"), "self-contained");
    assert_eq!(origin.connections(), 0, "nothing was sent to the origin");
}

#[test]
fn the_page_speaks_the_language_of_the_browser() {
    let gate = Setup::new().start();
    let url = "http://blocked.test/";
    let french = |page: &str| page.contains("lang=\"fr\"") && page.contains("Ce site est interdit par la charte.");
    let english = |page: &str| page.contains("lang=\"en\"") && page.contains("The charter forbids this site.");
    assert!(french(&Curl::through(&gate).get(url).text()), "without a preference: the locale of the configuration");
    for (preference, is_english) in
        [("fr", false), ("en-GB,en;q=0.8", true), ("de, en;q=0.2, fr;q=0.1", true), ("de", false)]
    {
        let page = Curl::through(&gate).field("Accept-Language", preference).get(url).text();
        assert!(if is_english { english(&page) } else { french(&page) }, "{preference}:\n{page}");
    }
    let gate = Setup::new().config("locale = \"en\"").start();
    assert!(english(&Curl::through(&gate).get(url).text()));
}

#[test]
fn the_reference_on_the_page_finds_the_record() {
    let gate = Setup::new().start();
    let page = Curl::through(&gate).get("http://blocked.test/").text();
    let record = &gate.log_of(1)[0];
    assert!(page.contains(&record.id.to_string()), "the page doesn't show {}:\n{page}", record.id);
    let found = gate.log_search(&["--id", &record.id.to_string()]);
    assert_eq!(found.len(), 1);
    assert_eq!((record.action.as_str(), record.outcome.as_str(), record.status), ("block", "refused", Some(403)));
    assert_eq!(record.rule.as_deref(), Some("interdits"));
    assert_eq!((record.article.as_deref(), record.category.as_deref()), (Some("3"), Some("interdit")));
    assert_eq!((record.host.as_deref(), record.destination_ip.as_deref()), (Some("blocked.test"), None));
}

#[test]
fn a_name_is_refused_in_every_spelling() {
    let gate = Setup::new().start();
    for host in
        ["blocked.test", "BLOCKED.Test", "blocked.test.", "www.blocked.test", "a.b.blocked.test", "%62locked.test"]
    {
        let mut client = gate.client();
        let answer = client.get(&format!("http://{host}/")).expect("an answer");
        assert_eq!(answer.status(), 403, "{host}");
    }
    let mut client = gate.client();
    let other = client.get("http://notblocked.test.invalid/").expect("an answer");
    assert_ne!(other.status(), 403, "a name that merely holds the letters is another name");
}

#[test]
fn a_refusal_leaves_the_connection_in_step() {
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| Answer::ok(seen.target()));
    let mut client = gate.client();
    let refused = "POST http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\nContent-Length: 5\r\n\r\nGET /";
    let allowed = format!("GET {} HTTP/1.1\r\nHost: allowed.test\r\n\r\n", origin.url("allowed.test", "/next"));
    client.send(format!("{refused}{allowed}")).expect("two requests");
    let answer = client.response("POST").expect("a refusal");
    assert_eq!(answer.status(), 403);
    // Either the body was read and the next request is answered, or the connection ends: never a body read as a request.
    match client.response("GET") {
        Ok(next) => assert_eq!((next.status(), next.text().as_str()), (200, "/next")),
        Err(_) => assert!(answer.head.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))),
    }
}

#[test]
fn a_refused_head_has_no_body() {
    let gate = Setup::new().start();
    let mut client = gate.client();
    client.send("HEAD http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\n\r\n").expect("a request");
    assert_eq!(client.response("HEAD").expect("a refusal").status(), 403);
    assert_eq!(client.get("http://blocked.test/").expect("a second refusal on the same connection").status(), 403);
}

//! Chromium, set up by the address of the PAC file alone.
use harness::{Answer, Authority, Browser, Gate, Origin, Setup};

const HTML: &[(&str, &str)] = &[("Content-Type", "text/html; charset=utf-8")];

fn browser(gate: &Gate) -> Browser {
    Browser::by_pac(&format!("http://{}/proxy.pac", gate.console()))
}

#[test]
fn a_browser_loads_what_the_charter_allows() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let page = |seen: &harness::Seen| match seen.target() {
        "/picture.svg" => {
            Answer::with("200 OK", &[("Content-Type", "image/svg+xml")], "<svg xmlns='http://www.w3.org/2000/svg'/>")
        }
        _ => Answer::with("200 OK", HTML, "<p id=it>passed the gate</p><img src=/picture.svg>"),
    };
    let plain = Origin::http(page);
    let secure = Origin::https(&authority, &["other.test"], page);
    let browser = browser(&gate).trusting(&authority);
    for url in [plain.url("allowed.test", "/"), secure.url_tls("other.test", "/")] {
        let dom = browser.dom(&url);
        assert!(dom.contains("<p id=\"it\">passed the gate</p>"), "{url}:\n{dom}");
    }
    assert!(secure.seen().iter().any(|seen| seen.target() == "/picture.svg"), "and what the page holds");
    let records = gate.log();
    let visited =
        |method: &str, host: &str| records.iter().any(|r| r.method == method && r.host.as_deref() == Some(host));
    assert!(visited("GET", "allowed.test") && visited("CONNECT", "other.test"), "{records:#?}");
}

#[test]
fn a_browser_shows_the_refusal_in_its_language() {
    let gate = Setup::new().start();
    for (language, told) in [("fr", "Ce site est interdit par la charte."), ("en", "The charter forbids this site.")] {
        let browser = browser(&gate).language(language);
        let dom = browser.dom("http://blocked.test/page");
        assert!(dom.contains(told), "{language}:\n{dom}");
        let picture = gate.path(&format!("refused-{language}.png"));
        browser.screenshot("http://blocked.test/page", &picture, (1000, 800));
        let png = std::fs::read(&picture).expect("a picture");
        assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{language}: {} bytes", png.len());
    }
}

#[test]
fn a_browser_can_not_get_at_a_refused_site_over_https() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["blocked.test"], |_| Answer::with("200 OK", HTML, "<p>never</p>"));
    let dom = browser(&gate).trusting(&authority).dom(&origin.url_tls("blocked.test", "/"));
    assert!(!dom.contains("<p>never</p>"), "{dom}");
    assert_eq!(origin.connections(), 0);
}

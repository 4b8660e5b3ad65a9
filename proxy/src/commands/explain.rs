//! `octroi explain`: the decision on an address, and what led to it.

use super::{Answer, Wrong, answer, answer_json, charter, columns, configuration, when};
use crate::cli::Explain;
use crate::config::Config;
use crate::exceptions;
use crate::lists;
use crate::lists::progress::Progress;
use crate::upstream::guard::Guard;
use jiff::Timestamp;
use policy::{Action, Answer as Answered, InForce, Learnt, Query, Scheme, Target, Withheld};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

#[derive(Serialize)]
struct Explanation<'e> {
    action: &'static str,
    rule: Option<&'e str>,
    article: Option<&'e str>,
    category: Option<&'e str>,
    evidence: Option<String>,
    /// In words, when the gate itself refuses.
    #[serde(skip)]
    why: Option<String>,
    user: Option<&'e str>,
    groups: Vec<&'e str>,
    schedule: Option<&'e str>,
    /// What each person has of it, in the form of the charter.
    bandwidth: Option<String>,
    /// The host that is dialled in place of the one asked for, so that a search engine answers in its strict mode.
    safe_search: Option<&'static str>,
    /// Rules that could still decide otherwise, by the address that is dialled or by what is answered.
    undecided: Vec<&'e str>,
    /// On which terms it is let through, likewise.
    terms: Option<String>,
    /// Why the register withholds the destination, whoever refuses or lets through.
    withheld: Option<&'static str>,
    charter: &'e str,
}

/// Decides as the gate would and says why.
pub(crate) fn explain(path: Option<&Path>, asked: &Explain) -> Result<Answer, Wrong> {
    let (target, method) = asked_for(&asked.url, asked.method.as_deref())?;
    let config = configuration(path)?;
    let at = asked.at.as_deref().map(|text| when::instant("--at", text, &config.time_zone, when::Day::Begins));
    let at = at.transpose()?.unwrap_or_else(Timestamp::now);
    let charter = charter(&config)?;
    for group in asked.groups.iter().filter(|group| !charter.charter.knows_group(group)) {
        eprintln!("warning: the charter names no group `{group}`, neither its own nor one of a directory");
    }
    let loaded = lists::load_with(&config, &charter.charter, &mut Progress::stderr()).map_err(Wrong::because)?;
    for missing in &loaded.missing {
        eprintln!("warning: {missing}");
    }
    let in_force = InForce::new(charter.charter, loaded.index);
    let groups: Vec<&str> = asked.groups.iter().map(String::as_str).collect();
    let query = Query {
        target: &target,
        method: &method,
        user: asked.user.as_deref(),
        groups: &groups,
        client: asked.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical(),
        at,
    };
    let told = told(asked)?;
    let learnt = Learnt { destination: asked.destination, answer: told.as_ref() };
    let exceptions = exceptions::of_register(&config, Timestamp::now().as_microsecond()).map_err(Wrong)?;
    let first = in_force.decide_but(&query, &Learnt::default(), &exceptions);
    // As the gate does: who was turned back is not asked again.
    let decision =
        if first.action == Action::Block { first } else { in_force.decide_but(&query, &learnt, &exceptions) };
    let mut explanation = Explanation {
        action: decision.action.as_str(),
        rule: in_force.rule(&decision),
        article: in_force.article(&decision),
        category: in_force.category(&decision),
        evidence: in_force.evidence(&query, &decision),
        why: None,
        user: asked.user.as_deref(),
        groups: in_force.groups(&query),
        schedule: in_force.schedule(&decision),
        bandwidth: decision.bandwidth.map(|rate| rate.to_string()),
        safe_search: Some(&decision)
            .filter(|decision| decision.action != Action::Block)
            .and_then(|decision| in_force.strict_host(decision, &target)),
        undecided: match decision.action {
            Action::Block => Vec::new(),
            _ => in_force.undecided(&query, &learnt, &decision),
        },
        terms: Some(in_force.terms(&decision).to_string()).filter(|terms| !terms.is_empty()),
        withheld: decision.withheld().map(Withheld::as_str),
        charter: in_force.charter().identity(),
    };
    let rule = decision.exception().map(exceptions::rule);
    if let Some(exception) = decision.exception().and_then(|number| exceptions.get(number)) {
        let from = explanation.rule.map(|rule| format!(" from rule {rule}")).unwrap_or_default();
        let (kind, name) = (exception.subject.kind(), exception.subject.name());
        explanation.evidence = Some(format!("exception:{} {kind} {name}{from}", exception.number));
        explanation.rule = rule.as_deref();
    }
    let refusal = refused_by_the_gate(&config, asked.client, &target, &method, decision.action);
    let charter_decides = refusal.is_none();
    if let Some(refusal) = refusal {
        let Refusal { rule, key, why } = refusal;
        // Who is not served at all has no record.
        let withheld = explanation.withheld.filter(|_| rule != GATE_CLIENT);
        explanation = Explanation {
            action: "block",
            rule: Some(rule),
            article: None,
            category: None,
            evidence: Some(key.to_owned()),
            why: Some(why),
            schedule: None,
            bandwidth: None,
            safe_search: None,
            undecided: Vec::new(),
            terms: None,
            withheld,
            ..explanation
        };
    }
    if asked.output.json {
        answer_json(&explanation)?;
    } else {
        let label = in_force.category_label(&decision).map(|label| label.en.as_str());
        let reason = in_force.reason(&decision).map(|reason| reason.en.as_str()).filter(|_| charter_decides);
        let reason = explanation.why.as_deref().or(reason);
        answer(&text(&explanation, &target, &method, label, reason))?;
    }
    Ok(Answer::Done)
}

/// A refusal that is no matter of the charter.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    /// The reserved name that records bear.
    rule: &'static str,
    /// The key of the configuration it goes by.
    key: &'static str,
    why: String,
}

/// The client is none the gate serves.
const GATE_CLIENT: &str = "gate:client";

/// What the gate refuses by its configuration, in the order in which it looks: the client before anything is read, then,
/// of what the charter lets through, the port and the address. A name that only a name server knows is not looked up.
fn refused_by_the_gate(
    config: &Config,
    client: Option<IpAddr>,
    target: &Target,
    method: &str,
    action: Action,
) -> Option<Refusal> {
    if let Some(client) = client.filter(|client| !config.clients.allow.contains(*client)) {
        let why = format!("the gate does not serve {}", client.to_canonical());
        return Some(Refusal { rule: GATE_CLIENT, key: "[clients] allow", why });
    }
    if action == Action::Block {
        return None;
    }
    let destinations = &config.destinations;
    let (ports, key, opens) = if method == "CONNECT" {
        (&destinations.connect_ports, "[destinations] connect_ports", "no tunnel to port")
    } else {
        (&destinations.http_ports, "[destinations] http_ports", "no way to port")
    };
    if !ports.contains(target.port()) {
        return Some(Refusal { rule: "gate:port", key, why: format!("the gate opens {opens} {}", target.port()) });
    }
    let addresses = match target.ip() {
        Some(ip) => vec![ip],
        None => config.dns.hosts.get(target.host())?.clone(),
    };
    let own = config.listen.addresses().into_iter().chain([config.listen.console]).collect();
    let guard = Guard::new(destinations.allow_private.clone(), own);
    if addresses.iter().any(|ip| guard.allows(SocketAddr::new(*ip, target.port()))) {
        return None;
    }
    let why = format!("the gate does not connect to {}: an internal or reserved address, or its own", target.host());
    Some(Refusal { rule: "gate:address", key: "[destinations] allow_private", why })
}

/// What the gate would see of an address. Of an https address it sees a CONNECT, which names host and port alone: the
/// path would have to be decrypted. Another method asks about a request that has been.
fn asked_for(url: &str, method: Option<&str>) -> Result<(Target, String), Wrong> {
    let target = target(url)?;
    let method = method.map(str::to_ascii_uppercase);
    if target.scheme() == Scheme::Http || method.as_deref().is_some_and(|method| method != "CONNECT") {
        return Ok((target, method.unwrap_or_else(|| "GET".to_owned())));
    }
    let (host, port) = (target.host(), target.port());
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let tunnel = Target::of_authority(&authority).map_err(|why| Wrong(format!("{url}: {why}")))?;
    Ok((tunnel, "CONNECT".to_owned()))
}

/// What the origin is said to answer.
fn told(asked: &Explain) -> Result<Option<Answered>, Wrong> {
    let mut answer = Answered::default();
    if let Some(media) = &asked.media_type {
        answer = answer.declared(media);
    }
    if let Some(file) = &asked.file {
        answer = answer.file(file);
    }
    if let Some(size) = &asked.size {
        let bytes = policy::document::size(size).ok_or_else(|| {
            Wrong(format!("--size {size}: expected a number of bytes, or a size such as \"64KB\" or \"2MB\""))
        })?;
        answer = answer.length(bytes);
    }
    let any = asked.media_type.is_some() || asked.file.is_some() || asked.size.is_some();
    Ok(any.then_some(answer))
}

/// An address, or a host alone, which is meant as https.
pub(super) fn target(text: &str) -> Result<Target, Wrong> {
    let target = if text.contains("://") {
        Target::of_url(text)
    } else if let Ok(host) = Target::of_host(text) {
        Ok(host)
    } else {
        Target::of_url(&format!("https://{text}"))
    };
    target.map_err(|why| Wrong(format!("{text}: {why}")))
}

fn text(said: &Explanation<'_>, target: &Target, method: &str, label: Option<&str>, reason: Option<&str>) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        rows.extend(value.map(|value| [name.to_owned(), value]));
    };
    let asked = format!("{method} {}://{}{}", target.scheme().as_str(), target.authority(), target.path());
    row(said.action, Some(asked));
    row("rule", Some(said.rule.unwrap_or("none: the charter's default").to_owned()));
    row("article", said.article.map(str::to_owned));
    row("reason", reason.map(str::to_owned));
    row("category", said.category.map(|id| label.map_or(id.to_owned(), |label| format!("{id} ({label})"))));
    row("evidence", said.evidence.clone());
    row("user", said.user.map(str::to_owned));
    row("groups", (!said.groups.is_empty()).then(|| said.groups.join(", ")));
    row("schedule", said.schedule.map(str::to_owned));
    row("bandwidth", said.bandwidth.as_ref().map(|rate| format!("{rate} for each person")));
    row("dials", said.safe_search.map(|host| format!("{host}, in place of {}: safe search", target.host())));
    row(
        "undecided",
        (!said.undecided.is_empty())
            .then(|| format!("{}, until the address is dialled and the answer comes", said.undecided.join(", "))),
    );
    row("terms", said.terms.clone());
    row("withheld", said.withheld.map(|why| format!("the destination, from the register ({why})")));
    row("charter", Some(said.charter.to_owned()));
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gate_refuses_itself_is_told_as_such() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("octroi.toml");
        let text = "[clients]\nallow = [\"10.0.0.0/8\"]\n[destinations]\nallow_private = [\"10.0.9.0/24\"]\n\
                    [dns]\nhosts = { \"intranet.test\" = [\"10.0.9.1\"], \"inner.test\" = [\"10.0.8.1\"] }\n";
        std::fs::write(&path, text).expect("written");
        let (config, _) = Config::load(Some(&path)).expect("good");
        let rule = |client: Option<&str>, url: &str, action| {
            let client = client.map(|client| client.parse().expect("an address"));
            let (target, method) = asked_for(url, None).expect("understood");
            let refusal = refused_by_the_gate(&config, client, &target, &method, action);
            refusal.map(|refusal| (refusal.rule, refusal.key))
        };
        let inside = Some("10.0.0.1");
        let (port, address) = ("gate:port", ("gate:address", "[destinations] allow_private"));
        for (url, expected) in [
            ("https://a.test/", None),
            ("https://a.test:8443/", Some((port, "[destinations] connect_ports"))),
            ("http://a.test:8443/", None),
            ("http://a.test:25/", Some((port, "[destinations] http_ports"))),
            ("http://127.0.0.1/", Some(address)),
            ("http://[::1]/", Some(address)),
            ("http://10.0.9.1/", None),
            ("http://intranet.test/", None),
            ("http://inner.test/", Some(address)),
        ] {
            assert_eq!(rule(inside, url, Action::Allow), expected, "{url}");
            assert_eq!(rule(inside, url, Action::Block), None, "the charter has spoken: {url}");
        }
        let client = Some(("gate:client", "[clients] allow"));
        assert_eq!(rule(Some("192.168.0.1"), "http://a.test/", Action::Block), client);
        assert_eq!(rule(None, "http://a.test/", Action::Allow), None, "nobody in particular");
    }

    #[test]
    fn https_is_asked_as_the_tunnel_that_the_gate_sees() {
        let asked = |url: &str, method: Option<&str>| {
            let (target, method) = asked_for(url, method).expect("understood");
            format!("{method} {} {}{}", target.scheme().as_str(), target.authority(), target.path())
        };
        assert_eq!(asked("https://a.test/x", None), "CONNECT https a.test");
        assert_eq!(asked("a.test", None), "CONNECT https a.test");
        assert_eq!(asked("a.test:8443/x", None), "CONNECT https a.test:8443");
        assert_eq!(asked("https://[2001:db8::1]/x", None), "CONNECT https [2001:db8::1]");
        assert_eq!(asked("https://a.test/x", Some("post")), "POST https a.test/x");
        assert_eq!(asked("http://a.test/x", None), "GET http a.test/x");
        assert!(asked_for("ftp://a.test", None).is_err() && asked_for("a b", None).is_err());
    }
}

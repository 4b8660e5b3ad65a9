//! `octroi explain`: the decision on an address, and what led to it.

use super::{Answer, Wrong, answer, answer_json, charter, columns, configuration};
use crate::cli::Explain;
use crate::lists;
use crate::lists::progress::Progress;
use jiff::Timestamp;
use policy::{Action, InForce, Query, Scheme, Target};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Explanation<'e> {
    action: &'static str,
    rule: Option<&'e str>,
    article: Option<&'e str>,
    category: Option<&'e str>,
    evidence: Option<String>,
    user: Option<&'e str>,
    groups: Vec<&'e str>,
    schedule: Option<&'e str>,
    charter: &'e str,
}

/// Decides as the gate would and says why.
pub(crate) fn explain(path: Option<&Path>, asked: &Explain) -> Result<Answer, Wrong> {
    let (target, method) = asked_for(&asked.url, asked.method.as_deref())?;
    let config = configuration(path)?;
    let charter = charter(&config)?;
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
        client: asked.client.to_canonical(),
        at: asked.at.unwrap_or_else(Timestamp::now),
    };
    let decision = in_force.decide(&query);
    let explanation = Explanation {
        action: match decision.action {
            Action::Allow => "allow",
            Action::Block => "block",
        },
        rule: in_force.rule(&decision),
        article: in_force.article(&decision),
        category: in_force.category(&decision),
        evidence: in_force.evidence(&query, &decision),
        user: asked.user.as_deref(),
        groups: in_force.groups(&query),
        schedule: in_force.schedule(&decision),
        charter: in_force.charter().identity(),
    };
    if asked.output.json {
        answer_json(&explanation)?;
    } else {
        let label = in_force.category_label(&decision).map(|label| label.en.as_str());
        let reason = in_force.reason(&decision).map(|reason| reason.en.as_str());
        answer(&text(&explanation, &target, &method, label, reason))?;
    }
    Ok(Answer::Done)
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
    row("charter", Some(said.charter.to_owned()));
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! The desk: the one host that the gate answers for itself. There warnings are acknowledged, and there that of a tunnel is read,
//! of which no browser shows a page.
//!
//! An acknowledgement is a POST to `/continue?OFFER`, where the offer is what the page of the warning carried. It is held against
//! who asks now and the charter in force: what is acknowledged is one of its warnings, shown to this person, or nothing.
use super::token::LONGEST_URL;
use super::{Claim, Doubt, Standing};
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, State};
use crate::identify::Client;
use crate::pages::Fault;
use crate::pages::terms::Finding;
use crate::{record, refuse};
use jiff::Timestamp;
use logstore::Outcome;
use policy::{Action, Query, Scheme, Target};

/// The desk's name. No such domain can be anybody's (ICANN keeps `.internal` for private use), and no name server is asked.
pub(crate) const HOST: &str = "octroi.internal";
/// The desk.
pub(crate) const ORIGIN: &str = "http://octroi.internal";
/// Where one acknowledges.
const CONTINUE: &str = "/continue";
/// What names the site whose warning somebody wants to read.
const SITE: &str = "site";

/// Whether the desk is asked.
pub(crate) fn is_asked(asked: &Asked) -> bool {
    !asked.method.is_connect() && asked.target.host() == HOST && !asked.is_inside()
}

/// The address of the desk's page about a site.
pub(crate) fn about(target: &Target) -> String {
    let origin = origin(target);
    format!("{ORIGIN}/?{SITE}={}", origin.strip_prefix("https://").unwrap_or(&origin))
}

/// Where the form of a warning goes.
pub(crate) fn acknowledging(offer: &str) -> String {
    format!("{ORIGIN}{CONTINUE}?{offer}")
}

/// `http://www.example.org:8080`, as browsers write origins.
pub(crate) fn origin(target: &Target) -> String {
    let host = if target.host().contains(':') { format!("[{}]", target.host()) } else { target.host().to_owned() };
    match (target.scheme(), target.port()) {
        (Scheme::Http, 80) => format!("http://{host}"),
        (Scheme::Https, 443) => format!("https://{host}"),
        (scheme, port) => format!("{}://{host}:{port}", scheme.as_str()),
    }
}

/// Where one goes on behind the warning about a target; to its front page, when its address is too long to be carried.
pub(crate) fn url(target: &Target, origin: &str) -> String {
    let path = target.path_and_query();
    let fits = path.starts_with('/') && origin.len() + path.len() <= LONGEST_URL;
    format!("{origin}{}", if fits { path } else { "/" })
}

/// What the desk is asked.
enum Wish {
    /// To show itself.
    Look,
    /// To show a site's warning.
    Read(Option<Target>),
    /// To note that one was read.
    Acknowledge(Result<Claim, Doubt>),
    /// Nothing that it does.
    Other,
}

impl Wish {
    fn of(gate: &Gate, asked: &Asked, now: Timestamp) -> Wish {
        let whole = asked.target.path_and_query();
        let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
        match (asked.method.as_str(), path) {
            ("POST", CONTINUE) => Wish::Acknowledge(gate.terms.read(query, now)),
            ("GET" | "HEAD", "/" | "") => match query.strip_prefix(SITE).and_then(|rest| rest.strip_prefix('=')) {
                Some(site) => Wish::Read(site_of(site)),
                None => Wish::Look,
            },
            _ => Wish::Other,
        }
    }
}

/// What somebody typed or pasted into a form's field (WHATWG URL §5.1): a name or a whole address.
fn site_of(value: &str) -> Option<Target> {
    let bytes = value.as_bytes();
    let (mut text, mut at) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                text.push(byte);
                at += 3;
            }
            (b'+', _) => {
                text.push(b' ');
                at += 1;
            }
            (byte, _) => {
                text.push(*byte);
                at += 1;
            }
        }
    }
    let text = String::from_utf8(text).ok()?;
    let text = text.trim();
    if text.contains("://") {
        return Target::of_url(text).ok();
    }
    Target::of_url(&format!("https://{text}")).ok()
}

/// Puts the question that this client's browser would ask about a target.
fn asking<T>(client: &Client, target: &Target, now: Timestamp, put: impl FnOnce(&Query<'_>) -> T) -> T {
    let groups = client.groups();
    let method = if target.scheme() == Scheme::Https { "CONNECT" } else { "GET" };
    let tunnel = Target::of_authority(&target.authority()).ok().filter(|_| method == "CONNECT");
    let target = tunnel.as_ref().unwrap_or(target);
    let query =
        Query { target, method, user: client.user.as_deref(), groups: &groups, client: client.address, at: now };
    put(&query)
}

/// Answers for the desk.
pub(crate) async fn answer<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    let now = gate.now();
    let wish = Wish::of(gate, asked, now);
    // What is acknowledged is decided on before it is noted, and noted before it counts.
    let acknowledged = match &wish {
        Wish::Acknowledge(Ok(claim)) => Target::of_url(&claim.url).ok().and_then(|target| {
            let decision = asking(client, &target, now, |query| gate.terms.claimed(state, client, query, claim))?;
            Some((target, decision))
        }),
        _ => None,
    };
    let decision = state.in_force.decide(&asked.query(client, &client.groups(), now));
    let entry = match &acknowledged {
        Some((target, decision)) => record::acknowledged(state, client, target, now, decision),
        None => {
            let verdict = record::answered_by_the_gate(state, record::GATE_DESK);
            record::entry(state, asked, client, now, &decision, verdict)
        }
    };
    let mut record = match gate.register.open(entry).await {
        Ok(record) => record,
        Err(unwritable) => return refuse::register_closed(gate, state, connection, asked, &unwritable).await,
    };
    gate.counts.exchange();
    let (outcome, next) = match (wish, acknowledged) {
        (Wish::Acknowledge(Ok(claim)), Some((target, decision))) => {
            gate.terms.acknowledge(state, client, &target, &decision, now);
            (Outcome::Completed, refuse::go_on(state, connection, asked, &claim.url, &mut record).await)
        }
        // The page is old, or what it warned of is no longer: the way back shows what is so now.
        (Wish::Acknowledge(Err(Doubt::Expired(claim))), _) => {
            let url = match Target::of_url(&claim.url) {
                Ok(target) if target.scheme() == Scheme::Https => about(&target),
                _ => claim.url,
            };
            (Outcome::Completed, refuse::go_on(state, connection, asked, &url, &mut record).await)
        }
        (Wish::Acknowledge(_), _) => {
            gate.counts.refused();
            let fault = Fault::NotAcknowledged;
            (Outcome::Refused, refuse::fault(state, connection, asked, fault, &mut record).await)
        }
        (Wish::Look, _) => {
            (Outcome::Completed, refuse::found(state, connection, asked, Finding::Nothing, &mut record).await)
        }
        (Wish::Read(None), _) => {
            (Outcome::Completed, refuse::found(state, connection, asked, Finding::Unreadable, &mut record).await)
        }
        (Wish::Read(Some(target)), _) => {
            let decision = asking(client, &target, now, |query| gate.decide(state, query));
            let next = match decision.action {
                Action::Warn if gate.terms.standing(state, client, &target, &decision, now) == Standing::Warned => {
                    let about = (&target, &decision);
                    refuse::read_first(gate, state, connection, asked, client, about, &mut record).await
                }
                _ => {
                    let finding = Finding::NoWarning(target.host());
                    refuse::found(state, connection, asked, finding, &mut record).await
                }
            };
            (Outcome::Completed, next)
        }
        (Wish::Other, _) => {
            let fault = Fault::BadRequest { why: "the gate's own pages are few: see http://octroi.internal/" };
            (Outcome::Failed, refuse::fault(state, connection, asked, fault, &mut record).await)
        }
    };
    record.settle(outcome);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_named_as_people_name_sites() {
        for (typed, host) in [
            ("www.jeux.example", Some("www.jeux.example")),
            ("+JEUX.example%2F", Some("jeux.example")),
            ("https%3A%2F%2Fjeux.example%2Fa%3Fb", Some("jeux.example")),
            ("http://jeux.example:8080/", Some("jeux.example")),
            ("%C3%A9cole.example", Some("xn--cole-9oa.example")),
            ("", None),
            ("%", None),
            ("deux+mots", None),
            ("javascript:alert(1)", None),
            ("ftp://jeux.example/", None),
            ("%FF", None),
        ] {
            assert_eq!(site_of(typed).as_ref().map(Target::host), host, "{typed}");
        }
    }

    #[test]
    fn one_goes_on_where_one_was_going() {
        let long = format!("http://a.example/{}", "x".repeat(4000));
        for (asked, expected) in [
            ("http://a.example/b?c=d", "http://a.example/b?c=d"),
            ("http://a.example:8080/", "http://a.example:8080/"),
            ("https://a.example/", "https://a.example/"),
            ("http://[2001:db8::1]/", "http://[2001:db8::1]/"),
            (long.as_str(), "http://a.example/"),
        ] {
            let target = Target::of_url(asked).expect("a target");
            assert_eq!(url(&target, &origin(&target)), expected);
        }
    }
}

//! Who looked at a person's records, when, for which purpose and in which role: never who (CJEU C-579/21), and never anything
//! of a requisition or of a judicial hold (RGPD art. 4(9)). And what the person did to the register themselves.

use super::instants::seen;
use super::person::Whose;
use crate::access::is_restricted_act;
use crate::commands::log::{host_filter, is_pseudonym};
use crate::commands::when::{Day, instant};
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logstore::approvals::{Approvals, Asked, Subject};
use logstore::audit::Act;
use logstore::hold::{Holds, Terms};
use logstore::people::{Mark, People, Period, Role};
use logstore::pseudonym::Pseudonyms;
use logstore::{Record, Search};
use serde::Serialize;
use std::collections::HashSet;
use std::net::IpAddr;

/// A day (µs).
const DAY: i64 = 86_400_000_000;
/// No record and no act is older, in months of 28 days.
const MONTHS: i64 = 80;

/// A look at the person's records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Look {
    /// RFC 3339, UTC.
    pub(super) at: String,
    /// The declared purpose, or what the records were kept for; none of a look under pseudonyms.
    pub(super) purpose: Option<String>,
    /// In which role. Of whoever acted alone, the one that what they did belongs to.
    pub(super) role: &'static str,
}

/// Something the person did to the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Deed {
    /// RFC 3339, UTC.
    pub(super) at: String,
    /// What, by the word of the audit trail.
    pub(super) act: String,
    /// The declared purpose, when names were opened.
    pub(super) purpose: Option<String>,
}

/// Looks that reached the person for certain, and those that did if they reached a record of theirs.
pub(super) struct Looks {
    certain: Vec<Look>,
    /// Looks at what a statement restricts, with its number.
    restricted: Vec<(u64, Look)>,
    open: Vec<Watch>,
    pseudonyms: Pseudonyms,
    /// Every pseudonym that stood for them.
    theirs: HashSet<String>,
}

/// A look, and what it looked for.
struct Watch {
    look: Look,
    /// Records from then on were not there yet (UTC µs).
    seen: i64,
    /// What was known of people then.
    known: Option<People>,
    search: Search,
    user: Option<String>,
    client: Option<String>,
    within: Option<Asked>,
    held: Option<Terms>,
}

/// What looks are judged by.
pub(super) struct Trail<'t> {
    /// The acts.
    pub(super) acts: &'t [Act],
    /// What was approved.
    pub(super) approvals: &'t Approvals,
    /// What is held.
    pub(super) holds: &'t Holds,
    /// What is answered now: making the answer is no look.
    pub(super) reference: &'t str,
    /// Nothing from then on counts.
    pub(super) until: Timestamp,
    /// In which days are typed.
    pub(super) zone: &'t TimeZone,
}

impl Trail<'_> {
    /// The acts that may be told, with when they were done and before when what they can have seen was made.
    fn acts(&self) -> impl Iterator<Item = (&Act, Timestamp, i64)> {
        let dated = self.acts.iter().zip(seen(self.acts));
        let dated = dated.filter_map(|(act, seen)| Some((act, act.at.parse::<Timestamp>().ok()?, seen)));
        dated.filter(|(act, at, _)| *at < self.until && !is_restricted_act(act))
    }

    /// What the person did to the register.
    pub(super) fn deeds(&self, whose: &Whose) -> Vec<Deed> {
        // `p.dupont as root`: whoever took another account of the system.
        let theirs = |act: &Act| whose.is_called(act.who.split(" as ").next().unwrap_or_default());
        let deed = |act: &Act| Deed { at: act.at.clone(), act: act.act.clone(), purpose: act.purpose.clone() };
        self.acts().filter(|(act, ..)| theirs(act)).map(|(act, ..)| deed(act)).collect()
    }
}

impl Looks {
    /// The looks of a trail.
    pub(super) fn of(trail: &Trail<'_>, whose: &Whose, pseudonyms: Pseudonyms) -> Looks {
        let theirs = every_pseudonym(whose, &pseudonyms, trail.until.as_microsecond());
        let mut looks = Looks { certain: Vec::new(), restricted: Vec::new(), open: Vec::new(), pseudonyms, theirs };
        for (act, at, seen) in trail.acts() {
            let at = at.as_microsecond();
            let said = |name: &str| act.scope.get(name).map(String::as_str);
            let role = said("role").and_then(Role::of_name);
            let look = |otherwise: Role| Look {
                at: act.at.clone(),
                purpose: act.purpose.clone(),
                role: role.unwrap_or(otherwise).name(),
            };
            match act.act.as_str() {
                "search" if act.count > 0 => {
                    let otherwise = if act.purpose.is_some() { Role::Investigator } else { Role::Operator };
                    looks.search(trail, whose, act, (at, seen), look(otherwise));
                }
                "read restricted" => {
                    let number = said("statement").and_then(|number| number.parse().ok());
                    looks.restricted.extend(number.map(|number| (number, look(Role::Rights))));
                }
                "hold" if act.count > 0 && said("act") == Some("read") => {
                    let hold = said("hold").and_then(|number| trail.holds.get(number.parse().ok()?).ok());
                    looks.open.extend(hold.map(|hold| Watch {
                        look: Look { purpose: Some(hold.terms.ground.name().to_owned()), ..look(Role::Investigator) },
                        seen,
                        known: Some(whose.known(at)),
                        search: Search::default(),
                        user: None,
                        client: None,
                        within: None,
                        held: Some(hold.terms.clone()),
                    }));
                }
                super::SUBJECT => {
                    let theirs = said("user").is_some_and(|user| whose.was_called(user, at));
                    if theirs && said("reference") != Some(trail.reference) {
                        looks.certain.push(look(Role::Rights));
                    }
                }
                _ => {}
            }
        }
        looks
    }

    fn search(&mut self, trail: &Trail<'_>, whose: &Whose, act: &Act, (at, seen): (i64, i64), look: Look) {
        let said = |name: &str| act.scope.get(name).map(String::as_str);
        // A pseudonym is one whatever the purpose: by a scope it is looked for as without.
        let pseudonym = |name: &str, prefix| said(name).filter(|text| is_pseudonym(text, prefix)).map(str::to_owned);
        let (user, client) = (pseudonym("user", "p-"), pseudonym("client", "a-"));
        if act.purpose.is_none() && user.is_none() && client.is_none() {
            // Everybody's, under pseudonyms.
            return;
        }
        if let Some(named) = said("user").filter(|_| user.is_none()) {
            if whose.was_called(named, at) {
                self.certain.push(look);
            }
            return;
        }
        // Something was shown, and only of theirs: whether it is still there counts for nothing.
        let about = |wanted: &Option<String>| wanted.as_ref().is_some_and(|wanted| self.theirs.contains(wanted));
        if about(&user) || (user.is_none() && about(&client)) {
            self.certain.push(look);
            return;
        }
        let request = said("request").and_then(|number| number.parse().ok());
        let within = request.and_then(|number| trail.approvals.get(number).ok()).map(|request| request.asked.clone());
        let is_theirs = |subject: &Subject| matches!(subject, Subject::User(name) if whose.was_called(name, at));
        if user.is_none()
            && within.as_ref().is_some_and(|asked| matches!(asked.about.as_slice(), [one] if is_theirs(one)))
        {
            self.certain.push(look);
            return;
        }
        let bound = |name: &str, day| {
            let text = said(name)?;
            instant(name, text, trail.zone, day).ok().map(|at| at.as_microsecond())
        };
        let network = |text: &str| {
            let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            address.ok().or_else(|| text.parse().ok())
        };
        let search = Search {
            client: said("client").filter(|_| client.is_none()).and_then(network),
            host: said("host").and_then(|host| host_filter(host).ok()),
            from: bound("from", Day::Begins),
            to: bound("to", Day::Ends),
            id: said("id").and_then(|id| id.parse().ok()),
            ..Search::default()
        };
        let known = within.is_some().then(|| whose.known(at));
        self.open.push(Watch { look, seen, known, search, user, client, within, held: None });
    }

    /// Has the looks see a record of the person's: those that reached it are certain.
    pub(super) fn see(&mut self, record: &Record, whose: &Whose) {
        if self.open.is_empty() {
            return;
        }
        let month = self.pseudonyms.month(record.opened_at);
        let reached = |watch: &mut Watch| {
            let user = || record.user.as_ref().map(|user| month.user(user));
            // By what was known of people then, and by what is known now.
            let known = || [Some(whose.people()), watch.known.as_ref()].into_iter().flatten();
            record.opened_at < watch.seen
                && watch.search.covers(record)
                && watch.within.as_ref().is_none_or(|asked| known().any(|people| asked.covers(record, people)))
                && watch.held.as_ref().is_none_or(|terms| known().any(|people| terms.covers(record, people)))
                && watch.user.as_ref().is_none_or(|wanted| user().as_ref() == Some(wanted))
                && watch.client.as_ref().is_none_or(|wanted| month.address(record.client_ip) == *wanted)
        };
        self.certain.extend(self.open.extract_if(.., reached).map(|watch| watch.look));
    }

    /// The looks, oldest first. `statements`: the numbers of those that concern the person.
    pub(super) fn into_certain(mut self, statements: &[u64]) -> Vec<Look> {
        let theirs = self.restricted.into_iter().filter(|(number, _)| statements.contains(number));
        self.certain.extend(theirs.map(|(_, look)| look));
        self.certain.sort();
        self.certain
    }
}

/// Every pseudonym under which accounts and addresses of the person stand in records made before `until` (UTC µs): one a month.
fn every_pseudonym(whose: &Whose, pseudonyms: &Pseudonyms, until: i64) -> HashSet<String> {
    let oldest = until.saturating_sub(MONTHS * 28 * DAY);
    let accounts = whose.accounts.iter().map(|(name, period)| (Mark::Account(name.clone()), *period));
    let addresses = whose.addresses.iter().map(|(address, period)| (Mark::Address(*address), *period));
    let withdrawn = whose.withdrawn().into_iter().map(|(mark, period)| (mark.clone(), period));
    let mut all = HashSet::new();
    for (mark, period) in accounts.chain(addresses).chain(withdrawn) {
        let Some(Period { from, to }) = period.common(Period { from: Some(oldest), to: Some(until) }) else { continue };
        let (from, to) = (from.unwrap_or(oldest), to.unwrap_or(until));
        // No month is shorter than 28 days.
        let steps = (0..).map(|step| from.saturating_add(step * 28 * DAY)).take_while(|at| *at < to);
        for month in steps.chain([to - 1]).map(|at| pseudonyms.month(at)) {
            match &mark {
                Mark::Account(name) => all.extend([month.user(name), month.user(&name.to_lowercase())]),
                Mark::Address(address) => all.extend([month.address(*address)]),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::file::Table;
    use logstore::ledger::Entry;
    use logstore::people::Event;
    use std::collections::BTreeMap;

    fn act(act: &str, purpose: Option<&str>, scope: &[(&str, &str)]) -> Act {
        let scope = scope.iter().map(|(name, is)| ((*name).to_owned(), (*is).to_owned()));
        Act {
            at: "2026-11-20T10:00:00.000000Z".into(),
            who: "j.petit".into(),
            act: act.into(),
            purpose: purpose.map(Into::into),
            reason: Some("incident 12, with p.dupont".into()),
            scope: scope.collect::<BTreeMap<_, _>>(),
            count: 3,
        }
    }

    fn certain(acts: &[Act]) -> Vec<Look> {
        certain_of(Vec::new(), |_| acts.to_vec())
    }

    fn certain_of(lines: Vec<Entry<Event>>, acts: impl FnOnce(&Pseudonyms) -> Vec<Act>) -> Vec<Look> {
        let dir = tempfile::tempdir().expect("a folder");
        let pseudonyms = Pseudonyms::open(&dir.path().join("pseudonyms")).expect("made");
        let whose = Whose::ever(lines, &Table::default(), "a.martin", false).expect("one person");
        let until = "2026-11-21T00:00:00Z".parse().expect("an instant");
        let (acts, approvals, holds, zone) = (acts(&pseudonyms), Approvals::default(), Holds::default(), TimeZone::UTC);
        let trail = Trail { acts: &acts, approvals: &approvals, holds: &holds, reference: "DD-2", until, zone: &zone };
        Looks::of(&trail, &whose, pseudonyms).into_certain(&[7])
    }

    fn micros(at: &str) -> i64 {
        at.parse::<Timestamp>().expect("an instant").as_microsecond()
    }

    fn line(number: u64, at: &str, what: Event) -> Entry<Event> {
        Entry { number, at: micros(at), who: "dpo".into(), what }
    }

    fn linked(mark: Mark) -> Event {
        Event::Linked { person: "a.martin".into(), mark, period: Period::default() }
    }

    #[test]
    fn a_look_by_pseudonym_under_a_scope_is_a_look_at_the_person_c_579_21() {
        let address: IpAddr = "10.0.0.5".parse().expect("an address");
        let lines = vec![line(1, "2026-11-01T00:00:00Z", linked(Mark::Address(address)))];
        let looks = certain_of(lines, |pseudonyms| {
            let month = |at: &str| pseudonyms.month(micros(at));
            let (now, before) = (month("2026-11-03T00:00:00Z"), month("2026-02-03T00:00:00Z"));
            let by = |name, pseudonym: String| {
                act("search", Some("security"), &[(name, &pseudonym), ("role", "investigator")])
            };
            vec![
                by("user", now.user("a.martin")),
                by("user", before.user("a.martin")),
                by("client", before.address(address)),
                by("user", now.user("p.dupont")),
                by("client", now.address("10.0.0.6".parse().expect("an address"))),
                act("search", None, &[("user", &now.user("a.martin"))]),
            ]
        });
        let told: Vec<_> = looks.iter().map(|look| (look.purpose.as_deref(), look.role)).collect();
        let named = (Some("security"), "investigator");
        assert_eq!(told, [(None, "operator"), named, named, named]);
    }

    #[test]
    fn a_look_by_an_account_that_was_unlinked_since_is_a_look_at_the_person_it_was_of() {
        let link = line(1, "2026-11-01T00:00:00Z", linked(Mark::Account("a.zola".into())));
        let unlink = |at| line(2, at, Event::Unlinked { link: 1, to: None });
        let look = || vec![act("search", Some("security"), &[("user", "A.Zola")])];
        assert_eq!(certain_of(vec![link.clone()], |_| look()).len(), 1, "by what is known now");
        assert_eq!(
            certain_of(vec![link.clone(), unlink("2026-11-20T11:00:00Z")], |_| look()).len(),
            1,
            "unlinked after it"
        );
        assert_eq!(certain_of(vec![link, unlink("2026-11-20T09:00:00Z")], |_| look()), [], "it was nobody's of theirs");
    }

    #[test]
    fn a_look_tells_date_purpose_and_role_and_never_who_c_579_21() {
        let looks = certain(&[
            act("search", Some("security"), &[("user", "A.Martin"), ("role", "investigator")]),
            act("search", Some("security"), &[("user", "p.dupont"), ("role", "investigator")]),
            act(super::super::SUBJECT, Some("rights"), &[("user", "a.martin"), ("reference", "DD-1")]),
            act("read restricted", Some("rights"), &[("statement", "7")]),
            act("read restricted", Some("rights"), &[("statement", "8")]),
        ]);
        let told: Vec<_> = looks.iter().map(|look| (look.purpose.as_deref(), look.role)).collect();
        assert_eq!(told, [(Some("rights"), "rights"), (Some("rights"), "rights"), (Some("security"), "investigator")]);
        let json = serde_json::to_string(&looks).expect("written");
        assert!(!json.contains("j.petit") && !json.contains("p.dupont") && !json.contains("incident"), "{json}");
    }

    #[test]
    fn nothing_of_a_requisition_or_of_a_judicial_hold_is_a_look_art_4_9() {
        let user = ("user", "a.martin");
        let hidden = [
            act(super::super::REQUISITION, Some("judicial"), &[user]),
            act("search", Some("judicial"), &[user]),
            act("search", Some("security"), &[user, ("role", "judicial")]),
            act("asked", None, &[user, ("kind", "requisition")]),
            act("hold", None, &[user, ("ground", "judicial")]),
        ];
        assert_eq!(certain(&hidden), []);
        assert!(hidden.iter().all(is_restricted_act));
    }

    #[test]
    fn making_the_answer_is_no_look_and_neither_is_what_comes_behind_it() {
        let own = act(super::super::SUBJECT, Some("rights"), &[("user", "a.martin"), ("reference", "DD-2")]);
        let late = Act {
            at: "2026-11-21T00:00:00.000000Z".into(),
            ..act("search", Some("security"), &[("user", "a.martin")])
        };
        let nothing = Act { count: 0, ..act("search", Some("security"), &[("user", "p.dupont")]) };
        assert_eq!(certain(&[own, late, nothing]), []);
    }
}

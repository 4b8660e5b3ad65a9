//! Whose data are asked for: every account and address of one person, each in its time (RGPD art. 15, law on completeness), and
//! of no other person in the same time.

use crate::accounts::file::Table;
use ipnet::IpNet;
use logstore::ledger::Entry as Line;
use logstore::people::{Attribution, Event, Mark, People, Period, is_machine};
use logstore::{Auth, Record, Search};
use std::collections::HashSet;
use std::net::IpAddr;

/// A day (µs).
const DAY: i64 = 86_400_000_000;

/// One person, and by what records know them.
pub(super) struct Whose {
    /// By the account they have now.
    pub(super) person: String,
    /// Every account, with when it was theirs.
    pub(super) accounts: Vec<(String, Period)>,
    /// Every address that was said to be theirs, with when.
    pub(super) addresses: Vec<(IpAddr, Period)>,
    people: People,
    /// What was written of people, in order; nothing where only what is known now counts.
    lines: Vec<Line<Event>>,
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theirs {
    /// The person's.
    Yes,
    /// Of an address that was several people's: one of them did it, and nothing says who (art. 15(4)).
    Shared,
    /// Somebody else's, or nobody's that is known.
    No,
}

/// Where others than the person were seen: UTC days and addresses.
#[derive(Debug, Default)]
pub(super) struct Seen {
    places: HashSet<(i64, IpAddr)>,
}

fn place(record: &Record) -> (i64, IpAddr) {
    (record.opened_at.div_euclid(DAY), record.client_ip.to_canonical())
}

impl Whose {
    /// The person whom this account stands for; why it stands for nobody in particular.
    pub(super) fn of(people: People, local: &Table, name: &str, exactly: bool) -> Result<Whose, String> {
        let person = if exactly { name.to_owned() } else { resolve(&people, local, name)? };
        let (accounts, addresses) = (people.accounts(&person), people.addresses(&person));
        Ok(Whose { person, accounts, addresses, people, lines: Vec::new() })
    }

    /// The same by all that was ever written of people, which tells what was known when.
    pub(super) fn ever(lines: Vec<Line<Event>>, local: &Table, name: &str, exactly: bool) -> Result<Whose, String> {
        Whose::of(People::of(&lines), local, name, exactly).map(|whose| Whose { lines, ..whose })
    }

    /// What to look for, of what was theirs within this time; of an address whole days, for whoever else was seen there.
    pub(super) fn searches(&self, within: Period) -> Vec<Search> {
        let bounded = |period: Period, search: Search| {
            let Period { from, to } = period.common(within)?;
            Some(Search { from, to, ..search })
        };
        let by_account = self.accounts.iter().filter_map(|(name, period)| {
            bounded(*period, Search { user: Some(name.clone()), any_case: true, ..Search::default() })
        });
        let by_address = self.addresses.iter().filter_map(|(address, period)| {
            let Search { from, to, .. } = bounded(*period, Search::default())?;
            let from = from.map(|from| from.div_euclid(DAY) * DAY);
            let to = to.map(|to| to.saturating_add(DAY - 1).div_euclid(DAY).saturating_mul(DAY));
            Some(Search { client: Some(IpNet::from(*address)), from, to, ..Search::default() })
        });
        by_account.chain(by_address).collect()
    }

    /// Whose a record is: of a person who proved who they are, theirs; else of whom the address was.
    pub(super) fn holds(&self, record: &Record) -> Theirs {
        let at = record.opened_at;
        if let Some(user) = &record.user {
            if same(self.people.owner(user, at), &self.person) {
                return Theirs::Yes;
            }
            // A name that was given to an address says which machine it was, not who sat before it.
            if record.auth != Auth::Address {
                return Theirs::No;
            }
        }
        match self.people.attribution(record.client_ip, at) {
            Attribution::One(person) if same(person, &self.person) => Theirs::Yes,
            Attribution::Shared(persons) if persons.iter().any(|person| same(person, &self.person)) => Theirs::Shared,
            _ => Theirs::No,
        }
    }

    /// Whether a record is theirs, or tells who else was at an address of theirs.
    pub(super) fn concerns(&self, record: &Record) -> bool {
        let there =
            || self.addresses.iter().any(|(address, _)| address.to_canonical() == record.client_ip.to_canonical());
        self.holds(record) != Theirs::No || there()
    }

    /// Whose a record is, by who else was seen at the addresses of their records too: a line without an account is not one person's where
    /// another was on the same day (art. 15(4)).
    pub(super) fn holds_beside(&self, record: &Record, seen: &Seen) -> Theirs {
        let proven =
            record.user.as_ref().is_some_and(|user| same(self.people.owner(user, record.opened_at), &self.person));
        match self.holds(record) {
            Theirs::Yes if !proven && seen.places.contains(&place(record)) => Theirs::Shared,
            theirs => theirs,
        }
    }

    /// Notes at which of their addresses somebody else proved who they are, of the records of a day.
    pub(super) fn note<'r>(&self, records: impl IntoIterator<Item = &'r Record>, seen: &mut Seen) {
        let another = |record: &&Record| {
            let user = record.user.as_ref().filter(|user| record.auth != Auth::Address && !is_machine(user));
            user.is_some_and(|user| !same(self.people.owner(user, record.opened_at), &self.person))
        };
        seen.places.extend(records.into_iter().filter(another).map(place));
    }

    /// Whether an account is or was theirs at some time.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.accounts.iter().any(|(account, _)| same(account, name))
    }

    /// Whether an account is or was theirs by what is known now, or was by what was known then (UTC µs).
    pub(super) fn was_called(&self, name: &str, then: i64) -> bool {
        let known = || self.known(then).accounts(&self.person).iter().any(|(account, _)| same(account, name));
        self.is_called(name) || known()
    }

    /// What was known of people at an instant (UTC µs).
    pub(super) fn known(&self, then: i64) -> People {
        let before = self.lines.partition_point(|line| line.at <= then);
        People::of(&self.lines[..before])
    }

    /// Accounts and addresses that were ever said to be theirs and are no more, with when they were said to be.
    pub(super) fn withdrawn(&self) -> Vec<(&Mark, Period)> {
        let links = self.lines.iter().filter_map(|line| match &line.what {
            Event::Linked { person, mark, period } if same(person, &self.person) => Some((line.number, mark, *period)),
            _ => None,
        });
        let now = |number: u64, period: Period| {
            self.people.links().iter().any(|link| link.number == number && link.period == period)
        };
        links.filter(|(number, _, period)| !now(*number, *period)).map(|(_, mark, period)| (mark, period)).collect()
    }

    /// What is known of people.
    pub(super) fn people(&self) -> &People {
        &self.people
    }
}

/// Whom a name stands for: whoever it was linked to, if that is one and nobody else is called so.
fn resolve(people: &People, local: &Table, name: &str) -> Result<String, String> {
    let mut persons: Vec<String> = Vec::new();
    let mut always = false;
    for link in people.links() {
        if matches!(&link.mark, Mark::Account(account) if same(account, name)) && !same(&link.person, name) {
            always |= link.period == Period::default();
            if !persons.iter().any(|known| same(known, &link.person)) {
                persons.push(link.person.clone());
            }
        }
    }
    let has_links = people.links().iter().any(|link| same(&link.person, name));
    let has_account = local.accounts.keys().any(|known| same(known, name)) || people.roles(name).next().is_some();
    let another = has_links || (has_account && !always);
    match (persons.as_slice(), another) {
        ([], _) => Ok(name.to_owned()),
        ([one], false) => Ok(one.clone()),
        _ => {
            persons.extend(another.then(|| format!("whoever is called {name}")));
            Err(format!(
                "`{name}` is the account of more than one person: {}. Say whom you mean by the account they have now, or \
                 --exactly for whoever is called {name} and is none of these",
                persons.join(", ")
            ))
        }
    }
}

/// Whether two names are one: directories don't mind the case.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use logstore::ledger::Entry;
    use logstore::{Action, Outcome};

    type Linked<'l> = (&'l str, Mark, Option<i64>, Option<i64>);

    fn linked(links: &[Linked<'_>]) -> People {
        let entry = |(number, (person, mark, from, to)): (u64, &Linked<'_>)| Entry {
            number,
            at: 0,
            who: "dpo".into(),
            what: Event::Linked {
                person: (*person).into(),
                mark: mark.clone(),
                period: Period { from: *from, to: *to },
            },
        };
        People::of(&(1..).zip(links).map(entry).collect::<Vec<_>>())
    }

    fn account(name: &str) -> Mark {
        Mark::Account(name.into())
    }

    fn address(text: &str) -> Mark {
        Mark::Address(text.parse().expect("an address"))
    }

    fn record(user: Option<&str>, auth: Auth, client: &str, at: i64) -> Record {
        Record {
            id: 1,
            node: "gate1".into(),
            opened_at: at,
            closed_at: None,
            user: user.map(Into::into),
            auth,
            client_ip: client.parse().expect("an address"),
            method: "GET".into(),
            scheme: "http".into(),
            host: None,
            port: 80,
            tls_name: None,
            masked: None,
            path: None,
            destination_ip: None,
            status: None,
            bytes_sent: 0,
            bytes_received: 0,
            action: Action::Allow,
            outcome: Some(Outcome::Completed),
            rule: None,
            article: None,
            category: None,
            charter: "1".into(),
        }
    }

    fn whose(people: People, name: &str) -> Whose {
        Whose::of(people, &Table::default(), name, false).expect("one person")
    }

    #[test]
    fn former_names_upn_and_addresses_count_in_their_time_alone_law_9() {
        let links = [
            ("a.martin", account("a.zola"), None, Some(100)),
            ("a.martin", account("A.Martin@PME.LAN"), Some(50), None),
            ("a.martin", address("10.0.0.5"), Some(10), Some(20)),
            ("p.dupont", account("a.zola"), Some(100), None),
        ];
        let whose = whose(linked(&links), "a.martin");
        let theirs = |user, auth, client, at| whose.holds(&record(user, auth, client, at));
        assert_eq!(theirs(Some("A.Zola"), Auth::Negotiate, "10.0.0.9", 99), Theirs::Yes);
        assert_eq!(theirs(Some("a.zola"), Auth::Negotiate, "10.0.0.9", 100), Theirs::No, "somebody else's since");
        assert_eq!(theirs(Some("a.martin@pme.lan"), Auth::Negotiate, "10.0.0.9", 60), Theirs::Yes);
        assert_eq!(theirs(None, Auth::Address, "10.0.0.5", 15), Theirs::Yes);
        assert_eq!(theirs(None, Auth::Address, "10.0.0.5", 20), Theirs::No, "the address was theirs no more");
        assert_eq!(theirs(Some("p.dupont"), Auth::Basic, "10.0.0.5", 15), Theirs::No, "another proved who they are");
        assert_eq!(theirs(Some("poste-12"), Auth::Address, "10.0.0.5", 15), Theirs::Yes, "the machine is theirs");
        let searches = whose.searches(Period { from: Some(60), to: Some(200) });
        assert_eq!(searches.len(), 3, "{searches:?}");
        assert!(searches.iter().all(|search| search.from >= Some(60) && search.to.is_some()));
    }

    #[test]
    fn lines_of_a_shared_address_are_withheld_law_9() {
        let links = [("a.martin", address("10.0.0.5"), None, None), ("p.dupont", address("10.0.0.5"), Some(50), None)];
        let whose = whose(linked(&links), "a.martin");
        assert_eq!(whose.holds(&record(None, Auth::Address, "10.0.0.5", 49)), Theirs::Yes);
        assert_eq!(whose.holds(&record(None, Auth::Address, "10.0.0.5", 50)), Theirs::Shared);
        assert_eq!(whose.holds(&record(None, Auth::Address, "10.0.0.6", 50)), Theirs::No);
    }

    #[test]
    fn lines_of_an_address_at_which_another_was_seen_that_day_are_withheld_art_15_4() {
        let whose = whose(linked(&[("a.martin", address("10.0.0.9"), Some(DAY / 2), None)]), "a.martin");
        let searches = whose.searches(Period { from: None, to: Some(2 * DAY) });
        let whole = searches.iter().find(|search| search.client.is_some()).expect("of the address");
        assert_eq!((whole.from, whole.to), (Some(0), Some(2 * DAY)), "whoever was there in the morning counts");
        let mut seen = Seen::default();
        let nameless = |at| record(None, Auth::Address, "10.0.0.9", at);
        whose.note(&[nameless(DAY - 2), record(Some("poste-12"), Auth::Address, "10.0.0.9", DAY - 2)], &mut seen);
        whose.note(&[record(Some("A.Martin"), Auth::Basic, "10.0.0.9", DAY - 2)], &mut seen);
        let machine = record(Some("pc09$@PME.TEST"), Auth::Negotiate, "10.0.0.9", DAY - 2);
        assert_eq!(whose.holds(&machine), Theirs::No, "nobody's");
        whose.note(&[machine], &mut seen);
        assert_eq!(whose.holds_beside(&nameless(DAY - 1), &seen), Theirs::Yes, "nobody else was there");
        whose.note(&[record(Some("p.dupont"), Auth::Basic, "10.0.0.9", 7)], &mut seen);
        assert_eq!(whose.holds_beside(&nameless(DAY - 1), &seen), Theirs::Shared);
        assert_eq!(whose.holds_beside(&nameless(DAY), &seen), Theirs::Yes, "another day");
        let own = record(Some("a.martin"), Auth::Basic, "10.0.0.9", DAY - 1);
        assert_eq!(whose.holds_beside(&own, &seen), Theirs::Yes, "who proved who they are");
    }

    #[test]
    fn a_former_name_stands_for_its_person_and_one_that_two_had_for_nobody() {
        let once = [("a.martin", account("a.zola"), Some(5), Some(100))];
        assert_eq!(whose(linked(&once), "A.ZOLA").person, "a.martin");
        assert_eq!(whose(linked(&once), "nobody").person, "nobody");
        let twice = [once[0].clone(), ("p.dupont", account("a.zola"), Some(100), None)];
        let refused = Whose::of(linked(&twice), &Table::default(), "a.zola", false).err().expect("refused");
        assert!(refused.contains("a.martin, p.dupont") && refused.contains("--exactly"), "{refused}");
        // Whoever is called so now is a third one.
        let exactly = Whose::of(linked(&twice), &Table::default(), "a.zola", true).expect("one person");
        assert_eq!(exactly.holds(&record(Some("a.zola"), Auth::Basic, "10.0.0.9", 7)), Theirs::No);
        assert_eq!(exactly.holds(&record(Some("a.zola"), Auth::Basic, "10.0.0.9", 1)), Theirs::Yes);
    }
}

//! Approvals: who decides, what opens, for how long, whatever the clock does.

use super::*;
use crate::people::{Event as PeopleEvent, Mark, Period};
use crate::record::{Action, Auth, Outcome, Record};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINUTE: i64 = HOUR / 60;

fn scope() -> Asked {
    Asked {
        kind: Kind::Scope,
        purpose: Some("security".into()),
        reason: "incident 12".into(),
        about: vec![Subject::User("j.petit".into())],
        period: Period { from: Some(0), to: Some(DAY) },
        longer: None,
        fields: BTreeMap::new(),
        lasts: LONGEST,
        incident: None,
    }
}

fn moment(boot: u8, running: i64) -> Moment {
    Moment { boot: boot.to_string(), running }
}

fn entry(number: u64, at: i64, who: &str, what: Event) -> Entry<Event> {
    Entry { number, at, who: who.into(), what }
}

fn asked(number: u64, at: i64, who: &str, asked: Asked) -> Entry<Event> {
    entry(number, at, who, Event::Asked { asked: Box::new(asked), moment: moment(1, at), accounts: Vec::new() })
}

fn approved(number: u64, at: i64, who: &str, lasts: i64) -> Entry<Event> {
    entry(number, at, who, Event::Approved { request: 1, lasts, moment: moment(1, at) })
}

fn now(at: i64) -> Now {
    Now { at, behind: false, moment: moment(1, at) }
}

fn linked(person: &str, mark: Mark) -> People {
    let what = PeopleEvent::Linked { person: person.into(), mark, period: Period::default() };
    People::of(&[Entry { number: 1, at: 0, who: "user2".into(), what }])
}

#[test]
fn a_scope_opens_eight_hours_at_most_from_its_approval() {
    let entries = [asked(1, 0, "a.martin", scope()), approved(2, 10 * HOUR, "p.dupont", 99 * HOUR)];
    let approvals = Approvals::of(&entries);
    let request = approvals.get(1).expect("there");
    let standing = |at: i64| request.standing(&now(at));
    assert_eq!(standing(10 * HOUR), Standing::Open { left: 8 * HOUR });
    assert_eq!(standing(18 * HOUR - 1), Standing::Open { left: 1 });
    assert_eq!(standing(18 * HOUR), Standing::Expired);
    assert_eq!(request.approved.as_ref().map(|said| said.by.as_str()), Some("p.dupont"));
    let shorter = Approvals::of(&[entries[0].clone(), approved(2, 0, "p.dupont", MINUTE)]);
    assert_eq!(
        shorter.get(1).expect("there").standing(&now(MINUTE)),
        Standing::Expired,
        "the configuration may say less"
    );
}

#[test]
fn a_clock_set_back_between_approval_and_reading_opens_nothing_longer() {
    let approvals = Approvals::of(&[asked(1, 0, "a.martin", scope()), approved(2, 0, "p.dupont", LONGEST)]);
    let request = approvals.get(1).expect("there");
    // The clock stands at the approval's instant; the machine has run on.
    let set_back = |boot, running| Now { at: 0, behind: true, moment: moment(boot, running) };
    assert_eq!(request.standing(&set_back(1, 7 * HOUR)), Standing::Open { left: HOUR });
    assert_eq!(request.standing(&set_back(1, 8 * HOUR)), Standing::Expired);
    assert_eq!(request.standing(&set_back(2, 0)), Standing::Expired, "after another start nobody can tell");
    let later = Now { at: HOUR, behind: false, moment: moment(2, 0) };
    assert_eq!(request.standing(&later), Standing::Open { left: 7 * HOUR });
}

#[test]
fn what_is_closed_or_refused_stays_so() {
    let mut entries = vec![asked(1, 0, "a.martin", scope()), approved(2, 0, "p.dupont", LONGEST)];
    entries.push(entry(3, MINUTE, "a.martin", Event::Closed { request: 1 }));
    entries.push(approved(4, 2 * MINUTE, "p.dupont", LONGEST));
    assert_eq!(Approvals::of(&entries).get(1).expect("there").standing(&now(3 * MINUTE)), Standing::Closed);
    let refused = entry(2, 0, "p.dupont", Event::Refused { request: 1, reason: "no".into() });
    let entries = [asked(1, 0, "a.martin", scope()), refused, approved(3, 0, "user1", LONGEST)];
    assert_eq!(Approvals::of(&entries).get(1).expect("there").standing(&now(1)), Standing::Refused);
    let over = [asked(1, 0, "a.martin", scope()), entry(2, 0, OWN, Event::Closed { request: 1 })];
    assert_eq!(Approvals::of(&over).get(1).expect("there").standing(&now(1)), Standing::Expired);
}

#[test]
fn nobody_approves_their_own_request_under_another_account_either() {
    let people = linked("a.martin", Mark::Account("martin-dpo".into()));
    let approvals = Approvals::of(&[asked(1, 0, "martin-dpo", scope())]);
    let request = approvals.get(1).expect("there");
    assert_eq!(request.may_decide("a.martin", &people), Err(Refusal::Own(1)));
    assert_eq!(request.may_decide("Martin-DPO", &people), Err(Refusal::Own(1)));
    assert_eq!(request.may_decide("p.dupont", &people), Ok(()));
    // Written all the same, by whatever way, it opens nothing.
    let forged = Approvals::of(&[asked(1, 0, "a.martin", scope()), approved(2, 0, "a.martin", LONGEST)]);
    assert_eq!(forged.get(1).expect("there").standing(&now(1)), Standing::Waiting);
}

#[test]
fn nobody_approves_a_request_about_themselves_by_name_alias_or_address() {
    let request = |about: Subject| {
        let asked_for = Asked { about: vec![about], ..scope() };
        Approvals::of(&[asked(1, 0, "a.martin", asked_for)]).get(1).expect("there").clone()
    };
    let people = linked("p.dupont", Mark::Account("AUTOCONCEPT\\dupont".into()));
    let alias = request(Subject::User("autoconcept\\DUPONT".into()));
    assert_eq!(alias.may_decide("p.dupont", &people), Err(Refusal::About(1)));
    assert_eq!(alias.may_decide("user1", &people), Ok(()));
    let people = linked("p.dupont", Mark::Address("10.0.0.5".parse().expect("an address")));
    let network = request(Subject::Client("10.0.0.0/24".parse().expect("a network")));
    assert_eq!(network.may_decide("p.dupont", &people), Err(Refusal::About(1)));
    assert_eq!(network.may_decide("user1", &people), Ok(()));
    assert_eq!(request(Subject::Host("a.test".into())).may_decide("p.dupont", &people), Ok(()));
}

#[test]
fn who_asked_uses_it_and_nobody_else() {
    let approvals = Approvals::of(&[asked(1, 0, "a.martin", scope()), approved(2, 0, "p.dupont", LONGEST)]);
    let (request, people) = (approvals.get(1).expect("there"), People::default());
    assert_eq!(request.may_use("A.Martin", &people, &now(1)), Ok(()));
    assert!(request.may_use("p.dupont", &people, &now(1)).is_err(), "to approve is not to read");
    assert!(request.may_use("a.martin", &people, &now(LONGEST)).is_err());
    assert!(approvals.find(&Asked { reason: "other words".into(), ..scope() }, "a.martin", &people, &now(1)).is_some());
    let wider = Asked { period: Period { from: Some(-1), to: Some(DAY) }, ..scope() };
    assert!(approvals.find(&wider, "a.martin", &people, &now(1)).is_none(), "granted for exactly what was asked");
}

#[test]
fn an_account_linked_after_the_request_is_not_in_it() {
    let before = linked("j.petit", Mark::Account("petit-bis".into()));
    let event = Event::Asked { asked: Box::new(scope()), moment: moment(1, 0), accounts: scope().accounts(&before) };
    let approvals = Approvals::of(&[entry(1, 0, "a.martin", event), approved(2, 0, "p.dupont", LONGEST)]);
    let request = approvals.get(1).expect("there");
    assert_eq!(request.people().owner("petit-bis", 5), "j.petit");
    let number = |number, person: &str, name: &str| Entry {
        number,
        at: 0,
        who: "user2".into(),
        what: PeopleEvent::Linked {
            person: person.into(),
            mark: Mark::Account(name.into()),
            period: Period::default(),
        },
    };
    let after = People::of(&[number(1, "j.petit", "petit-bis"), number(2, "j.petit", "p.dupont")]);
    assert_eq!(request.people().owner("p.dupont", 5), "p.dupont", "linked by the rights desk alone, later");
    assert!(approvals.find(&scope(), "a.martin", &before, &now(1)).is_some());
    assert!(approvals.find(&scope(), "a.martin", &after, &now(1)).is_none(), "nobody approved that");
    let unrelated = People::of(&[number(1, "j.petit", "petit-bis"), number(2, "user7", "x")]);
    assert!(approvals.find(&scope(), "a.martin", &unrelated, &now(1)).is_some());
}

#[test]
fn a_second_glass_waits_for_the_review_of_the_first_whatever_the_account() {
    let glass = Asked { incident: Some("INC-7".into()), ..scope() };
    let mut entries = vec![asked(1, 0, "a.martin", glass)];
    let people = linked("a.martin", Mark::Account("martin-bis".into()));
    assert_eq!(Approvals::of(&entries).unreviewed("martin-bis", &people), Some(1));
    assert_eq!(Approvals::of(&entries).unreviewed("user7", &people), None);
    entries.push(entry(2, HOUR, "p.dupont", Event::Reviewed { request: 1, text: "fine".into() }));
    assert_eq!(Approvals::of(&entries).unreviewed("a.martin", &people), None);
}

#[test]
fn what_is_asked_is_bounded_and_says_why() {
    let said = |asked: Asked| asked.check().map_err(|why| why.to_string());
    assert_eq!(said(scope()), Ok(()));
    let period = |from: i64, to: i64| Period { from: Some(from), to: Some(to) };
    for (wrong, what) in [
        (Asked { reason: " ".into(), ..scope() }, "reason is empty"),
        (Asked { reason: "x".repeat(2001), ..scope() }, "2001 characters"),
        (Asked { about: vec![], ..scope() }, "nobody and nothing"),
        (Asked { period: period(5, 5), ..scope() }, "ends before"),
        (Asked { period: period(6, 5), ..scope() }, "ends before"),
        (Asked { period: Period::default(), ..scope() }, "no period"),
        (Asked { period: Period { from: Some(0), to: None }, ..scope() }, "no period"),
        (Asked { period: period(0, 33 * DAY), ..scope() }, "31 days"),
        (Asked { period: period(0, 33 * DAY), longer: Some("".into()), ..scope() }, "longer period is empty"),
        (Asked { lasts: LONGEST + 1, ..scope() }, "8 hours"),
        (Asked { lasts: 0, ..scope() }, "8 hours"),
        (Asked { incident: Some("12".into()), purpose: Some("charter".into()), ..scope() }, "security incidents alone"),
        (Asked { incident: Some("12".into()), kind: Kind::Hold, ..scope() }, "security incidents alone"),
        (
            Asked {
                incident: Some("12".into()),
                longer: Some("all of it".into()),
                period: period(0, 33 * DAY),
                ..scope()
            },
            "without a second person",
        ),
        (Asked { about: vec![Subject::Client("0.0.0.0/0".parse().expect("everybody"))], ..scope() }, "everybody"),
        (Asked { about: vec![Subject::Host("com".into())], ..scope() }, "everybody's"),
    ] {
        let refused = said(wrong).expect_err(what);
        assert!(refused.contains(what), "{refused}");
    }
    assert_eq!(said(Asked { period: period(0, PERIOD), ..scope() }), Ok(()), "31 days of autumn");
    assert_eq!(said(Asked { period: period(0, 90 * DAY), longer: Some("slow leak".into()), ..scope() }), Ok(()));
}

#[test]
fn a_broken_glass_is_open_a_day_and_reviewed_by_somebody_else() {
    let glass = Asked { incident: Some("INC-7".into()), ..scope() };
    let mut entries = vec![asked(1, 0, "a.martin", glass)];
    let request = |entries: &[Entry<Event>]| Approvals::of(entries).get(1).expect("there").clone();
    assert_eq!(request(&entries).standing(&now(23 * HOUR)), Standing::Open { left: HOUR });
    assert_eq!(request(&entries).standing(&now(24 * HOUR)), Standing::Expired);
    assert_eq!(request(&entries).review_due(), Some(72 * HOUR));
    entries.push(entry(2, HOUR, "a.martin", Event::Reviewed { request: 1, text: "fine".into() }));
    assert_eq!(request(&entries).review, None, "not by who broke it");
    entries.push(entry(3, HOUR, "p.dupont", Event::Reviewed { request: 1, text: "fine".into() }));
    assert!(request(&entries).review_due().is_none());
}

#[test]
fn a_scope_covers_its_persons_addresses_hosts_and_time_and_nothing_else() {
    let record = |user: &str, client: &str, host: &str, at: i64| Record {
        id: 1,
        node: "gate1".into(),
        opened_at: at,
        closed_at: Some(at),
        user: Some(user.into()),
        auth: Auth::Basic,
        client_ip: client.parse().expect("an address"),
        method: "GET".into(),
        scheme: "http".into(),
        host: Some(host.into()),
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
        charter: "1@abc".into(),
    };
    let people = linked("j.petit", Mark::Account("j.petit@AUTOCONCEPT.EXAMPLE".into()));
    let host = Subject::Host("a.test".into());
    let narrow = Asked { about: vec![Subject::User("j.petit".into()), host.clone()], ..scope() };
    for (user, host, at, within) in [
        ("j.petit", "www.a.test", 0, true),
        ("J.Petit@autoconcept.example", "a.test", DAY - 1, true),
        ("j.petit", "b.test", 0, false),
        ("j.petit", "nota.test", 0, false),
        ("a.martin", "a.test", 0, false),
        ("j.petit", "a.test", DAY, false),
        ("j.petit", "a.test", -1, false),
    ] {
        assert_eq!(narrow.covers(&record(user, "10.0.0.1", host, at), &people), within, "{user} {host} {at}");
    }
    let either = vec![Subject::User("j.petit".into()), Subject::Client("10.0.0.0/30".parse().expect("a network"))];
    let either = Asked { about: either, ..scope() };
    assert!(either.covers(&record("a.martin", "10.0.0.2", "x.test", 0), &people));
    assert!(!either.covers(&record("a.martin", "10.0.0.4", "x.test", 0), &people));
    assert!(Asked { about: vec![host], ..scope() }.covers(&record("a.martin", "10.0.0.4", "a.test", 0), &people));
    assert!(!Asked { about: vec![], ..scope() }.covers(&record("j.petit", "10.0.0.1", "a.test", 0), &people));
}

/// An act of one of four accounts, the first two of which are one person's; some time after the one before.
#[derive(Debug, Clone)]
struct Step {
    who: usize,
    what: u8,
    later: i64,
    running: i64,
    reboot: bool,
}

const ACCOUNTS: [&str; 4] = ["a.martin", "martin-2", "p.dupont", "j.petit"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..4_usize, 0..5_u8, 0..12_i64, 0..12_i64, prop::bool::weighted(0.1)).prop_map(
        |(who, what, later, running, reboot)| Step { who, what, later: later * HOUR, running: running * HOUR, reboot },
    );
    prop::collection::vec(step, 1..30)
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_open_that_another_person_did_not_approve_less_than_eight_hours_ago(steps in steps()) {
        let people = linked("a.martin", Mark::Account("martin-2".into()));
        let mut entries: Vec<Entry<Event>> = vec![asked(1, 0, ACCOUNTS[0], scope())];
        let (mut at, mut running, mut boot) = (0, 0, 1);
        let mut approved_at: Option<(i64, i64, u8, usize)> = None;
        for (number, step) in (2..).zip(steps) {
            at += step.later;
            if step.reboot { (boot, running) = (boot + 1, 0) } else { running += step.running }
            let present = Now { at, behind: false, moment: moment(boot, running) };
            let approvals = Approvals::of(&entries);
            let request = approvals.get(1).expect("there");
            let who = ACCOUNTS[step.who];
            if request.may_use(ACCOUNTS[0], &people, &present).is_ok() {
                let (since, ran, on, by) = approved_at.expect("approved before it is open");
                prop_assert!(by == 2, "by somebody who neither asked nor is concerned");
                prop_assert!(at - since < LONGEST);
                prop_assert!(on != boot || running - ran < LONGEST);
                prop_assert!(request.closed.is_none() && request.refused.is_none());
            }
            let may = request.may_decide(who, &people).is_ok() && request.standing(&present) == Standing::Waiting;
            let what = match step.what {
                0 | 1 if may => {
                    approved_at = Some((at, running, boot, step.who));
                    Event::Approved { request: 1, lasts: i64::MAX, moment: moment(boot, running) }
                }
                // Written although it may not be: by who asked.
                0 | 1 => { entries.push(entry(number, at, ACCOUNTS[0], Event::Approved { request: 1, lasts: i64::MAX, moment: moment(boot, running) })); continue }
                2 if may => Event::Refused { request: 1, reason: "no".into() },
                3 => Event::Closed { request: 1 },
                _ => Event::Read { request: 1, count: 1 },
            };
            entries.push(entry(number, at, who, what));
        }
        let approvals = Approvals::of(&entries);
        let request = approvals.get(1).expect("there");
        prop_assert!(request.approved.as_ref().is_none_or(|said| said.by == ACCOUNTS[2]));
    }

    #[test]
    fn what_is_left_never_grows(
        lasts in 1..20_i64, since in 0..30_i64, ran in 0..30_i64, more in 0..9_i64, same: bool, behind: bool,
    ) {
        let opened = moment(1, 100);
        let boot = if same { 1 } else { 2 };
        let at = |since: i64, ran: i64| Now { at: 50 + since, behind, moment: moment(boot, 100 + ran) };
        let first = at(since, ran).left(50, &opened, lasts);
        prop_assert!(first.is_none_or(|left| left > 0 && left <= lasts - since));
        // However the clock is moved, the machine runs on: what is left by it does not come back.
        let later = at(0, ran + more).left(50, &opened, lasts);
        if same {
            prop_assert!(later.is_none_or(|left| left <= lasts - ran - more));
        }
        prop_assert!(same || !behind || first.is_none());
    }
}

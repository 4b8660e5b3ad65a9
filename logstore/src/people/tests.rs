//! People: roles, whose a name or an address was, and who is one person.

use super::*;
use proptest::prelude::*;

fn entries(events: Vec<Event>) -> Vec<Entry<Event>> {
    let numbered = (1..).zip(events);
    numbered.map(|(number, what)| Entry { number, at: 1000 + number as i64, who: "p.dupont".into(), what }).collect()
}

fn people(events: Vec<Event>) -> People {
    People::of(&entries(events))
}

fn account(person: &str, name: &str, period: Period) -> Event {
    Event::Linked { person: person.into(), mark: Mark::Account(name.into()), period }
}

fn address(person: &str, address: &str, period: Period) -> Event {
    let mark = Mark::Address(address.parse().expect("an address"));
    Event::Linked { person: person.into(), mark, period }
}

fn between(from: i64, to: i64) -> Period {
    Period { from: Some(from), to: Some(to) }
}

fn given(account: &str, role: Role) -> Event {
    Event::RoleGiven { account: account.into(), role, approval: None }
}

#[test]
fn roles_come_and_go_and_nobody_acts_alone_any_more() {
    let state = people(vec![given("a.martin", Role::Operator), given("a.martin", Role::Auditor)]);
    assert!(!state.enforced() && state.has("a.martin", Role::Auditor) && !state.has("a.martin", Role::Approver));
    let taken = Event::RoleTaken { account: "p.dupont".into(), role: Role::Approver };
    let state = people(vec![given("p.dupont", Role::Approver), taken]);
    assert!(state.enforced(), "one person does not act alone again by taking the last role away");
    assert!(!state.has("p.dupont", Role::Approver) && state.holders(Role::Approver).next().is_none());
}

fn signed(account: &str) -> Event {
    Event::Undertaken { account: account.into(), text: String::new(), language: "fr".into() }
}

fn suspended(account: &str) -> Event {
    Event::Suspended { account: account.into(), change: "password".into() }
}

#[test]
fn a_password_that_somebody_else_set_leaves_no_role_that_opens_names() {
    let mut events = vec![given("a.martin", Role::Investigator), given("a.martin", Role::Operator), signed("a.martin")];
    assert!(people(events.clone()).may_act("a.martin", Role::Investigator));
    events.push(suspended("a.martin"));
    let state = people(events.clone());
    assert!(state.has("a.martin", Role::Investigator) && !state.may_act("a.martin", Role::Investigator));
    assert!(state.may_act("a.martin", Role::Operator), "no name opens by it");
    assert_eq!(state.suspended().collect::<Vec<_>>(), ["a.martin"]);
    events.push(signed("a.martin"));
    assert!(!people(events.clone()).may_act("a.martin", Role::Investigator), "signed by whoever has the password now");
    events.push(given("a.martin", Role::Investigator));
    let state = people(events.clone());
    assert!(state.may_act("a.martin", Role::Investigator) && state.suspended().next().is_none());
    events.extend([suspended("a.martin"), given("a.martin", Role::Investigator)]);
    assert!(!people(events).may_act("a.martin", Role::Investigator), "given anew, and not signed anew");
}

#[test]
fn whoever_once_had_an_approver_has_no_first_grant_any_more() {
    let taken = Event::RoleTaken { account: "p.dupont".into(), role: Role::Approver };
    let state = people(vec![given("p.dupont", Role::Approver), taken]);
    assert!(state.had_approver() && state.holders(Role::Approver).next().is_none());
    assert!(!people(vec![given("a.martin", Role::Investigator)]).had_approver());
}

#[test]
fn an_approver_whom_nobody_agreed_to_is_announced_for_72_hours_whatever_the_clock_says() {
    let moment = |boot: &str, running: i64| Moment { boot: boot.into(), running };
    let announced = Event::Announced { account: "p.dupont".into(), moment: moment("1", 5) };
    let events = vec![given("a.martin", Role::Approver), suspended("a.martin"), announced];
    let state = people(events.clone());
    let one = state.announced().first().expect("announced").clone();
    assert_eq!(one.left(one.at + ANNOUNCED, &moment("1", 5)), Some(ANNOUNCED), "the clock alone was set");
    assert_eq!(one.left(one.at + ANNOUNCED, &moment("1", 5 + ANNOUNCED)), None);
    assert_eq!(one.left(one.at + ANNOUNCED, &moment("2", 0)), None);
    assert_eq!(one.left(one.at - 1, &moment("2", 0)), Some(ANNOUNCED));
    let state = people([events, vec![given("p.dupont", Role::Approver)]].concat());
    assert!(state.announced().is_empty());
    assert_eq!(
        state.recovered().map(|(account, _)| account).collect::<Vec<_>>(),
        ["p.dupont"],
        "and it is not forgotten"
    );
}

#[test]
fn nobody_holds_both_sides_of_an_act_of_two_persons_under_another_account_either() {
    let state = people(vec![
        given("a.martin", Role::Investigator),
        given("p.dupont", Role::Approver),
        account("a.martin", "martin-bis", Period::default()),
    ]);
    for (name, role, refused) in [
        ("a.martin", Role::Approver, true),
        ("martin-bis", Role::Approver, true),
        ("martin-bis", Role::Rights, true),
        ("p.dupont", Role::Investigator, true),
        ("p.dupont", Role::Rights, true),
        ("p.dupont", Role::Judicial, true),
        ("p.dupont", Role::Auditor, false),
        ("a.martin", Role::Judicial, false),
        ("j.petit", Role::Approver, false),
    ] {
        assert_eq!(state.excluding(name, role).is_some(), refused, "{name} {role:?}");
    }
    for (one, other) in Role::ALL.into_iter().flat_map(|one| Role::ALL.map(|other| (one, other))) {
        assert_eq!(one.excludes(other), other.excludes(one), "{one:?} {other:?}");
    }
}

#[test]
fn role_names_are_read_as_they_are_written() {
    for role in Role::ALL {
        assert_eq!(Role::of_name(role.name()), Some(role));
        assert_eq!(serde_json::to_string(&role).expect("written"), format!("\"{}\"", role.name()));
    }
    assert_eq!(Role::of_name("admin"), None);
    let bearing: Vec<&str> = Role::ALL.iter().filter(|role| role.bears_names()).map(|role| role.name()).collect();
    assert_eq!(bearing, ["investigator", "approver", "rights", "judicial"]);
}

#[test]
fn former_names_are_a_persons_for_their_time_alone() {
    let state = people(vec![
        account("a.martin", "a.durand", between(0, 100)),
        account("a.martin", "a.martin@AUTOCONCEPT.EXAMPLE", Period::default()),
        account("a.durand", "a.durand-petit", Period { from: Some(200), to: None }),
    ]);
    assert_eq!(state.owner("A.Durand", 99), "a.martin");
    assert_eq!(state.owner("a.durand", 100), "a.durand", "somebody else has the name since");
    assert_eq!(state.owner("A.MARTIN@autoconcept.example", 5000), "a.martin");
    let names: Vec<String> = state.accounts("a.martin").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.martin", "a.durand", "a.martin@AUTOCONCEPT.EXAMPLE"]);
    assert_eq!(state.at_odds("p.dupont", &Mark::Account("A.DURAND".into()), between(50, 300)).len(), 1);
    assert!(state.at_odds("p.dupont", &Mark::Account("a.durand".into()), between(100, 300)).is_empty());
}

#[test]
fn an_address_of_two_persons_at_once_is_shared() {
    let mut events =
        vec![address("a.martin", "10.0.0.5", between(0, 100)), address("p.dupont", "10.0.0.5", between(50, 200))];
    let at = |events: &[Event], at: i64| match people(events.to_vec())
        .attribution("::ffff:10.0.0.5".parse().expect("one"), at)
    {
        Attribution::Nobody => "nobody".to_owned(),
        Attribution::One(person) => person.to_owned(),
        Attribution::Shared(persons) => persons.join("+"),
    };
    for (instant, whose) in
        [(-1, "nobody"), (0, "a.martin"), (50, "a.martin+p.dupont"), (100, "p.dupont"), (200, "nobody")]
    {
        assert_eq!(at(&events, instant), whose, "{instant}");
    }
    // Ended, then withdrawn as a mistake.
    events.push(Event::Unlinked { link: 2, to: Some(60) });
    assert_eq!((at(&events, 59).as_str(), at(&events, 60).as_str()), ("a.martin+p.dupont", "a.martin"));
    events.push(Event::Unlinked { link: 2, to: None });
    assert_eq!(at(&events, 59), "a.martin");
    assert_eq!(people(events).addresses("A.Martin").len(), 1);
}

#[test]
fn accounts_of_one_person_are_one_person_whatever_the_time_and_the_way() {
    let state = people(vec![
        account("a.martin", "a.martin-admin", between(0, 1)),
        account("a.martin-admin", "AUTOCONCEPT\\amartin", Period::default()),
        account("p.dupont", "dupont", Period::default()),
    ]);
    assert!(state.same_person("autoconcept\\AMARTIN", "a.martin") && state.same_person("a.martin", "A.MARTIN"));
    assert!(!state.same_person("dupont", "a.martin"));
    assert!(!state.is_of("10.0.0.0/8".parse().expect("a network"), "dupont", Period::default()));
}

#[test]
fn names_with_quotes_and_slashes_are_names_and_what_hides_or_turns_is_not() {
    for good in
        ["o'brien", "AUTOCONCEPT\\a.martin", "host/pc-12@AUTOCONCEPT.EXAMPLE", "\"x\"", "élodie", "=cmd|' /C calc'!A0"]
    {
        assert_eq!(name(good).as_deref(), Ok(good));
    }
    assert_eq!(name("  a.martin "), Ok("a.martin".to_owned()));
    assert_eq!(name(" \t"), Err(NotAName::Empty));
    assert_eq!(name(&"x".repeat(300)), Err(NotAName::TooLong(300)));
    assert!(name(&"é".repeat(NAME_CHARS)).is_ok());
    for hidden in ['\u{202e}', '\u{200f}', '\u{2066}', '\n', '\u{1b}', '\0', '\u{200b}'] {
        assert_eq!(name(&format!("a.{hidden}martin")), Err(NotAName::Invisible(hidden)));
    }
    let told = name("a\u{202e}b").expect_err("refused").to_string();
    assert!(told.contains("U+202E"), "{told}");
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "A"]).prop_map(str::to_owned)
}

fn events() -> impl Strategy<Value = Event> {
    let period = (prop::option::of(0..20_i64), prop::option::of(0..20_i64)).prop_map(|(from, to)| Period { from, to });
    prop_oneof![
        (names(), names(), period.clone()).prop_map(|(person, name, period)| account(&person, &name, period)),
        (names(), 0..3_u8, period).prop_map(|(person, last, period)| address(
            &person,
            &format!("10.0.0.{last}"),
            period
        )),
        (1..12_u64, prop::option::of(0..20_i64)).prop_map(|(link, to)| Event::Unlinked { link, to }),
    ]
}

proptest! {
    #[test]
    fn one_person_is_an_equivalence_and_an_attribution_is_backed_by_links(events in prop::collection::vec(events(), 0..12)) {
        let state = people(events);
        let all = ["a", "b", "c", "d", "A"];
        for x in all {
            prop_assert!(state.same_person(x, x));
            for y in all {
                prop_assert_eq!(state.same_person(x, y), state.same_person(y, x));
                for z in all {
                    prop_assert!(!(state.same_person(x, y) && state.same_person(y, z)) || state.same_person(x, z));
                }
            }
        }
        for (last, at) in (0..3).flat_map(|last| (0..20).map(move |at| (last, at))) {
            let address: IpAddr = format!("10.0.0.{last}").parse().expect("an address");
            let mut whose: Vec<String> = state.links().iter()
                .filter(|link| link.mark.address() == Some(address) && link.period.holds(at))
                .map(|link| link.person.to_lowercase()).collect();
            whose.sort();
            whose.dedup();
            let said = match state.attribution(address, at) {
                Attribution::Nobody => 0,
                Attribution::One(_) => 1,
                Attribution::Shared(persons) => persons.len(),
            };
            prop_assert_eq!(said, whose.len());
        }
    }

    #[test]
    fn what_two_periods_have_in_common_is_what_both_hold(
        a in (prop::option::of(0..9_i64), prop::option::of(0..9_i64)),
        b in (prop::option::of(0..9_i64), prop::option::of(0..9_i64)),
    ) {
        let (a, b) = (Period { from: a.0, to: a.1 }, Period { from: b.0, to: b.1 });
        for at in -1..10 {
            prop_assert_eq!(a.common(b).is_some_and(|both| both.holds(at)), a.holds(at) && b.holds(at));
        }
    }
}

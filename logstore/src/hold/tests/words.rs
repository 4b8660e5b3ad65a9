//! What a hold may be, and when it ends.

use super::*;
use jiff::civil::date;

#[test]
fn a_hold_has_a_ground_that_is_named_law_5() {
    let good = hold_on(user("a.martin"), FIRST, FIRST + DAY);
    assert_eq!(good.check(today()), Ok(()));
    for ground in [
        Ground::Incident { incident: String::new() },
        Ground::Incident { incident: "just in case".into() },
        Ground::Litigation { claim: " - ".into() },
        Ground::Judicial { reference: "au cas où".into() },
        Ground::Rights { reference: "  ".into() },
    ] {
        assert!(Terms { ground: ground.clone(), ..good.clone() }.check(today()).is_err(), "{ground:?}");
    }
    let claim = Ground::Litigation { claim: "prud’hommes de Lyon, licenciement contesté".into() };
    assert_eq!(Terms { ground: claim, ..good.clone() }.check(today()), Ok(()));
    assert!(refused(&Terms { reason: String::new(), ..good }).contains("the reason is empty"));
    let other = serde_json::from_str::<Ground>(r#"{"ground":"precaution","reference":"1"}"#);
    assert!(other.is_err(), "there is no other ground");
}

#[test]
fn everything_is_no_scope_law_5() {
    let about = |about| hold_on(about, FIRST, FIRST + DAY);
    assert!(refused(&about(vec![])).contains("a person, an address or a host"));
    for network in ["0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "::/0", "2001::/16"] {
        assert!(refused(&about(vec![Subject::Client(network.parse().unwrap())])).contains("everybody"), "{network}");
    }
    assert_eq!(about(vec![Subject::Client("10.0.0.0/16".parse().unwrap())]).check(today()), Ok(()));
    for host in ["*", ".", "*.*"] {
        assert!(refused(&about(vec![Subject::Host(host.into())])).contains("every host"), "{host}");
    }
    // A name without a dot may be a whole country: it is that machine alone.
    let one = about(vec![Subject::Host("intranet".into())]);
    let people = People::default();
    let to = |host: &str| Record { host: Some(host.into()), ..record(1, FIRST, 0, 0, 0) };
    assert!(one.covers(&to("intranet"), &people) && !one.covers(&to("a.intranet"), &people));
    let backwards = hold_on(user("a.martin"), FIRST + DAY, FIRST);
    assert!(refused(&backwards).contains("ends before it begins"));
    assert!(refused(&hold_on(user("a.martin"), FIRST, i64::MAX / 2)).contains("beyond the end of the hold"));
}

#[test]
fn dates_of_law_5_six_months_to_a_review_and_twelve_to_the_end() {
    let today = date(2026, 8, 31);
    let ends = |until| terms::end(today, until).is_ok();
    assert!(ends(date(2027, 8, 31)) && !ends(date(2027, 9, 1)) && ends(date(2026, 9, 1)) && !ends(today));
    let reviewed = |day| terms::review(today, day, date(2027, 8, 31)).is_ok();
    // The sixth month has no 31st.
    assert!(
        reviewed(date(2027, 2, 28)) && !reviewed(date(2027, 3, 1)) && reviewed(date(2026, 9, 1)) && !reviewed(today)
    );
    assert!(terms::review(today, date(2026, 12, 2), date(2026, 12, 1)).is_err(), "before the end");
    let leap = date(2028, 2, 29);
    assert!(terms::end(leap, date(2029, 2, 28)).is_ok() && terms::end(leap, date(2029, 3, 1)).is_err());
}

fn entries(terms: Terms, later: Vec<Event>) -> Holds {
    let events = [Event::Added { terms: Box::new(terms), approval: Some(4) }].into_iter().chain(later);
    let entries = (1..).zip(events).map(|(number, what)| Entry { number, at: FIRST, who: "dpo".into(), what });
    Holds::of(&entries.collect::<Vec<_>>())
}

#[test]
fn an_overdue_review_neither_extends_nor_releases_law_5() {
    let terms = hold_on(user("a.martin"), FIRST, FIRST + DAY);
    let held = record(1, FIRST, 2, 0, 0);
    let holds = entries(terms.clone(), vec![]);
    let at = |holds: &Holds, day: Date| holds.get(1).unwrap().standing(day);
    assert_eq!(at(&holds, terms.review), Standing::Held);
    let late = terms.review.saturating_add(1.day());
    assert_eq!(at(&holds, late), Standing::Overdue);
    assert_eq!(holds.restricts(&held, &People::default()), Some(1), "still held");
    assert!(holds.reminders(late)[0].contains("the review of hold 1 is overdue"), "{:?}", holds.reminders(late));
    assert_eq!(holds.get(1).unwrap().terms.until, terms.until, "and no longer than before");
    assert_eq!(at(&holds, terms.until.saturating_add(1.day())), Standing::Over);
    let reviewed = Event::Reviewed { hold: 1, review: terms.until, reason: "still under appeal".into() };
    assert_eq!(at(&entries(terms.clone(), vec![reviewed]), late), Standing::Held);
    // A judicial one is told to nobody here.
    let secret = Terms { ground: Ground::Judicial { reference: "PV 12/2026".into() }, ..terms };
    let secret = entries(secret, vec![]);
    assert_eq!((secret.reminders(late), secret.restricts(&held, &People::default())), (vec![], None));
    assert!(
        secret.get(1).unwrap().reminder(late).is_some()
            && secret.kept().any(|hold| hold.terms.covers(&held, &People::default()))
    );
}

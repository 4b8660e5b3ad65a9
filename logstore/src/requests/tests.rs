//! The register of requests: its lines, its clock, its end.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::deadline::days_left;
use jiff::tz::TimeZone;

struct World {
    dir: tempfile::TempDir,
    keys: Keys,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("register")).unwrap();
        let keys = Keys::open(&dir.path().join("keys"), &dir.path().join("register")).unwrap();
        World { dir, keys }
    }

    fn desk(&self) -> Desk<'_> {
        Desk::open(&self.dir.path().join("register"), &self.keys, &TimeZone::UTC).unwrap()
    }

    fn read(&self) -> Requests {
        Requests::read(&self.dir.path().join("register"), &self.keys).unwrap()
    }
}

fn asked(received: Date, right: Right) -> Opening {
    Opening {
        received,
        channel: "mailbox".into(),
        who: "Alice Martin".into(),
        user: Some("a.martin".into()),
        right,
        language: "fr".into(),
    }
}

fn no(outcome: Result<Request, Refusal>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn a_request_goes_from_its_receipt_to_its_end_law_9() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    let opened = desk.receive("dpo", None, asked(today, Right::Access)).unwrap();
    let reference = opened.reference.clone();
    assert_eq!(reference, format!("DD-{:04}-0001", today.year()));
    assert_eq!((opened.due, opened.standing(today)), (deadline::due(today), Some(Standing::Open)));
    assert!(no(desk.close("dpo", &reference, today, Delivery::InHand, None, None)).contains("identity"));
    desk.identify("dpo", &reference, Identity::Papers, None).unwrap();
    assert!(no(desk.close("dpo", &reference, today, Delivery::InHand, None, None)).contains("papers"));
    assert!(no(desk.refuse("dpo", &reference, today, Unfollowed::Excessive, "x".into())).contains("papers"));
    desk.identify("dpo", &reference, Identity::Papers, Some(today)).unwrap();
    assert!(no(desk.close("dpo", &reference, today, Delivery::Encrypted, None, None)).contains("bundle"));
    desk.bundled("dpo", &reference, "cd".repeat(32)).unwrap();
    desk.bundled("dpo", &reference, "ab".repeat(32)).unwrap();
    let (last, before) = ("ab".repeat(32), "cd".repeat(32));
    assert!(
        no(desk.close("dpo", &reference, today, Delivery::Encrypted, None, None)).contains("--bundle"),
        "not by itself"
    );
    let replaced = desk.close("dpo", &reference, today, Delivery::Encrypted, Some(&before), None);
    assert!(no(replaced).contains(&format!("SHA-256 {last}")), "another took its place");
    let extended = desk.extend("dpo", &reference, "many records".into()).unwrap();
    assert_eq!((extended.due, extended.extended.as_deref()), (deadline::extended(today), Some("many records")));
    assert!(no(desk.extend("dpo", &reference, "again".into())).contains("only once"));
    let closed = desk.close("dpo", &reference, today, Delivery::Encrypted, Some(&last), None).unwrap();
    assert_eq!(closed.end, Some(End::Answered { on: today, delivery: Delivery::Encrypted, not_done: None }));
    assert_eq!(closed.copy_until().map(|until| days_left(today, until)), Some(30));
    for done in [
        desk.close("dpo", &reference, today, Delivery::InHand, None, None),
        desk.extend("dpo", &reference, "x".into()),
        desk.identify("dpo", &reference, Identity::Known, None),
        desk.bundled("dpo", &reference, "x".into()),
        desk.refuse("dpo", &reference, today, Unfollowed::Unfounded, "x".into()),
    ] {
        assert!(no(done).contains("has ended"));
    }
    drop(desk);
    assert_eq!(world.read().all(), [closed]);
}

#[test]
fn a_request_without_an_account_answers_one_person_and_no_older_bundle_takes_the_place_of_one() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    let received = today.saturating_sub(5.days());
    let opening = Opening { user: None, ..asked(received, Right::Access) };
    desk.receive("dpo", Some("R-9"), opening).unwrap();
    let bundle = |user: &str, ago: i64| Bundled {
        sha256: "ab".repeat(32),
        user: Some(user.into()),
        dated: Some(today.saturating_sub(ago.days())),
        path: Some("/srv/out/R-9.zip".into()),
    };
    let mut made = |user: &'static str, ago| desk.answered_by("dpo", "R-9", bundle(user, ago), |bound| bound == user);
    assert!(no(made("a.martin", 6)).contains("received later"));
    let first = made("a.martin", 2).unwrap();
    assert_eq!((first.bound(), first.made.as_ref()), (Some("a.martin"), Some(&bundle("a.martin", 2))));
    assert!(no(made("p.dupont", 1)).contains("another person's"));
    assert!(no(made("a.martin", 3)).contains("does not take its place"));
    assert!(made("a.martin", 2).is_ok() && made("a.martin", 0).is_ok());
    assert!(
        desk.receive("dpo", Some("R-10"), Opening { user: Some("a.martin".into()), ..asked(received, Right::Access) })
            .is_ok()
    );
    assert!(
        no(desk.answered_by("dpo", "R-10", bundle("p.dupont", 0), |bound| bound == "p.dupont")).contains("another")
    );
}

#[test]
fn only_its_own_bundle_answers_a_request_law_9() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    for (reference, right) in [("A", Right::Access), ("R", Right::Rectification)] {
        desk.receive("dpo", Some(reference), asked(today, right)).unwrap();
        desk.identify("dpo", reference, Identity::Known, None).unwrap();
        let close = desk.close("dpo", reference, today, Delivery::InHand, Some(&"ab".repeat(32)), None);
        assert!(no(close).contains("none was made"), "{reference}");
    }
    let told = Some("nothing may be handed over".to_owned());
    let closed = desk.close("dpo", "A", today, Delivery::InHand, None, told.clone()).unwrap();
    assert_eq!(closed.end, Some(End::Answered { on: today, delivery: Delivery::InHand, not_done: told }));
}

#[test]
fn a_reference_is_used_once_and_none_is_made_twice_law_9() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    desk.receive("dpo", Some("RH-12"), asked(today, Right::Objection)).unwrap();
    assert!(no(desk.receive("dpo", Some("RH-12"), asked(today, Right::Access))).contains("is used"));
    let far = format!("DD-{:04}-0041", today.year());
    desk.receive("dpo", Some(&far), asked(today, Right::Access)).unwrap();
    let next = desk.receive("dpo", None, asked(today, Right::Access)).unwrap();
    assert_eq!(next.reference, format!("DD-{:04}-0042", today.year()));
    for wrong in ["", "../up", "a/b", "é", "-x", "=cmd|' /C calc'!A0", "\u{202e}x", &"x".repeat(300)] {
        assert!(
            no(desk.receive("dpo", Some(wrong), asked(today, Right::Access))).contains("is no reference"),
            "{wrong}"
        );
    }
    assert!(no(desk.extend("dpo", "RH-13", "x".into())).contains("no request"));
}

#[test]
fn an_extension_comes_within_the_first_month_and_days_are_days_that_were_law_9() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    let before = |days: i64| today.saturating_sub(days.days());
    // Its month ends today: the last day on which it can be told.
    let received = (28..=32).map(before).find(|day| deadline::due(*day) <= today).unwrap();
    let last = (27..=32).map(before).find(|day| deadline::due(*day) == today).unwrap_or(received);
    desk.receive("dpo", Some("in-time"), asked(last, Right::Access)).unwrap();
    if deadline::due(last) == today {
        desk.extend("dpo", "in-time", "x".into()).unwrap();
    }
    desk.receive("dpo", Some("late"), asked(before(33), Right::Access)).unwrap();
    assert!(no(desk.extend("dpo", "late", "x".into())).contains("can no longer be extended"));
    assert_eq!(desk.requests().get("late").unwrap().standing(today), Some(Standing::Overdue));
    assert!(no(desk.receive("dpo", None, asked(before(-1), Right::Access))).contains("has not come"));
    assert!(no(desk.receive("dpo", None, asked(before(6 * 366), Right::Access))).contains("longer ago"));
    desk.receive("dpo", Some("days"), asked(before(3), Right::Objection)).unwrap();
    desk.identify("dpo", "days", Identity::Session, None).unwrap();
    assert!(no(desk.close("dpo", "days", before(4), Delivery::InHand, None, None)).contains("received later"));
    assert!(no(desk.close("dpo", "days", before(-1), Delivery::InHand, None, None)).contains("has not come"));
    assert!(no(desk.identify("dpo", "days", Identity::Papers, Some(before(4)))).contains("received later"));
}

#[test]
fn what_presses_is_told_and_what_ended_is_not_law_9() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    for (reference, days) in [("new", 0_i64), ("soon", 20), ("late", 40), ("done", 40)] {
        desk.receive("dpo", Some(reference), asked(today.saturating_sub(days.days()), Right::Objection)).unwrap();
    }
    desk.refuse("dpo", "done", today, Unfollowed::Excessive, "the twelfth this year".into()).unwrap();
    let pressing: Vec<(String, Standing)> = desk
        .requests()
        .pressing(today)
        .into_iter()
        .map(|(request, standing)| (request.reference.clone(), standing))
        .collect();
    assert_eq!(pressing, [("late".to_owned(), Standing::Overdue), ("soon".to_owned(), Standing::Soon)]);
}

#[test]
fn a_request_is_forgotten_five_years_after_it_ended_law_4_and_9() {
    let world = World::new();
    let mut desk = world.desk();
    let today = desk.today();
    let (old, young) = (today.saturating_sub(5.years()).saturating_sub(1.day()), today.saturating_sub(4.years()));
    // Written by a register that was begun then; `receive` takes nothing so old.
    for (reference, day) in [("old", old), ("young", young)] {
        desk.write("dpo", reference, Step::Opened(asked(day, Right::Access))).unwrap();
        desk.write("dpo", reference, Step::Closed { answered: day, delivery: Delivery::InHand, not_done: None })
            .unwrap();
    }
    desk.write("dpo", "open", Step::Opened(asked(old, Right::Access))).unwrap();
    assert_eq!(desk.forget().unwrap(), 1);
    assert_eq!(desk.forget().unwrap(), 0);
    let left: Vec<&str> = desk.requests().all().iter().map(|request| request.reference.as_str()).collect();
    assert_eq!(left, ["young", "open"]);
}

fn visit(at: i64, user: &str) -> crate::Record {
    crate::Record {
        id: 0,
        node: "squid".into(),
        opened_at: at,
        closed_at: Some(at + 5),
        user: Some(user.into()),
        auth: crate::Auth::Basic,
        client_ip: [10, 0, 0, 1].into(),
        method: "GET".into(),
        scheme: "http".into(),
        host: Some("a.example".into()),
        port: 80,
        tls_name: None,
        masked: None,
        path: None,
        destination_ip: None,
        status: Some(200),
        bytes_sent: 0,
        bytes_received: 9,
        action: crate::Action::Allow,
        outcome: Some(crate::Outcome::Completed),
        rule: None,
        article: None,
        category: None,
        charter: "import".into(),
    }
}

#[tokio::test]
async fn what_would_be_gone_is_taken_out_proved_and_destroyed_thirty_days_after_the_answer_law_9() {
    let World { dir, keys } = World::new();
    let register = dir.path().join("register");
    let (node, durability) = ("gate".to_owned(), crate::Durability::Process);
    let settings = crate::Settings { dir: register.clone(), keys: dir.path().join("keys"), node, durability };
    crate::announce(&register, &keys, 30).unwrap();
    let ago = |days: i64| crate::clock::now() - days * 86_400_000_000;
    let mut importer = crate::Importer::begin(&settings).await.unwrap();
    for (age, user) in [(29, "a.martin"), (29, "p.dupont"), (3, "a.martin")] {
        importer.take(vec![visit(ago(age), user)]).await.unwrap();
    }
    importer.finish().await.unwrap();
    let mut desk = Desk::open(&register, &keys, &TimeZone::UTC).unwrap();
    let today = desk.today();
    let theirs = [crate::Search { user: Some("a.martin".into()), ..crate::Search::default() }];
    let request = desk.receive("dpo", Some("R"), asked(today, Right::Access)).unwrap();
    let extract = desk.extract("dpo", "R", &theirs).await.unwrap().unwrap();
    assert_eq!((extract.days.len(), extract.records), (2, 2), "due before the answer, and theirs alone");
    assert_eq!(desk.extract("dpo", "R", &theirs).await.unwrap(), None, "once");
    assert_eq!(request.extracts, []);
    let request = desk.requests().get("R").unwrap().clone();
    let days = extracted(&register, &keys, &request).unwrap();
    let users: Vec<_> = days.iter().flat_map(|day| &day.records).map(|found| found.record.user.as_deref()).collect();
    assert_eq!(users, [Some("a.martin"), Some("a.martin")]);
    let file = std::fs::read_dir(register.join("extracts")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&whole).contains("a.example"));
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &changed).unwrap();
    assert!(extracted(&register, &keys, &request).is_err(), "a byte that was changed is found");
    std::fs::write(&file, &whole).unwrap();

    let answered = |days: i64| today.saturating_sub(days.days());
    let closed = |answered| Step::Closed { answered, delivery: Delivery::InHand, not_done: None };
    desk.write("dpo", "R", closed(answered(30))).unwrap();
    assert!(!desk.requests().has_forgettable(today));
    desk.forget().unwrap();
    assert!(file.exists(), "thirty days, the last included");
    desk.write("dpo", "R", closed(answered(31))).unwrap();
    assert!(desk.requests().has_forgettable(today));
    assert_eq!(desk.forget().unwrap(), 0, "the request itself is kept for five years");
    assert!(!file.exists() && desk.requests().get("R").unwrap().extracts.is_empty());
    assert!(extracted(&register, &keys, &request).is_err(), "nothing brings it back");
}

#[test]
fn every_right_has_its_article() {
    assert_eq!(Right::ALL.iter().map(|right| right.article()).collect::<Vec<_>>(), [15, 16, 17, 18, 20, 21]);
    assert_eq!("in-hand".parse(), Ok(Delivery::InHand));
    assert!("mail".parse::<Delivery>().is_err(), "no answer goes by plain mail (law 9)");
}

//! Statements: whom they concern, what they keep from being shown, what follows what.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::people::{self, Period};
use crate::{Action, Auth, Outcome};
use jiff::civil::date;
use proptest::prelude::*;

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

    fn say(&self, says: Says) -> Result<u64, Unsaid> {
        let statement =
            Statement { says, text: "as the person says".into(), reference: "DD-2026-0001".into(), records: 1 };
        add(&self.dir.path().join("register"), &self.keys, "dpo", &statement)
    }

    fn read(&self) -> Statements {
        Statements::read(&self.dir.path().join("register"), &self.keys).unwrap()
    }
}

fn record(id: i64, user: &str, client: &str, opened_at: i64) -> Record {
    Record {
        id,
        node: "gate".into(),
        opened_at,
        closed_at: Some(opened_at),
        user: (!user.is_empty()).then(|| user.to_owned()),
        auth: Auth::Basic,
        client_ip: client.parse().unwrap(),
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
        bytes_received: 0,
        action: Action::Allow,
        outcome: Some(Outcome::Completed),
        rule: None,
        article: None,
        category: None,
        charter: "c".into(),
    }
}

fn person(user: &str, from: Option<i64>, to: Option<i64>) -> Concerns {
    Concerns::User(user.into(), Span { from, to })
}

#[test]
fn a_rectification_stands_beside_its_records_and_hides_none_law_10() {
    let world = World::new();
    let places = vec![Place { day: "2026-11-23".into(), id: 7 }];
    world.say(Says::Rectification { concerns: Concerns::Records(places), recipients: vec![] }).unwrap();
    world.say(Says::Rectification { concerns: person("P.Dupont", Some(10), Some(20)), recipients: vec![] }).unwrap();
    let client = Concerns::Client("::ffff:10.0.0.1".parse().unwrap(), Span { from: None, to: Some(5) });
    world.say(Says::Rectification { concerns: client, recipients: vec![] }).unwrap();
    let read = world.read();
    let of = |record: &Record| read.of(record).iter().map(|entry| entry.number).collect::<Vec<_>>();
    assert_eq!(of(&record(7, "p.dupont", "10.0.0.1", 15)), [1, 2]);
    assert_eq!(of(&record(8, "p.dupont", "10.0.0.1", 20)), [] as [u64; 0]);
    assert_eq!(of(&record(8, "", "10.0.0.1", 4)), [3]);
    assert_eq!(of(&record(8, "a.martin", "10.0.0.2", 15)), [] as [u64; 0]);
    assert_eq!(read.restricts(&record(7, "p.dupont", "10.0.0.1", 15)), None);
}

#[test]
fn a_restriction_hides_until_it_is_lifted_and_is_lifted_once_law_10() {
    let world = World::new();
    let says = Says::Restriction {
        concerns: person("p.dupont", None, None),
        ground: RestrictionGround::Accuracy,
        recipients: vec![],
    };
    let number = world.say(says).unwrap();
    let his = record(1, "p.dupont", "10.0.0.1", 1);
    assert_eq!(world.read().restricts(&his), Some(number));
    assert_eq!(world.read().restricts(&record(1, "a.martin", "10.0.0.1", 1)), None);
    let told = date(2026, 11, 23);
    assert!(matches!(world.say(Says::Lifted { of: number + 1, told }), Err(Unsaid::Not(..))));
    world.say(Says::Lifted { of: number, told }).unwrap();
    assert_eq!(world.read().restricts(&his), None);
    assert_eq!(world.read().of(&his).len(), 2, "that it was restricted is still said");
    assert!(matches!(world.say(Says::Lifted { of: number, told }), Err(Unsaid::Over(..))));
}

#[test]
fn an_objection_restricts_at_once_and_its_decision_lifts_or_masks_law_10() {
    let world = World::new();
    let told = date(2026, 11, 23);
    let first = world.say(Says::Objection { concerns: person("p.dupont", None, None) }).unwrap();
    let second = world.say(Says::Objection { concerns: person("A.Martin", None, None) }).unwrap();
    let address = Concerns::Client("10.0.0.9".parse().unwrap(), Span::default());
    let third = world.say(Says::Objection { concerns: address }).unwrap();
    let (his, hers) = (record(1, "p.dupont", "10.0.0.1", 1), record(2, "a.martin", "10.0.0.1", 1));
    assert_eq!((world.read().restricts(&his), world.read().restricts(&hers)), (Some(first), Some(second)));
    assert_eq!(world.read().masked(&People::default(), 0), Masked::default(), "nothing is decided yet");
    world.say(Says::Decided { of: first, upheld: false, told }).unwrap();
    world.say(Says::Decided { of: second, upheld: true, told }).unwrap();
    world.say(Says::Decided { of: third, upheld: true, told }).unwrap();
    let read = world.read();
    assert_eq!((read.restricts(&his), read.restricts(&hers)), (None, Some(second)));
    let masked = read.masked(&People::default(), 0);
    assert_eq!(masked.users.into_iter().collect::<Vec<_>>(), ["A.Martin"]);
    assert_eq!(masked.clients.len(), 1);
    assert!(matches!(world.say(Says::Decided { of: first, upheld: true, told }), Err(Unsaid::Over(..))));
    assert!(matches!(world.say(Says::Decided { of: 99, upheld: true, told }), Err(Unsaid::Not(..))));
}

#[test]
fn a_restriction_reaches_the_linked_accounts_each_in_its_time_law_10() {
    let world = World::new();
    let dir = world.dir.path().join("register");
    let link = |mark, to| people::Event::Linked { person: "p.dupont".into(), mark, period: Period { from: None, to } };
    let mut ledger = OpenLedger::open(&dir, &world.keys, Ledger::People).unwrap();
    ledger.add("dpo", &link(Mark::Account("pdupont-adm".into()), Some(100))).unwrap();
    drop(ledger);
    let ground = RestrictionGround::Accuracy;
    let of = |user: &str| Says::Restriction { concerns: person(user, None, Some(500)), ground, recipients: vec![] };
    // By the name of today, and by the former one.
    for named in ["P.Dupont", "pdupont-adm"] {
        let number = world.say(of(named)).unwrap();
        let read = world.read();
        let restricts = |user: &str, at| read.restricts(&record(1, user, "10.0.0.1", at));
        assert_eq!(restricts("PDupont-adm", 50), Some(number), "{named}");
        assert_eq!(restricts("p.dupont", 50), Some(number), "{named}");
        assert_eq!((restricts("p.dupont", 600), restricts("a.martin", 50)), (None, None));
        assert_eq!(restricts("pdupont-adm", 200).is_some(), named == "pdupont-adm", "somebody else's by then");
        world.say(Says::Lifted { of: number, told: date(2026, 11, 23) }).unwrap();
    }
}

#[test]
fn an_objection_that_was_upheld_reaches_every_account_of_the_person_and_their_own_addresses_law_10() {
    let world = World::new();
    let (period, told) = (Period { from: None, to: None }, date(2026, 11, 23));
    let linked = |number, person: &str, mark| Entry {
        number,
        at: 0,
        who: "dpo".into(),
        what: people::Event::Linked { person: person.into(), mark, period },
    };
    let address = |text: &str| Mark::Address(text.parse().unwrap());
    let people = People::of(&[
        linked(1, "p.dupont", Mark::Account("pdupont-adm".into())),
        linked(2, "PDupont-adm", address("10.0.0.7")),
        linked(3, "p.dupont", address("10.0.0.8")),
        linked(4, "a.martin", address("10.0.0.8")),
        linked(5, "a.martin", Mark::Account("amartin-adm".into())),
    ]);
    let of = world.say(Says::Objection { concerns: person("P.Dupont", None, None) }).unwrap();
    assert_eq!(world.read().masked(&people, 1), Masked::default());
    world.say(Says::Decided { of, upheld: true, told }).unwrap();
    let masked = world.read().masked(&people, 1);
    let users: BTreeSet<String> = masked.users.iter().map(|user| user.to_lowercase()).collect();
    assert_eq!(users.into_iter().collect::<Vec<_>>(), ["p.dupont", "pdupont-adm"]);
    let clients: Vec<String> = masked.clients.iter().map(ToString::to_string).collect();
    assert_eq!(clients, ["10.0.0.7"], "an address that somebody else has too is not masked");
}

#[test]
fn recipients_are_ticked_off_one_by_one_law_10() {
    let world = World::new();
    let recipients = vec!["SIEM".to_owned(), "the facility manager".to_owned()];
    let of = world.say(Says::Rectification { concerns: person("p.dupont", None, None), recipients }).unwrap();
    let untold = |world: &World| {
        let read = world.read();
        read.untold(read.get(of).unwrap()).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(untold(&world), ["SIEM", "the facility manager"]);
    let on = date(2026, 11, 23);
    world.say(Says::Told { of, recipient: "SIEM".into(), on }).unwrap();
    assert_eq!(untold(&world), ["the facility manager"]);
    let again = world.say(Says::Told { of, recipient: "SIEM".into(), on }).unwrap_err().to_string();
    assert!(again.contains("waits for: the facility manager"), "{again}");
    assert_eq!(world.read().of(&record(1, "p.dupont", "10.0.0.1", 1)).len(), 1, "whom it was told is not shown");
}

fn concerns() -> impl Strategy<Value = Concerns> {
    let bound = || proptest::option::of(0..30_i64);
    let span = (bound(), bound()).prop_map(|(from, to)| Span { from, to });
    prop_oneof![
        proptest::collection::vec(0..6_i64, 1..3).prop_map(|ids| {
            Concerns::Records(ids.into_iter().map(|id| Place { day: "1970-01-01".into(), id }).collect())
        }),
        (prop_oneof![Just("p.dupont"), Just("P.DUPONT"), Just("o'brien")], span.clone())
            .prop_map(|(user, span)| Concerns::User(user.into(), span)),
        (prop_oneof![Just("10.0.0.1"), Just("2001:db8::1")], span)
            .prop_map(|(client, span)| Concerns::Client(client.parse().unwrap(), span)),
    ]
}

proptest! {
    #[test]
    fn what_the_index_finds_is_what_a_look_at_every_statement_finds(
        said in proptest::collection::vec((concerns(), any::<bool>()), 0..12),
        id in 0..6_i64, user in 0..4_usize, client in 0..3_usize, at in 0..30_i64,
    ) {
        let users = ["p.dupont", "O'Brien", "a.martin", ""];
        let clients = ["10.0.0.1", "2001:db8::1", "10.0.0.2"];
        let record = record(id, users[user], clients[client], at);
        let entries = (1..).zip(said).map(|(number, (concerns, restricts))| {
            let says = match restricts {
                true => Says::Objection { concerns },
                false => Says::Rectification { concerns, recipients: vec![] },
            };
            Entry { number, at: 0, who: "dpo".into(), what: Statement { says, text: "t".into(), reference: "r".into(), records: 1 } }
        });
        let read = Statements::of_entries(entries.collect());
        let plain: Vec<u64> = read.all().iter()
            .filter(|entry| entry.what.says.concerns().unwrap().covers(&record))
            .map(|entry| entry.number).collect();
        prop_assert_eq!(read.of(&record).iter().map(|entry| entry.number).collect::<Vec<_>>(), plain.clone());
        let hidden = plain.iter().any(|number| read.is_restricting(read.get(*number).unwrap()));
        prop_assert_eq!(read.restricts(&record).is_some(), hidden);
    }

    #[test]
    fn a_statement_is_read_back_as_it_was_written(concerns in concerns()) {
        let says = Says::Erasure { concerns, ground: ErasureGround::NotNeeded, approval: Some(3), recipients: vec!["x".into()] };
        let statement = Statement { says, text: "=cmd|' /C calc'!A0 \"\u{e9}\u{2019}/".into(), reference: "r".into(), records: 1 };
        let text = serde_json::to_string(&statement).unwrap();
        prop_assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), statement);
    }
}

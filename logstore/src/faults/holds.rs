//! Holds, when something cuts the purge: nothing that is held is lost, nothing is there twice, and nothing else survives.

use super::disk::Disk;
use super::points::dies;
use super::script::take_up;
use super::{Client, DAY, HOUR, MIDNIGHT, Said, World, settle_down};
use crate::Record;
use crate::approvals::Subject;
use crate::hold::{self, Desk, Ground, Holds, Terms};
use crate::people::People;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Of p.dupont, of the first two days.
fn terms() -> Terms {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    Terms {
        ground: Ground::Incident { incident: "2026-12".into() },
        about: vec![Subject::User("p.dupont".into())],
        from: MIDNIGHT,
        to: MIDNIGHT + 2 * DAY,
        review: today.saturating_add(1.month()),
        until: today.saturating_add(2.months()),
        reason: "an intrusion found late".into(),
    }
}

/// A register with a hold.
async fn held() -> (World, u64) {
    let world = World::new(MIDNIGHT + 20 * HOUR);
    assert_eq!(world.start().await.finish().await, 0);
    let keys = world.keys();
    let number = Desk::open(&world.register(), &keys).unwrap().add("dpo", terms(), None).unwrap();
    (world, number)
}

impl World {
    /// What can be read under a hold, by identifier.
    async fn under(&self, number: u64) -> BTreeMap<i64, Record> {
        let keys = self.keys();
        let register = self.register();
        let holds = Holds::read(&register, &keys).unwrap();
        let mut found = BTreeMap::new();
        let nobody = People::default();
        let shown = hold::visit(&register, &keys, holds.get(number).unwrap(), &nobody, |record| {
            assert!(terms().covers(&record, &nobody), "{record:?} is not held");
            let id = record.id;
            assert!(found.insert(id, record).is_none(), "record {id} is there twice");
            ControlFlow::Continue(())
        });
        let missed = shown.await.unwrap();
        assert!(missed.is_empty(), "{missed:?}");
        found
    }
}

/// Those that were acknowledged and are held, as they were opened.
fn acknowledged(said: &Said) -> BTreeSet<i64> {
    let first = said.exchanges.values().filter(|exchange| {
        exchange.opened["user"] == "p.dupont" && (MIDNIGHT..MIDNIGHT + 2 * DAY).contains(&exchange.opened_at)
    });
    first.map(|exchange| exchange.opened["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn killed_while_what_is_held_is_taken_out() {
    let points: [(&str, &[u64]); 9] = [
        ("purge noted", &[1, 2]),
        ("entry key made", &[1, 2]),
        ("extract noted", &[1, 2]),
        ("extract written", &[1, 2]),
        ("key draft begun", &[4, 6, 8]),
        ("key draft written", &[5, 7, 9]),
        ("key overwritten", &[1]),
        ("day key destroyed", &[1]),
        ("before the certificate", &[1]),
    ];
    for (point, passings) in points {
        for passing in passings {
            eprintln!("{point}, {passing}");
            let (world, hold) = held().await;
            let mut said = Said::default();
            assert!(dies(&world, "life", point, *passing), "nobody came to `{point}` {passing} times");
            said.read(&world.dir);
            let mut expected = acknowledged(&said);
            take_up(&world, &mut said).await;
            let there: BTreeSet<i64> = world.under(hold).await.into_keys().collect();
            assert!(expected.is_subset(&there), "{point}, {passing}: {expected:?} is not all in {there:?}");
            // And life goes on, until both days are long gone.
            let register = world.start().await;
            let mut client = Client { world: &world, register: register.clone(), task: 9, number: 0 };
            for _ in 0..5 {
                client.page().await;
                settle_down(&register).await;
                said.read(&world.dir);
                expected.extend(acknowledged(&said));
                world.set(world.now() + DAY);
                settle_down(&register).await;
            }
            assert_eq!(register.finish().await, 0);
            let there: BTreeSet<i64> = world.under(hold).await.into_keys().collect();
            assert!(expected.is_subset(&there), "{point}, {passing}: {expected:?} is not all in {there:?}");
            assert!(!expected.is_empty());
            world.holds().await;
            assert!(world.all().await.iter().all(|record| record.opened_at >= MIDNIGHT + 2 * DAY), "the days are gone");
        }
    }
}

/// A register that has extracts and nothing else of those days.
async fn taken_out() -> (World, u64) {
    let (world, hold) = held().await;
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..5 {
        for _ in 0..6 {
            client.page().await;
        }
        settle_down(&register).await;
        world.set(world.now() + DAY);
        settle_down(&register).await;
    }
    assert_eq!(register.finish().await, 0);
    assert!(world.under(hold).await.len() >= 2);
    (world, hold)
}

#[tokio::test]
async fn killed_while_what_was_released_is_destroyed() {
    for (point, passing) in [
        ("destruction noted", 1),
        ("erasure of entries said", 1),
        ("entry key overwritten", 1),
        ("entry key overwritten", 2),
        ("extract keys destroyed", 1),
        ("extracts deleted", 1),
        ("destruction attested", 1),
    ] {
        eprintln!("{point}, {passing}");
        let (world, hold) = taken_out().await;
        assert!(dies(&world, "release", point, passing), "{point}");
        let keys = world.keys();
        let settled = hold::settle(&world.register(), &keys, "PME", "gate").unwrap();
        let (certificate, _) = settled.destroyed[0].1.clone().unwrap();
        let released = certificate.released.unwrap();
        assert!(released.hold == hold && released.days == 2 && released.records >= 2, "{released:?}");
        assert_eq!(hold::settle(&world.register(), &keys, "PME", "gate").unwrap(), hold::Settled::default());
        let attested = crate::retention::certificates(&world.register(), &keys.public()).unwrap();
        assert_eq!(attested.iter().filter(|(_, certificate)| certificate.released.is_some()).count(), 1, "{point}");
        assert!(world.under(hold).await.is_empty() && !world.register().join("holds").exists());
        world.holds().await;
    }
}

#[tokio::test]
async fn a_day_whose_extract_finds_no_room_is_not_purged_and_that_is_said() {
    let (mut failed, mut said_of_holds) = (0, 0);
    for left in [0, 1, 2, 3, 5, 8, 12] {
        let world = World::new(MIDNIGHT + 12 * HOUR);
        let disk = Disk::of(&world);
        let register = world.start().await;
        let keys = world.keys();
        let hold = Desk::open(&world.register(), &keys).unwrap().add("dpo", terms(), None).unwrap();
        let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
        for _ in 0..2 {
            for _ in 0..200 {
                client.page().await;
            }
            settle_down(&register).await;
            world.set(world.now() + DAY);
            settle_down(&register).await;
        }
        let before: BTreeSet<i64> = world.under(hold).await.into_keys().collect();
        assert!(before.len() > 50);
        world.set(world.now() + DAY);
        disk.fill(left);
        if let Err(error) = register.purge("PME".into()).await {
            failed += 1;
            said_of_holds += u32::from(error.to_string().contains("what is held"));
            assert_eq!(world.under(hold).await.into_keys().collect::<BTreeSet<_>>(), before);
        }
        disk.room();
        super::full::until("the end of the trouble", || register.backlog().trouble.is_none()).await;
        world.set(world.now() + 2 * DAY);
        settle_down(&register).await;
        assert_eq!(register.finish().await, 0);
        assert_eq!(world.under(hold).await.into_keys().collect::<BTreeSet<_>>(), before, "{left}");
        assert!(world.all().await.is_empty());
        world.holds().await;
    }
    assert!(failed > 0 && said_of_holds > 0, "{failed} {said_of_holds}");
}

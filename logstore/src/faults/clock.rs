//! Clocks that are set: identifiers rise, no sealed day is written, nothing is purged early, days are right.

use super::script::take_up;
use super::{Client, DAY, HOUR, MIDNIGHT, Said, World, settle_down};
use crate::clock::ClockState;
use crate::day::Day;
use crate::retention;

#[tokio::test]
async fn an_hour_back_and_forth_around_midnight() {
    let world = World::new(MIDNIGHT + 23 * HOUR + HOUR / 2);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    let mut last = 0;
    for step in [HOUR, -HOUR, HOUR, -HOUR / 2, HOUR / 4, -HOUR, 2 * HOUR] {
        let going = client.open().await;
        assert!(going.opened.id > last, "identifiers rise");
        last = going.opened.id;
        client.settle(going);
        settle_down(&register).await;
        world.set(world.now() + step);
    }
    world.set(MIDNIGHT + DAY + 3 * HOUR);
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    take_up(&world, &mut Said::default()).await;
}

/// The day of what is opened is sealed: the next open one takes it, and it is there once, also after a crash.
#[tokio::test]
async fn a_clock_set_back_into_a_sealed_day_writes_in_none_that_is_sealed() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    client.page().await;
    settle_down(&register).await;
    world.set(MIDNIGHT + DAY + 3 * HOUR);
    client.page().await;
    settle_down(&register).await;
    let sealed = std::fs::read(Day::of(MIDNIGHT).file(&world.register())).unwrap();
    world.set(MIDNIGHT + 22 * HOUR);
    client.page().await;
    let open = client.open().await;
    register.flush().await.unwrap();
    client.page().await;
    let copy = World::at(tempfile::tempdir().unwrap().keep(), world.now());
    crate::writer::copy_for_tests(&world.dir, &copy.dir);
    client.settle(open);
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    let crashed = copy.start().await;
    settle_down(&crashed).await;
    assert_eq!(crashed.finish().await, 0);
    for world in [&world, &copy] {
        let mut filed = world.filed().await;
        // Those filed open stand in their batch again where they ended.
        filed.sort_by_key(|(_, record)| record.id);
        let ids: Vec<i64> = filed.iter().map(|(_, record)| record.id).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        let days: Vec<Day> = filed.iter().map(|(day, _)| *day).collect();
        let (first, next) = (Day::of(MIDNIGHT), Day::of(MIDNIGHT + DAY));
        assert_eq!(days, [first, next, next, next, next]);
        assert_eq!(std::fs::read(first.file(&world.register())).unwrap(), sealed, "a sealed day was written");
        assert_eq!(world.findings().await, []);
    }
    std::fs::remove_dir_all(&copy.dir).unwrap();
}

#[tokio::test]
async fn years_ahead_and_back_again() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    client.page().await;
    let mut tunnel = client.open().await;
    client.count(&mut tunnel, 5);
    settle_down(&register).await;
    let far = MIDNIGHT + 3650 * DAY + 12 * HOUR;
    world.set(far);
    for _ in 0..3 {
        register.flush().await.unwrap();
    }
    client.page().await;
    register.flush().await.unwrap();
    world.set(MIDNIGHT + 13 * HOUR);
    client.page().await;
    client.count(&mut tunnel, 6);
    client.settle(tunnel);
    register.flush().await.unwrap();
    let register = {
        assert_eq!(register.finish().await, 0);
        world.start().await
    };
    let mut client = Client { world: &world, register: register.clone(), task: 1, number: 0 };
    world.set(MIDNIGHT + DAY + 12 * HOUR);
    client.page().await;
    settle_down(&register).await;
    let filed = world.filed().await;
    let day = |id: i64| filed.iter().find(|(_, record)| record.id == id).unwrap().0;
    assert_eq!(filed.len(), 6);
    // The page and the first chapter; the next, and what was opened then; what came when the clock was right again.
    assert_eq!((day(1), day(2)), (Day::of(MIDNIGHT), Day::of(MIDNIGHT)));
    assert_eq!((day(3), day(4)), (Day::of(far), Day::of(far)));
    assert_eq!(day(6), Day::of(MIDNIGHT + DAY));
    assert!(day(5) <= Day::of(MIDNIGHT + DAY), "the years between are open still: {}", day(5));
    let bytes: u64 = filed.iter().filter(|(_, r)| [2, 3].contains(&r.id)).map(|(_, r)| r.bytes_sent).sum();
    assert_eq!(bytes, 11);
    assert_eq!(world.findings().await, []);
    assert_eq!(register.finish().await, 0);
}

#[tokio::test]
async fn a_clock_that_stays_years_ahead_erases_nothing_by_its_own_word() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    client.page().await;
    register.flush().await.unwrap();
    let adrift = ClockState { synchronised: false, offset_us: 0, error_us: 0, source: "test".into() };
    let purge =
        |now: i64| retention::purge(&world.register(), &world.keys(), now, &adrift, retention::Certificate::default());
    let far = MIDNIGHT + 3650 * DAY;
    let damaged = world.register().join("journal/0000000000009999.damaged");
    std::fs::write(&damaged, "kept").unwrap();
    for day in 0..3 {
        world.set(far + day * DAY + HOUR);
        client.page().await;
        for _ in 0..3 {
            register.flush().await.unwrap();
        }
        assert!(purge(world.now()).1.is_some(), "believed after {day} days");
        assert!(damaged.exists() && Day::of(MIDNIGHT).file(&world.register()).exists());
    }
    // Whoever leaves it so for days on end means it.
    for day in 3..6 {
        world.set(far + day * DAY + HOUR);
        client.page().await;
        register.flush().await.unwrap();
    }
    assert!(purge(world.now()).0.is_some());
    assert_eq!(register.finish().await, 0);
}

//! Midnight: what goes on goes on in the next day, under load, at the very moment, three times over.

use super::script::take_up;
use super::{Client, DAY, HOUR, MIDNIGHT, Said, World, settle_down};
use crate::Outcome;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[tokio::test]
async fn a_tunnel_over_three_midnights_has_four_chapters_that_add_up() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    let mut tunnel = client.open().await;
    let mut days = Vec::new();
    for day in 1..4 {
        client.count(&mut tunnel, 10_i64.pow(day) as u64);
        days.push((world.today(), 10_i64.pow(day) as u64));
        // The days before are sealed while it goes on; none is due: they are looked at one by one.
        world.set(MIDNIGHT + i64::from(day) * DAY + 3 * HOUR);
        for _ in 0..5 {
            register.flush().await.unwrap();
        }
    }
    days.push((world.today(), 0));
    let filed = world.filed().await;
    let found: Vec<_> = filed.iter().map(|(day, record)| (*day, record.bytes_sent)).collect();
    assert_eq!(found, days);
    client.settle(tunnel);
    register.flush().await.unwrap();
    assert_eq!(register.finish().await, 0);
    let outcomes: Vec<_> = world.filed().await.into_iter().map(|(_, record)| record.outcome).collect();
    let continued = Some(Outcome::Continued);
    assert_eq!(outcomes, [continued, continued, continued, Some(Outcome::Completed)]);
    take_up(&world, &mut Said::default()).await;
}

/// Its write-ahead log holds what the file has not got as long as somebody reads: were it deleted, and a crash came before
/// the sealed file is in place, that would be lost.
#[tokio::test]
async fn a_day_that_is_being_read_is_sealed_afterwards() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    client.page().await;
    register.flush().await.unwrap();
    let file = world.today().file(&world.register());
    let mut reader = crate::dayfile::Reader::open(&file, world.today(), &world.keys()).await.unwrap();
    reader.hold_still().await.unwrap();
    assert!(reader.batch_after(0).await.unwrap().is_some());
    client.page().await;
    assert_eq!(register.finish().await, 0);
    let [log, _] = crate::dayfile::beside(&file);
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    world.set(MIDNIGHT + DAY + 12 * HOUR);
    let register = world.start().await;
    super::full::until("a word on the sealing", || register.seal_trouble().is_some()).await;
    assert!(std::fs::metadata(&log).unwrap().len() > 0, "the log is deleted, the day is not sealed");
    reader.close().await.unwrap();
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    take_up(&world, &mut Said::default()).await;
    assert_eq!(world.all().await.len(), 2);
}

/// Settled, counted and turned at the same instant, on several threads, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_in_the_very_moment_of_the_turn_is_whole() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut expected = std::collections::BTreeMap::new();
    for round in 0..40_i64 {
        let mut going = Vec::new();
        for number in 0..8 {
            let host = format!("t{round}-{number}.example");
            let entry = super::entry(world.now(), &host, number);
            going.push((host, register.open(entry).await.unwrap()));
        }
        register.flush().await.unwrap();
        let counted: Vec<AtomicU64> = going.iter().map(|_| AtomicU64::new(0)).collect();
        let begin = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for (place, one) in going.drain(..).enumerate() {
                if place % 2 == 0 { first.push((place, one)) } else { second.push((place, one)) }
            }
            for half in [first, second] {
                let (begin, counted) = (&begin, &counted);
                scope.spawn(move || {
                    begin.wait();
                    for (place, (_, owed)) in half {
                        for bytes in 0..20 {
                            owed.sent(bytes);
                            counted[place].fetch_add(bytes, Ordering::Relaxed);
                        }
                        owed.settle(Outcome::Completed);
                    }
                });
            }
            begin.wait();
            world.set(MIDNIGHT + 12 * HOUR + (round + 1) * DAY);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(register.flush())).unwrap();
        });
        for (place, counted) in counted.iter().enumerate() {
            expected.insert(format!("t{round}-{place}.example"), counted.load(Ordering::Relaxed));
        }
        register.flush().await.unwrap();
    }
    let mut sums = std::collections::BTreeMap::new();
    let mut last: std::collections::BTreeMap<String, Option<Outcome>> = std::collections::BTreeMap::new();
    let filed = world.filed().await;
    let turned = filed.iter().filter(|(_, record)| record.outcome == Some(Outcome::Continued)).count();
    for (day, record) in filed {
        assert_eq!(day, crate::day::Day::of(record.opened_at));
        let host = record.host.unwrap();
        *sums.entry(host.clone()).or_insert(0) += record.bytes_sent;
        last.insert(host, record.outcome);
    }
    eprintln!("{turned} of {} were turned", expected.len());
    assert_eq!(sums, expected);
    assert!(last.values().all(|outcome| *outcome == Some(Outcome::Completed)), "{last:?}");
    assert_eq!(register.finish().await, 0);
    assert_eq!(world.findings().await, []);
}

/// Every opening is acknowledged while the day changes, and every record is in its day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_is_lost_or_refused_at_midnight() {
    let world = World::new(MIDNIGHT + 23 * HOUR);
    let register = world.start().await;
    let stop = AtomicBool::new(false);
    let opened = AtomicU64::new(0);
    let busy = |task: u64| {
        let (world, register, stop, opened) = (&world, register.clone(), &stop, &opened);
        async move {
            let mut client = Client { world, register, task, number: 0 };
            let mut tunnels = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                client.page().await;
                opened.fetch_add(1, Ordering::Relaxed);
                if client.number.is_multiple_of(5) {
                    tunnels.push(client.open().await);
                }
                tunnels.iter_mut().for_each(|going| client.count(going, 3));
            }
            tunnels.into_iter().for_each(|going| client.settle(going));
        }
    };
    let clock = async {
        // Two midnights, a minute a step around them: work goes on at each.
        for midnight in [1, 2] {
            for minute in -5..6 {
                world.set(MIDNIGHT + midnight * DAY + minute * 60_000_000);
                let before = opened.load(Ordering::Relaxed);
                while opened.load(Ordering::Relaxed) < before + 20 {
                    tokio::task::yield_now().await;
                }
                register.flush().await.unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(busy(0), busy(1), busy(2), clock);
    assert!(opened.load(Ordering::Relaxed) > 400);
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    take_up(&world, &mut said).await;
}

//! A disk that is full in the middle of something: said by name, nothing acknowledged is lost, and it goes on by itself.

use super::disk::Disk;
use super::script::{import, imported, settings};
use super::{Client, DAY, HOUR, LIMIT, MIDNIGHT, Said, World, settle_down};
use crate::{Health, Importer, Register};
use std::time::Instant;

/// How much room is left: from none to enough for some of what is done.
const LEFT: [u64; 8] = [0, 1, 2, 4, 9, 14, 20, 33];

/// Asks again until something is so.
pub(super) async fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < LIMIT, "{what} does not come");
        tokio::task::yield_now().await;
    }
}

async fn filed(register: &Register) {
    let began = Instant::now();
    while register.flush().await.is_err() {
        assert!(began.elapsed() < LIMIT, "it does not recover");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn openings_are_refused_by_name_and_what_was_acknowledged_is_kept() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let disk = Disk::of(&world);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    let (mut refused, mut troubled) = (0, 0);
    for left in LEFT {
        client.page().await;
        register.flush().await.unwrap();
        disk.fill(left);
        let mut going = Vec::new();
        for _ in 0..800 {
            match client.try_open().await {
                Ok(opened) => going.push(opened),
                Err(error) => {
                    let why = error.why.to_string();
                    assert!(why.contains(world.disk().to_str().unwrap()), "{why}");
                    assert!(why.contains("os error") || why.contains("code: "), "{why}");
                    refused += 1;
                    break;
                }
            }
        }
        going.into_iter().for_each(|going| client.settle(going));
        // The next minute's checkpoint has no room either.
        world.set(world.now() + 61_000_000);
        if register.flush().await.is_err() {
            troubled += u32::from(register.backlog().trouble.is_some());
            assert!(matches!(register.health(), Health::Unwritable { .. }) || register.backlog().trouble.is_some());
        }
        disk.room();
        filed(&register).await;
        client.page().await;
        assert!(register.backlog().trouble.is_none() && matches!(register.health(), Health::Writable));
    }
    assert!(refused > 3, "openings were refused {refused} times only");
    eprintln!("openings refused {refused} times, day files {troubled} times");
    filed(&register).await;
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    assert_eq!(world.findings().await, []);
}

#[tokio::test]
async fn a_day_that_finds_no_room_is_sealed_when_there_is() {
    let mut failed = 0;
    for left in LEFT {
        let world = World::new(MIDNIGHT + 12 * HOUR);
        let disk = Disk::of(&world);
        let register = world.start().await;
        let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
        for _ in 0..200 {
            client.page().await;
        }
        register.flush().await.unwrap();
        world.set(MIDNIGHT + DAY + HOUR);
        client.page().await;
        settle_down(&register).await;
        disk.fill(left);
        world.set(MIDNIGHT + DAY + 3 * HOUR);
        let mut followed = register.sealed();
        for _ in 0..4 {
            let _ = register.flush().await;
        }
        let seals = || crate::seal::seals(&world.register(), &world.keys().public()).unwrap().len();
        until("a word on the sealing", || register.seal_trouble().is_some() || seals() == 1).await;
        if let Some(trouble) = register.seal_trouble() {
            assert!(trouble.contains(world.disk().to_str().unwrap()), "{trouble}");
            failed += 1;
        }
        disk.room();
        assert_eq!(followed.recv().await.unwrap().seal.day, "2026-11-23");
        until("the end of the trouble", || register.seal_trouble().is_none()).await;
        filed(&register).await;
        assert_eq!(register.finish().await, 0);
        let mut said = Said::default();
        said.read(&world.dir);
        said.check(&world).await;
        world.holds().await;
    }
    assert!(failed > 2, "{failed}");
}

#[tokio::test]
async fn a_purge_that_finds_no_room_is_done_and_attested_when_there_is() {
    let mut failed = 0;
    for left in [0, 1, 2, 3, 5] {
        let world = World::new(MIDNIGHT + 12 * HOUR);
        let disk = Disk::of(&world);
        let register = world.start().await;
        let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
        for _ in 0..3 {
            client.page().await;
            settle_down(&register).await;
            world.set(world.now() + DAY);
            settle_down(&register).await;
        }
        client.page().await;
        register.flush().await.unwrap();
        world.set(world.now() + DAY);
        disk.fill(left);
        failed += u32::from(register.purge("PME".into()).await.is_err());
        disk.room();
        filed(&register).await;
        settle_down(&register).await;
        assert_eq!(register.finish().await, 0);
        world.holds().await;
        let certificates = crate::chain::text(&crate::retention::certificates_file(&world.register())).unwrap();
        assert!(certificates.contains("2026-11-23") && certificates.contains("2026-11-24"), "{certificates}");
        let mut said = Said::default();
        said.read(&world.dir);
        said.check(&world).await;
    }
    assert!(failed > 0);
}

#[tokio::test]
async fn an_import_that_finds_no_room_is_done_again() {
    let mut failed = 0;
    for left in LEFT {
        let world = World::new(20_012 * DAY);
        let disk = Disk::of(&world);
        import(&world, 3).await;
        disk.fill(left);
        let tried = async {
            let mut importer = Importer::begin(&settings(&world)).await.map_err(|error| error.to_string())?;
            for day in [20_000, 20_005] {
                importer.take(imported(day, 300)).await.map_err(|error| error.to_string())?;
            }
            importer.finish().await.map_err(|error| error.to_string())
        };
        if let Err(error) = tried.await {
            assert!(error.contains(world.disk().to_str().unwrap()), "{error}");
            failed += 1;
        }
        disk.room();
        import(&world, 300).await;
        let mut hosts: Vec<_> = world.all().await.into_iter().filter_map(|record| record.host).collect();
        hosts.sort();
        hosts.dedup();
        assert_eq!((hosts.len(), world.all().await.len()), (900, 900));
        world.holds_so_far().await;
    }
    // How many depends on what the file system still gives back of the files before: nothing left is always too little.
    assert!(failed > 0, "{failed}");
}

#[tokio::test]
async fn a_midnight_without_room_loses_nothing() {
    for left in LEFT {
        let world = World::new(MIDNIGHT + 23 * HOUR);
        let disk = Disk::of(&world);
        let register = world.start().await;
        let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
        let mut tunnels = Vec::new();
        for _ in 0..5 {
            tunnels.push(client.open().await);
        }
        tunnels.iter_mut().for_each(|going| client.count(going, 10));
        register.flush().await.unwrap();
        disk.fill(left);
        world.set(MIDNIGHT + DAY + 61_000_000);
        let _ = register.flush().await;
        let _ = register.flush().await;
        tunnels.iter_mut().for_each(|going| client.count(going, 100));
        let last = tunnels.pop().unwrap();
        client.settle(last);
        let _ = register.flush().await;
        disk.room();
        filed(&register).await;
        filed(&register).await;
        tunnels.iter_mut().for_each(|going| client.count(going, 1000));
        tunnels.into_iter().for_each(|going| client.settle(going));
        client.page().await;
        filed(&register).await;
        assert_eq!(register.finish().await, 0);
        let mut said = Said::default();
        said.read(&world.dir);
        said.check(&world).await;
        // Two chapters of four, and a page. The one that ended when nothing could be written may have been turned before, or
        // not: filing may have had no occasion to look at the clock.
        let count = world.all().await.len();
        assert!((10..=11).contains(&count), "{count}");
        assert_eq!(world.findings().await, []);
    }
}

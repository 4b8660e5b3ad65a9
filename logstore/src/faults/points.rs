//! Killed at every point where something is half done.

use super::script::{import, imported, take_up};
use super::{Client, DAY, HOUR, MIDNIGHT, Said, World, settle_down, start_child};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;

/// Has a child play `script` and die at a passing of a point. Whether it came there.
pub(super) fn dies(world: &World, script: &str, point: &str, passing: u64) -> bool {
    let part = json!({ "dir": world.dir, "now": world.now(), "script": script, "point": point, "passing": passing });
    let ended = start_child(&part, None).wait_with_output().unwrap();
    if ended.status.signal() == Some(9) {
        return true;
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{script}, {point}: the child fails by itself: {text}");
    false
}

/// Days of life with a crash at a point, then again, on the same register.
async fn lives_through(points: &[(&str, &[u64])]) {
    for (point, passings) in points {
        for passing in *passings {
            eprintln!("{point}, {passing}");
            let world = World::new(MIDNIGHT + 20 * HOUR);
            let mut said = Said::default();
            assert!(dies(&world, "life", point, *passing), "nobody came to `{point}` {passing} times");
            take_up(&world, &mut said).await;
            // And life goes on.
            let register = world.start().await;
            let mut client = Client { world: &world, register: register.clone(), task: 9, number: 0 };
            client.page().await;
            settle_down(&register).await;
            assert_eq!(register.finish().await, 0);
            take_up(&world, &mut said).await;
        }
    }
}

#[tokio::test]
async fn killed_while_the_journal_is_written() {
    lives_through(&[
        ("segment named", &[1, 2, 3]),
        ("segment made", &[1, 2, 3]),
        ("before an append", &[1, 2, 9, 20]),
        ("after an append", &[1, 2, 9, 20]),
    ])
    .await;
}

#[tokio::test]
async fn killed_while_records_are_filed() {
    lives_through(&[
        ("before a batch", &[1, 2, 9]),
        ("after a batch", &[1, 2, 9]),
        ("before segments are deleted", &[1, 2]),
        ("before a checkpoint", &[1, 2, 3]),
        ("after a checkpoint", &[1, 2, 3]),
        ("turned", &[1, 2]),
    ])
    .await;
}

#[tokio::test]
async fn killed_while_a_day_is_sealed() {
    lives_through(&[
        ("draft begun", &[1, 2]),
        ("draft half written", &[1, 2]),
        ("draft finished", &[1, 2]),
        ("old log deleted", &[1, 2]),
        ("day renamed", &[1, 2]),
        ("seal added", &[1, 2]),
    ])
    .await;
}

#[tokio::test]
async fn killed_while_a_day_is_purged() {
    lives_through(&[
        ("purge noted", &[1]),
        ("key overwritten", &[1]),
        ("day key destroyed", &[1]),
        ("day half deleted", &[1]),
        ("before the certificate", &[1]),
        ("after the certificate", &[1]),
        ("key draft begun", &[1, 3, 4, 6]),
        ("key draft written", &[1, 3, 4, 6]),
    ])
    .await;
}

#[tokio::test]
async fn killed_while_it_recovers() {
    for (point, passing) in [("recovery files", 1), ("recovered", 1), ("segment made", 1), ("after a batch", 1)] {
        let world = World::new(MIDNIGHT + 20 * HOUR);
        assert!(dies(&world, "life", "after an append", 17));
        let mut said = Said::default();
        said.read(&world.dir);
        world.set(said.clock);
        assert!(dies(&world, "life", point, passing), "{point}");
        take_up(&world, &mut said).await;
    }
}

/// A register with sealed days.
async fn sealed() -> (World, Said) {
    let world = World::new(MIDNIGHT + 20 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..2 {
        client.page().await;
        client.page().await;
        world.set(world.now() + DAY);
        client.page().await;
        settle_down(&register).await;
    }
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    take_up(&world, &mut said).await;
    (world, said)
}

#[tokio::test]
async fn killed_while_a_record_is_erased() {
    for (point, passing) in [
        ("another key made", 1),
        ("draft half written", 1),
        ("draft finished", 1),
        ("old log deleted", 1),
        ("day renamed", 1),
        ("seal added", 1),
        ("old key not destroyed", 1),
        ("key overwritten", 1),
    ] {
        eprintln!("{point}");
        let (world, _) = sealed().await;
        let before = world.all().await;
        assert!(dies(&world, "erase", point, passing), "{point}");
        let register = world.start().await;
        settle_down(&register).await;
        assert_eq!(register.finish().await, 0);
        world.holds().await;
        let mut after = world.all().await;
        if after.len() == before.len() {
            // Not done: it can be.
            assert!(!dies(&world, "erase", "nowhere", 1));
            world.holds().await;
            after = world.all().await;
        }
        assert_eq!(after, before[1..], "{point}: one record is gone, the others are as they were");
    }
}

#[tokio::test]
async fn killed_while_the_master_key_is_replaced() {
    for (point, passing) in
        [("another master made", 1), ("a key hidden anew", 1), ("a key hidden anew", 2), ("old master overwritten", 1)]
            .into_iter()
            .chain((1..4).flat_map(|passing| [("key draft begun", passing), ("key draft written", passing)]))
    {
        let (world, mut said) = sealed().await;
        assert!(dies(&world, "master", point, passing), "{point}");
        // Read as it is, then taken up.
        let before = world.all().await;
        assert!(!before.is_empty() && world.findings().await.is_empty());
        world.keys().replace_master().unwrap();
        assert_eq!(world.all().await, before);
        take_up(&world, &mut said).await;
    }
}

#[tokio::test]
async fn killed_while_a_day_is_imported() {
    for (point, passing) in [
        ("segment made", 1),
        ("before a batch", 2),
        ("import filed", 1),
        ("import filed", 2),
        ("after a checkpoint", 1),
        ("draft begun", 1),
        ("draft finished", 1),
        ("day renamed", 1),
        ("day renamed", 2),
        ("seal added", 3),
        ("import sealed", 1),
    ] {
        let world = World::new(20_012 * DAY);
        assert!(dies(&world, "import", point, passing), "{point}");
        let before = world.all().await.into_iter().map(|record| record.id).max().unwrap_or(0);
        // Once more, whole: what was there is known again, what wasn't is filed.
        import(&world, 40).await;
        let all = world.all().await;
        assert_eq!(all.len(), 120, "{point}");
        let ids: std::collections::BTreeSet<i64> = all.iter().map(|record| record.id).collect();
        assert_eq!(ids.len(), 120, "{point}: an identifier was given twice");
        let mut expected: Vec<_> = [20_000, 20_005, 20_010].into_iter().flat_map(|day| imported(day, 40)).collect();
        for (found, said) in all.into_iter().zip(&mut expected) {
            assert!(found.id > 0);
            said.id = found.id;
            assert_eq!(found, *said, "{point}");
        }
        assert!(*ids.last().unwrap() >= before);
        assert_eq!(world.findings().await, [], "{point}");
    }
}

//! After a purge no byte of the day is left: not under its name, not under another, not with yesterday's keys, and not in
//! yesterday's copy.

use super::{DAY, HOUR, MIDNIGHT, World, entry, settle_down};
use crate::journal::segment;
use crate::{HostFilter, Keys, Outcome, Search, search};
use std::path::{Path, PathBuf};

const MARKER: &str = "marker-of-the-day.example";

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

fn is_in(file: &Path, what: &str) -> bool {
    std::fs::read(file).unwrap().windows(what.len()).any(|window| window == what.as_bytes())
}

#[tokio::test]
async fn no_byte_of_a_purged_day_is_left_or_can_be_read() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    for number in 0..50 {
        let owed = register.open(entry(world.now(), MARKER, number)).await.unwrap();
        owed.settle(Outcome::Completed);
    }
    let tunnel = register.open(entry(world.now(), MARKER, 51)).await.unwrap();
    settle_down(&register).await;
    // Everything that may ever stand beside a day, in the clear to be found: damaged journals, drafts, logs, copies.
    let folder = segment::folder(&world.register());
    for name in ["2026-11-23.sealing", "2026-11-23.sealing-wal", "2026-11-23.displaced-1", "2026-11-23.saving"] {
        std::fs::write(world.register().join(name), MARKER).unwrap();
    }
    let damaged = folder.join("0000000000000000.damaged");
    std::fs::write(&damaged, MARKER).unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_micros(world.now() as u64);
    std::fs::File::open(&damaged).unwrap().set_modified(then).unwrap();
    let before = tempfile::tempdir().unwrap();
    crate::writer::copy_for_tests(&world.dir, before.path());
    tunnel.settle(Outcome::Completed);
    for day in 1..=3 {
        world.set(MIDNIGHT + day * DAY + 12 * HOUR);
        let host = format!("other{day}.example");
        register.open(entry(world.now(), &host, 1)).await.unwrap().settle(Outcome::Completed);
        settle_down(&register).await;
    }
    let mut left = Vec::new();
    files(&world.dir.join("register"), &mut left);
    files(&world.dir.join("keys"), &mut left);
    for file in &left {
        assert!(!is_in(file, MARKER), "{} speaks of it", file.display());
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(!name.starts_with("2026-11-23"), "{name} is left");
    }
    assert_eq!(register.finish().await, 0);
    world.holds().await;
    assert_eq!(world.all().await.len(), 3);

    // With the keys from before, nothing that is here gives anything of that day.
    let register = world.register();
    let old_keys = Keys::open(&before.path().join("keys"), &register).unwrap();
    let query = Search { host: Some(HostFilter::Exactly(MARKER.into())), ..Search::default() };
    for day in crate::day::Day::all(&register).unwrap() {
        let found = crate::search::search_day(&day.file(&register), day, &old_keys, &query).await;
        assert!(found.is_ok_and(|(found, _)| found.is_empty()) || day > crate::day::Day::of(MIDNIGHT));
    }
    for number in segment::list(&folder).unwrap() {
        let frames = segment::replay(&folder, number, &old_keys, |_| false).map(|replay| replay.scan.frames);
        assert!(frames.is_err() || frames.is_ok_and(|frames| frames.is_empty()));
    }

    // The copy from before, with the keys of today.
    let backup = before.path().join("register");
    let keys = Keys::open(&world.dir.join("keys"), &backup).unwrap();
    let refused = search(&backup, &keys, &query).await.unwrap_err().to_string();
    assert!(refused.contains("the key of 2026-11-23 is not there"), "{refused}");
    let backed_up = segment::folder(&backup);
    for number in segment::list(&backed_up).unwrap() {
        let replay = segment::replay(&backed_up, number, &keys, |_| false);
        assert!(replay.is_err() || replay.is_ok_and(|replay| replay.scan.frames.is_empty()), "{number}");
    }
}

/// A gate that nobody used since: the segment it would write is not under a key that is gone.
#[tokio::test]
async fn a_gate_that_is_idle_over_a_purge_starts_again_after_a_crash() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    register.open(entry(world.now(), MARKER, 1)).await.unwrap().settle(Outcome::Completed);
    settle_down(&register).await;
    for day in 1..=4 {
        world.set(MIDNIGHT + day * DAY + 12 * HOUR);
        settle_down(&register).await;
    }
    assert!(world.all().await.is_empty());
    // Also the empty segment that waits is of today, though nothing was written for days.
    assert_eq!(segment::last_day(&segment::folder(&world.register())).unwrap(), Some(world.today()));
    register.open(entry(world.now(), "after.example", 1)).await.unwrap().settle(Outcome::Completed);
    let copy = tempfile::tempdir().unwrap();
    crate::writer::copy_for_tests(&world.dir, copy.path());
    let crashed = World::at(copy.path().to_path_buf(), world.now());
    assert_eq!(crashed.start().await.finish().await, 0);
    assert_eq!(crashed.all().await.len(), 1);
    crashed.holds().await;
    assert_eq!(register.finish().await, 0);
}

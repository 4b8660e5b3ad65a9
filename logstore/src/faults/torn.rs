//! Files whose end is torn off, anywhere: what was whole before it is kept, and the register goes on.

use super::{Client, DAY, HOUR, MIDNIGHT, Said, World, is_long, names, settle_down};
use crate::{audit, chain, recovery, retention, seal};
use std::path::Path;
use std::time::Duration;

fn copy(world: &World) -> (tempfile::TempDir, World) {
    let dir = tempfile::tempdir().unwrap();
    crate::writer::copy_for_tests(&world.dir, dir.path());
    let copy = World::at(dir.path().to_path_buf(), world.now());
    (dir, copy)
}

fn cut(file: &Path, length: u64) {
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
}

/// Every length of the end; a few of them unless a long run is asked for.
fn lengths(from: u64, to: u64) -> impl Iterator<Item = u64> {
    (from..to).step_by(if is_long() { 1 } else { 29 }).chain(to.saturating_sub(3).max(from)..to)
}

#[tokio::test]
async fn the_journal_cut_at_every_byte_of_its_last_write() {
    let mut world = World::new(MIDNIGHT + 12 * HOUR);
    // Nothing is filed: the journal has all.
    world.tuning.tick = Duration::from_secs(3600);
    world.tuning.young = Duration::from_secs(3600);
    world.tuning.segment_bytes = 1 << 20;
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..3 {
        client.page().await;
    }
    let journal = Path::new("register/journal/0000000000000001.journal");
    let before = std::fs::metadata(world.dir.join(journal)).unwrap().len();
    let going = client.open().await;
    let after = std::fs::metadata(world.dir.join(journal)).unwrap().len();
    assert!(after > before + 100);
    let (_kept, whole) = copy(&world);
    client.settle(going);
    let bytes = std::fs::read(whole.dir.join(journal)).unwrap();
    let (_dir, cut_short) = copy(&whole);
    for length in before..=after {
        for name in names(&cut_short.register()).into_iter().filter(|name| name.contains(".sqlite")) {
            std::fs::remove_file(cut_short.register().join(name)).unwrap();
        }
        std::fs::write(cut_short.dir.join(journal), &bytes[..length as usize]).unwrap();
        let recovered =
            recovery::recover(&cut_short.settings(), &cut_short.keys(), cut_short.now()).await.unwrap().recovery;
        let expected = if length == after { 0 } else { length - before };
        assert_eq!((recovered.torn_bytes, recovered.damaged), (expected, 0), "at {length}");
        let found = cut_short.all().await;
        // The ending of the third came with the fourth opening, or by itself.
        assert_eq!(found.len(), 3 + usize::from(length == after), "at {length}");
        assert!(found.iter().take(2).all(|record| record.outcome == Some(crate::Outcome::Completed)));
    }
    assert_eq!(register.finish().await, 0);
}

/// A register with two sealed days, and one that was purged.
async fn sealed() -> (World, Said) {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..4 {
        client.page().await;
        settle_down(&register).await;
        world.set(world.now() + DAY);
        settle_down(&register).await;
    }
    client.page().await;
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    world.holds().await;
    (world, said)
}

#[tokio::test]
async fn the_chain_of_seals_is_mended_from_the_days_themselves() {
    let (world, mut said) = sealed().await;
    let file = seal::chain_file(Path::new("register"));
    let text = std::fs::read_to_string(world.dir.join(&file)).unwrap();
    let ends: Vec<u64> = text.match_indices('\n').map(|(at, _)| at as u64 + 1).collect();
    assert_eq!(ends.len(), 4, "{text}");
    for length in lengths(ends[1], ends[3]) {
        let (_dir, cut_short) = copy(&world);
        cut(&cut_short.dir.join(&file), length);
        let register = cut_short.start().await;
        settle_down(&register).await;
        assert_eq!(register.finish().await, 0);
        let mended = std::fs::read_to_string(cut_short.dir.join(&file)).unwrap();
        assert_eq!(mended.trim_end(), text.trim_end(), "cut at {length}");
        cut_short.holds().await;
        said.check(&cut_short).await;
    }
}

#[tokio::test]
async fn what_is_torn_off_the_other_chains_is_answered_for_by_the_next_entry() {
    let (world, _) = sealed().await;
    let register = Path::new("register");
    for (file, kind) in
        [(audit::file(register), audit::ACT), (retention::certificates_file(register), retention::CERTIFICATE)]
    {
        let text = std::fs::read_to_string(world.dir.join(&file)).unwrap();
        let last = text.trim_end().rfind('\n').map_or(0, |at| at as u64 + 1);
        for length in lengths(last, text.len() as u64) {
            let (_dir, cut_short) = copy(&world);
            cut(&cut_short.dir.join(&file), length);
            // A head is noted when its entry is on the disk: of one that a crash tears there is none.
            std::fs::remove_file(cut_short.dir.join("keys/heads").join(kind)).unwrap();
            // The next day is sealed and one is purged: both chains get an entry.
            let register = cut_short.start().await;
            cut_short.set(cut_short.now() + DAY);
            settle_down(&register).await;
            assert_eq!(register.finish().await, 0);
            for finding in cut_short.findings().await {
                // A certificate that is gone attests nothing any more; nothing else is amiss.
                assert!(finding.why.contains("no certificate"), "{finding:?}, cut at {length}");
                assert!(file.ends_with("certificates.jsonl"), "{finding:?}");
            }
            let text = chain::text(&cut_short.dir.join(&file)).unwrap();
            assert!(text.ends_with('\n'));
        }
    }
}

#[tokio::test]
async fn the_half_of_a_draft_is_in_nobodys_way() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    client.page().await;
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    let day = world.today().file(&world.register());
    let whole = std::fs::read(&day).unwrap();
    for (part, end) in [(whole.len() / 2, "sealing"), (100, "sealing"), (0, "sealing-journal"), (10, "saving")] {
        std::fs::write(day.with_extension(end), &whole[..part]).unwrap();
    }
    std::fs::create_dir(world.register().join("converting")).unwrap();
    std::fs::write(world.register().join("converting/2026-11-23.sqlite"), &whole[..50]).unwrap();
    std::fs::write(world.dir.join("keys/days/2026-11-23.0123456789abcdef.new-1-00"), "half").unwrap();
    world.set(MIDNIGHT + DAY + 3 * HOUR);
    let register = world.start().await;
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    world.holds().await;
}

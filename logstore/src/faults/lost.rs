//! Day files that are deleted or replaced under the pen, or later: records are saved where they can be, and it is said.

use super::disk::Disk;
use super::{Client, DAY, HOUR, MIDNIGHT, Said, World, names, settle_down};
use crate::audit;
use std::path::Path;

/// What the audit trail says of files that were lost.
fn incidents(world: &World) -> Vec<String> {
    let acts = audit::read(&world.register()).unwrap().acts.into_iter();
    acts.filter(|act| act.act == "incident").map(|mut act| act.scope.remove("day").unwrap()).collect()
}

async fn lost(how: impl Fn(&Path)) {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    let file = world.today().file(&world.register());
    for _ in 0..20 {
        client.page().await;
    }
    let mut tunnel = client.open().await;
    settle_down(&register).await;
    how(&file);
    for _ in 0..5 {
        client.page().await;
    }
    client.count(&mut tunnel, 7);
    client.settle(tunnel);
    register.flush().await.unwrap();
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    settle_down(&register).await;
    assert_eq!(incidents(&world), ["2026-11-23"]);
    // Also when nothing is filed any more: the next minute sees it.
    how(&file);
    world.set(world.now() + 61_000_000);
    settle_down(&register).await;
    said.check(&world).await;
    assert_eq!(incidents(&world).len(), 2);
    // And when nobody looks before the end.
    how(&file);
    assert_eq!(register.finish().await, 0);
    said.check(&world).await;
    assert_eq!(world.findings().await, []);
    // What was put aside goes with its day.
    let register = world.start().await;
    world.set(MIDNIGHT + 3 * DAY + 3 * HOUR);
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    assert!(names(&world.register()).iter().all(|name| !name.contains("2026-11-23")), "{:?}", names(&world.register()));
    world.holds().await;
}

#[tokio::test]
async fn todays_file_deleted() {
    lost(|file| std::fs::remove_file(file).unwrap()).await;
}

#[tokio::test]
async fn todays_file_deleted_with_all_that_is_beside_it() {
    lost(|file| {
        std::fs::remove_file(file).unwrap();
        crate::dayfile::beside(file).iter().for_each(|beside| drop(std::fs::remove_file(beside)));
    })
    .await;
}

#[tokio::test]
async fn todays_file_replaced_by_garbage() {
    lost(|file| {
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, "something else altogether ".repeat(400)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn todays_file_replaced_by_a_folder() {
    lost(|file| {
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
        std::fs::write(file.join("within"), "x").unwrap();
    })
    .await;
}

#[tokio::test]
async fn todays_file_replaced_by_a_copy_of_it() {
    lost(|file| {
        let copy = file.with_extension("copy");
        std::fs::copy(file, &copy).unwrap();
        std::fs::rename(copy, file).unwrap();
    })
    .await;
}

#[tokio::test]
async fn todays_file_deleted_while_the_disk_is_full() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let disk = Disk::of(&world);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..20 {
        client.page().await;
    }
    register.flush().await.unwrap();
    disk.fill(2);
    std::fs::remove_file(world.today().file(&world.register())).unwrap();
    // Its room stays taken as long as it is open. The journal has some of what is left.
    let going = client.try_open().await.ok();
    going.into_iter().for_each(|going| client.settle(going));
    if let Err(refused) = register.flush().await {
        assert!(refused.why.contains("2026-11-23"), "{refused}");
        assert!(register.backlog().trouble.is_some());
    }
    disk.room();
    let began = std::time::Instant::now();
    while register.flush().await.is_err() {
        assert!(began.elapsed() < super::LIMIT);
    }
    assert!(register.backlog().trouble.is_none());
    client.page().await;
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    assert_eq!(world.findings().await, []);
}

#[tokio::test]
async fn a_sealed_day_deleted_or_replaced_is_said() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..2 {
        client.page().await;
        settle_down(&register).await;
        world.set(world.now() + DAY);
        settle_down(&register).await;
    }
    client.page().await;
    settle_down(&register).await;
    let file = crate::day::Day::of(MIDNIGHT).file(&world.register());
    let other = crate::day::Day::of(MIDNIGHT + DAY).file(&world.register());
    let kept = std::fs::read(&file).unwrap();
    let look = async || {
        world.set(world.now() + 61_000_000);
        settle_down(&register).await;
        world.findings().await.into_iter().next().map(|finding| (finding.what, finding.why))
    };
    assert_eq!(look().await, None);
    std::fs::remove_file(&file).unwrap();
    let (what, why) = look().await.unwrap();
    assert!(what == "2026-11-23" && why.contains("its file is gone"), "{what}: {why}");
    assert_eq!(incidents(&world), ["2026-11-23"]);
    assert!(look().await.is_some());
    assert_eq!(incidents(&world).len(), 1, "said once");
    assert_eq!(world.all().await.len(), 2, "the others are there");
    std::fs::create_dir(&file).unwrap();
    assert_eq!(look().await.unwrap().0, "2026-11-23");
    std::fs::remove_dir(&file).unwrap();
    for garbage in [std::fs::read(&other).unwrap(), b"no database ".repeat(700), Vec::new()] {
        std::fs::write(&file, garbage).unwrap();
        assert_eq!(look().await.unwrap().0, "2026-11-23");
    }
    // Put back, it holds again.
    std::fs::write(&file, kept).unwrap();
    assert_eq!(look().await, None);
    assert_eq!(register.finish().await, 0);
    world.holds().await;
}

/// What is in a file decides what SQL does: a trigger could drop each record as it is filed.
#[tokio::test]
async fn todays_file_with_a_trigger_takes_no_record_and_none_is_lost() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    client.page().await;
    assert_eq!(register.finish().await, 0);
    let file = world.today().file(&world.register());
    let change = async |sql: &'static str| {
        let mut database = crate::dayfile::open_for_tests(&file).await;
        sqlx::query(sql).execute(&mut database).await.unwrap();
        sqlx::Connection::close(database).await.unwrap();
    };
    change("CREATE TRIGGER late AFTER INSERT ON batch BEGIN DELETE FROM batch WHERE number = new.number; END").await;
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 1, number: 0 };
    client.page().await;
    let refused = register.flush().await.unwrap_err();
    assert!(refused.why.contains("its schema holds"), "{refused}");
    assert!(register.backlog().trouble.is_some());
    change("DROP TRIGGER late").await;
    let began = std::time::Instant::now();
    while register.flush().await.is_err() {
        assert!(began.elapsed() < super::LIMIT);
    }
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    assert_eq!(world.findings().await, []);
}

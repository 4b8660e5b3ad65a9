//! What followers of the register are told, at its end and after a crash too.

use super::*;
use crate::filing::FOLLOWED;
use tokio::sync::broadcast::Receiver;

fn heard(followed: &mut Receiver<Arc<Record>>) -> Vec<Record> {
    std::iter::from_fn(|| followed.try_recv().ok()).map(|record| (*record).clone()).collect()
}

#[tokio::test]
async fn a_follower_hears_of_every_record_that_is_filed() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    let mut followed = register.follow();
    let owed = register.open(entry(NOON, "a.example")).await.unwrap();
    register.flush().await.unwrap();
    assert!(followed.try_recv().is_err(), "it is not settled yet");
    owed.settle(Outcome::Completed);
    register.flush().await.unwrap();
    let heard = followed.recv().await.unwrap();
    assert_eq!(vec![(*heard).clone()], all(dir.path()).await);
}

#[tokio::test]
async fn a_follower_hears_at_the_end_of_what_is_still_owed_then() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    let mut followed = register.follow();
    let filed_open = register.open(entry(NOON, "a.example")).await.unwrap();
    register.flush().await.unwrap();
    let never_filed = register.open(entry(NOON + 1, "b.example")).await.unwrap();
    assert_eq!(register.clone().finish().await, 0);
    let told = heard(&mut followed);
    assert_eq!(told, all(dir.path()).await);
    assert_eq!(outcomes(&told), [Some(Outcome::Interrupted); 2]);
    drop((filed_open, never_filed));
}

#[tokio::test]
async fn a_follower_hears_after_a_crash_of_what_recovery_filed_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    register.open(entry(NOON, "told-before.example")).await.unwrap().settle(Outcome::Completed);
    let filed_open = register.open(entry(NOON + 1, "filed-open.example")).await.unwrap();
    register.flush().await.unwrap();
    register.open(entry(NOON + 2, "settled.example")).await.unwrap().settle(Outcome::Failed);
    let open = register.open(entry(NOON + 3, "open.example")).await.unwrap();
    let crashed = crash(dir.path());
    let (register, recovery) = start(crashed.path(), STILL).await;
    assert_eq!((recovery.filed, recovery.interrupted), (1, 2));
    let mut followers = [register.follow(), register.follow()];
    register.tell_recovered();
    for followed in &mut followers {
        let mut told = heard(followed);
        told.sort_by_key(|record| record.id);
        assert_eq!(told, all(crashed.path()).await[1..]);
    }
    register.tell_recovered();
    assert!(followers.iter_mut().all(|followed| heard(followed).is_empty()));
    assert_eq!(register.finish().await, 0);
    let (register, _) = start(crashed.path(), STILL).await;
    let mut followed = register.follow();
    register.tell_recovered();
    assert_eq!(heard(&mut followed), [], "nothing was left to be filed");
    drop((filed_open, open));
}

#[tokio::test]
async fn of_a_long_recovery_followers_hear_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), Tuning { backlog: 100_000, ..STILL }).await;
    let count = FOLLOWED as i64 + 10;
    let mut owed = Vec::new();
    for n in 0..count {
        owed.push(register.open(entry(NOON + n, "a.example")).await.unwrap());
    }
    let crashed = crash(dir.path());
    let (register, recovery) = start(crashed.path(), STILL).await;
    assert_eq!(recovery.interrupted, count as u64);
    let mut followed = register.follow();
    register.tell_recovered();
    let ids: Vec<i64> = heard(&mut followed).iter().map(|record| record.id).collect();
    assert_eq!(ids, (11..=count).collect::<Vec<_>>());
}

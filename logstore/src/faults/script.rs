//! The parts that children play.

use super::{Client, DAY, HOUR, Said, World, settle_down};
use crate::{Durability, Importer, Outcome, Settings, crash};
use serde_json::Value;

/// Plays a part: `dir`, `now` and `script`; `point` and `passing`, where it dies.
pub(super) async fn play(part: &Value) {
    let world = World::at(part["dir"].as_str().unwrap().into(), part["now"].as_i64().unwrap());
    if let Some(passing) = part["passing"].as_u64() {
        crash::arm(part["point"].as_str().map(str::to_owned), passing);
    }
    match part["script"].as_str().unwrap() {
        "life" => life(&world, 4).await,
        "busy" => busy(&world, part["seed"].as_u64().unwrap()).await,
        "import" => import(&world, 40).await,
        "erase" => erase(&world).await,
        "bundle" => drop(super::bundle::make(&world).await.unwrap()),
        "release" => release(&world),
        "large" => super::large::play(&world, part["count"].as_i64().unwrap()).await,
        "master" => drop(world.keys().replace_master().unwrap()),
        other => panic!("{other} is no part"),
    }
}

/// Some days of a register: pages, tunnels over midnight, seals, a purge, an orderly end.
pub(super) async fn life(world: &World, days: u64) {
    let register = world.start().await;
    let mut client = Client { world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..days {
        for _ in 0..6 {
            client.page().await;
            world.set(world.now() + HOUR / 2);
        }
        let mut long = client.open().await;
        client.count(&mut long, 1000);
        let short = client.open().await;
        client.settle(short);
        settle_down(&register).await;
        world.set((world.now().div_euclid(DAY) + 1) * DAY + 61_000_000);
        settle_down(&register).await;
        client.count(&mut long, 500);
        client.page().await;
        client.settle(long);
        world.set(world.now() + 3 * HOUR);
        settle_down(&register).await;
        client.page().await;
    }
    assert_eq!(register.finish().await, 0);
}

/// Four tasks at once, a clock that runs: a day in a few hundred records. Until it is killed.
async fn busy(world: &World, seed: u64) {
    let register = world.start().await;
    let tasks = (0..4).map(|task| {
        let register = register.clone();
        async move {
            let mut client = Client { world, register: register.clone(), task, number: seed % 1000 };
            let mut lot = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(task) | 1;
            let mut tunnels = std::collections::VecDeque::new();
            loop {
                lot ^= lot << 13;
                lot ^= lot >> 7;
                lot ^= lot << 17;
                match lot % 8 {
                    0 => tunnels.push_back(client.open().await),
                    1 if tunnels.len() > 3 => client.settle(tunnels.pop_front().unwrap()),
                    2 if task == 0 => {
                        world.set(world.now() + i64::try_from(lot >> 8 & 0xff).unwrap() * HOUR / 40);
                        // Whoever waits for the clock is woken.
                        let _ = register.flush().await;
                    }
                    3 if task == 0 && lot >> 8 & 3 == 0 => drop(register.purge("PME".into()).await),
                    _ => client.page().await,
                }
                tunnels.iter_mut().for_each(|going| client.count(going, lot & 0xff));
            }
        }
    });
    let mut all = Vec::new();
    all.extend(tasks.map(Box::pin));
    std::future::poll_fn(|cx| {
        all.iter_mut().for_each(|task| {
            let _: std::task::Poll<()> = task.as_mut().poll(cx);
        });
        std::task::Poll::<()>::Pending
    })
    .await;
}

/// Releases the hold there is.
fn release(world: &World) {
    let keys = world.keys();
    let mut desk = crate::hold::Desk::open(&world.register(), &keys).unwrap();
    let number = desk.holds().kept().next().unwrap().number;
    desk.release(number, "dpo", "settled out of court", None).unwrap();
    drop(desk);
    crate::hold::settle(&world.register(), &keys, "PME", "gate").unwrap();
}

pub(super) fn settings(world: &World) -> Settings {
    Settings { durability: Durability::Process, ..world.settings() }
}

/// Records of a day long ago, a lot for each.
pub(super) fn imported(day: i64, count: u64) -> Vec<crate::Record> {
    let record = |number: u64| {
        let at = day * DAY + i64::try_from(number).unwrap() * 1_000_000;
        let entry = super::entry(at, &format!("i{day}-{number}.example"), number);
        let mut record = super::as_opened(0, &entry);
        (record.closed_at, record.outcome) = (Some(at + 5), Some(Outcome::Completed));
        record
    };
    (0..count).map(record).collect()
}

/// Imports two days, the second one twice.
pub(super) async fn import(world: &World, count: u64) {
    let mut importer = Importer::begin(&settings(world)).await.unwrap();
    for day in [20_000, 20_005, 20_010] {
        importer.take(imported(day, count)).await.unwrap();
    }
    importer.finish().await.unwrap();
}

/// Erases the first record of the first day.
async fn erase(world: &World) {
    let first = world.filed().await.into_iter().min_by_key(|(day, record)| (*day, record.id)).unwrap();
    crate::erase(&settings(world), &first.0.to_string(), &[first.1.id], "unlawful", "dpo").await.unwrap();
}

/// Takes a register up again where a child left it, and sees what is there.
pub(super) async fn take_up(world: &World, said: &mut Said) {
    said.read(&world.dir);
    world.set(said.clock.max(world.now()));
    let register = world.start().await;
    settle_down(&register).await;
    said.check(world).await;
    assert_eq!(register.finish().await, 0);
    world.holds().await;
    said.check(world).await;
}

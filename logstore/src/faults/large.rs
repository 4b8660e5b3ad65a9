//! A day with more hosts than anybody has: it is sealed, searched and verified in a memory that is bounded.

use super::{DAY, MIDNIGHT, World, entry, is_long, start_child};
use crate::day::Day;
use crate::dayfile::open::OpenDay;
use crate::row::Row;
use crate::seal::seal_day;
use crate::{Durability, HostFilter, Outcome, Search, search, verify};
use serde_json::json;
use std::time::Instant;

/// What every process has, this one without optimisation.
const ANYWAY: u64 = 180 << 20;
/// What one record more may cost while its day is sealed and verified.
const EACH: u64 = 60;

fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The child: files, searches, seals, searches, verifies; says what each took.
pub(super) async fn play(world: &World, count: i64) {
    let (dir, keys, day) = (world.register(), world.keys(), Day::of(MIDNIGHT));
    let mut began = Instant::now();
    let mut figure = |what: &str| {
        println!("\nfigure {what} {} ms, {} MiB", began.elapsed().as_millis(), high_water() >> 20);
        began = Instant::now();
    };
    let Ok(mut open) = OpenDay::open(&dir, day, Durability::Process, &keys).await else { panic!("not opened") };
    let row = |id: i64| {
        let at = MIDNIGHT + id * (DAY / (count + 1));
        let mut row = Row::opened(id, "gate".into(), &entry(at, &format!("h{id}.example"), id as u64));
        (row.closed_at, row.outcome) = (Some(at + 1000), Some(Outcome::Completed));
        row
    };
    for first in (1..=count).step_by(4096) {
        let rows: Vec<Row> = (first..=count.min(first + 4095)).map(row).collect();
        open.file(&rows).await.unwrap();
    }
    open.checkpoint(&keys).await.unwrap();
    open.close().await.unwrap();
    figure("filed");
    let host = format!("h{}.example", count / 2);
    let query = Search { host: Some(HostFilter::Exactly(host)), ..Search::default() };
    assert_eq!(search(&dir, &keys, &query).await.unwrap().len(), 1);
    figure("searched open");
    seal_day(&dir, day, "gate", &keys).await.unwrap().unwrap();
    figure("sealed");
    assert_eq!(search(&dir, &keys, &query).await.unwrap().len(), 1);
    figure("searched sealed");
    let sealed = high_water();
    let report = verify(&dir, &keys, &keys.public(), |_| {}).await.unwrap();
    assert_eq!((report.findings.as_slice(), report.records), (&[][..], count as u64));
    figure("verified");
    println!("\nfigure high {sealed}");
}

#[tokio::test]
async fn a_day_of_distinct_hosts_is_sealed_in_bounded_memory() {
    let count: u64 = if is_long() { 10_000_000 } else { 200_000 };
    let world = World::new(MIDNIGHT + DAY);
    std::fs::create_dir(world.register()).unwrap();
    let part = json!({ "dir": world.dir, "now": world.now(), "script": "large", "count": count });
    let ended = start_child(&part, None).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{text}");
    let figures: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("figure ")).collect();
    eprintln!("{count} hosts: {figures:#?}");
    let high = figures.iter().find_map(|line| line.strip_prefix("high ")?.parse::<u64>().ok()).unwrap();
    assert!(high < ANYWAY + count * EACH, "{} MiB for {count} records", high >> 20);
}

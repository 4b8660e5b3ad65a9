//! The figures of the index over a whole UT1 folder: time to compile, bytes an entry, time to open, to look up, to decide.
//!
//! `OCTROI_UT1=FOLDER cargo bench -p policy --bench figures`, FOLDER holding `adult/domains` and its like. Without the
//! variable a small made-up folder stands in, which proves only that the program runs.

#![expect(clippy::disallowed_methods, reason = "a bench opens the files and reads the clock for the crate it measures")]

mod corpus;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::lists::Progress;
use policy::{Charter, InForce, Index, Query, Source};
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

thread_local! {
    /// How long each step of compiling took.
    static STEPS: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Rests as the gate does, and notes how long it was since the last time.
fn note_step() {
    let now = Instant::now();
    if let Some(last) = LAST.get() {
        STEPS.with_borrow_mut(|steps| steps.push(now - last));
    }
    std::thread::yield_now();
    LAST.set(Some(Instant::now()));
}

fn main() {
    let files = corpus::files();
    let lines: usize = files.iter().map(|file| file.text.iter().filter(|b| **b == b'\n').count()).sum();
    println!(
        "files {}, lines {lines}, text {:.1} MB",
        files.len(),
        megabytes(files.iter().map(|f| f.text.len()).sum())
    );

    let start = Instant::now();
    let compiler = corpus::compiler(&files, note_step, |report| {
        for bad in &report.examples {
            println!("  {}:{}: {} ({})", report.file, bad.line, bad.why, bad.text);
        }
    });
    let read = start.elapsed();
    let gathered = compiler.entries();
    let mut bytes = Vec::new();
    let mut steps = 0;
    compiler
        .write(&mut bytes, &mut |progress| steps += usize::from(matches!(progress, Progress::Writing { .. })))
        .expect("a vector takes every byte");
    let compiled = start.elapsed();
    let mut steps_taken = STEPS.take();
    steps_taken.sort_unstable();
    println!("entries read {gathered}; {steps} reports of progress");
    println!(
        "compile {:.2} s: read {:.2}, sort and write {:.2}",
        seconds(compiled),
        seconds(read),
        seconds(compiled - read)
    );
    let step = |of: f64| seconds(steps_taken[((steps_taken.len() - 1) as f64 * of) as usize]) * 1e3;
    println!(
        "{} steps: median {:.3} ms, p99 {:.3}, p99.9 {:.3}, longest {:.3}",
        steps_taken.len(),
        step(0.5),
        step(0.99),
        step(0.999),
        step(1.0)
    );
    println!("memory at its highest {:.0} MB, with the text and the index in it", peak_memory());

    let size = bytes.len();
    let data: policy::index::Data = Arc::new(bytes);
    let mut open = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        black_box(Index::open(Arc::clone(&data)).expect("what was just written opens"));
        open = open.min(start.elapsed());
    }
    let index = Index::open(data).expect("what was just written opens");
    let entries = index.entries();
    println!(
        "index {:.1} MB, {:.2} bytes an entry; sets {}",
        megabytes(size),
        size as f64 / entries as f64,
        index.sets()
    );
    println!("open {:.1} ms", seconds(open) * 1e3);

    for (what, targets) in corpus::mixes(&files) {
        let mut times = Vec::with_capacity(targets.len());
        let mut hits = Vec::new();
        let mut found = 0;
        for target in &targets {
            hits.clear();
            let start = Instant::now();
            index.hits(black_box(target), &mut hits);
            times.push(start.elapsed());
            found += usize::from(!hits.is_empty());
        }
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_nanos();
        let (half, most, nearly_all) = (at(0.5), at(0.9), at(0.99));
        println!(
            "look-up, {what}: median {half} ns, 90 % {most}, 99 % {nearly_all}; {found} of {} listed",
            targets.len()
        );
    }
    decisions(files);
}

/// Decides among a thousand rules, two hundred groups, sixty categories, over the whole index; one person in ten groups.
fn decisions(mut files: Vec<corpus::File>) {
    // The folder's names are shared out among sixty categories.
    for (place, file) in files.iter_mut().enumerate() {
        file.source = format!("ut1:c{}", place % 60);
    }
    let mut bytes = Vec::new();
    corpus::compiler(&files, || {}, |_| {}).write(&mut bytes, &mut |_| {}).expect("a vector takes every byte");
    let mut text = "[lists.ut1]\nformat = \"ut1\"\nsource = \"ut1\"\n".to_owned();
    for place in 0..60 {
        text += &format!("[categories.c{place}]\nlists = [\"ut1:c{place}\"]\n");
    }
    for place in 0..200 {
        text += &format!("[groups.g{place}]\nusers = [\"u{}\"]\n", place / 10);
    }
    for place in 0..1000 {
        let what = match place % 4 {
            0 => format!("categories = [\"c{}\"]", place % 60),
            1 => format!("domains = [\"d{place}.example\"]"),
            2 => "extensions = [\"exe\"]\nmethods = [\"POST\"]".to_owned(),
            _ => "media_types = [\"video/*\"]".to_owned(),
        };
        let (action, group) = (["block", "allow"][place % 2], place % 200);
        text += &format!("[[rule]]\nid = \"r{place}\"\naction = \"{action}\"\ngroups = [\"g{group}\"]\n{what}\n");
    }
    let source = Source { name: "charter.toml".into(), text };
    let Ok((charter, _)) = Charter::parse(source, &TimeZone::UTC) else { panic!("the charter is sound") };
    let index = Index::open(Arc::new(bytes)).expect("what was just written opens");
    println!("{} entries, {} rules", index.entries(), charter.rules());
    let in_force = InForce::new(charter, index);
    for (what, targets) in corpus::mixes(&files) {
        let decide = |target| {
            let client = [10, 0, 8, 1].into();
            let (user, at) = (Some("u7"), Timestamp::UNIX_EPOCH);
            let query = Query { target, method: "CONNECT", user, groups: &[], client, at };
            let start = Instant::now();
            black_box(in_force.decide(black_box(&query)));
            start.elapsed()
        };
        let mut times: Vec<Duration> = targets.iter().map(decide).collect();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_nanos();
        println!("decision, {what}: median {} ns, 90 % {}, 99 % {}", at(0.5), at(0.9), at(0.99));
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// Of this process, from Linux; 0 elsewhere.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or_default() * 1024.0 / 1e6
}

//! Criterion over what every request pays: reading a target, looking it up, deciding on it.
//!
//! `OCTROI_UT1=FOLDER cargo bench -p policy --bench lookup`; see `figures` for the rest of the index's figures.

#![expect(clippy::disallowed_methods, reason = "a bench opens the files and reads the clock for the crate it measures")]

mod corpus;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::{Timestamp, tz::TimeZone};
use policy::{Charter, InForce, Index, Query, Target};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

fn target(c: &mut Criterion) {
    for (name, url) in [
        ("plain", "http://www.example.com/assets/img/logo.png?v=20261123"),
        ("upper case", "http://WWW.Example.COM/assets/img/logo.png?v=20261123"),
        ("dot segments", "http://www.example.com/assets/./img/../logo.png?v=20261123"),
        ("internationalised", "http://www.bücher.example/assets/img/logo.png"),
    ] {
        c.bench_function(&format!("target/{name}"), |b| b.iter(|| Target::of_url(black_box(url))));
    }
}

fn lookup(c: &mut Criterion) {
    let files = corpus::files();
    let mut bytes = Vec::new();
    corpus::compiler(&files, |_| {}).write(&mut bytes, &mut |_| {}).expect("a vector takes every byte");
    let index = Index::open(Arc::new(bytes)).expect("what was just written opens");
    for (name, targets) in corpus::mixes(&files) {
        let mut next = targets.iter().cycle();
        let mut hits = Vec::new();
        c.bench_function(&format!("lookup/{name}"), |b| {
            b.iter(|| {
                hits.clear();
                index.hits(next.next().expect("a cycle has no end"), &mut hits);
                hits.len()
            })
        });
    }
}

/// The whole decision, under the built-in charter.
fn decide(c: &mut Criterion) {
    let files = corpus::files();
    let mut bytes = Vec::new();
    corpus::compiler(&files, |_| {}).write(&mut bytes, &mut |_| {}).expect("a vector takes every byte");
    let index = Index::open(Arc::new(bytes)).expect("what was just written opens");
    let in_force = InForce::new(Charter::builtin(&TimeZone::UTC), index);
    for (name, targets) in corpus::mixes(&files) {
        let mut next = targets.iter().cycle();
        c.bench_function(&format!("decide/{name}"), |b| {
            b.iter(|| {
                in_force.decide(&Query {
                    target: next.next().expect("a cycle has no end"),
                    method: "CONNECT",
                    user: Some("a.martin"),
                    groups: &[],
                    client: IpAddr::V4(Ipv4Addr::new(10, 0, 8, 1)),
                    at: Timestamp::UNIX_EPOCH,
                })
            })
        });
    }
}

criterion_group!(benches, target, lookup, decide);
criterion_main!(benches);

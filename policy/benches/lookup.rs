//! Criterion over what every request pays: reading a target, looking it up, deciding on it.
//!
//! `OCTROI_UT1=FOLDER cargo bench -p policy --bench lookup`; see `figures` for the rest of the index's figures.

#![expect(clippy::disallowed_methods, reason = "a bench opens the files and reads the clock for the crate it measures")]

mod corpus;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::{Timestamp, tz::TimeZone};
use policy::{Charter, InForce, Index, Query, Source, Target};
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
    corpus::compiler(&files, || {}, |_| {}).write(&mut bytes, &mut |_| {}).expect("a vector takes every byte");
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
    corpus::compiler(&files, || {}, |_| {}).write(&mut bytes, &mut |_| {}).expect("a vector takes every byte");
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

/// A decision under few rules and under many: that the last one decides, and that none does.
fn rules(c: &mut Criterion) {
    for (name, line) in [
        ("categories", "categories = [\"c{}\"]"),
        ("own domains", "domains = [\"d{}.example\"]"),
        ("networks", "networks = [\"10.{}.0/24\"]"),
        ("users", "users = [\"user{}\"]"),
    ] {
        for many in [10, 1000] {
            let mut text = String::new();
            for place in 0..many {
                if name == "categories" {
                    text += &format!("[categories.c{place}]\ndomains = [\"c{place}.example\"]\n");
                }
                let number =
                    if name == "networks" { format!("{}.{}", place / 250, place % 250) } else { place.to_string() };
                let line = line.replace("{}", &number);
                text += &format!("[[rule]]\nid = \"r{place}\"\naction = \"block\"\n{line}\n");
            }
            let source = Source { name: "charter.toml".into(), text };
            let Ok((charter, _)) = Charter::parse(source, &TimeZone::UTC) else { panic!("the charter is sound") };
            let in_force = InForce::new(charter, Index::empty());
            let last = many - 1;
            let host = if name == "own domains" { format!("d{last}.example") } else { format!("c{last}.example") };
            let (listed, user) = (Target::of_host(&host).expect("a name"), format!("user{last}"));
            let unlisted = Target::of_host("www.elsewhere.example").expect("a name");
            let client = [10, (last / 250) as u8, (last % 250) as u8, 1];
            let none = [192, 0, 2, 1];
            for (outcome, target, user, client) in
                [("last", &listed, user.as_str(), client), ("none", &unlisted, "a.martin", none)]
            {
                let (user, client) = (Some(user), IpAddr::from(client));
                let query = Query { target, method: "CONNECT", user, groups: &[], client, at: Timestamp::UNIX_EPOCH };
                assert_eq!(in_force.rule(&in_force.decide(&query)).is_some(), outcome == "last");
                c.bench_function(&format!("rules/{name}/{many}/{outcome}"), |b| {
                    b.iter(|| in_force.decide(black_box(&query)))
                });
            }
        }
    }
}

criterion_group!(benches, target, lookup, decide, rules);
criterion_main!(benches);

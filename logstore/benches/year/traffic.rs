//! Traffic as a company makes it: people with habits, hosts of very different weight, office hours, pages that ask for
//! twenty things at once and tunnels that stay for an hour.

use logstore::{Action, Auth, Outcome, Record};
use std::net::IpAddr;

const DAY: i64 = 86_400_000_000;

/// Makes the records of one day after the other; the same numbers give the same records.
pub(crate) struct Traffic {
    lot: Lot,
    people: Vec<Person>,
    /// Cumulated weights of hosts.
    hosts: Vec<f64>,
    names: Vec<String>,
}

struct Person {
    name: String,
    address: IpAddr,
    /// Share of all records.
    weight: f64,
    /// Hosts visited again and again.
    habits: Vec<usize>,
}

impl Traffic {
    /// So many people and hosts; a host's weight falls with its rank (Zipf), half of all visits are habits.
    pub(crate) fn new(people: usize, hosts: usize) -> Traffic {
        let mut lot = Lot(0x9E37_79B9_7F4A_7C15);
        let mut sum = 0.0;
        let weights: Vec<f64> = (1..=hosts)
            .map(|rank| {
                sum += 1.0 / (rank as f64).powf(0.9);
                sum
            })
            .collect();
        let ends = ["fr", "com", "net", "org", "io", "eu"];
        let names = (0..hosts)
            .map(|host| match host % 7 {
                0 => format!("www.site-{host}.{}", ends[host % 6]),
                1 => format!("cdn{}.static.service-{}.{}", host % 9, host / 40, ends[host % 6]),
                2 => format!("api.service-{}.{}", host / 3, ends[host % 6]),
                3 => format!("{:x}.cloudfront.example", host * 2_654_435_761 % 0xFFFF_FFFF),
                4 => format!("img.media-{}.{}", host / 5, ends[host % 6]),
                _ => format!("portail-{host}.entreprise-{}.{}", host / 11, ends[host % 6]),
            })
            .collect();
        let people = (0..people)
            .map(|person| Person {
                name: format!("{}.nom-de-famille{person}", char::from(b'a' + (person % 26) as u8)),
                address: [10, 0, (person / 200) as u8, (person % 200 + 10) as u8].into(),
                weight: 0.3 + lot.unit() * 1.7,
                habits: (0..30).map(|_| pick(&weights, lot.unit())).collect(),
            })
            .collect();
        Traffic { lot, people, hosts: weights, names }
    }

    /// About `count` records of the day that begins at `midnight` (UTC µs), in the order of their opening.
    pub(crate) fn day(&mut self, midnight: i64, count: usize) -> Vec<Record> {
        let total: f64 = self.people.iter().map(|person| person.weight).sum();
        let mut records = Vec::with_capacity(count + count / 10);
        for person in 0..self.people.len() {
            let mut left = (count as f64 * self.people[person].weight / total).round() as usize;
            while left > 0 {
                left -= self.page(midnight, person, left, &mut records);
            }
        }
        records.sort_by_key(|record| record.opened_at);
        records
    }

    /// A page and what it asks for: a host, then others within a second or two. Returns how many records.
    fn page(&mut self, midnight: i64, person: usize, most: usize, to: &mut Vec<Record>) -> usize {
        let lot = &mut self.lot;
        // Between eight and seven, with a dip at noon.
        let hour = 6.0 + 11.0 * (lot.unit() + lot.unit() + lot.unit()) / 3.0;
        let mut at = midnight + ((hour / 24.0) * DAY as f64) as i64 + lot.below(60_000_000) as i64;
        let count = (1 + lot.below(25) as usize).min(most);
        let habit = lot.below(2) == 0;
        let first =
            if habit { self.people[person].habits[lot.below(30) as usize] } else { pick(&self.hosts, lot.unit()) };
        for number in 0..count {
            let lot = &mut self.lot;
            let host = if number % 3 == 0 { first } else { pick(&self.hosts, lot.unit()) };
            at = (at + lot.skewed(120_000.0) as i64).min(midnight + DAY - 1);
            let lasts = lot.skewed(if number == 0 { 20_000_000.0 } else { 400_000.0 }) as i64;
            let refused = lot.below(70) == 0;
            let person = &self.people[person];
            to.push(Record {
                id: 0,
                node: "gate".into(),
                opened_at: at,
                closed_at: Some(at + if refused { 150 } else { lasts }),
                user: Some(person.name.clone()),
                auth: Auth::Negotiate,
                client_ip: person.address,
                method: "CONNECT".into(),
                scheme: "https".into(),
                host: Some(self.names[host].clone()),
                port: 443,
                tls_name: None,
                masked: None,
                path: None,
                destination_ip: (!refused).then(|| address(host, lot.below(3))),
                status: Some(if refused { 403 } else { 200 }),
                bytes_sent: if refused { 0 } else { 500 + lot.skewed(1500.0) as u64 },
                bytes_received: if refused { 0 } else { 3000 + lot.skewed(60_000.0) as u64 },
                action: if refused { Action::Block } else { Action::Allow },
                outcome: Some(if refused { Outcome::Refused } else { Outcome::Completed }),
                rule: refused.then(|| "contenus-interdits".into()),
                article: refused.then(|| "3".into()),
                category: refused.then(|| "jeux".into()),
                charter: "2026-11@3f2a9c41d07b".into(),
            });
        }
        count
    }
}

/// A record as Squid's access.log has it.
pub(crate) fn squid(record: &Record) -> String {
    let closed = record.closed_at.unwrap_or(record.opened_at);
    let refused = record.outcome == Some(Outcome::Refused);
    format!(
        "{}.{:03} {:6} {} {}/{} {} CONNECT {}:443 {} {}/{} -\n",
        closed / 1_000_000,
        closed / 1000 % 1000,
        (closed - record.opened_at) / 1000,
        record.client_ip,
        if refused { "TCP_DENIED" } else { "TCP_TUNNEL" },
        record.status.unwrap_or(0),
        record.bytes_received,
        record.host.as_deref().unwrap_or("-"),
        record.user.as_deref().unwrap_or("-"),
        if refused { "HIER_NONE" } else { "HIER_DIRECT" },
        record.destination_ip.map_or("-".into(), |address| address.to_string()),
    )
}

fn address(host: usize, which: u64) -> IpAddr {
    let number = (host as u64 * 2_654_435_761 + which * 97) as u32;
    [92 + (number >> 24 & 63) as u8, (number >> 16) as u8, (number >> 8) as u8, number as u8].into()
}

fn pick(weights: &[f64], unit: f64) -> usize {
    let wanted = unit * weights.last().copied().unwrap_or(1.0);
    weights.partition_point(|weight| *weight < wanted).min(weights.len() - 1)
}

/// Numbers that look drawn by lot (xorshift64*), the same at every run.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Mostly small, sometimes much larger: the square of an exponential lot.
    fn skewed(&mut self, mean: f64) -> f64 {
        let lot = -self.unit().max(1e-12).ln();
        mean * lot * lot / 2.0
    }
}

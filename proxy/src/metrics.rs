//! `/metrics`: how the gate is doing, in numbers about nobody, for Prometheus (text format 0.0.4).
//!
//! No label ever holds the name, the address or the host of anybody: what is measured is the gate, and the one address
//! found here is its own. Written by hand, for this format is a few lines, and the libraries for it write its successor.

use crate::console;
use crate::gate::{Gate, Limit, State, TurnedAway};
use crate::kerberos::Failure;
use std::fmt::Write;

/// What the format is called.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is measured, as it is now.
pub(crate) fn page(gate: &Gate) -> String {
    let state = gate.state();
    let mut page = Page::default();

    page.info("octroi_build_info", "The program.", &[("version", env!("CARGO_PKG_VERSION"))]);
    let started = gate.started_at.as_microsecond() as f64 / 1e6;
    page.gauge("octroi_start_time_seconds", "When the gate started, in seconds since 1970.", started);
    let ready = console::readiness(gate).0;
    page.gauge("octroi_ready", "Whether anything passes: 1, or 0.", f64::from(u8::from(ready)));

    let (connections, exchanges, refused) = gate.counts.read();
    page.gauge("octroi_connections", "Connections of clients that are open.", connections as f64);
    page.counter("octroi_exchanges_total", "Exchanges since the start.", exchanges);
    page.counter("octroi_refused_total", "Of these, refused.", refused);

    let waits = gate.shares.waits();
    page.counter("octroi_bandwidth_waits_total", "How often bytes waited for their share of a bandwidth.", waits);
    door(&mut page, gate, &state);
    if let Some(trouble) = state.upstream.parent_trouble() {
        let up = f64::from(u8::from(trouble.is_none()));
        page.gauge("octroi_upstream_parent_up", "Whether the parent proxy helped when it was last asked: 1, or 0.", up);
    }

    if let Some(directory) = &state.directory {
        let (questions, failures, kept) = directory.counts();
        let up = f64::from(u8::from(directory.is_up()));
        page.gauge("octroi_directory_up", "Whether the directory helped when it was last asked: 1, or 0.", up);
        page.counter("octroi_directory_questions_total", "Questions to the directory.", questions);
        page.counter("octroi_directory_failures_total", "Of these, left without an answer.", failures);
        page.gauge("octroi_directory_kept_accounts", "Accounts whose groups are kept.", kept as f64);
    }

    let writable = matches!(gate.register.health(), logstore::Health::Writable);
    page.gauge(
        "octroi_register_writable",
        "Whether the register takes records: 1, or 0.",
        f64::from(u8::from(writable)),
    );
    let backlog = gate.register.backlog();
    page.gauge(
        "octroi_register_backlog_records",
        "Records committed to the journal and not yet in a day file.",
        backlog.records as f64,
    );

    register(&mut page, gate);
    let charter: &str = &state.charter;
    page.info("octroi_charter_info", "The charter in force, by version and hash.", &[("charter", charter)]);
    page.gauge(
        "octroi_charter_since_seconds",
        "Since when, in seconds since 1970.",
        state.since.as_microsecond() as f64 / 1e6,
    );
    let entries = state.in_force.index().entries();
    page.gauge("octroi_list_entries", "Entries of the category lists in force.", entries as f64);
    let missing = state.missing.len();
    page.gauge("octroi_lists_missing", "Lists the charter names and the gate has not.", missing as f64);
    lists(&mut page, gate);
    page.text
}

/// How the lists that are fetched are doing.
fn lists(page: &mut Page, gate: &Gate) {
    let (conditions, now) = (gate.upkeep.lists.load(), gate.now());
    if conditions.is_empty() {
        return;
    }
    let name = "octroi_list_refused";
    page.head(name, "Whether the last attempt to take this list over failed or was refused: 1, or 0.", "gauge");
    for one in conditions.iter() {
        page.sample(name, &[("list", &one.list)], f64::from(u8::from(one.failure.is_some())));
    }
    let name = "octroi_list_age_seconds";
    page.head(name, "Since when no server has said that this list is the newest, in seconds.", "gauge");
    for one in conditions.iter() {
        if let Some(age) = one.age(now) {
            page.sample(name, &[("list", &one.list)], age.as_secs_f64());
        }
    }
    let name = "octroi_list_stale";
    page.head(name, "Whether this list is older than its `stale_after`: 1, or 0.", "gauge");
    for one in conditions.iter() {
        page.sample(name, &[("list", &one.list)], f64::from(u8::from(one.is_stale(now))));
    }
}

/// Who comes, and who is turned away.
fn door(page: &mut Page, gate: &Gate, state: &State) {
    let counts = &gate.counts;
    page.gauge("octroi_streams", "Streams of HTTP/2 that are open.", counts.streams() as f64);
    let turned_away = TurnedAway::ALL.map(|why| (why.word(), counts.turned_away_for(why)));
    page.counters(
        "octroi_turned_away_total",
        "Connections turned away before anything was asked, by reason.",
        "reason",
        &turned_away,
    );
    let reached = Limit::ALL.map(|limit| (limit.word(), counts.reached_times(limit)));
    page.counters("octroi_limits_reached_total", "What a limit of `[limits]` ended, by its key.", "limit", &reached);
    page.counter(
        "octroi_tls_handshakes_failed_total",
        "Connections that did not get through their TLS handshake.",
        counts.handshakes_failed(),
    );
    let failures = Failure::ALL.map(|why| (why.word(), gate.tokens.times(why)));
    page.counters(
        "octroi_negotiate_failed_total",
        "Tokens of `negotiate` that proved nobody, by reason.",
        "reason",
        &failures,
    );
    page.counter(
        "octroi_proxy_protocol_refused_total",
        "Connections of load balancers that did not begin with a header of the PROXY protocol.",
        counts.headers_refused(),
    );
    let [wrong, account, address] = gate.accounts.counts();
    page.counter("octroi_passwords_wrong_total", "Passwords of local accounts that were looked at and wrong.", wrong);
    page.counters(
        "octroi_passwords_waiting_total",
        "Passwords not looked at because too many before were wrong, by what they were of.",
        "by",
        &[("account", account), ("address", address)],
    );
    let days_left: Vec<_> =
        state.certificates.days_left_each(gate.now()).map(|(address, days)| (address.to_string(), days)).collect();
    if !days_left.is_empty() {
        page.head(
            "octroi_certificate_days_left",
            "Days until the certificate at this address of the proxy ends; below nought when it has.",
            "gauge",
        );
        for (address, days) in &days_left {
            page.sample("octroi_certificate_days_left", &[("address", address)], *days as f64);
        }
    }
}

/// How the register and what goes out of it is doing. What must be read from the disk is at most a minute old.
fn register(page: &mut Page, gate: &Gate) {
    let times = gate.register.commit_times();
    let at_most: Vec<(f64, u64)> =
        logstore::COMMIT_BOUNDS.iter().zip(times.within).map(|(bound, within)| (*bound as f64 / 1e6, within)).collect();
    page.histogram(
        "octroi_register_commit_seconds",
        "How long the journal's writes took that openings waited for.",
        &at_most,
        times.micros as f64 / 1e6,
        times.count,
    );
    let upkeep = &gate.upkeep;
    let flag = |set: bool| f64::from(u8::from(set));
    page.gauge(
        "octroi_register_purge_failing",
        "Whether days past their term could not be erased.",
        flag(upkeep.purge_trouble.load().is_some()),
    );
    page.gauge(
        "octroi_register_seal_failing",
        "Whether a day that is over could not be sealed.",
        flag(gate.register.seal_trouble().is_some()),
    );
    if let Some(condition) = &*upkeep.condition.load() {
        let now = gate.now().as_second();
        let age = |day: &Option<String>| {
            let begins = day.as_ref().and_then(|day| format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().ok());
            begins.map(|begins| (now - begins.as_second()) as f64)
        };
        page.gauge("octroi_register_days", "Days the register holds.", condition.days as f64);
        page.gauge("octroi_register_sealed_days", "Of these, sealed.", condition.sealed as f64);
        page.gauge(
            "octroi_register_unsealed_days",
            "Days over for more than a day and not sealed.",
            condition.unsealed.len() as f64,
        );
        page.gauge("octroi_register_due_days", "Days past their term.", condition.due.len() as f64);
        page.gauge(
            "octroi_register_late_days",
            "How many days the oldest of these is late.",
            condition.late_days as f64,
        );
        for (name, help, day) in [
            ("octroi_register_oldest_day_age_seconds", "Since the beginning of the oldest day.", &condition.oldest),
            ("octroi_register_newest_day_age_seconds", "Since the beginning of the newest day.", &condition.newest),
        ] {
            if let Some(age) = age(day) {
                page.gauge(name, help, age);
            }
        }
        page.gauge("octroi_register_bytes", "Bytes of the day files.", condition.bytes as f64);
        page.gauge("octroi_register_free_bytes", "Bytes free where they are.", condition.free_bytes as f64);
        let broken = condition.chains.iter().any(|chain| chain.broken.is_some());
        page.gauge("octroi_register_chains_hold", "Whether every entry of the chains holds.", flag(!broken));
        page.gauge(
            "octroi_clock_synchronised",
            "Whether something keeps the system's clock.",
            flag(condition.clock.synchronised),
        );
    }
    for (name, counts) in [("syslog", &upkeep.syslog), ("json", &upkeep.json)] {
        if let Some(counts) = counts {
            let counted = counts.read();
            let metric = |what: &str| format!("octroi_forward_{name}_{what}");
            page.counter(&metric("sent_total"), "Records handed over.", counted.sent);
            page.counter(&metric("lost_total"), "Records that will never be.", counted.lost);
            page.gauge(&metric("connected"), "Whether the receiver takes records now.", flag(counted.connected));
        }
    }
    let (sent, failed) = upkeep.anchors.read();
    page.counter("octroi_anchor_sent_total", "Seals given away.", sent);
    page.counter("octroi_anchor_failed_total", "Ways on which a seal was given up.", failed);
}

/// A page in the making: for each metric its help, its type, its samples.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// What may rise and fall.
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// What only rises; `name` ends in `_total`.
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, &[], value as f64);
    }

    /// The same, once for each word of a label.
    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
        self.head(name, help, "counter");
        for (word, value) in values {
            self.sample(name, &[(label, word)], *value as f64);
        }
    }

    /// What is a word rather than a number: the words are labels of a constant 1.
    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.head(name, help, "gauge");
        self.sample(name, labels, 1.0);
    }

    /// How often something was at most so much: `(at most, how often)`, rising both, and the sum and number of all.
    fn histogram(&mut self, name: &str, help: &str, at_most: &[(f64, u64)], sum: f64, count: u64) {
        self.head(name, help, "histogram");
        let bucket = format!("{name}_bucket");
        for (bound, times) in at_most {
            self.sample(&bucket, &[("le", &bound.to_string())], *times as f64);
        }
        self.sample(&bucket, &[("le", "+Inf")], count as f64);
        self.sample(&format!("{name}_sum"), &[], sum);
        self.sample(&format!("{name}_count"), &[], count as f64);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing into a String does not fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        let mut before = '{';
        for (label, value) in labels {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{before}{label}=\"{value}\"");
            before = ',';
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let mut page = Page::default();
        page.gauge("a_seconds", "A.", 1_795_459_500.25);
        page.counter("b_total", "B.", 12_345_678);
        page.info("c_info", "C.", &[("version", "1"), ("name", "a\\b\"c\nd")]);
        page.histogram("d_seconds", "D.", &[(0.005, 1), (1.0, 3)], 2.5, 4);
        assert_eq!(
            page.text,
            r#"# HELP a_seconds A.
# TYPE a_seconds gauge
a_seconds 1795459500.25
# HELP b_total B.
# TYPE b_total counter
b_total 12345678
# HELP c_info C.
# TYPE c_info gauge
c_info{version="1",name="a\\b\"c\nd"} 1
# HELP d_seconds D.
# TYPE d_seconds histogram
d_seconds_bucket{le="0.005"} 1
d_seconds_bucket{le="1"} 3
d_seconds_bucket{le="+Inf"} 4
d_seconds_sum 2.5
d_seconds_count 4
"#
        );
    }
}

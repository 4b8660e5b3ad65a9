//! Hosts files that block: `0.0.0.0 ads.example tracker.example # comment`.

use super::{Entries, Line, domains, uncommented};
use std::net::IpAddr;

/// What hosts files say of the machine itself.
const LOCAL: &[&str] = &[
    "0.0.0.0",
    "broadcasthost",
    "ip6-allhosts",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-localhost",
    "ip6-localnet",
    "ip6-loopback",
    "ip6-mcastprefix",
    "local",
    "localhost",
    "localhost.localdomain",
    "localhost6",
    "localhost6.localdomain6",
];

/// Keeps the good names of a line; one bad name makes the line bad.
pub(super) fn line(line: &str, entries: &mut Entries<'_>) -> Result<Line, String> {
    let (line, _) = uncommented(line);
    let mut words = line.split_ascii_whitespace();
    let address = words.next().unwrap_or_default();
    // A zone, as in `fe80::1%lo0 localhost`, says nothing here.
    let address = address.split('%').next().unwrap_or_default();
    let address: IpAddr = address.parse().map_err(|_| "it does not begin with an address".to_owned())?;
    let mut outcome = Ok(Line::Skipped);
    for name in words {
        if LOCAL.iter().any(|local| local.eq_ignore_ascii_case(name)) {
            continue;
        }
        if !address.is_unspecified() && !address.is_loopback() {
            return Err(format!("`{address}` is where a host is, not a way to block it"));
        }
        match (domains::line(name, entries), &outcome) {
            (Ok(_), Ok(_)) => outcome = Ok(Line::Kept),
            (Ok(_), Err(_)) => {}
            (Err(why), _) => outcome = Err(why),
        }
    }
    outcome
}

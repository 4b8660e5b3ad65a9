//! Slowing guesses down: after a few wrong passwords each further look has to wait, longer every time.
//!
//! With waits, CNIL délibération 2022-100 accepts shorter passwords ([`super::rule`]), and a lock-out begins at the tenth
//! failure. Failures count for the account, and for the address that they come from, whichever account it tries. Where
//! somebody gave the right password of an account within the last [`KNOWN_DAYS`], that address has a count of its own for it:
//! no stranger's guesses lock out who works there.
//!
//! Pure: who keeps it says what time it is ([`super::tries`]). Names and addresses stand in it as salted hashes, each with no
//! more than it takes to slow down.

use super::rule::Name;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Wrong passwords of an account that cost no wait: fingers slip.
const FREE: u32 = 3;
/// The failure that begins the lock-out.
pub(super) const LOCKED: u32 = 10;
/// The lock-out's first wait, and what each further failure adds.
const LOCK: Duration = Duration::from_secs(15 * 60);
/// No wait is longer, and an account left alone for so long starts afresh.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Wrong passwords from one address that cost no wait: many people may stand behind it.
const ADDRESS_FREE: u32 = 20;
/// An address is forgiven one failure for each of these that passes.
const FORGIVEN: Duration = Duration::from_secs(5 * 60);
/// The longest wait of an address.
const ADDRESS_LONGEST: Duration = Duration::from_secs(15 * 60);
/// Days for which a right password makes an address known for its account.
const KNOWN_DAYS: i32 = 30;
/// Names without an account that are kept in mind, and addresses; beyond, the oldest goes. Accounts are never pushed out by
/// them.
const STRANGERS: usize = 4096;
/// Addresses known for one account; beyond, the oldest goes.
const PLACES: usize = 64;

/// Where a password is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// At a client of this address.
    Address(IpAddr),
    /// On the gate's own machine, for a command.
    Machine,
}

/// Whose password is tried, and where.
pub(super) struct Who<'a> {
    pub(super) name: &'a Name,
    /// Since when the account has the password it has: what was before does not count. `None`: there is no such account.
    pub(super) since: Option<Timestamp>,
    pub(super) place: Place,
}

/// What makes an attempt wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Account,
    Address,
}

/// Failures since the last right password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throttle {
    salt: String,
    accounts: BTreeMap<String, Account>,
    addresses: BTreeMap<String, Failures>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    /// There is an account of this name.
    exists: bool,
    /// Where nobody is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failures: Option<Failures>,
    /// Where somebody gave the right password.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    known: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// On which day last: the hour is nobody's business.
    on: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failures: Option<Failures>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Throttle {
    /// Nobody has failed. The salt is 16 random bytes.
    pub(super) fn new(salt: [u8; 16]) -> Throttle {
        let salt = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        Throttle { salt, accounts: BTreeMap::new(), addresses: BTreeMap::new() }
    }

    /// How long an attempt has to wait before it is looked at, and for what.
    pub(super) fn wait(&self, who: &Who<'_>, now: Timestamp) -> Option<(Duration, By)> {
        let place = self.place(who.place);
        let account = self.accounts.get(&self.account(who.name));
        if let Some(known) = account.and_then(|account| account.known_at(&place, who.since, now)) {
            let left = known.failures.and_then(|failures| failures.since(who.since)?.account_wait(now));
            return left.map(|left| (left, By::Account));
        }
        let of_account = account.and_then(|account| account.failures?.since(who.since)?.account_wait(now));
        let of_address = self.addresses.get(&place).and_then(|failures| failures.address_wait(now));
        let waits = [of_account.map(|left| (left, By::Account)), of_address.map(|left| (left, By::Address))];
        waits.into_iter().flatten().max_by_key(|(left, _)| *left)
    }

    /// Until when nobody but where the account is known has it looked at.
    pub(super) fn locked_until(&self, name: &Name, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let failures = self.accounts.get(&self.account(name))?.failures?.since(Some(since))?;
        let left = failures.account_wait(now).filter(|_| failures.count >= LOCKED)?;
        now.checked_add(left).ok()
    }

    /// A wrong password. Says whose lock-out begins with it.
    pub(super) fn failed(&mut self, who: &Who<'_>, now: Timestamp) -> Option<By> {
        let (key, place) = (self.account(who.name), self.place(who.place));
        let account = self.accounts.entry(key).or_default();
        account.exists = who.since.is_some();
        if account.known_at(&place, who.since, now).is_some() {
            let known = account.known.get_mut(&place)?;
            let failures = known.failures.insert(Failures::one_more(known.failures, who.since, now));
            return (failures.count == LOCKED).then_some(By::Account);
        }
        let failures = account.failures.insert(Failures::one_more(account.failures, who.since, now));
        let mut begins = (failures.count == LOCKED).then_some(By::Account);
        if let Place::Address(_) = who.place {
            let before = self.addresses.get(&place).map_or(0, |failures| failures.unforgiven(now));
            let count = before.saturating_add(1);
            self.addresses.insert(place, Failures { count, last: now });
            if count == ADDRESS_FREE {
                begins = begins.or(Some(By::Address));
            }
        }
        self.bound();
        begins
    }

    /// The right password. Says whether anything is to be kept of it.
    pub(super) fn succeeded(&mut self, who: &Who<'_>, now: Timestamp) -> bool {
        let (key, place, on) = (self.account(who.name), self.place(who.place), day(now));
        let account = self.accounts.entry(key).or_default();
        account.exists = true;
        let was_known = account.known_at(&place, who.since, now).is_some();
        let known = Known { on, failures: None };
        if was_known && account.known.get(&place) == Some(&known) {
            return false;
        }
        if !was_known {
            // Whoever came through the waits of strangers ends them.
            account.failures = None;
        }
        account.known.insert(place, known);
        if account.known.len() > PLACES {
            forget_oldest(&mut account.known, |known| known.on);
        }
        true
    }

    /// Forgets an account's failures.
    pub(super) fn unlock(&mut self, name: &Name) {
        if let Some(account) = self.accounts.get_mut(&self.account(name)) {
            account.failures = None;
            account.known.values_mut().for_each(|known| known.failures = None);
        }
    }

    /// Forgets what makes nobody wait any more.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let counts = |failures: &Failures| failures.ago(now) < LONGEST;
        for account in self.accounts.values_mut() {
            account.failures = account.failures.filter(counts);
            account.known.retain(|_, known| known.is_fresh(now));
        }
        self.accounts.retain(|_, account| account.failures.is_some() || !account.known.is_empty());
        self.addresses.retain(|_, failures| failures.unforgiven(now) > 0);
    }

    fn bound(&mut self) {
        while self.accounts.values().filter(|account| !account.exists).count() > STRANGERS {
            let strangers = self.accounts.iter().filter(|(_, account)| !account.exists);
            let oldest = strangers.min_by_key(|(_, account)| account.failures.map(|failures| failures.last));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            self.accounts.remove(&oldest);
        }
        if self.addresses.len() > STRANGERS {
            forget_oldest(&mut self.addresses, |failures| failures.last);
        }
    }

    fn account(&self, name: &Name) -> String {
        self.hashed("account", name.as_str())
    }

    /// An IPv6 client chooses among the addresses of its network, and is known by that (RFC 4291 §2.5.1).
    fn place(&self, place: Place) -> String {
        match place {
            Place::Machine => "machine".to_owned(),
            Place::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => self.hashed("address", &address.to_string()),
                IpAddr::V6(address) => self.hashed("address", &format!("{:x}", u128::from(address) >> 64)),
            },
        }
    }

    fn hashed(&self, kind: &str, text: &str) -> String {
        let hash = Sha256::digest(format!("{}\n{kind}\n{text}", self.salt));
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Account {
    fn known_at(&self, place: &str, since: Option<Timestamp>, now: Timestamp) -> Option<&Known> {
        let since = since?;
        self.known.get(place).filter(|known| known.is_fresh(now) && known.on >= day(since))
    }
}

impl Known {
    fn is_fresh(&self, now: Timestamp) -> bool {
        (day(now) - self.on).get_days() <= KNOWN_DAYS
    }
}

impl Failures {
    fn one_more(before: Option<Failures>, since: Option<Timestamp>, now: Timestamp) -> Failures {
        let before = before.and_then(|failures| failures.since(since)).filter(|failures| failures.ago(now) < LONGEST);
        Failures { count: before.map_or(0, |failures| failures.count).saturating_add(1), last: now }
    }

    /// As far as they are of the password that the account has.
    fn since(self, since: Option<Timestamp>) -> Option<Failures> {
        since.is_none_or(|since| self.last >= since).then_some(self)
    }

    /// How long ago the last was. A clock that was set back makes it longer ago than it seems, and the wait no shorter.
    fn ago(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.last)).unwrap_or_default()
    }

    fn account_wait(self, now: Timestamp) -> Option<Duration> {
        wait(self.count).checked_sub(self.ago(now)).filter(|left| !left.is_zero())
    }

    /// Of an address: what is not yet forgiven.
    fn unforgiven(&self, now: Timestamp) -> u32 {
        let forgiven = self.ago(now).as_secs() / FORGIVEN.as_secs();
        self.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    fn address_wait(self, now: Timestamp) -> Option<Duration> {
        let beyond = self.unforgiven(now).checked_sub(ADDRESS_FREE)?;
        let wait = Duration::from_secs(1u64.checked_shl(beyond).unwrap_or(u64::MAX)).min(ADDRESS_LONGEST);
        wait.checked_sub(self.ago(now)).filter(|left| !left.is_zero())
    }
}

fn forget_oldest<T, K: Ord>(map: &mut BTreeMap<String, T>, by: impl Fn(&T) -> K) {
    let oldest = map.iter().min_by_key(|(_, value)| by(value)).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        map.remove(&oldest);
    }
}

fn day(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

/// How long after the last of so many failures of an account the next look may come.
fn wait(failures: u32) -> Duration {
    match failures {
        0..FREE => Duration::ZERO,
        FREE..LOCKED => Duration::from_secs(1 << (failures - FREE)),
        LOCKED.. => LOCK.saturating_mul(failures - LOCKED + 1).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T10:00:00Z".parse().expect("an instant")
    }

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn at(last: u8) -> Place {
        Place::Address(IpAddr::from([10, 0, 0, last]))
    }

    fn who(name: &Name, place: Place) -> Who<'_> {
        Who { name, since: Some(now() - Duration::from_secs(86_400)), place }
    }

    fn nobody() -> Throttle {
        Throttle::new([7; 16])
    }

    #[test]
    fn waits_grow_and_never_shrink() {
        assert_eq!(wait(FREE - 1), Duration::ZERO);
        assert_eq!(wait(FREE), Duration::from_secs(1));
        assert_eq!(wait(LOCKED), LOCK);
        for failures in 0..200 {
            assert!(wait(failures) <= wait(failures + 1), "{failures}");
        }
        assert_eq!(wait(u32::MAX), LONGEST);
    }

    #[test]
    fn an_account_waits_for_guesses_from_anywhere_until_somebody_gives_the_password() {
        let (mut throttle, martin) = (nobody(), name("a.martin"));
        for n in 1..=LOCKED {
            let begins = throttle.failed(&who(&martin, at(n as u8)), now());
            assert_eq!(begins.is_some(), n == LOCKED, "{n}");
        }
        let from_elsewhere = who(&martin, at(99));
        assert_eq!(throttle.wait(&from_elsewhere, now()), Some((LOCK, By::Account)));
        assert_eq!(throttle.wait(&who(&name("p.dupont"), at(1)), now()), None, "nobody else waits");
        assert!(throttle.locked_until(&martin, now() - LONGEST, now()).is_some());
        assert_eq!(throttle.wait(&from_elsewhere, now() + LOCK), None);
        assert!(throttle.succeeded(&from_elsewhere, now() + LOCK));
        assert_eq!(throttle.wait(&who(&martin, at(98)), now() + LOCK), None, "afresh");
    }

    #[test]
    fn guesses_from_elsewhere_lock_nobody_out_where_they_are_known() {
        let (mut throttle, martin) = (nobody(), name("a.martin"));
        let (desk, stranger) = (who(&martin, at(1)), who(&martin, at(66)));
        assert!(throttle.succeeded(&desk, now()));
        assert!(!throttle.succeeded(&desk, now()), "a second one tells nothing new");
        for _ in 0..50 {
            throttle.failed(&stranger, now());
        }
        assert_eq!(throttle.wait(&desk, now()), None);
        assert!(throttle.wait(&stranger, now()).is_some());
        throttle.succeeded(&desk, now());
        assert!(throttle.wait(&stranger, now()).is_some(), "what is known at one place says nothing of another");
        // Guesses from the desk itself are slowed down, too, by a count of their own.
        for _ in 0..LOCKED {
            throttle.failed(&desk, now());
        }
        assert_eq!(throttle.wait(&desk, now()), Some((LOCK, By::Account)));
        let much_later = now() + Duration::from_secs(86_400 * 31);
        throttle.sweep(much_later);
        assert_eq!(throttle, nobody(), "nothing is kept longer than it is needed");
    }

    #[test]
    fn an_address_that_tries_many_accounts_waits_and_is_forgiven_slowly() {
        let mut throttle = nobody();
        for n in 1..=ADDRESS_FREE {
            let begins = throttle.failed(&who(&name(&format!("user{n}")), at(66)), now());
            assert_eq!(begins, (n == ADDRESS_FREE).then_some(By::Address), "{n}");
        }
        let fresh = name("another");
        assert_eq!(throttle.wait(&who(&fresh, at(66)), now()), Some((Duration::from_secs(1), By::Address)));
        assert_eq!(throttle.wait(&who(&fresh, at(67)), now()), None, "its neighbour does not");
        for n in 0..40 {
            throttle.failed(&who(&name(&format!("more{n}")), at(66)), now());
        }
        assert_eq!(throttle.wait(&who(&fresh, at(66)), now()), Some((ADDRESS_LONGEST, By::Address)));
        assert_eq!(throttle.wait(&who(&fresh, at(66)), now() + FORGIVEN * 60), None);
    }

    #[test]
    fn what_was_before_the_password_changed_and_a_clock_set_back_count_as_they_must() {
        let (mut throttle, martin) = (nobody(), name("a.martin"));
        for _ in 0..LOCKED {
            throttle.failed(&who(&martin, at(1)), now());
        }
        let set_back = now() - Duration::from_secs(3600);
        assert_eq!(throttle.wait(&who(&martin, at(1)), set_back), Some((LOCK, By::Account)));
        let changed = Who { since: Some(now() + Duration::from_secs(1)), ..who(&martin, at(1)) };
        assert_eq!(throttle.wait(&changed, now() + Duration::from_secs(2)), None);
        throttle.unlock(&martin);
        assert_eq!(throttle.wait(&who(&martin, at(1)), now()), None);
    }

    #[test]
    fn strangers_are_bounded_push_no_account_out_and_stand_nowhere_by_name() {
        let (mut throttle, martin) = (nobody(), name("a.martin"));
        for _ in 0..LOCKED {
            throttle.failed(&who(&martin, at(1)), now());
        }
        for n in 0..STRANGERS as u32 + 10 {
            let [.., b, c, d] = n.to_be_bytes();
            let place = Place::Address(IpAddr::from([11, b, c, d]));
            let later = now() + Duration::from_millis(n.into());
            throttle.failed(&Who { name: &name(&format!("stranger{n}")), since: None, place }, later);
        }
        assert_eq!(throttle.accounts.len(), STRANGERS + 1);
        assert!(throttle.addresses.len() <= STRANGERS);
        assert!(throttle.wait(&who(&martin, at(99)), now()).is_some());
        let kept = serde_json::to_string(&throttle).expect("written");
        assert!(!kept.contains("martin") && !kept.contains("stranger") && !kept.contains("10.0.0"), "{kept}");
        assert_eq!(serde_json::from_str::<Throttle>(&kept).expect("read"), throttle);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let throttle = nobody();
        let place = |text: &str| throttle.place(Place::Address(text.parse().expect("an address")));
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:1:2"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("::ffff:10.0.0.1"), place("10.0.0.1"));
    }
}

//! Slowing guesses down, as for local accounts: after a few wrong passwords each further question about a name has to wait, longer
//! every time. A wrong password that is repeated is not asked about again: directories lock accounts out.
//!
//! What was tried before is compared by its mark, never by the password.

use super::passwords::Mark;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong passwords that cost no wait: fingers slip.
const FREE: u32 = 3;
/// The failure that begins the lock-out.
const LOCKED: u32 = 10;
/// The lock-out's first wait, and what each further failure adds.
const LOCK: Duration = Duration::from_secs(15 * 60);
/// No wait is longer, and an account left alone for so long starts afresh.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Names without an account that are kept in mind. Accounts are never pushed out by them.
const STRANGERS: usize = 10_000;

/// What may be done with an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Look at the password.
    Look,
    /// The same wrong password as last time: a program that keeps an old password, not somebody who guesses.
    SameAgain,
    /// Look at nothing until then.
    Wait(Duration),
}

#[derive(Default)]
pub(super) struct Throttle {
    failures: HashMap<Box<str>, Failures>,
    strangers: usize,
}

struct Failures {
    count: u32,
    last: Instant,
    mark: Mark,
    known: bool,
}

impl Throttle {
    pub(super) fn attempt(&self, name: &str, mark: &Mark, now: Instant) -> Attempt {
        let Some(failures) = self.failures.get(name) else {
            return Attempt::Look;
        };
        if failures.mark == *mark {
            return Attempt::SameAgain;
        }
        let since = now.saturating_duration_since(failures.last);
        match wait(failures.count).checked_sub(since) {
            Some(left) if !left.is_zero() => Attempt::Wait(left),
            _ => Attempt::Look,
        }
    }

    pub(super) fn failed(&mut self, name: &str, mark: Mark, known: bool, now: Instant) {
        if let Some(failures) = self.failures.get_mut(name) {
            let afresh = now.saturating_duration_since(failures.last) >= LONGEST;
            failures.count = if afresh { 1 } else { failures.count.saturating_add(1) };
            (failures.last, failures.mark) = (now, mark);
            return;
        }
        if !known {
            if self.strangers >= STRANGERS {
                self.forget_oldest_stranger();
            }
            self.strangers += 1;
        }
        self.failures.insert(name.into(), Failures { count: 1, last: now, mark, known });
    }

    pub(super) fn succeeded(&mut self, name: &str) {
        if self.failures.remove(name).is_some_and(|failures| !failures.known) {
            self.strangers -= 1;
        }
    }

    fn forget_oldest_stranger(&mut self) {
        let strangers = self.failures.iter().filter(|(_, failures)| !failures.known);
        if let Some(name) = strangers.min_by_key(|(_, failures)| failures.last).map(|(name, _)| name.clone()) {
            self.failures.remove(&name);
            self.strangers -= 1;
        }
    }
}

/// How long after the last of so many failures the next look may come.
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

    fn mark(n: u32) -> Mark {
        let mut mark = [0; 32];
        mark[..4].copy_from_slice(&n.to_le_bytes());
        mark
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
    fn success_and_a_day_of_rest_start_afresh() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for n in 0..LOCKED {
            throttle.failed("a", mark(n), true, now);
        }
        assert_eq!(throttle.attempt("a", &mark(99), now), Attempt::Wait(LOCK));
        assert_eq!(throttle.attempt("b", &mark(99), now), Attempt::Look);
        assert_eq!(throttle.attempt("a", &mark(99), now + LOCK), Attempt::Look);
        throttle.failed("a", mark(99), true, now + LONGEST);
        assert_eq!(throttle.attempt("a", &mark(100), now + LONGEST), Attempt::Look);
        throttle.succeeded("a");
        assert!(throttle.failures.is_empty());
    }

    #[test]
    fn an_old_saved_password_repeated_locks_nobody_out() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        throttle.failed("a", mark(1), true, now);
        for _ in 0..100 {
            assert_eq!(throttle.attempt("a", &mark(1), now), Attempt::SameAgain);
        }
        assert_eq!(throttle.attempt("a", &mark(2), now), Attempt::Look);
    }

    #[test]
    fn strangers_are_bounded_and_push_no_account_out() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for n in 0..LOCKED {
            throttle.failed("account", mark(n), true, now);
        }
        for n in 0..STRANGERS as u32 + 10 {
            let later = now + Duration::from_millis(u64::from(n));
            throttle.failed(&format!("stranger{n}"), mark(n), false, later);
        }
        assert_eq!(throttle.failures.len(), STRANGERS + 1);
        assert!(!throttle.failures.contains_key("stranger9") && throttle.failures.contains_key("stranger10"));
        assert!(matches!(throttle.attempt("account", &mark(99), now), Attempt::Wait(_)));
    }
}

//! A bucket that bytes drip into at a rate: the arithmetic of a limit. What time it is, it is told.
use policy::Rate;
use std::time::Duration;
use tokio::time::Instant;

/// How many of the bucket's parts a byte is: with a rate in bytes each second, so many drip in each nanosecond as the rate
/// says, and nothing is ever rounded.
const PARTS: u128 = 1_000_000_000;
/// What is given at once lasts a fiftieth of a second on the whole, so that what is slowed down stays smooth.
const ROUNDS_PER_SECOND: u64 = 50;
/// The least that is given at once: a segment of TCP.
const SEGMENT: u64 = 1460;
/// The most: what one read brings.
const MOST: u64 = 64 * 1024;

/// The bucket. It begins empty, so that whoever begins anew with each request has nothing of it.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    level: u128,
    at: Instant,
}

impl Bucket {
    /// An empty one.
    pub(super) fn new(rate: Rate, now: Instant) -> Bucket {
        Bucket { rate, level: 0, at: now }
    }

    /// At which it fills.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// When so many bytes will be in it, at most as many as [`Bucket::depth`]; `now` when they are.
    pub(super) fn due(&mut self, bytes: usize, now: Instant) -> Instant {
        let rate = u128::from(self.rate.bytes_per_second());
        let dripped = now.saturating_duration_since(self.at).as_nanos() * rate;
        self.at = self.at.max(now);
        self.level = (self.level + dripped).min(u128::from(self.depth()) * PARTS);
        let lacking = (bytes as u128 * PARTS).saturating_sub(self.level);
        now + Duration::from_nanos(u64::try_from(lacking.div_ceil(rate)).unwrap_or(u64::MAX))
    }

    /// Takes bytes out, when they are there.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let there = self.due(bytes, now) <= now;
        if there {
            self.level -= bytes as u128 * PARTS;
        }
        there
    }

    /// Puts back what was taken and not used.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.level += bytes as u128 * PARTS;
    }

    /// What it holds at most: in any time, no more leaves than the rate gives in that time, and this.
    pub(super) fn depth(&self) -> u64 {
        (self.rate.bytes_per_second() / ROUNDS_PER_SECOND).max(SEGMENT)
    }

    /// What is given at once where so many wait: each has had a turn within a round, as far as segments allow.
    pub(super) fn turn(&self, waiting: usize) -> usize {
        let each = self.rate.bytes_per_second() / ROUNDS_PER_SECOND / (waiting.max(1) as u64);
        usize::try_from(each.clamp(SEGMENT, MOST)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Duration, Instant, Rate};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_time_gives_and_one_depth(
            rate in Rate::LEAST..1_000_000_000,
            steps in prop::collection::vec((0u64..80_000_000, 1usize..100_000, any::<bool>()), 1..200),
        ) {
            let begin = Instant::now();
            let rate = Rate::new(rate).expect("within bounds");
            let (mut now, mut bucket, mut given) = (begin, Bucket::new(rate, begin), Vec::new());
            for (pause, want, waits) in steps {
                now += Duration::from_nanos(pause);
                let part = want.min(bucket.turn(1));
                let mut taken = bucket.take(part, now);
                if !taken && waits {
                    let due = bucket.due(part, now);
                    prop_assert!(due > now);
                    let early = due - Duration::from_nanos(1);
                    prop_assert!(!bucket.take(part, early.max(now)), "not a moment too early");
                    now = due;
                    taken = bucket.take(part, now);
                    prop_assert!(taken, "and there when it was said");
                }
                if taken {
                    given.push((now, part as u128));
                }
            }
            for (first, (from, _)) in given.iter().enumerate() {
                let mut sum = 0;
                for (until, bytes) in &given[first..] {
                    sum += bytes;
                    let time = until.duration_since(*from).as_nanos();
                    let most = time * u128::from(rate.bytes_per_second()) / 1_000_000_000 + u128::from(bucket.depth());
                    prop_assert!(sum <= most, "{sum} bytes in {time} ns");
                }
            }
        }

        #[test]
        fn whatever_is_given_at_once_fits_into_the_bucket(rate in Rate::LEAST..=Rate::MOST, waiting in 0usize..100_000) {
            let bucket = Bucket::new(Rate::new(rate).expect("within bounds"), Instant::now());
            prop_assert!(bucket.turn(waiting) as u64 <= bucket.depth());
            prop_assert!(bucket.turn(waiting) >= 1460);
        }
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let now = Instant::now();
        let mut bucket = Bucket::new("1MB/s".parse().expect("a rate"), now);
        let then = now + Duration::from_millis(10);
        assert!(bucket.take(10_000, then) && !bucket.take(10_000, then));
        assert_eq!(bucket.due(10_000, then), then + Duration::from_millis(10));
        bucket.give_back(10_000);
        assert!(bucket.take(10_000, then));
    }
}

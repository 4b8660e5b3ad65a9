//! How often something took how long, in microseconds, to within one part in 64.

/// Values below this have a bucket each; above, each power of two is cut into half as many.
const FINE: u64 = 128;
/// Buckets of one power of two.
const STEPS: u64 = FINE / 2;

/// Counts by size. It grows to the largest value: a few kilobytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Histogram {
    /// Counts one value.
    pub(crate) fn add(&mut self, micros: u64) {
        let bucket = bucket(micros);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.largest = self.largest.max(micros);
    }

    /// The largest value, exactly.
    pub(crate) fn largest(&self) -> u64 {
        self.largest
    }

    /// The value that `share` of all are at or below: the end of its bucket. 0 when there is none.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return end(bucket).min(self.largest);
            }
        }
        0
    }
}

fn bucket(value: u64) -> usize {
    if value < FINE {
        return value as usize;
    }
    let shift = u64::from(value.ilog2()) - u64::from(STEPS.ilog2());
    (shift * STEPS + (value >> shift)) as usize
}

/// The largest value of a bucket.
fn end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < FINE {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    (((bucket % STEPS) + STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_no_bucket_is_wide() {
        let mut last = 0;
        for value in (0..5_000).chain((13..40).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let bucket = bucket(value);
            assert!(bucket >= last, "{value} lies below its predecessor");
            assert!(end(bucket) >= value && end(bucket) - value <= value / STEPS, "{value} lies in {bucket}");
            last = bucket;
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(0.5), 0);
        for value in 1..=1_000 {
            times.add(value);
        }
        assert_eq!(times.largest(), 1_000);
        for (share, exact) in [(0.5, 500), (0.99, 990), (1.0, 1_000)] {
            let told = times.quantile(share);
            assert!(told >= exact && told <= exact + exact / STEPS, "{share}: {told}");
        }
    }
}

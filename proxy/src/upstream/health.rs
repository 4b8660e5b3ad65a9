//! Whether the parent proxy is any help: said once when it ends, and once when it begins again.
use arc_swap::ArcSwapOption;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the last who asked the parent found out.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Why it is no help; none while it is.
    trouble: ArcSwapOption<String>,
    /// How often it has been.
    helped: AtomicU64,
}

/// How often the parent had helped when somebody began to ask it, and when that was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Helped {
    count: u64,
    /// Since when it is waited for.
    pub(super) at: Instant,
}

impl Health {
    /// It did what it was asked for: a tunnel opened, or it gave an answer that was not about the gate itself.
    pub(super) fn helps(&self) {
        self.helped.fetch_add(1, Ordering::Relaxed);
        // Read first: while all goes well, nobody writes.
        if self.trouble.load().is_some() && self.trouble.swap(None).is_some() {
            tracing::info!("the parent proxy is back");
        }
    }

    /// It is no help.
    pub(super) fn fails(&self, why: &dyn Display) {
        if self.trouble.swap(Some(Arc::new(why.to_string()))).is_none() {
            tracing::error!("the parent proxy is no help: {why}");
        }
    }

    /// How often it has helped until now.
    pub(super) fn helped(&self) -> Helped {
        Helped { count: self.helped.load(Ordering::Relaxed), at: Instant::now() }
    }

    /// It said nothing, or nothing of use, to somebody who asked it `since` then. That may be the origin's silence behind
    /// it: it is, when the parent has helped others meanwhile.
    pub(super) fn silent(&self, since: Helped, why: &dyn Display) {
        if self.helped.load(Ordering::Relaxed) == since.count {
            self.fails(why);
        }
    }

    /// Why it is no help; none while it is.
    pub(super) fn trouble(&self) -> Option<Arc<String>> {
        self.trouble.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::Health;

    #[test]
    fn silence_is_the_parents_when_it_helps_nobody() {
        let health = Health::default();
        let since = health.helped();
        health.helps();
        health.silent(since, &"it is silent");
        assert_eq!(health.trouble(), None, "it helped another meanwhile");
        health.silent(health.helped(), &"it is silent");
        assert_eq!(health.trouble().as_deref().map(String::as_str), Some("it is silent"));
        health.helps();
        assert_eq!(health.trouble(), None);
    }
}

//! A latch: what waits on it goes on once it is opened.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Closed when made; opened once, for all. Clones are the same latch.
#[derive(Clone, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    /// A closed latch.
    pub fn new() -> Latch {
        Latch::default()
    }

    /// Lets everyone through, now and later.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open, at most `limit`; false when `limit` passed.
    pub fn wait(&self, limit: Duration) -> bool {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, _) = self.0.1.wait_timeout_while(open, limit, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        *open
    }
}

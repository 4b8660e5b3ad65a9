//! Connections kept between exchanges: bounded per origin and in all, the freshest lent first.
use super::Origin;
use policy::{Scheme, Target};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Idle connections kept to one origin.
const PER_ORIGIN: usize = 64;
/// Idle connections kept in all.
const IN_ALL: usize = 2048;
/// Most origins close what is idle for longer; a request on such a connection would have to be sent twice.
const IDLE: Duration = Duration::from_secs(30);

/// An origin as the pool tells them apart. The name is part of it: two names on one address are two origins.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
}

#[derive(Debug)]
struct Idle {
    origin: Origin,
    since: Instant,
}

/// The kept connections.
#[derive(Debug, Default)]
pub(super) struct Pool {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_origin: HashMap<Key, Vec<Idle>>,
    count: usize,
}

impl Pool {
    /// The most recently kept live connection to this origin.
    pub(super) fn take(&self, target: &Target) -> Option<Origin> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let list = kept.by_origin.get_mut(&key(target))?;
        while let Some(mut idle) = list.pop() {
            kept.count -= 1;
            if idle.since.elapsed() < IDLE && idle.origin.stream.is_quiet() {
                return Some(idle.origin);
            }
        }
        None
    }

    /// Keeps a connection, unless there are enough.
    pub(super) fn put(&self, target: &Target, mut origin: Origin) {
        origin.kept = true;
        origin.buffer.release();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        if kept.count >= IN_ALL {
            return;
        }
        let list = kept.by_origin.entry(key(target)).or_default();
        if list.len() < PER_ORIGIN {
            list.push(Idle { origin, since: Instant::now() });
            kept.count += 1;
        }
    }

    /// Closes what has been idle too long.
    pub(super) fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        kept.by_origin.retain(|_, list| {
            list.retain(|idle| idle.since.elapsed() < IDLE);
            !list.is_empty()
        });
        kept.count = kept.by_origin.values().map(Vec::len).sum();
    }
}

fn key(target: &Target) -> Key {
    Key { scheme: target.scheme(), host: target.host().into(), port: target.port() }
}

//! Connections kept between exchanges: bounded per host and in all, the freshest lent first, the oldest closed for a new one.
use super::Origin;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Idle connections kept in all.
const IN_ALL: usize = 4096;
/// How many of the oldest make room when there are so many: few at a time, because whoever closes them waits for it.
const AT_ONCE: usize = IN_ALL / 32;
/// Most origins close what is idle for longer; a request on such a connection would have to be sent twice.
const IDLE: Duration = Duration::from_secs(30);

/// The kept connections.
#[derive(Debug)]
pub(super) struct Pool {
    per_host: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The name is what tells origins apart: two names on one address are two origins. Asked for without a copy of it.
    by_host: HashMap<Box<str>, VecDeque<Idle>>,
    count: usize,
}

/// The oldest of a host stand in front.
#[derive(Debug)]
struct Idle {
    origin: Origin,
    port: u16,
    since: Instant,
}

impl Pool {
    /// An empty one, which keeps so many to one host.
    pub(super) fn new(per_host: usize) -> Pool {
        Pool { per_host, kept: Mutex::default() }
    }

    /// The most recently kept live connection to this origin.
    pub(super) fn take(&self, host: &str, port: u16) -> Option<Origin> {
        // Declared before the lock, so that they are closed after it.
        let mut dead = Vec::new();
        let mut kept = self.lock();
        let Kept { by_host, count } = &mut *kept;
        let list = by_host.get_mut(host)?;
        while let Some(at) = list.iter().rposition(|idle| idle.port == port)
            && let Some(mut idle) = list.remove(at)
        {
            *count -= 1;
            if idle.since.elapsed() < IDLE && idle.origin.stream.is_quiet() {
                return Some(idle.origin);
            }
            dead.push(idle);
        }
        None
    }

    /// Keeps a connection.
    pub(super) fn put(&self, host: &str, port: u16, mut origin: Origin) {
        origin.kept = true;
        origin.buffer.release();
        let idle = Idle { origin, port, since: Instant::now() };
        let mut kept = self.lock();
        let closed = if kept.count >= IN_ALL { kept.oldest() } else { Vec::new() };
        let Kept { by_host, count } = &mut *kept;
        *count += 1;
        let gives_way = match by_host.get_mut(host) {
            Some(list) => {
                let gives_way = if list.len() >= self.per_host { list.pop_front() } else { None };
                list.push_back(idle);
                gives_way
            }
            None => {
                by_host.insert(host.into(), VecDeque::from([idle]));
                None
            }
        };
        *count -= usize::from(gives_way.is_some());
        drop(kept);
        drop((closed, gives_way));
    }

    /// Closes the oldest, a few at a time, until at most so many are left.
    pub(super) fn limit(&self, most: usize) {
        loop {
            let mut kept = self.lock();
            if kept.count <= most {
                return;
            }
            let closed = if kept.count <= AT_ONCE { kept.split_off(|_| true) } else { kept.oldest() };
            drop(kept);
            drop(closed);
        }
    }

    /// Closes what has been idle too long.
    pub(super) fn sweep(&self) {
        let closed = self.lock().split_off(|since| since.elapsed() >= IDLE);
        drop(closed);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Takes out the oldest. All are looked at, once for as many new ones as are taken out.
    fn oldest(&mut self) -> Vec<Idle> {
        let mut all: Vec<Instant> = self.by_host.values().flatten().map(|idle| idle.since).collect();
        if all.len() <= AT_ONCE {
            return Vec::new();
        }
        let (_, last, _) = all.select_nth_unstable(AT_ONCE);
        let last = *last;
        self.split_off(|since| since <= last)
    }

    /// Takes out those that were kept at a time that `goes`; within a host, the oldest come first.
    fn split_off(&mut self, goes: impl Fn(Instant) -> bool) -> Vec<Idle> {
        let mut out = Vec::new();
        self.by_host.retain(|_, list| {
            while list.front().is_some_and(|idle| goes(idle.since)) {
                out.extend(list.pop_front());
            }
            !list.is_empty()
        });
        self.count -= out.len();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::Form;
    use super::super::stream::Stream;
    use super::*;
    use crate::wire::Buffer;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    /// Connections to a listener, and its ends of them.
    struct Ends {
        listener: TcpListener,
        accepted: Vec<TcpStream>,
    }

    impl Ends {
        async fn new() -> Ends {
            Ends { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"), accepted: Vec::new() }
        }

        async fn origin(&mut self) -> Origin {
            let address = self.listener.local_addr().expect("bound");
            let (stream, accepted) = tokio::join!(TcpStream::connect(address), self.listener.accept());
            self.accepted.push(accepted.expect("accepted").0);
            let stream = Stream::Plain(stream.expect("connected"));
            Origin { stream, buffer: Buffer::default(), went_to: None, form: Form::Origin, kept: false }
        }
    }

    fn port_of(origin: &Origin) -> u16 {
        origin.stream.plain().and_then(|stream| stream.local_addr().ok()).expect("plain").port()
    }

    #[tokio::test]
    async fn the_freshest_is_lent_and_the_oldest_gives_way() {
        let (pool, mut ends) = (Pool::new(2), Ends::new().await);
        let mut ports = Vec::new();
        for _ in 0..3 {
            let origin = ends.origin().await;
            ports.push(port_of(&origin));
            pool.put("a.test", 80, origin);
        }
        assert!(pool.take("a.test", 81).is_none() && pool.take("b.test", 80).is_none());
        let lent: Vec<u16> = std::iter::from_fn(|| pool.take("a.test", 80)).map(|origin| port_of(&origin)).collect();
        assert_eq!(lent, [ports[2], ports[1]]);
        assert_eq!(pool.lock().count, 0);
    }

    #[tokio::test]
    async fn one_that_has_ended_or_spoken_is_not_lent() {
        let (pool, mut ends) = (Pool::new(8), Ends::new().await);
        let (ended, spoken) = (ends.origin().await, ends.origin().await);
        drop(ends.accepted.remove(0));
        ends.accepted[0].write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.expect("written");
        for origin in [ended, spoken] {
            origin.stream.plain().expect("plain").readable().await.expect("the reactor has noted it");
            pool.put("a.test", 80, origin);
        }
        assert!(pool.take("a.test", 80).is_none());
        assert_eq!(pool.lock().count, 0);
    }

    #[tokio::test]
    async fn of_too_many_the_oldest_go_and_what_is_idle_too_long_too() {
        let (pool, mut ends) = (Pool::new(8), Ends::new().await);
        let mut kept = Kept::default();
        let now = Instant::now();
        for n in 0..AT_ONCE as u64 + 2 {
            let idle = Idle { origin: ends.origin().await, port: 80, since: now - Duration::from_secs(2 * (1000 - n)) };
            kept.by_host.entry(format!("{}.test", n % 7).into()).or_default().push_back(idle);
            kept.count += 1;
        }
        assert_eq!(kept.oldest().len(), AT_ONCE + 1);
        assert_eq!(kept.count, 1);
        *pool.lock() = kept;
        pool.limit(1);
        assert_eq!(pool.lock().count, 1);
        pool.limit(0);
        pool.sweep();
        let kept = pool.lock();
        assert_eq!((kept.count, kept.by_host.len()), (0, 0));
    }
}

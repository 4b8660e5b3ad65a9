//! Turns at a limit: whoever wants bytes gets them as they become due, each party its fair share.
//!
//! Parties are served by start-time fair queuing (Goyal, Vin, Cheng, SIGCOMM 1996): each has a mark that moves on by the bytes it
//! got, and the lowest mark is next. A party that wants less than its share leaves the rest to the others, and whoever
//! comes after a pause begins where the others are: no credit is saved up, and a small request waits for one turn, not for
//! a round. Within a party, first come, first served.
use super::bucket::Bucket;
use policy::Rate;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

/// A limit, and whoever waits at it.
///
/// While somebody waits, one task keeps the time and serves. It belongs to nobody who waits: a client that doesn't take its answer
/// holds up nobody else. When nobody waits there is none.
pub(super) struct Turns<K> {
    queue: Mutex<Queue<K>>,
    /// Something became due before the time keeper's timer rings.
    sooner: Notify,
}

struct Queue<K> {
    /// `None`: no limit.
    bucket: Option<Bucket>,
    parties: HashMap<K, Party>,
    /// Who waits, by mark, then by arrival.
    waiting: BTreeMap<Turn, K>,
    /// Turns taken so far.
    arrivals: u64,
    /// The mark that newcomers begin with: that of whoever was served last, or a little more.
    reached: u64,
    /// The highest mark.
    highest: u64,
    /// Who left with a mark above `reached`: forgotten when that is reached.
    leaving: VecDeque<K>,
    /// When the time keeper's timer rings; `None`: there is no time keeper.
    rings: Option<Instant>,
}

/// A mark, and the order of arrival among equals.
type Turn = (u64, u64);

#[derive(Default)]
struct Party {
    /// How many ways in it has.
    lanes: usize,
    mark: u64,
    /// Where it stands in [`Queue::waiting`], when it does.
    turn: Turn,
    wants: VecDeque<Want>,
    /// It stands in [`Queue::leaving`].
    leaving: bool,
}

struct Want {
    bytes: usize,
    grant: oneshot::Sender<usize>,
}

/// Somebody who waits; dropped, what was granted meanwhile goes to the next.
struct Waiter<'a, K: Clone + Eq + Hash + Send + 'static> {
    turns: &'a Arc<Turns<K>>,
    who: &'a K,
    granted: oneshot::Receiver<usize>,
}

impl<K: Clone + Eq + Hash + Send + 'static> Turns<K> {
    /// Turns at that limit.
    pub(super) fn new(rate: Option<Rate>) -> Turns<K> {
        let queue = Queue {
            bucket: rate.map(|rate| Bucket::new(rate, Instant::now())),
            parties: HashMap::new(),
            waiting: BTreeMap::new(),
            arrivals: 0,
            reached: 0,
            highest: 0,
            leaving: VecDeque::new(),
            rings: None,
        };
        Turns { queue: Mutex::new(queue), sooner: Notify::new() }
    }

    /// Another limit, from now on, for everybody; without one, whoever waits goes on at once.
    pub(super) fn limit(self: &Arc<Self>, rate: Option<Rate>) {
        let mut queue = self.lock();
        if queue.bucket.as_ref().map(Bucket::rate) == rate {
            return;
        }
        queue.bucket = rate.map(|rate| Bucket::new(rate, Instant::now()));
        self.serve(&mut queue);
    }

    /// One more way in for a party, which is known until it has [left](Turns::leave) as often.
    pub(super) fn enter(&self, who: &K) {
        self.lock().parties.entry(who.clone()).or_default().lanes += 1;
    }

    /// One way in less.
    pub(super) fn leave(&self, who: &K) {
        self.lock().leave(who);
    }

    /// Waits until some of `want` bytes may pass, and says how many: at least one, unless none is wanted. `waits` counts
    /// those who had to wait.
    ///
    /// Cancel safety: dropped, nothing is taken.
    pub(super) async fn take(self: &Arc<Self>, who: &K, want: usize, waits: &AtomicU64) -> usize {
        let waiter = {
            let mut queue = self.lock();
            if let Some(granted) = queue.at_once(want) {
                return granted;
            }
            let (grant, granted) = oneshot::channel();
            queue.want(who, Want { bytes: want, grant });
            self.serve(&mut queue);
            Waiter { turns: self, who, granted }
        };
        waits.fetch_add(1, Ordering::Relaxed);
        waiter.granted().await.unwrap_or(want)
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(self: &Arc<Self>, bytes: usize) {
        let mut queue = self.lock();
        if let Some(bucket) = &mut queue.bucket {
            bucket.give_back(bytes);
        }
        self.serve(&mut queue);
    }

    /// Sees to it that whoever waits will be served.
    fn serve(self: &Arc<Self>, queue: &mut Queue<K>) {
        let Some(due) = queue.due(Instant::now()) else { return };
        match queue.rings {
            None => {
                queue.rings = Some(due);
                tokio::spawn(self.clone().keep_time());
            }
            Some(rings) if due < rings => {
                queue.rings = Some(due);
                self.sooner.notify_one();
            }
            Some(_) => {}
        }
    }

    /// Serves whoever is due when it is due, until nobody waits.
    async fn keep_time(self: Arc<Self>) {
        loop {
            let (now, due) = {
                let mut queue = self.lock();
                let now = Instant::now();
                queue.round(now);
                queue.rings = queue.due(now);
                (now, queue.rings)
            };
            match due {
                None => return,
                // Timers ring by the millisecond, and much may be due by then. Whoever was just served comes back for more
                // before the others have all of it.
                Some(due) if due <= now => tokio::task::yield_now().await,
                // Either way it is time to look.
                Some(due) => drop(timeout_at(due, self.sooner.notified()).await),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many parties it knows of.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.lock().parties.len()
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Some of `want` bytes, when nobody waits and they are there.
    fn at_once(&mut self, want: usize) -> Option<usize> {
        if !self.waiting.is_empty() {
            return None;
        }
        let Some(bucket) = &mut self.bucket else { return Some(want) };
        let part = want.min(bucket.turn(1));
        bucket.take(part, Instant::now()).then_some(part)
    }

    fn want(&mut self, who: &K, want: Want) {
        let party = self.parties.entry(who.clone()).or_default();
        party.wants.push_back(want);
        if party.wants.len() == 1 {
            party.mark = party.mark.max(self.reached);
            self.arrivals += 1;
            party.turn = (party.mark, self.arrivals);
            self.waiting.insert(party.turn, who.clone());
        }
    }

    /// When the next will be due, if anybody waits.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        let count = self.waiting.len();
        let (_, who) = self.waiting.first_key_value()?;
        let want = self.parties.get(who).and_then(|party| party.wants.front());
        Some(match (&mut self.bucket, want) {
            (Some(bucket), Some(want)) => bucket.due(want.bytes.min(bucket.turn(count)), now),
            _ => now,
        })
    }

    /// Serves those who are due by now, as many turns as there are parties.
    fn round(&mut self, now: Instant) {
        for _ in 0..self.waiting.len() {
            let count = self.waiting.len();
            let Some((turn, who)) = self.waiting.pop_first() else { break };
            let Some(party) = self.parties.get_mut(&who) else { continue };
            let Some(want) = party.wants.pop_front() else { continue };
            let mut part = want.bytes;
            if let Some(bucket) = &mut self.bucket {
                part = part.min(bucket.turn(count));
                if !bucket.take(part, now) {
                    party.wants.push_front(want);
                    self.waiting.insert(turn, who);
                    return;
                }
            }
            if want.grant.send(part).is_ok() {
                let mark = party.mark + part as u64;
                self.highest = self.highest.max(mark);
                // The mark of newcomers moves on by each one's part of the bytes, so that a crowd of them passes nobody
                // who waits for ever.
                let lowest = self.waiting.first_key_value().map_or(mark, |((mark, _), _)| *mark);
                let moved_on = self.reached + part.div_ceil(count) as u64;
                self.reached = party.mark.max(moved_on.min(lowest));
                party.mark = mark;
            } else if let Some(bucket) = &mut self.bucket {
                bucket.give_back(part);
            }
            if !party.wants.is_empty() {
                self.arrivals += 1;
                party.turn = (party.mark, self.arrivals);
                self.waiting.insert(party.turn, who);
            }
        }
        if self.waiting.is_empty() {
            self.rest();
        }
    }

    /// Takes out what a party no longer wants.
    fn withdraw(&mut self, who: &K) {
        let Some(party) = self.parties.get_mut(who) else { return };
        let waited = !party.wants.is_empty();
        party.wants.retain(|want| !want.grant.is_closed());
        if waited && party.wants.is_empty() {
            self.waiting.remove(&party.turn);
        }
    }

    /// Nobody waits: all are even again.
    fn rest(&mut self) {
        self.reached = self.highest;
        while let Some(who) = self.leaving.pop_front() {
            self.forget(&who);
        }
    }

    /// A party without a lane is known until its mark is reached: else whoever asks on ever new connections would always
    /// be first.
    fn leave(&mut self, who: &K) {
        let Some(party) = self.parties.get_mut(who) else { return };
        party.lanes = party.lanes.saturating_sub(1);
        if party.lanes == 0 && !party.leaving {
            party.leaving = true;
            self.leaving.push_back(who.clone());
        }
        if self.waiting.is_empty() {
            self.rest();
        }
        while let Some(first) = self.leaving.front() {
            if self.parties.get(first).is_some_and(|party| party.lanes == 0 && party.mark > self.reached) {
                break;
            }
            if let Some(first) = self.leaving.pop_front() {
                self.forget(&first);
            }
        }
    }

    /// Forgets a party that stood in `leaving`, unless it has come back.
    fn forget(&mut self, who: &K) {
        match self.parties.get_mut(who) {
            Some(party) if party.lanes > 0 => party.leaving = false,
            Some(_) => drop(self.parties.remove(who)),
            None => {}
        }
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> Waiter<'_, K> {
    /// What was granted; `None` when that can no longer be known, which the queue never lets happen.
    async fn granted(mut self) -> Option<usize> {
        (&mut self.granted).await.ok()
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> Drop for Waiter<'_, K> {
    fn drop(&mut self) {
        // After a grant that was received there is nothing left in it.
        if self.granted.is_terminated() {
            return;
        }
        let mut queue = self.turns.lock();
        self.granted.close();
        match self.granted.try_recv() {
            Ok(bytes) => {
                if let Some(bucket) = &mut queue.bucket {
                    bucket.give_back(bytes);
                }
            }
            Err(_) => queue.withdraw(self.who),
        }
        self.turns.serve(&mut queue);
    }
}

//! What name servers said, for as long as they said it holds; questions under way, so that nobody asks a second time.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Names kept. A name takes some 200 bytes.
const MOST: usize = 16 * 1024;
/// No answer is believed for longer, whatever it says (RFC 8767 §4 has a week; a site that moves is not lost for one).
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Nor that a name is not there (RFC 2308 §5: one to three hours).
const LONGEST_NOTHING: Duration = Duration::from_secs(60 * 60);

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Its addresses, in the order they are tried; at least one.
    Addresses(Arc<[IpAddr]>),
    /// It has none.
    Nothing,
    /// The servers failed or said nothing.
    Unanswered,
}

/// Answers kept, and questions under way.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: Mutex<HashMap<Box<str>, Known>>,
    asked: Mutex<HashMap<Box<str>, Arc<OnceCell<Found>>>>,
}

#[derive(Debug)]
struct Known {
    found: Found,
    until: Instant,
}

impl Cache {
    /// What is known of a name, or what `ask` finds out: that, and until when it holds. Whoever wants the same name
    /// meanwhile waits for the same answer, which also leaves a forger one question at a time to guess (RFC 5452 §5).
    ///
    /// Cancel safety: dropped, the question is asked again by whoever waits for it.
    pub(super) async fn get(&self, name: &str, ask: impl AsyncFnOnce() -> (Found, Option<Instant>)) -> Found {
        if let Some(found) = self.known(name, Instant::now()) {
            return found;
        }
        let question = Question { cache: self, name, cell: lock(&self.asked).entry(name.into()).or_default().clone() };
        let answer = async {
            let (found, until) = ask().await;
            if let Some(until) = until {
                self.keep(name, &found, until, Instant::now());
            }
            found
        };
        question.cell.get_or_init(|| answer).await.clone()
    }

    fn known(&self, name: &str, now: Instant) -> Option<Found> {
        lock(&self.known).get(name).filter(|known| now < known.until).map(|known| known.found.clone())
    }

    fn keep(&self, name: &str, found: &Found, until: Instant, now: Instant) {
        let longest = match found {
            Found::Addresses(_) => LONGEST,
            Found::Nothing => LONGEST_NOTHING,
            Found::Unanswered => return,
        };
        let until = until.min(now + longest);
        let mut known = lock(&self.known);
        if known.len() >= MOST && !known.contains_key(name) {
            make_room(&mut known, now);
        }
        known.insert(name.into(), Known { found: found.clone(), until });
    }
}

/// Forgets what no longer holds, and an eighth besides when that is too little: those that end first. Looked through only
/// when an eighth has been added since, so that what one name costs does not grow with their number.
fn make_room(known: &mut HashMap<Box<str>, Known>, now: Instant) {
    known.retain(|_, known| now < known.until);
    if known.len() > MOST - MOST / 8 {
        let mut ends: Vec<Instant> = known.values().map(|known| known.until).collect();
        let (_, last, _) = ends.select_nth_unstable(MOST / 8);
        let last = *last;
        known.retain(|_, known| known.until > last);
    }
}

/// A question under way; when the last who waits for it leaves, it is forgotten.
struct Question<'a> {
    cache: &'a Cache,
    name: &'a str,
    cell: Arc<OnceCell<Found>>,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut asked = lock(&self.cache.asked);
        // Two hold it: the table and this one. An answered one is forgotten at once: the answer has its own table.
        let ours = asked.get(self.name).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        if ours && (self.cell.initialized() || Arc::strong_count(&self.cell) <= 2) {
            asked.remove(self.name);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::yield_now;

    fn somewhere() -> Found {
        Found::Addresses([IpAddr::from([193, 51, 208, 13])].into())
    }

    #[test]
    fn an_answer_holds_as_long_as_it_says_and_no_longer_than_is_sane() {
        let (cache, now) = (Cache::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        cache.keep("a.test", &somewhere(), after(5), now);
        assert_eq!(cache.known("a.test", after(4)), Some(somewhere()));
        assert_eq!(cache.known("a.test", after(5)), None);
        cache.keep("b.test", &somewhere(), after(10_000_000), now);
        cache.keep("c.test", &Found::Nothing, after(10_000_000), now);
        assert_eq!(cache.known("b.test", after(86_399)), Some(somewhere()));
        assert_eq!(cache.known("b.test", after(86_400)), None);
        assert_eq!(cache.known("c.test", after(3_599)), Some(Found::Nothing));
        assert_eq!(cache.known("c.test", after(3_600)), None);
        cache.keep("d.test", &somewhere(), now, now);
        assert_eq!(cache.known("d.test", now), None, "a time to live of nought");
        cache.keep("e.test", &Found::Unanswered, after(10), now);
        assert_eq!(cache.known("e.test", now), None);
    }

    #[test]
    fn there_is_room_for_so_many_and_those_that_end_first_give_way() {
        let (cache, now) = (Cache::default(), Instant::now());
        for n in 0..MOST + 1 {
            cache.keep(&format!("{n}.test"), &somewhere(), now + Duration::from_secs(60 + n as u64), now);
        }
        assert!(lock(&cache.known).len() <= MOST);
        assert_eq!(cache.known("0.test", now), None);
        assert_eq!(cache.known(&format!("{MOST}.test"), now), Some(somewhere()));
        assert_eq!(cache.known(&format!("{}.test", MOST / 2), now), Some(somewhere()));
    }

    #[tokio::test]
    async fn who_wants_the_same_name_meanwhile_waits_for_the_same_answer() {
        let (cache, asked) = (Cache::default(), AtomicUsize::new(0));
        let ask = async || {
            asked.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            (somewhere(), None)
        };
        let (first, second) = tokio::join!(cache.get("a.test", ask), cache.get("a.test", ask));
        assert_eq!((first, second, asked.load(Ordering::Relaxed)), (somewhere(), somewhere(), 1));
        // Nothing said how long it holds: the next asks again.
        cache.get("a.test", ask).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert!(lock(&cache.asked).is_empty());
    }

    #[tokio::test]
    async fn who_leaves_takes_no_question_with_them() {
        let cache = Cache::default();
        tokio::select! {
            biased;
            _ = cache.get("a.test", async || pending().await) => unreachable!("it never answers"),
            () = yield_now() => {}
        }
        assert!(lock(&cache.asked).is_empty());
        let until = Instant::now() + Duration::from_secs(60);
        let stays = cache.get("a.test", async || (Found::Nothing, Some(until)));
        assert_eq!(stays.await, Found::Nothing);
        assert_eq!(cache.get("a.test", async || pending().await).await, Found::Nothing, "kept");
    }
}

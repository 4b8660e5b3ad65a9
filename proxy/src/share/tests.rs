//! Shares under a clock that stands still until everybody waits: what is measured is exact, and takes no time.
use super::{Lane, Shares};
use crate::identify::Client;
use logstore::Auth;
use policy::Rate;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What one read brings.
const READ: usize = 64 * 1024;

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

fn line(text: &str) -> Arc<Shares> {
    Arc::new(Shares::new(Some(rate(text))))
}

fn person(name: &str) -> Client {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Client { user: (!name.is_empty()).then(|| name.into()), auth: Auth::Address, address, groups: Default::default() }
}

/// Moves as much as it may for so long, in reads of `want`. Returns how much that was, and the longest pause.
async fn moves(lane: &Lane<'_>, want: usize, time: Duration) -> (usize, Duration) {
    let (mut moved, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
    let moving = async {
        loop {
            moved += lane.take(want).await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
    };
    let _ = timeout(time, moving).await;
    (moved, longest)
}

/// So many connections of one person on the line, in tasks of their own; returns what they moved together.
fn crowd(shares: &Arc<Shares>, name: &'static str, count: usize, want: usize, time: Duration) -> Crowd {
    let connection = |shares: Arc<Shares>| async move {
        let lane = shares.lane(&person(name), true, None, None).expect("a lane");
        moves(&lane, want, time).await.0
    };
    Crowd((0..count).map(|_| tokio::spawn(connection(shares.clone()))).collect())
}

struct Crowd(Vec<tokio::task::JoinHandle<usize>>);

impl Crowd {
    async fn moved(self) -> f64 {
        let mut sum = 0;
        for connection in self.0 {
            sum += connection.await.expect("a connection ends");
        }
        sum as f64
    }
}

fn about(moved: f64, expected: f64) -> bool {
    (moved - expected).abs() <= expected * 0.05
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_there_is_no_lane() {
    let shares = Shares::new(None);
    assert!(shares.lane(&person("a"), false, None, None).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_person_alone_has_it_all_and_smoothly() {
    for (text, expected) in [("1MB/s", 1e6), ("12.5MB/s", 12.5e6), ("1GB/s", 1e9)] {
        let rate = Rate::new(expected as u64).expect("within bounds");
        let shares = Arc::new(Shares::new(Some(rate)));
        let lane = shares.lane(&person("a"), true, None, None).expect("a lane");
        let (moved, longest) = moves(&lane, READ, Duration::from_secs(10)).await;
        assert!(about(moved as f64, 10.0 * expected) && moved as f64 <= 10.02 * expected, "{text}: {moved}");
        assert!(longest <= Duration::from_millis(100), "{text}: {longest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_rule_is_smooth_too_and_never_faster() {
    let shares = Shares::new(None);
    let lane = shares.lane(&person("a"), false, Some(("video", rate("50kB/s"))), None).expect("a lane");
    let (moved, longest) = moves(&lane, READ, Duration::from_secs(20)).await;
    assert!(about(moved as f64, 1e6) && moved <= 1_001_460, "{moved}");
    assert!(longest <= Duration::from_millis(100), "{longest:?}");
    assert!(shares.waits() > 100);
}

#[tokio::test(start_paused = true)]
async fn ten_connections_have_no_more_than_one() {
    // Up to a line on which several reads are due by the time a timer rings.
    for (text, half) in [("1MB/s", 5e6), ("1Gbit/s", 625e6), ("10Gbit/s", 6.25e9)] {
        let shares = line(text);
        let time = Duration::from_secs(10);
        let (one, ten) = (crowd(&shares, "a", 1, READ, time), crowd(&shares, "b", 10, READ, time));
        let (one, ten) = (one.moved().await, ten.moved().await);
        assert!(about(one, half) && about(ten, half), "{text}: {one} {ten}");
    }
}

#[tokio::test(start_paused = true)]
async fn small_pieces_and_large_ones_share_alike() {
    let shares = line("10MB/s");
    let time = Duration::from_secs(10);
    let (small, large) = (crowd(&shares, "a", 4, 1000, time), crowd(&shares, "b", 1, READ, time));
    let (small, large) = (small.moved().await, large.moved().await);
    assert!(about(small, 5e7) && about(large, 5e7), "{small} {large}");
}

#[tokio::test(start_paused = true)]
async fn ever_new_connections_are_no_way_to_the_front() {
    let shares = line("1MB/s");
    let time = Duration::from_secs(10);
    let steady = crowd(&shares, "a", 1, READ, time);
    let mut moved = 0;
    let restless = async {
        loop {
            let lane = shares.lane(&person("b"), true, None, None).expect("a lane");
            moved += lane.take(READ).await;
        }
    };
    let _ = timeout(time, restless).await;
    let steady = steady.moved().await;
    assert!(about(steady, 5e6) && about(moved as f64, 5e6), "{steady} {moved}");
}

#[tokio::test(start_paused = true)]
async fn new_connections_under_a_rule_have_nothing_of_it() {
    let shares = Shares::new(None);
    let mut moved = 0;
    let restless = async {
        loop {
            let lane = shares.lane(&person("a"), false, Some(("video", rate("1MB/s"))), None).expect("a lane");
            moved += lane.take(READ).await;
        }
    };
    let _ = timeout(Duration::from_secs(5), restless).await;
    assert!(moved <= 5_000_000, "{moved}");
}

#[tokio::test(start_paused = true)]
async fn what_one_leaves_another_takes_at_once() {
    let shares = line("1MB/s");
    let first = crowd(&shares, "a", 3, READ, Duration::from_secs(5));
    let lane = shares.lane(&person("b"), true, None, None).expect("a lane");
    let (both, _) = moves(&lane, READ, Duration::from_secs(5)).await;
    assert!(about(both as f64, 2.5e6) && about(first.moved().await, 2.5e6), "{both}");
    let (alone, _) = moves(&lane, READ, Duration::from_millis(100)).await;
    assert!(alone >= 80_000, "{alone} bytes in the first 100 ms");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_wants_little_gets_it_and_the_rest_is_shared() {
    let shares = line("3MB/s");
    let time = Duration::from_secs(10);
    let (a, b) = (crowd(&shares, "a", 1, READ, time), crowd(&shares, "b", 1, READ, time));
    // Held to a third of a fair share by a rule.
    let lane = shares.lane(&person("c"), true, Some(("video", rate("300kB/s"))), None).expect("a lane");
    let (little, _) = moves(&lane, READ, time).await;
    let (a, b) = (a.moved().await, b.moved().await);
    assert!(about(little as f64, 3e6) && about(a, 13.5e6) && about(b, 13.5e6), "{little} {a} {b}");
}

#[tokio::test(start_paused = true)]
async fn a_small_request_waits_for_a_turn_and_not_for_everybodys() {
    let shares = line("10MB/s");
    let time = Duration::from_secs(5);
    let _busy: Vec<Crowd> =
        ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| crowd(&shares, name, 5, READ, time)).into();
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let lane = shares.lane(&person("z"), true, None, None).expect("a lane");
    assert_eq!(lane.take(1000).await, 1000);
    assert!(begun.elapsed() <= Duration::from_millis(20), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn all_connections_of_a_person_share_a_rule_and_nobody_elses() {
    let shares = Arc::new(Shares::new(None));
    let under = |name: &'static str, rule: &'static str| {
        let shares = shares.clone();
        tokio::spawn(async move {
            let lane = shares.lane(&person(name), false, Some((rule, rate("1MB/s"))), None).expect("a lane");
            moves(&lane, READ, Duration::from_secs(5)).await.0
        })
    };
    let hers = [under("a", "video"), under("a", "video"), under("a", "video")];
    let (his, another) = (under("", "video"), under("a", "music"));
    let mut sum = 0;
    for connection in hers {
        let moved = connection.await.expect("it ends");
        assert!(about(moved as f64, 5e6 / 3.0), "{moved}");
        sum += moved;
    }
    let (his, another) = (his.await.expect("it ends"), another.await.expect("it ends"));
    assert!(about(sum as f64, 5e6) && about(his as f64, 5e6) && about(another as f64, 5e6), "{sum} {his} {another}");
    assert_eq!(shares.caps.lock().expect("unbroken").len(), 0, "and all is forgotten");
}

/// Polls once: far enough to stand in the queue.
async fn begin<F: Future<Output = usize>>(mut future: Pin<&mut F>) -> Option<usize> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(moved) => Poll::Ready(Some(moved)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_before_a_turn_leaves_it_to_the_next() {
    let shares = line("1MB/s");
    let (a, b) = (shares.lane(&person("a"), true, None, None), shares.lane(&person("b"), true, None, None));
    let (a, b) = (a.expect("a lane"), b.expect("a lane"));
    let begun = Instant::now();
    let mut gives_up = Box::pin(a.take(READ));
    assert_eq!(begin(gives_up.as_mut()).await, None);
    let mut waits = pin!(b.take(5000));
    assert_eq!(begin(waits.as_mut()).await, None);
    drop(gives_up);
    assert_eq!(waits.await, 5000);
    assert!(begun.elapsed() <= Duration::from_millis(6), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_after_a_turn_gives_it_back() {
    let shares = line("1MB/s");
    let (a, b) = (shares.lane(&person("a"), true, None, None), shares.lane(&person("b"), true, None, None));
    let (a, b) = (a.expect("a lane"), b.expect("a lane"));
    let mut gives_up = Box::pin(a.take(10_000));
    assert_eq!(begin(gives_up.as_mut()).await, None);
    let mut waits = pin!(b.take(10_000));
    assert_eq!(begin(waits.as_mut()).await, None);
    // Both have had their turns; one never looks.
    sleep(Duration::from_millis(25)).await;
    drop(gives_up);
    let begun = Instant::now();
    assert_eq!((waits.await, b.take(10_000).await, begun.elapsed()), (10_000, 10_000, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_the_rule_granted_and_the_line_has_not_is_given_back() {
    let shares = line("1kB/s");
    let lane = shares.lane(&person("a"), true, Some(("rule", rate("1MB/s"))), None).expect("a lane");
    let mut gives_up = Box::pin(lane.take(READ));
    assert_eq!(begin(gives_up.as_mut()).await, None, "at the rule");
    sleep(Duration::from_millis(25)).await;
    assert_eq!(begin(gives_up.as_mut()).await, None, "at the line");
    drop(gives_up);
    shares.limit(None);
    let begun = Instant::now();
    assert_eq!((lane.take(READ).await, begun.elapsed()), (20_000, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_takes_no_notice_holds_up_nobody() {
    let shares = line("1MB/s");
    let (a, b) = (shares.lane(&person("a"), true, None, None), shares.lane(&person("b"), true, None, None));
    let (a, b) = (a.expect("a lane"), b.expect("a lane"));
    let mut never_looked_at_again = Box::pin(a.take(READ));
    assert_eq!(begin(never_looked_at_again.as_mut()).await, None);
    let (moved, _) = moves(&b, READ, Duration::from_secs(1)).await;
    assert!(moved >= 950_000, "{moved}");
}

#[tokio::test(start_paused = true)]
async fn another_limit_is_in_force_at_once() {
    let shares = line("1kB/s");
    let lane = shares.lane(&person("a"), true, None, None).expect("a lane");
    let moved = AtomicUsize::new(0);
    let mut moving = pin!(async {
        loop {
            moved.fetch_add(lane.take(READ).await, Ordering::Relaxed);
        }
    });
    let _ = timeout(Duration::from_secs(1), &mut moving).await;
    assert!(moved.load(Ordering::Relaxed) <= 1460);
    shares.limit(Some(rate("1MB/s")));
    let _ = timeout(Duration::from_secs(1), &mut moving).await;
    assert!(about(moved.load(Ordering::Relaxed) as f64, 1e6), "{moved:?}");
    shares.limit(None);
    assert_eq!(lane.take(READ).await, READ);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_gone_is_forgotten() {
    let shares = line("1MB/s");
    let names: Vec<String> = (0..1000).map(|number| format!("person-{number}")).collect();
    let busy = crowd(&shares, "busy", 1, READ, Duration::from_secs(60));
    for name in &names {
        let lane = shares.lane(&person(name), true, None, None).expect("a lane");
        lane.take(10_000).await;
        drop(lane);
        assert!(shares.line.known() <= 8, "{} at {name}", shares.line.known());
    }
    busy.moved().await;
    let last = shares.lane(&person("last"), true, None, None).expect("a lane");
    last.take(READ).await;
    drop(last);
    assert_eq!(shares.line.known(), 0);
}

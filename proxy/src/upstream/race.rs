//! Several addresses, one connection: who accepts first (RFC 8305).
use super::ConnectError;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long an attempt has before the next begins beside it (RFC 8305 §5: the Connection Attempt Delay).
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Dials the addresses in their order, the next when one has failed or `stagger` has passed; the first to accept wins.
/// The error is that of the last to fail; when some were still silent at the deadline, that they were.
///
/// Cancel safety: dropped, all attempts stop.
pub(super) async fn race<T, F>(
    addresses: &[SocketAddr],
    deadline: Instant,
    stagger: Duration,
    dial: impl Fn(SocketAddr) -> F,
) -> Result<T, ConnectError>
where
    F: Future<Output = Result<T, ConnectError>>,
{
    let mut waiting = addresses.iter();
    let mut attempts: Vec<Pin<Box<F>>> = Vec::new();
    let mut last = ConnectError::TimedOut;
    loop {
        match waiting.next() {
            Some(address) => attempts.push(Box::pin(dial(*address))),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        let until = if waiting.len() > 0 { deadline.min(Instant::now() + stagger) } else { deadline };
        match timeout_at(until, first(&mut attempts)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => last = error,
            Err(_) if until == deadline => return Err(ConnectError::TimedOut),
            Err(_) => {}
        }
    }
}

/// The first attempt to end, which is taken out.
async fn first<F: Future>(attempts: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|cx| {
        for n in 0..attempts.len() {
            if let Some(Poll::Ready(output)) = attempts.get_mut(n).map(|attempt| attempt.as_mut().poll(cx)) {
                drop(attempts.remove(n));
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Mutex;

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(200)
    }

    /// What each port does: 1 never answers, 2 refuses, 3 accepts.
    async fn answer(port: u16) -> Result<u16, ConnectError> {
        match port {
            1 => pending().await,
            2 => Err(ConnectError::Unreachable),
            _ => Ok(port),
        }
    }

    #[tokio::test]
    async fn the_next_begins_at_once_after_a_refusal_and_after_a_while_beside_a_silence() {
        let dialled = Mutex::new(Vec::new());
        let dial = |address: SocketAddr| {
            dialled.lock().expect("no panic").push(address.port());
            answer(address.port())
        };
        let far = Instant::now() + Duration::from_secs(30);
        let won = race(&addresses(4), far, Duration::from_millis(1), dial).await;
        assert!(matches!(won, Ok(3)), "{won:?}");
        assert_eq!(*dialled.lock().expect("no panic"), [1, 2, 3]);
        // A refusal does not wait for the stagger.
        let won = race(&addresses(4)[1..], far, Duration::from_secs(3600), |address| answer(address.port())).await;
        assert!(matches!(won, Ok(3)), "{won:?}");
    }

    #[tokio::test]
    async fn all_refused_is_one_thing_and_none_answered_another() {
        let [silent, refusing] = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
        let tried = |addresses: Vec<SocketAddr>| async move {
            race(&addresses, soon(), Duration::from_millis(1), |address| answer(address.port())).await
        };
        assert!(matches!(tried(vec![refusing, refusing]).await, Err(ConnectError::Unreachable)));
        assert!(matches!(tried(vec![silent, silent]).await, Err(ConnectError::TimedOut)));
        assert!(matches!(tried(vec![silent, refusing]).await, Err(ConnectError::TimedOut)));
    }
}

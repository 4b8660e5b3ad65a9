//! Followers of the register: told of records as they are filed, under pseudonyms, and never in the register's way.
//!
//! The register keeps its newest records for whoever follows; a follower that falls behind loses the oldest of them and
//! is told how many. Names become pseudonyms here, before anything leaves the process: there is no live view of who
//! does what.

use crate::commands::log::host_filter;
use crate::control::{Answer, Teller, Watch};
use crate::gate::Gate;
use crate::shown::Shown;
use logstore::pseudonym::Pseudonyms;
use logstore::{Record, Search};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

/// So many at once.
pub(crate) const FOLLOWERS: usize = 8;
/// A follower that takes nothing for so long loses its place.
const PATIENCE: Duration = Duration::from_secs(300);
/// What a follower has to take the last records when the gate stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Tells a follower of records until it leaves or the gate stops. Returns the last answer, unless the follower is gone.
///
/// Cancel safety: dropped, the follower is told nothing more.
pub(crate) async fn follow(gate: &Gate, watch: Watch, teller: &mut Teller) -> Option<Answer> {
    let failed = |why: String| Some(Answer::Failed { why });
    let Ok(_place) = gate.followers.try_acquire() else {
        return failed(format!("{FOLLOWERS} others follow the register already"));
    };
    let config = gate.started_with.clone();
    let pseudonyms = match tokio::task::spawn_blocking(move || crate::register::pseudonyms(&config)).await {
        Ok(Ok(pseudonyms)) => pseudonyms,
        Ok(Err(why)) => return failed(why.to_string()),
        Err(panic) => return failed(panic.to_string()),
    };
    let host = match watch.host.as_deref().map(host_filter).transpose() {
        Ok(host) => host,
        Err(why) => return failed(why),
    };
    let search = Search { host, ..Search::default() };
    let mut follower =
        Follower { records: gate.register.follow(), search, watch, pseudonyms, gate: Some(gate), teller };
    follower.teller.tell(&Answer::Following, PATIENCE).await.ok()?;
    follower.tell_until(&gate.closed).await.ok()?;
    let rest = async {
        // What was settled in the last moment is filed first. A register that cannot be written has told all it could.
        let _ = gate.register.flush().await;
        follower.tell_the_rest().await
    };
    tokio::time::timeout(FAREWELL, rest).await.ok()?.ok()?;
    Some(Answer::Stopped)
}

/// One follower and what it looks for.
struct Follower<'t> {
    records: Receiver<Arc<Record>>,
    search: Search,
    watch: Watch,
    pseudonyms: Pseudonyms,
    /// Whose statements say what may not be shown.
    gate: Option<&'t Gate>,
    teller: &'t mut Teller,
}

/// The follower left, or took nothing for too long.
struct Gone;

impl Follower<'_> {
    /// Tells of records as they come, until the gate is closed.
    async fn tell_until(&mut self, closed: &CancellationToken) -> Result<(), Gone> {
        loop {
            let answer = tokio::select! {
                () = closed.cancelled() => return Ok(()),
                () = self.teller.gone() => return Err(Gone),
                next = self.records.recv() => match next {
                    Ok(record) => self.answer(&record),
                    Err(RecvError::Lagged(records)) => Some(Answer::Missed { records }),
                    Err(RecvError::Closed) => return Ok(()),
                },
            };
            let Some(answer) = answer else { continue };
            let cut = async {
                closed.cancelled().await;
                tokio::time::sleep(FAREWELL).await;
            };
            tokio::select! {
                told = self.teller.tell(&answer, PATIENCE) => told.map_err(|_| Gone)?,
                // Of a line that was cut, no other can follow.
                () = cut => return Err(Gone),
            }
        }
    }

    /// Tells of what has been filed and not told yet.
    async fn tell_the_rest(&mut self) -> Result<(), Gone> {
        loop {
            let answer = match self.records.try_recv() {
                Ok(record) => self.answer(&record),
                Err(TryRecvError::Lagged(records)) => Some(Answer::Missed { records }),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
            };
            if let Some(answer) = answer {
                self.teller.tell(&answer, FAREWELL).await.map_err(|_| Gone)?;
            }
        }
    }

    /// What is told of a record: nothing, when it is not looked for.
    fn answer(&self, record: &Record) -> Option<Answer> {
        let restricted = |gate: &Gate| {
            gate.upkeep.statements.load().as_ref().is_some_and(|statements| statements.restricts(record).is_some())
                || gate.upkeep.held.load().as_ref().is_some_and(|held| held.restricts(record))
        };
        if !self.search.covers(record) || self.gate.is_some_and(restricted) {
            return None;
        }
        let shown = Shown::new(record.clone(), Some(&self.pseudonyms));
        let wanted = self.watch.user.as_ref().is_none_or(|user| shown.user.as_ref() == Some(user))
            && self.watch.client.as_ref().is_none_or(|client| shown.client_ip == *client);
        wanted.then(|| Answer::Filed { record: Box::new(shown) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shown::tests::tunnel;
    use tokio::io::{AsyncBufReadExt, BufReader, Lines};
    use tokio::net::UnixStream;
    use tokio::sync::broadcast;

    /// The client's end of a conversation, and the gate's.
    fn conversation() -> (Lines<BufReader<UnixStream>>, Teller) {
        let (client, gate) = UnixStream::pair().expect("a pair of sockets");
        (BufReader::new(client).lines(), Teller::over(gate))
    }

    fn follower<'t>(dir: &std::path::Path, records: Receiver<Arc<Record>>, teller: &'t mut Teller) -> Follower<'t> {
        let pseudonyms = Pseudonyms::open(&dir.join("keys/pseudonyms")).expect("made");
        Follower { records, search: Search::default(), watch: Watch::default(), pseudonyms, gate: None, teller }
    }

    fn numbered(id: i64) -> Arc<Record> {
        Arc::new(Record { id, ..tunnel() })
    }

    #[tokio::test]
    async fn who_is_slow_is_told_how_many_were_missed_and_delays_nobody() {
        let dir = tempfile::tempdir().expect("a folder");
        let (feed, records) = broadcast::channel(4);
        let (mut client, mut teller) = conversation();
        let mut follower = follower(dir.path(), records, &mut teller);
        for id in 1..=10 {
            feed.send(numbered(id)).expect("a follower is there");
        }
        drop(feed);
        assert!(follower.tell_until(&CancellationToken::new()).await.is_ok());
        drop(teller);
        let mut told = Vec::new();
        while let Some(line) = client.next_line().await.expect("read") {
            assert!(!line.contains("dupont") && !line.contains("10.0.0.12"), "{line}");
            told.push(serde_json::from_str::<Answer>(&line).expect("an answer"));
        }
        assert_eq!(told[0], Answer::Missed { records: 6 });
        let ids: Vec<i64> = told[1..]
            .iter()
            .map(|answer| match answer {
                Answer::Filed { record } => record.id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, [7, 8, 9, 10]);
    }

    #[tokio::test]
    async fn who_leaves_is_noticed_though_nothing_is_filed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (_feed, records) = broadcast::channel(4);
        let (client, mut teller) = conversation();
        drop(client);
        let mut follower = follower(dir.path(), records, &mut teller);
        assert!(follower.tell_until(&CancellationToken::new()).await.is_err());
    }

    #[tokio::test]
    async fn who_reads_nothing_does_not_keep_a_gate_from_stopping() {
        let dir = tempfile::tempdir().expect("a folder");
        let (feed, records) = broadcast::channel(4096);
        let (_client, mut teller) = conversation();
        let mut follower = follower(dir.path(), records, &mut teller);
        for id in 1..=4096 {
            feed.send(numbered(id)).expect("a follower is there");
        }
        let closed = CancellationToken::new();
        let cancel = async {
            tokio::task::yield_now().await;
            closed.cancel();
        };
        let both = async { tokio::join!(follower.tell_until(&closed), cancel) };
        assert!(tokio::time::timeout(FAREWELL * 20, both).await.is_ok(), "it waits for who reads nothing");
    }

    #[tokio::test]
    async fn only_what_is_looked_for_is_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let (_feed, records) = broadcast::channel(4);
        let (_client, mut teller) = conversation();
        let mut follower = follower(dir.path(), records, &mut teller);
        let Some(Answer::Filed { record }) = follower.answer(&tunnel()) else { panic!("not told") };
        let somebody = Some("p-0000000000".to_owned());
        for (user, client, host, told) in [
            (record.user.clone(), None, None, true),
            (somebody.clone(), None, None, false),
            (None, Some(record.client_ip.clone()), Some("test"), true),
            (None, Some("a-0000000000".to_owned()), None, false),
            (None, None, Some("other.test"), false),
        ] {
            follower.search.host = host.map(|host| host_filter(host).expect("a host"));
            follower.watch = Watch { user, client, host: None };
            assert_eq!(follower.answer(&tunnel()).is_some(), told, "{:?}", follower.watch);
        }
    }
}

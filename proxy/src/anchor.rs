//! Anchors: the day's seal given to others to keep, so that a register changed afterwards, seals and all, is found out.
//!
//! A receiver of syslog messages, somebody's mailbox, a time-stamp authority: each may be asked for, each is tried again
//! for half a day, and each says in the end how it went. Numbers and hashes leave, and nothing about anybody.

pub(crate) mod der;
mod letter;
mod stamp;

pub(crate) use letter::hand_over;

use crate::config::{Config, Server};
use crate::files;
use crate::outbound::{Backoff, Outbound};
use crate::syslog::{self, Connection, Message, Severity};
use hyper::Uri;
use jiff::Timestamp;
use jiff::civil::Date;
use std::fmt;
use std::future::Future;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is told of a day's seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealNotice {
    /// The gate.
    pub(crate) node: String,
    /// The UTC day: `2026-11-23`.
    pub(crate) day: String,
    /// Records of the day.
    pub(crate) count: u64,
    /// The root hash, in hexadecimal.
    pub(crate) root: String,
    /// SHA-256 of the seal.
    pub(crate) seal: [u8; 32],
}

/// How the seal is given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a message to a receiver of syslog messages.
    Syslog,
    /// As an e-mail.
    Mail,
    /// As a hash, to a time-stamp authority.
    Timestamp,
}

/// How one way went, for the audit trail; its text says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The way.
    pub(crate) way: Way,
    /// To whom, or why not.
    pub(crate) result: Result<String, String>,
}

/// Numbers for status and metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
}

/// Between a way and to whom it led, when it succeeded.
const SENT: &str = ": sent, ";

/// How long a way is tried.
#[derive(Debug, Clone, Copy)]
struct Patience {
    first: Duration,
    longest: Duration,
    /// After so many the day's seal is given up, on this way.
    attempts: u32,
}

/// Eleven hours, most of them with an attempt each: there is time for a server to be mended, but the next day's seal
/// never meets this one still waiting.
const PATIENCE: Patience =
    Patience { first: Duration::from_secs(10), longest: Duration::from_secs(3600), attempts: 20 };

impl SealNotice {
    fn seal_in_hex(&self) -> String {
        self.seal.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

impl Way {
    /// All there are.
    pub(crate) const ALL: [Way; 3] = [Way::Syslog, Way::Mail, Way::Timestamp];

    /// As it is written in logs and the audit trail.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Way::Syslog => "syslog",
            Way::Mail => "mail",
            Way::Timestamp => "timestamp",
        }
    }

    /// Whether `[log.anchor]` asks for it.
    pub(crate) fn is_wanted(self, config: &Config) -> bool {
        let wanted = &config.log.anchor;
        match self {
            Way::Syslog => wanted.syslog.is_some(),
            Way::Mail => wanted.mail.is_some(),
            Way::Timestamp => wanted.timestamp.is_some(),
        }
    }

    /// Whether an [`Outcome`], as the audit trail has it, says that it went well on this way.
    pub(crate) fn has_succeeded(self, outcome: &str) -> bool {
        outcome.strip_prefix(self.as_str()).is_some_and(|rest| rest.starts_with(SENT))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(to) => write!(f, "{}{SENT}{to}", self.way.as_str()),
            Err(why) => write!(f, "{}: failed, {why}", self.way.as_str()),
        }
    }
}

impl Counts {
    /// Seals given away, and ways on which one was given up, since the start.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// Gives a seal away on one of the ways, and returns when it has succeeded or been given up: that may be half a day.
/// `None` when `[log.anchor]` does not ask for that way.
///
/// Cancel safety: dropped, it gives no more away. To call it again with the same seal does no harm; an answer of the
/// time-stamp authority that is there already is not asked for twice.
pub(crate) async fn send(config: &Config, notice: &SealNotice, way: Way, counts: &Counts) -> Option<Outcome> {
    send_patiently(config, notice, way, counts, PATIENCE).await
}

async fn send_patiently(
    config: &Config,
    notice: &SealNotice,
    way: Way,
    counts: &Counts,
    patience: Patience,
) -> Option<Outcome> {
    let wanted = &config.log.anchor;
    let outbound = || Outbound::new(&config.dns, wanted.ca_file.as_deref());
    let outcome = match way {
        Way::Syslog => {
            let server = wanted.syslog.as_ref()?;
            let attempt = || async { tell(&outbound()?, server, notice).await };
            insist(way, notice, counts, patience, attempt).await
        }
        Way::Mail => {
            let mail = wanted.mail.as_ref()?;
            let attempt = || async {
                let sent = letter::send(&outbound()?, mail, notice).await;
                // A server repeats the address it refuses, which may be somebody's.
                sent.map_err(|why| why.replace(&mail.to.to_string(), "the recipient"))?;
                Ok(format!("through {}", mail.server))
            };
            insist(way, notice, counts, patience, attempt).await
        }
        Way::Timestamp => {
            let authority = wanted.timestamp.as_ref()?;
            let folder = folder(&config.data_dir);
            let attempt = || async { stamp(&outbound()?, authority, &folder, notice).await };
            insist(way, notice, counts, patience, attempt).await
        }
    };
    Some(outcome)
}

/// Tries again until it succeeds or patience ends, which alone is an error in the operational log.
async fn insist<F: Future<Output = Result<String, String>>>(
    way: Way,
    notice: &SealNotice,
    counts: &Counts,
    patience: Patience,
    attempt: impl Fn() -> F,
) -> Outcome {
    let mut backoff = Backoff::new(patience.first, patience.longest);
    let day = &notice.day;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let why = match attempt().await {
            Ok(to) => {
                counts.sent.fetch_add(1, Ordering::Relaxed);
                tracing::info!(way = way.as_str(), day, "the day's seal was given away");
                return Outcome { way, result: Ok(to) };
            }
            Err(why) => why,
        };
        if attempts >= patience.attempts {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(way = way.as_str(), day, why, "the day's seal could not be given away; no more is tried");
            return Outcome { way, result: Err(why) };
        }
        if attempts == 1 {
            tracing::warn!(way = way.as_str(), day, why, "the day's seal is not given away yet; it is tried again");
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}

async fn tell(outbound: &Outbound, server: &Server, notice: &SealNotice) -> Result<String, String> {
    let SealNotice { node, day, count, root, .. } = notice;
    let json = serde_json::json!({
        "node": node, "day": day, "count": count, "root": root, "seal": notice.seal_in_hex(),
    });
    let message = Message {
        severity: Severity::Notice,
        at: Timestamp::now().as_microsecond(),
        node,
        kind: "seal",
        sequence: None,
        json: &json.to_string(),
    };
    let mut frame = Vec::new();
    syslog::frame(&message.text(), &mut frame);
    let mut connection = Connection::open(outbound, server).await?;
    connection.write(&frame).await?;
    connection.finish().await?;
    Ok(format!("to {server}"))
}

/// Where the answers of time-stamp authorities are.
fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("register/anchors")
}

async fn stamp(outbound: &Outbound, authority: &Uri, folder: &Path, notice: &SealNotice) -> Result<String, String> {
    // The day becomes a file's name.
    let day = notice.day.parse::<Date>().ok().filter(|day| day.to_string() == notice.day);
    let day = day.ok_or_else(|| format!("{:?} is no day", notice.day))?;
    let (folder, hash, at) = (folder.to_owned(), notice.seal, crate::outbound::http::place(authority));
    let file = folder.join(format!("{day}.tsr"));
    if let Some(time) = stamped(&file, &hash) {
        return Ok(format!("stamped {time}"));
    }
    let (answer, time) = stamp::ask(outbound, authority, &hash).await?;
    let keep = move || keep(&folder, &file, day, &answer);
    let kept = tokio::task::spawn_blocking(keep).await.map_err(|why| why.to_string())?;
    kept.map_err(|why| format!("the time stamp could not be kept: {why}"))?;
    Ok(format!("stamped {time} by {at}"))
}

/// When the answer at hand, if there is one, says that this hash was stamped.
fn stamped(file: &Path, hash: &[u8; 32]) -> Option<String> {
    let stamp = stamp::read(&std::fs::read(file).ok()?).ok()?;
    (stamp.hash == *hash).then_some(stamp.time)
}

/// Keeps an answer under its day's name. One of an earlier seal of that day is not lost: it gets a number.
fn keep(folder: &Path, file: &Path, day: Date, answer: &[u8]) -> io::Result<()> {
    files::private_dir(folder)?;
    if file.exists() {
        let earlier = (1..).map(|n: u32| folder.join(format!("{day}.{n}.tsr"))).find(|path| !path.exists());
        std::fs::rename(file, earlier.ok_or_else(|| io::Error::other("too many time stamps of one day"))?)?;
    }
    files::replace(file, |file| file.write_all(answer))
}

#[cfg(test)]
mod tests;

//! The control socket: how `octroi reload`, `status`, `log search` and `log tail` talk to the gate that runs on the same
//! data folder.
//!
//! A Unix socket in the data folder, open to the gate's own account: one request as a line of JSON, one answer as a
//! line of JSON, and the connection is over. Who follows the register is answered line after line, until either side
//! has enough.

use crate::shown::Shown;
use logstore::Condition;
use logstore::retention::Certificate;
use serde::{Deserialize, Serialize};
use std::fs::{File, Permissions};
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest line either side takes.
const LINE_BYTES: u64 = 1 << 20;
/// A client must have sent its request by then.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A gate must have answered by then; a reload may have a whole list to compile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// Requests answered at once; more wait in the socket's queue. Followers, who stay, are fewer
/// ([`crate::follow::FOLLOWERS`]).
const AT_ONCE: usize = 16;

/// What a command asks of the running gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub(crate) enum Request {
    /// Read configuration, charter and lists again.
    Reload,
    /// Say how it is doing.
    Status,
    /// Answer when everything recorded so far can be found by a search.
    Flush,
    /// Erase the days that are past their term.
    Purge,
    /// Carry out the erasures that were decided, and look again at what waits for an answer.
    Rights,
    /// Go by the exceptions as the ledger has them now.
    Exceptions,
    /// Tell of records as they are filed: [`Answer::Following`], then [`Answer::Filed`] and [`Answer::Missed`] as it
    /// comes, and [`Answer::Stopped`] in the end.
    Follow(Watch),
}

/// Which records a follower is told of; every condition that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// Of this person, by pseudonym.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// Of this address, by pseudonym.
    #[serde(default)]
    pub(crate) client: Option<String>,
    /// To this host or one below it.
    #[serde(default)]
    pub(crate) host: Option<String>,
}

/// What the gate answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Answer {
    /// The new files are in force.
    Reloaded {
        /// `VERSION@HASH` of the charter now in force.
        charter: String,
        /// Entries of the lists now in force.
        entries: u64,
        /// What is worth knowing and stops nothing, a sentence each.
        notes: Vec<String>,
    },
    /// The new files are not good; the old ones stay in force.
    Refused {
        /// Every problem, rendered for people.
        problems: String,
    },
    /// How it is doing.
    Status(Box<Status>),
    /// Everything recorded so far can be found.
    Flushed,
    /// What was past its term is erased.
    Purged {
        /// What is attested; none when nothing was due.
        certificate: Option<Box<Attested>>,
    },
    /// What rights ask for is done, as far as it can be now.
    Kept,
    /// What is filed from here on is told.
    Following,
    /// A record, under pseudonyms: a live view knows no names.
    Filed {
        /// The record.
        record: Box<Shown>,
    },
    /// The follower was too slow.
    Missed {
        /// So many records were filed that it was not told of, whether it looks for them or not.
        records: u64,
    },
    /// The gate stops: nothing more will be filed.
    Stopped,
    /// The gate could not do it.
    Failed {
        /// Why, in one sentence.
        why: String,
    },
}

/// A certificate with the hash by which the next names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attested {
    /// What it attests.
    pub(crate) certificate: Certificate,
    /// SHA-256 of its entry, in hexadecimal digits.
    pub(crate) hash: String,
}

/// How a gate is doing; nothing about a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Of the program.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// RFC 3339, UTC.
    pub(crate) started_at: String,
    /// Where browsers connect, with the ports really bound.
    pub(crate) proxy: Vec<SocketAddr>,
    /// The same, by TLS.
    #[serde(default)]
    pub(crate) proxy_tls: crate::secure::Status,
    /// Where the console is.
    pub(crate) console: SocketAddr,
    /// Where its data is.
    pub(crate) data_dir: PathBuf,
    /// Whether it lets anything through: the register can be written and it is not shutting down.
    pub(crate) ready: bool,
    /// Why not, and what is missing although it is ready; a sentence each.
    pub(crate) notes: Vec<String>,
    /// Requests of persons that are due soon or overdue, a sentence each, by their references.
    #[serde(default)]
    pub(crate) requests: Vec<String>,
    /// The charter in force.
    pub(crate) charter: CharterStatus,
    /// The lists in force.
    pub(crate) lists: ListsStatus,
    /// The register.
    pub(crate) register: RegisterStatus,
    /// What leaves it.
    pub(crate) outward: crate::upkeep::Outward,
    /// Connections open now.
    pub(crate) connections: u64,
    /// Exchanges since the start.
    pub(crate) exchanges: u64,
    /// Of these, refused.
    pub(crate) refused: u64,
}

/// How the register is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegisterStatus {
    /// Records committed and not yet in a day file.
    pub(crate) backlog: u64,
    /// Why records are not taken, filed, sealed or erased as they should be; a sentence each.
    pub(crate) troubles: Vec<String>,
    /// The name of the master key, to know one copy from another.
    #[serde(default)]
    pub(crate) master: Option<String>,
    /// Incidents of the last month, a sentence each.
    #[serde(default)]
    pub(crate) incidents: Vec<String>,
    /// The days and chains, if they could be looked at.
    pub(crate) condition: Option<Condition>,
}

/// The charter in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CharterStatus {
    /// Its title.
    pub(crate) title: String,
    /// `VERSION@HASH`.
    pub(crate) identity: String,
    /// Since when, RFC 3339, UTC.
    pub(crate) since: String,
}

/// The lists in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListsStatus {
    /// Entries of all lists.
    pub(crate) entries: u64,
    /// Lists the charter names and the gate has not.
    pub(crate) missing: Vec<String>,
}

/// Why the running gate gave no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// No gate runs on this data folder.
    NoGate,
    /// One does, or did, and the conversation broke.
    Broken(io::Error),
}

impl std::fmt::Display for AskError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AskError::NoGate => out.write_str("no gate runs on this data folder"),
            AskError::Broken(why) => write!(out, "the running gate gave no answer: {why}"),
        }
    }
}

/// Asks the gate that runs on a data folder. Blocks until it answers.
pub(crate) fn ask(data_dir: &Path, request: &Request) -> Result<Answer, AskError> {
    converse(connect(data_dir)?, request).map_err(AskError::Broken)
}

fn connect(data_dir: &Path) -> Result<BlockingStream, AskError> {
    match Address::of(data_dir).and_then(|address| BlockingStream::connect(&address.path)) {
        Ok(stream) => Ok(stream),
        // Refused: the socket of a gate that was killed.
        Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Err(AskError::NoGate)
        }
        Err(why) => Err(AskError::Broken(why)),
    }
}

fn converse(mut stream: BlockingStream, request: &Request) -> io::Result<Answer> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
    stream.write_all(&line(request))?;
    read_answer(&mut BufReader::new(stream))
}

fn read_answer(from: &mut BufReader<BlockingStream>) -> io::Result<Answer> {
    let mut answer = String::new();
    from.take(LINE_BYTES).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the conversation"));
    }
    serde_json::from_str(&answer).map_err(io::Error::other)
}

/// A conversation in which the gate goes on telling.
pub(crate) struct Following(BufReader<BlockingStream>);

impl Following {
    /// Begins to follow what the gate that runs on a data folder files. Blocks until it answers.
    pub(crate) fn begin(data_dir: &Path, watch: Watch) -> Result<(Following, Answer), AskError> {
        let mut stream = connect(data_dir)?;
        let begun = (|| {
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
            stream.write_all(&line(&Request::Follow(watch)))?;
            let mut following = Following(BufReader::new(stream));
            let first = read_answer(&mut following.0)?;
            // Nothing may pass for days.
            following.0.get_ref().set_read_timeout(None)?;
            Ok((following, first))
        })();
        begun.map_err(AskError::Broken)
    }

    /// The next answer. Blocks until there is one.
    pub(crate) fn next(&mut self) -> Result<Answer, AskError> {
        read_answer(&mut self.0).map_err(AskError::Broken)
    }

    /// The socket, to wait for the next answer and something else at once; none when part of an answer is here already.
    pub(crate) fn waiting(&self) -> Option<&BlockingStream> {
        self.0.buffer().is_empty().then(|| self.0.get_ref())
    }
}

/// Opens the control socket of a data folder, in place of one that a killed gate left.
///
/// The caller holds the lock on the data folder: a socket found there is nobody's.
pub(crate) fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    let address = Address::of(data_dir)?;
    match std::fs::remove_file(&address.path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let listener = UnixListener::bind(&address.path)?;
    std::fs::set_permissions(&address.path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until `stop`, then lets the answers under way end.
///
/// Cancel safety: dropped, the answers under way are cut.
pub(crate) async fn serve<H, F>(listener: UnixListener, handler: H, stop: CancellationToken)
where
    H: Fn(Request, Teller) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = conversations.join_next() => {}
            accepted = listener.accept(), if conversations.len() < AT_ONCE => match accepted {
                Ok((stream, _)) => {
                    conversations.spawn(answer(stream, handler.clone()));
                }
                Err(why) => {
                    tracing::warn!(%why, "a command could not be heard");
                    // Out of file descriptors, most often: trying again at once would only burn the processor.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    while conversations.join_next().await.is_some() {}
}

async fn answer<H, F>(stream: UnixStream, handler: H)
where
    H: Fn(Request, Teller) -> F,
    F: Future<Output = ()>,
{
    let (read, write) = stream.into_split();
    let mut request = String::new();
    let mut bounded = tokio::io::BufReader::new(read.take(LINE_BYTES));
    let read = tokio::time::timeout(REQUEST_TIMEOUT, bounded.read_line(&mut request)).await;
    let teller = Teller { read: bounded.into_inner().into_inner(), write };
    match read {
        Ok(Ok(length)) if length > 0 => match serde_json::from_str(&request) {
            Ok(request) => handler(request, teller).await,
            Err(why) => teller.last(&Answer::Failed { why: format!("the request is not understood: {why}") }).await,
        },
        // Nobody is left to be answered.
        _ => {}
    }
}

/// The gate's side of a conversation, once the request is read.
pub(crate) struct Teller {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Teller {
    /// Over a connection of a test's own.
    #[cfg(test)]
    pub(crate) fn over(stream: UnixStream) -> Teller {
        let (read, write) = stream.into_split();
        Teller { read, write }
    }

    /// Tells an answer. Fails when the client is gone or does not take it within that time; part of the line may have
    /// left then, and nothing more may be told.
    pub(crate) async fn tell(&mut self, answer: &Answer, within: Duration) -> io::Result<()> {
        tokio::time::timeout(within, self.write.write_all(&line(answer))).await.map_err(io::Error::from)?
    }

    /// Tells the last answer.
    pub(crate) async fn last(mut self, answer: &Answer) {
        if self.tell(answer, REQUEST_TIMEOUT).await.is_err() {
            tracing::debug!("a command did not wait for its answer");
        }
    }

    /// Returns when the client has hung up.
    ///
    /// Cancel safety: dropped, nothing is lost; a client has nothing more to say.
    pub(crate) async fn gone(&mut self) {
        let mut nothing = [0; 64];
        while matches!(self.read.read(&mut nothing).await, Ok(1..)) {}
    }
}

fn line(message: &impl Serialize) -> Vec<u8> {
    // These types hold no map with odd keys and nothing that fails to serialise.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The socket's path, short enough for the kernel, which takes 107 bytes at most (`unix(7)`).
struct Address {
    path: PathBuf,
    /// Keeps the detour of a long path alive.
    _dir: Option<File>,
}

impl Address {
    fn of(data_dir: &Path) -> io::Result<Address> {
        let path = data_dir.join("control.sock");
        if path.as_os_str().as_bytes().len() <= 107 {
            return Ok(Address { path, _dir: None });
        }
        let dir = File::open(data_dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/control.sock", dir.as_raw_fd()));
        Ok(Address { path, _dir: Some(dir) })
    }
}

#[cfg(test)]
mod tests;

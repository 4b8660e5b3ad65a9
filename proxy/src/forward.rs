//! Records forwarded to other programs as they are filed: to a receiver of syslog messages, and as lines of JSON.
//!
//! These are copies; the register is the truth, and never waits for them. A receiver that is slow or gone has records
//! waiting for it up to a number; from then on the oldest are lost to it, counted, and said once when it is back; a file
//! that cannot be written loses those that come. What arrives may arrive twice: a record is told from another by its node
//! and id.

mod carry;
mod lines;
mod siem;

pub(crate) use lines::purge;

use crate::config::Config;
use crate::outbound::Outbound;
use crate::register;
use carry::Courier;
use lines::Lines;
use logstore::Record;
use serde::{Deserialize, Serialize};
use siem::Siem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is still waiting at the end has so long to be forwarded.
const LAST: Duration = Duration::from_secs(5);

/// The forwarding that has been started.
pub(crate) struct Forwarding {
    /// To the receiver of syslog messages, if there is one.
    pub(crate) syslog: Option<Arc<Counts>>,
    /// To the files, if they are wanted.
    pub(crate) json: Option<Arc<Counts>>,
    tasks: TaskTracker,
    last: CancellationToken,
    cut: CancellationToken,
}

/// Numbers about nobody, for status and metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    lost: AtomicU64,
    connected: AtomicBool,
}

/// [`Counts`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// Records handed over since the start.
    pub(crate) sent: u64,
    /// Records that will never be.
    pub(crate) lost: u64,
    /// Whether the receiver takes records now.
    pub(crate) connected: bool,
}

impl Counts {
    /// The numbers now.
    pub(crate) fn read(&self) -> Counted {
        Counted {
            sent: self.sent.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            connected: self.connected.load(Ordering::Relaxed),
        }
    }

    /// Of how many records it is known what became of them.
    fn settled(&self) -> u64 {
        let Counted { sent, lost, .. } = self.read();
        sent + lost
    }
}

/// Starts what `[log.forward]` asks for; `records` is what the register gives to whoever follows it.
///
/// Fails when the file of authorities or the key of the pseudonyms can't be read. Must be called within the runtime.
pub(crate) fn start(config: &Config, records: &broadcast::Receiver<Arc<Record>>) -> Result<Forwarding, String> {
    let wanted = &config.log.forward;
    let (tasks, last, cut) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
    let pseudonyms = || {
        if wanted.names { Ok(None) } else { register::pseudonyms(config).map(Some).map_err(|why| why.to_string()) }
    };
    let syslog = match &wanted.syslog {
        None => None,
        Some(server) => {
            let outbound = Outbound::new(&config.dns, wanted.ca_file.as_deref())?;
            let counts = Arc::new(Counts::default());
            let courier = Courier::new(server.to_string(), records.resubscribe(), counts.clone(), last.clone());
            tasks.spawn(courier.run(Siem::new(server.clone(), outbound, pseudonyms()?), cut.clone()));
            Some(counts)
        }
    };
    let json = if wanted.json {
        let counts = Arc::new(Counts::default());
        let lines = Lines::start(folder(&config.data_dir), pseudonyms()?, counts.clone());
        tasks.spawn(lines.run(records.resubscribe(), last.clone()));
        Some(counts)
    } else {
        None
    };
    tasks.close();
    Ok(Forwarding { syslog, json, tasks, last, cut })
}

impl Forwarding {
    /// To be called when the register has filed everything: forwards what is waiting, for a few seconds at most.
    pub(crate) async fn finish(self) {
        self.last.cancel();
        if tokio::time::timeout(LAST, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Where the lines of JSON are.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("forward")
}

#[cfg(test)]
mod tests;

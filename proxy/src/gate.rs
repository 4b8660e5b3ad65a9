//! The gate: every part of it, built once and joined here. Nothing is reached through a global.
use crate::accounts::Accounts;
use crate::config::Config;
use crate::follow::FOLLOWERS;
use crate::identify::{Client, Turns};
use crate::pages::Language;
use crate::share::{Lane, Shares};
use crate::upkeep::Upkeep;
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use logstore::{Register, Unwritable};
use policy::{Decision, InForce};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What every exchange is given.
pub(crate) struct Gate {
    state: ArcSwap<State>,
    /// The register.
    pub(crate) register: Register,
    /// Local accounts.
    pub(crate) accounts: Arc<Accounts>,
    /// Turns at having a password verified.
    pub(crate) turns: Turns,
    /// What each person may move.
    pub(crate) shares: Shares,
    /// Numbers about nobody.
    pub(crate) counts: Counts,
    /// How what is kept is doing.
    pub(crate) upkeep: Upkeep,
    /// Places of those who follow the register.
    pub(crate) followers: Semaphore,
    /// Connections the system has descriptors for.
    pub(crate) room: usize,
    /// Its name in Via, its own as long as it runs: of gates in a row each knows what it has passed on itself
    /// (RFC 9110 §7.6.3), and nobody learns what network they stand in.
    pub(crate) received_by: String,
    /// Cancelled when the gate begins to stop: no new exchange begins.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the last exchange has ended: health and commands are answered until then.
    pub(crate) closed: CancellationToken,
    /// What it was started with: sockets, data folder and durability are not changed by a reload.
    pub(crate) started_with: Config,
    /// The proxy's sockets.
    pub(crate) proxy: Vec<SocketAddr>,
    /// The console's socket.
    pub(crate) console: SocketAddr,
    /// When it started.
    pub(crate) started_at: Timestamp,
}

/// What a reload replaces, all at once.
pub(crate) struct State {
    /// How the gate runs.
    pub(crate) config: Config,
    /// What the charter allows, over the lists.
    pub(crate) in_force: InForce,
    /// The charter's identity, as records keep it.
    pub(crate) charter: Arc<str>,
    /// Of pages, when the browser states none.
    pub(crate) language: Language,
    /// The way to the origins; shared with the state before when nothing of it has changed.
    pub(crate) upstream: Arc<Upstream>,
    /// What is missing although the gate runs, a sentence each.
    pub(crate) notes: Vec<String>,
    /// The charter came from a file, not from this program.
    pub(crate) charter_from_file: bool,
    /// Lists that the charter names and that could not be had, whole (`ut1`) or a category of one (`ut1:adult`).
    pub(crate) missing: Vec<String>,
    /// Since when it is in force.
    pub(crate) since: Timestamp,
}

impl Gate {
    /// Joins the parts.
    pub(crate) fn new(
        state: State,
        register: Register,
        accounts: Accounts,
        proxy: Vec<SocketAddr>,
        console: SocketAddr,
        room: usize,
        upkeep: Upkeep,
    ) -> Gate {
        let started_with = state.config.clone();
        let shares = Shares::new(state.config.limits.bandwidth);
        Gate {
            state: ArcSwap::from_pointee(state),
            register,
            accounts: Arc::new(accounts),
            turns: Turns::default(),
            shares,
            counts: Counts::default(),
            upkeep,
            followers: Semaphore::new(FOLLOWERS),
            room,
            received_by: received_by(),
            stopping: CancellationToken::new(),
            closed: CancellationToken::new(),
            started_with,
            proxy,
            console,
            started_at: Timestamp::now(),
        }
    }

    /// What is in force now. An exchange asks once and keeps the answer.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Puts another state in force. Exchanges under way keep theirs; the line is the one thing that they have in common.
    pub(crate) fn replace(&self, state: State) {
        let line = state.config.limits.bandwidth;
        self.state.store(Arc::new(state));
        self.shares.limit(line);
    }

    /// The share of what a decision lets through; `None`: nothing limits it.
    pub(crate) fn lane(&self, state: &State, client: &Client, decision: &Decision) -> Option<Lane<'_>> {
        let cap = decision.bandwidth.and_then(|rate| Some((state.in_force.rule(decision)?, rate)));
        self.shares.lane(client, state.config.limits.bandwidth.is_some(), cap)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The console's front page, which says what is recorded and for how long, when this client can reach it.
    pub(crate) fn information_for(&self, client: IpAddr) -> Option<String> {
        let at = self.console.ip();
        let reached = if at.is_loopback() { client.is_loopback() } else { !at.is_unspecified() };
        reached.then(|| format!("http://{}/", self.console))
    }

    /// The sockets no way may lead back to.
    pub(crate) fn own(&self) -> Vec<SocketAddr> {
        self.proxy.iter().copied().chain([self.console]).collect()
    }
}

/// `octroi-3f9a2c71`: the standard library draws the keys of its hash tables at random, which is random enough for a name.
fn received_by() -> String {
    let drawn = RandomState::new().hash_one(std::process::id());
    format!("octroi-{:08x}", drawn >> 32)
}

/// Numbers about nobody, for status and metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    connections: AtomicU64,
    exchanges: AtomicU64,
    refused: AtomicU64,
    register_closed: AtomicBool,
}

impl Counts {
    /// A connection has been accepted; it counts until the returned value is dropped.
    pub(crate) fn connected(&self) -> impl Drop + '_ {
        struct Open<'a>(&'a AtomicU64);
        impl Drop for Open<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(&self.connections)
    }

    /// An exchange has its record.
    pub(crate) fn exchange(&self) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        if self.register_closed.load(Ordering::Relaxed) && self.register_closed.swap(false, Ordering::Relaxed) {
            tracing::info!("the register can be written again: the gate is open");
        }
    }

    /// An exchange was refused.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// An exchange was turned away because the register is closed: said once, until it opens again.
    pub(crate) fn shut(&self, unwritable: &Unwritable) {
        if !self.register_closed.swap(true, Ordering::Relaxed) {
            tracing::error!(why = %unwritable.why, "the register cannot be written: the gate is shut");
        }
    }

    /// Connections open, exchanges and refusals since the start.
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (read(&self.connections), read(&self.exchanges), read(&self.refused))
    }
}

//! The gate: every part of it, built once and joined here. Nothing is reached through a global.
use crate::accounts::Accounts;
use crate::config::Config;
use crate::directory::{Directory, Wanted};
use crate::follow::FOLLOWERS;
use crate::identify::{Client, Turns};
use crate::kerberos::{Kerberos, Tally};
use crate::listen::{Doors, Sockets};
use crate::pages::{Blocks, Language};
use crate::secure::Certificates;
use crate::share::{Lane, Shares};
use crate::terms::Terms;
use crate::upkeep::Upkeep;
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use logstore::{Register, Unwritable};
use policy::{Decision, Exceptions, InForce, Learnt, Query};
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
    /// Tokens that proved nobody.
    pub(crate) tokens: Tally,
    /// What each person may move.
    pub(crate) shares: Shares,
    /// The charter's temporary exceptions.
    pub(crate) exceptions: ArcSwap<Exceptions>,
    /// Warnings that were acknowledged, budgets that are being used.
    pub(crate) terms: Terms,
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
    /// Held while files are read again.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    /// Cancelled when the gate begins to stop: no new exchange begins.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the last exchange has ended: health and commands are answered until then.
    pub(crate) closed: CancellationToken,
    /// What it was started with: sockets, data folder and durability are not changed by a reload.
    pub(crate) started_with: Config,
    /// Where clients come in.
    pub(crate) doors: Doors,
    /// The console's socket.
    pub(crate) console: SocketAddr,
    /// Its front page, which says what is recorded and for how long.
    information: String,
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
    /// The proxy's sockets.
    pub(crate) sockets: Sockets,
    /// The console's, once it is bound.
    pub(crate) console: Option<SocketAddr>,
    /// Certificates and keys of those with TLS.
    pub(crate) certificates: Certificates,
    /// The directory, if there is one; shared with the state before when nothing of it has changed.
    pub(crate) directory: Option<Arc<Directory>>,
    /// The groups of the directory that the charter names.
    pub(crate) wanted: Arc<Wanted>,
    /// What reads tickets, where they are a method; shared with the state before when nothing of it has changed.
    pub(crate) kerberos: Option<Arc<Kerberos>>,
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
    /// The pages of its refusals, as far as they have been needed.
    pub(crate) blocks: Blocks,
}

impl State {
    /// The sockets no way may lead back to.
    pub(crate) fn own(&self) -> Vec<SocketAddr> {
        self.sockets.all().chain(self.console).collect()
    }
}

impl Gate {
    /// Joins the parts. Fails when what the data folder holds of them cannot be read.
    pub(crate) fn new(
        state: State,
        register: Register,
        accounts: Accounts,
        doors: Doors,
        console: SocketAddr,
        room: usize,
        upkeep: Upkeep,
    ) -> Result<Gate, String> {
        let started_with = state.config.clone();
        let shares = Shares::new(state.config.limits.bandwidth);
        let terms = Terms::open(&state.config.data_dir)?;
        Ok(Gate {
            state: ArcSwap::from_pointee(state),
            register,
            accounts: Arc::new(accounts),
            turns: Turns::default(),
            tokens: Tally::default(),
            shares,
            exceptions: ArcSwap::default(),
            terms,
            counts: Counts::default(),
            upkeep,
            followers: Semaphore::new(FOLLOWERS),
            room,
            received_by: received_by(),
            reloading: tokio::sync::Mutex::default(),
            stopping: CancellationToken::new(),
            closed: CancellationToken::new(),
            started_with,
            doors,
            console,
            information: format!("http://{console}/"),
            started_at: Timestamp::now(),
        })
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

    /// Decides, by the charter and its exceptions.
    pub(crate) fn decide(&self, state: &State, query: &Query<'_>) -> Decision {
        self.decide_again(state, query, &Learnt::default())
    }

    /// Decides again, with what is learnt once something was let through.
    pub(crate) fn decide_again(&self, state: &State, query: &Query<'_>, learnt: &Learnt<'_>) -> Decision {
        state.in_force.decide_but(query, learnt, &self.exceptions.load())
    }

    /// The share of what a decision lets through, and the budget it is counted on; `None`: nothing limits it.
    pub(crate) fn lane(&self, state: &State, client: &Client, decision: &Decision) -> Option<Lane<'_>> {
        let cap = decision.bandwidth.and_then(|rate| Some((state.in_force.rule(decision)?, rate)));
        let meter = self.terms.meter(state, client, decision);
        self.shares.lane(client, state.config.limits.bandwidth.is_some(), cap, meter)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The address of the console's front page, when this client can reach it.
    pub(crate) fn information_for(&self, client: IpAddr) -> Option<&str> {
        let at = self.console.ip();
        let reached = if at.is_loopback() { client.is_loopback() } else { !at.is_unspecified() };
        reached.then_some(self.information.as_str())
    }

    /// A stream of a connection has begun; it counts until the returned value is dropped.
    pub(crate) fn stream(self: &Arc<Gate>) -> OpenStream {
        self.counts.streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(self.clone())
    }

    /// Whether as many connections and streams are open as the limits and the system allow.
    pub(crate) fn is_full(&self) -> bool {
        let open = usize::try_from(self.counts.open()).unwrap_or(usize::MAX);
        open >= self.state().config.limits.connections.min(self.room)
    }
}

/// A stream that is open.
pub(crate) struct OpenStream(Arc<Gate>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.counts.streams.fetch_sub(1, Ordering::Relaxed);
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
    streams: AtomicU64,
    exchanges: AtomicU64,
    refused: AtomicU64,
    turned_away: [AtomicU64; 3],
    reached: [AtomicU64; 5],
    handshakes_failed: AtomicU64,
    headers_refused: AtomicU64,
    register_closed: AtomicBool,
}

/// Why a client was turned away before it had asked anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// It comes from a network that `[clients]` does not name.
    NotAllowed,
    /// As many connections are open as there may be.
    Full,
    /// As many of its own are.
    ClientFull,
}

impl TurnedAway {
    /// Each of them, in the order they are counted in.
    pub(crate) const ALL: [TurnedAway; 3] = [TurnedAway::NotAllowed, TurnedAway::Full, TurnedAway::ClientFull];

    /// The word of the metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            TurnedAway::NotAllowed => "not_allowed",
            TurnedAway::Full => "full",
            TurnedAway::ClientFull => "client_full",
        }
    }
}

/// A limit of `[limits]` that ended something. Those on numbers are [`TurnedAway`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// A head was too large.
    HeaderBytes,
    /// A head was not whole in time.
    HeaderTimeout,
    /// An origin did not accept in time.
    ConnectTimeout,
    /// Nothing came for too long.
    IdleTimeout,
    /// The gate stopped before it had ended.
    ShutdownGrace,
}

impl Limit {
    /// Each of them, in the order they are counted in.
    pub(crate) const ALL: [Limit; 5] =
        [Limit::HeaderBytes, Limit::HeaderTimeout, Limit::ConnectTimeout, Limit::IdleTimeout, Limit::ShutdownGrace];

    /// Its key in the configuration.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Limit::HeaderBytes => "header_bytes",
            Limit::HeaderTimeout => "header_timeout",
            Limit::ConnectTimeout => "connect_timeout",
            Limit::IdleTimeout => "idle_timeout",
            Limit::ShutdownGrace => "shutdown_grace",
        }
    }
}

/// Something is open until this is dropped.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn one(count: &'a AtomicU64) -> Open<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Open(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// A connection has been accepted; it counts until the returned value is dropped.
    pub(crate) fn connected(&self) -> impl Drop + '_ {
        Open::one(&self.connections)
    }

    /// Connections and streams that are open: each may have a connection to an origin.
    pub(crate) fn open(&self) -> u64 {
        self.connections.load(Ordering::Relaxed) + self.streams.load(Ordering::Relaxed)
    }

    /// Streams that are open.
    pub(crate) fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }

    /// A client was turned away.
    pub(crate) fn turned_away(&self, why: TurnedAway) {
        self.turned_away[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A limit ended something, so many times.
    pub(crate) fn reached(&self, limit: Limit, times: u64) {
        self.reached[limit as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// How often that limit ended something.
    pub(crate) fn reached_times(&self, limit: Limit) -> u64 {
        self.reached[limit as usize].load(Ordering::Relaxed)
    }

    /// How many clients were turned away for that reason.
    pub(crate) fn turned_away_for(&self, why: TurnedAway) -> u64 {
        self.turned_away[why as usize].load(Ordering::Relaxed)
    }

    /// A client that came by TLS did not get through its handshake.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// A load balancer did not say whose connection it passes on.
    pub(crate) fn header_refused(&self) {
        self.headers_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was.
    pub(crate) fn headers_refused(&self) -> u64 {
        self.headers_refused.load(Ordering::Relaxed)
    }

    /// How many did not.
    pub(crate) fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Ordering::Relaxed)
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

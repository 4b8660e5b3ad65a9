//! The way to the origins: names resolved, addresses checked, connections dialled, kept and lent again.
//!
//! Only addresses that [`guard::Guard`] let through are dialled, and it looks at the address really dialled: a name
//! that resolves to a private address now, or on the second look (DNS rebinding), leads nowhere (promise 8). What a parent
//! proxy is asked for, it resolves itself.
mod cache;
pub(crate) mod guard;
mod health;
mod parent;
mod pool;
mod race;
mod resolve;
mod socks;
mod stream;

pub(crate) use parent::ParentError;
pub(crate) use resolve::name_servers;

use crate::again::Again;
use crate::config::{Config, Secret};
use crate::wire::{Buffer, forward};
use guard::Guard;
use health::Helped;
use parent::Parent;
use policy::{Decision, Target};
use pool::Pool;
use race::{STAGGER, race};
use resolve::Resolver;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use stream::Stream;
pub(crate) use stream::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Idle connections kept to one host.
const PER_HOST: usize = 256;
/// Room made for what an origin says before it is asked anything.
const FIRST_WORD: usize = 4096;

/// What a parent does that accepts a connection and nothing more.
const SILENT: &str = "it does not answer in time";

/// What became of a request that was put to the parent itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// It was answered, whatever the answer.
    Answered,
    /// The parent asked the gate who it is.
    Denied,
    /// No answer came in time.
    Silent,
    /// The client left before any answer came.
    Left,
    /// The connection ended without one.
    Closed,
    /// What came was no answer.
    Malformed,
}

/// A connection to an origin, or to the parent proxy that passes requests on to it.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The connection.
    pub(crate) stream: Stream,
    /// What it sent and nobody has taken yet; empty when it is lent.
    pub(crate) buffer: Buffer,
    /// The origin's address; none when a parent proxy resolves its name.
    pub(crate) went_to: Option<IpAddr>,
    /// How a request line names what is asked here.
    pub(crate) form: Form,
    /// It has answered before: it may have been closed meanwhile without our knowing.
    pub(crate) kept: bool,
}

/// How a request line names what is asked (RFC 9112 §3.2).
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// By path and query: an origin is at the other end.
    Origin,
    /// By the whole address: a parent proxy is.
    Absolute {
        /// The value of Proxy-Authorization that it wants of the gate, if it does; the client's own never goes on.
        credentials: Option<Secret>,
    },
}

/// The hops behind a connection: a parent that is asked for a tunnel hears of them, so that one that leads back here is found
/// out (RFC 9110 §7.6.3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Via<'a> {
    /// Those before this gate.
    pub(crate) before: Option<&'a str>,
    /// This gate's name.
    pub(crate) received_by: &'a str,
}

impl Form {
    /// What the request's head is written from.
    pub(crate) fn written(&self) -> forward::Form<'_> {
        match self {
            Form::Origin => forward::Form::Origin,
            Form::Absolute { credentials } => {
                forward::Form::Absolute { credentials: credentials.as_ref().map(|secret| secret.told()) }
            }
        }
    }
}

impl Origin {
    /// Waits until the origin has said something, or has ended.
    ///
    /// Cancel safety: what it said stays in the buffer, or in the socket.
    pub(crate) async fn speaks(&mut self) {
        match self.stream.plain() {
            _ if !self.buffer.is_empty() => {}
            Some(socket) => drop(socket.readable().await),
            // What TLS says of its own is nothing the origin said: only what it carries counts.
            None => drop(self.buffer.fill(&mut self.stream, FIRST_WORD).await),
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The name has no address.
    NameNotFound,
    /// The name servers did not answer in time, or failed.
    NameUnanswered,
    /// Every address of the name is one this gate must not dial.
    ForbiddenAddress,
    /// No address accepted; the last one refused.
    Refused,
    /// No way leads to any address.
    Unroutable,
    /// No address accepted, for another reason.
    Unreachable,
    /// No address accepted in time.
    TimedOut,
    /// The parent proxy is no help.
    Parent(ParentError),
    /// The charter refuses every address of the name.
    Charter(Decision),
}

impl ConnectError {
    /// Why the system made no connection.
    fn of(error: &io::Error) -> ConnectError {
        match error.kind() {
            io::ErrorKind::TimedOut => ConnectError::TimedOut,
            io::ErrorKind::ConnectionRefused => ConnectError::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ConnectError::Unroutable,
            _ => ConnectError::Unreachable,
        }
    }
}

/// Whether a name is one by which machines know themselves: by RFC 6761 §6.3, and by the hosts files of Debian and others.
fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback")
        || host.ends_with(".localhost")
}

/// Everything needed to reach origins. Made anew when the configuration changes.
pub(crate) struct Upstream {
    resolver: Resolver,
    guard: Guard,
    pool: Pool,
    parent: Option<Parent>,
    connect_timeout: Duration,
}

impl Upstream {
    /// From the configuration; `own` are the sockets this gate listens on, to which no way may lead back.
    pub(crate) fn new(config: &Config, own: Vec<SocketAddr>) -> Result<Upstream, io::Error> {
        let parent = config.upstream.parent.as_ref();
        Ok(Upstream {
            resolver: Resolver::new(&config.dns)?,
            guard: Guard::new(config.destinations.allow_private.clone(), own),
            pool: Pool::new(PER_HOST),
            parent: parent.map(|parent| Parent::new(parent, config.upstream.direct.clone())).transpose()?,
            connect_timeout: config.limits.connect_timeout,
        })
    }

    /// A connection kept from before, if a live one is there.
    pub(crate) fn kept(&self, target: &Target) -> Option<Origin> {
        match self.parent_for(target) {
            Some(parent) if parent.is_asked_for(target) => {
                // The connection was made for another target: this one is looked at as that was.
                let mut origin = parent.pool.take("", 0).filter(|_| self.may_be_asked_for(target).is_ok())?;
                origin.went_to = target.ip();
                Some(origin)
            }
            _ => self.pool.take(target.host(), target.port()),
        }
    }

    /// A new connection, to an address that the charter has dialled; `None`: it is the gate's own, of which no charter decides.
    ///
    /// Cancel safety: dropped, the dialling stops.
    pub(crate) async fn dial(
        &self,
        target: &Target,
        via: Via<'_>,
        again: Option<&Again<'_>>,
    ) -> Result<Origin, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout;
        let refuses = |ip| again.and_then(|again| again.refuses(ip));
        if let Some(parent) = self.parent_for(target) {
            self.may_be_asked_for(target)?;
            let known = self.resolver.configured(target);
            if let Some(decision) = known.iter().flat_map(|known| known.iter()).find_map(|ip| refuses(*ip)) {
                return Err(ConnectError::Charter(decision));
            }
            let since = parent.health.helped();
            return match timeout_at(deadline, self.through(parent, target, via, deadline)).await {
                Ok(outcome) => outcome.map_err(ConnectError::Parent),
                Err(_) => {
                    parent.health.silent(since, &SILENT);
                    Err(ConnectError::TimedOut)
                }
            };
        }
        let addresses = match timeout_at(deadline, self.resolver.addresses(target)).await {
            Ok(found) => found?,
            Err(_) => return Err(ConnectError::NameUnanswered),
        };
        let vetted: Vec<SocketAddr> = addresses
            .iter()
            .map(|ip| SocketAddr::new(*ip, target.port()))
            .filter(|address| self.guard.allows(*address))
            .collect();
        if vetted.is_empty() {
            return Err(ConnectError::ForbiddenAddress);
        }
        let mut refused = None;
        let dialled = |address: &SocketAddr| {
            let decision = refuses(address.ip());
            refused = refused.or(decision);
            decision.is_none()
        };
        let vetted: Vec<SocketAddr> = vetted.into_iter().filter(dialled).collect();
        if let (true, Some(decision)) = (vetted.is_empty(), refused) {
            return Err(ConnectError::Charter(decision));
        }
        let (stream, address) = race(&vetted, deadline, STAGGER, |address| self.connect(address)).await?;
        let went_to = Some(address.ip());
        Ok(Origin {
            stream: Stream::Plain(stream),
            buffer: Buffer::default(),
            went_to,
            form: Form::Origin,
            kept: false,
        })
    }

    /// The parent proxy, unless the target goes past it.
    fn parent_for(&self, target: &Target) -> Option<&Parent> {
        self.parent.as_ref().filter(|parent| !parent.is_passed_by(target))
    }

    /// Whether a parent may be asked for a target. Where most names lead it alone will know; what the gate knows itself
    /// is checked, and `localhost` (RFC 6761 §6.3) would be the parent's own machine.
    fn may_be_asked_for(&self, target: &Target) -> Result<(), ConnectError> {
        let allows = |ip: IpAddr| self.guard.allows(SocketAddr::new(ip, target.port()));
        let host = target.host();
        let allowed = match self.resolver.configured(target) {
            Some(addresses) if addresses.is_empty() => return Err(ConnectError::NameNotFound),
            Some(addresses) => addresses.iter().all(|ip| allows(*ip)),
            None if is_this_machine(host) => allows(Ipv4Addr::LOCALHOST.into()),
            None => true,
        };
        if allowed { Ok(()) } else { Err(ConnectError::ForbiddenAddress) }
    }

    /// How often the parent has helped, if there is one: asked before an exchange, for [`Upstream::exchanged`].
    pub(crate) fn helped(&self) -> Option<Helped> {
        self.parent.as_ref().map(|parent| parent.health.helped())
    }

    /// Notes what the parent made of a request that was put to it itself, begun `since` then.
    pub(crate) fn exchanged(&self, since: Option<Helped>, went: Went) {
        let (Some(parent), Some(since)) = (&self.parent, since) else { return };
        match went {
            Went::Answered => parent.health.helps(),
            Went::Denied => parent.health.fails(&"it answers 407"),
            // Few clients wait as long as the gate would.
            Went::Left if since.at.elapsed() < self.connect_timeout => {}
            Went::Silent | Went::Left => parent.health.silent(since, &SILENT),
            Went::Closed => parent.health.silent(since, &"it ends connections without an answer"),
            Went::Malformed => parent.health.silent(since, &"it does not speak HTTP"),
        }
    }

    /// Why the parent is no help; inside, none while it is. None without a parent.
    pub(crate) fn parent_trouble(&self) -> Option<Option<Arc<String>>> {
        self.parent.as_ref().map(|parent| parent.health.trouble())
    }

    /// The same as a sentence, when there is something to say.
    pub(crate) fn note(&self) -> Option<String> {
        self.parent_trouble().flatten().map(|why| format!("the parent proxy is no help: {why}"))
    }

    /// A connection by way of the parent.
    async fn through(
        &self,
        parent: &Parent,
        target: &Target,
        via: Via<'_>,
        deadline: Instant,
    ) -> Result<Origin, ParentError> {
        let unreachable = |why: &str| parent.fails(ParentError::Unreachable, &why);
        let addresses =
            self.resolver.addresses(&parent.place).await.map_err(|_| unreachable("its name is not found"))?;
        let places = addresses.iter().map(|ip| SocketAddr::new(*ip, parent.port));
        let places: Vec<SocketAddr> = places.filter(|address| self.guard.allows_parent(*address)).collect();
        let connected = race(&places, deadline, STAGGER, |address| self.connect(address)).await;
        let (stream, _) = connected.map_err(|_| unreachable("it does not accept connections, or is this gate"))?;
        parent.open(stream, target, via).await
    }

    /// A connection to an address that was vetted.
    async fn connect(&self, address: SocketAddr) -> Result<(TcpStream, SocketAddr), ConnectError> {
        let stream = match TcpStream::connect(address).await {
            Ok(stream) if self.guard.is_own(&stream, address) => return Err(ConnectError::ForbiddenAddress),
            Ok(stream) => stream,
            Err(error) => return Err(ConnectError::of(&error)),
        };
        // Small writes leave at once: a relay that waits for more adds its own delay to the origin's.
        stream.set_nodelay(true).map_err(|_| ConnectError::Unreachable)?;
        Ok((stream, address))
    }

    /// Keeps a connection for the next exchange with the same origin, or by way of the same parent. It must be at the end
    /// of an answer.
    pub(crate) fn keep(&self, target: &Target, origin: Origin) {
        match (&origin.form, &self.parent) {
            (Form::Absolute { .. }, Some(parent)) => parent.pool.put("", 0, origin),
            _ => self.pool.put(target.host(), target.port(), origin),
        }
    }

    /// Closes the oldest kept connections, so that at most so many are left: clients have the first claim on descriptors.
    pub(crate) fn make_room(&self, most: usize) {
        self.pool.limit(most);
    }

    /// Closes kept connections that have been idle too long; called now and then.
    pub(crate) fn sweep(&self) {
        self.pool.sweep();
        if let Some(parent) = &self.parent {
            parent.pool.sweep();
        }
    }
}

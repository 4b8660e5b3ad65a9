//! The way to the origins: names resolved, addresses checked, connections dialled, kept and lent again.
//!
//! Only addresses that [`guard::Guard`] let through are dialled, and it looks at the address really dialled: a name
//! that resolves to a private address now, or on the second look (DNS rebinding), leads nowhere (promise 8).
mod cache;
pub(crate) mod guard;
mod pool;
mod race;
mod resolve;
mod stream;

use crate::config::Config;
use crate::wire::Buffer;
use guard::Guard;
use policy::Target;
use pool::Pool;
use race::{STAGGER, race};
use resolve::Resolver;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use stream::Stream;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Idle connections kept to one host.
const PER_HOST: usize = 64;
/// Room made for what an origin says before it is asked anything.
const FIRST_WORD: usize = 4096;

/// A connection to an origin.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The connection.
    pub(crate) stream: Stream,
    /// What it sent and nobody has taken yet; empty when it is lent.
    pub(crate) buffer: Buffer,
    /// The address dialled.
    pub(crate) address: SocketAddr,
    /// It has answered before: it may have been closed meanwhile without our knowing.
    pub(crate) kept: bool,
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
    /// No address accepted.
    Unreachable,
    /// No address accepted in time.
    TimedOut,
}

/// Everything needed to reach origins. Made anew when the configuration changes.
pub(crate) struct Upstream {
    resolver: Resolver,
    guard: Guard,
    pool: Pool,
    connect_timeout: Duration,
}

impl Upstream {
    /// From the configuration; `own` are the sockets this gate listens on, to which no way may lead back.
    pub(crate) fn new(config: &Config, own: Vec<SocketAddr>) -> Result<Upstream, io::Error> {
        Ok(Upstream {
            resolver: Resolver::new(&config.dns)?,
            guard: Guard::new(config.destinations.allow_private.clone(), own),
            pool: Pool::new(PER_HOST),
            connect_timeout: config.limits.connect_timeout,
        })
    }

    /// A connection kept from before, if a live one is there.
    pub(crate) fn kept(&self, target: &Target) -> Option<Origin> {
        self.pool.take(target.host(), target.port())
    }

    /// A new connection.
    ///
    /// Cancel safety: dropped, the dialling stops.
    pub(crate) async fn dial(&self, target: &Target) -> Result<Origin, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout;
        let addresses = match timeout(self.connect_timeout, self.resolver.addresses(target)).await {
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
        race(&vetted, deadline, STAGGER, |address| self.connect(address)).await
    }

    /// A connection to an address that was vetted.
    async fn connect(&self, address: SocketAddr) -> Result<Origin, ConnectError> {
        let stream = match TcpStream::connect(address).await {
            Ok(stream) if self.guard.is_own(&stream) => return Err(ConnectError::ForbiddenAddress),
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(ConnectError::TimedOut),
            Err(_) => return Err(ConnectError::Unreachable),
        };
        // Small writes leave at once: a relay that waits for more adds its own delay to the origin's.
        stream.set_nodelay(true).map_err(|_| ConnectError::Unreachable)?;
        Ok(Origin { stream: Stream::Plain(stream), buffer: Buffer::default(), address, kept: false })
    }

    /// Keeps a connection for the next exchange with the same origin. It must be at the end of an answer.
    pub(crate) fn keep(&self, target: &Target, origin: Origin) {
        self.pool.put(target.host(), target.port(), origin);
    }

    /// Closes kept connections that have been idle too long; called now and then.
    pub(crate) fn sweep(&self) {
        self.pool.sweep();
    }
}

//! The sockets that clients come to: bound, taken over from whoever started the gate, and changed by a reload.
//!
//! A socket is known by its address in the configuration. Whether TLS is spoken there is looked up for each connection, so
//! that a reload changes it without closing anything.
use crate::accept::{self, Crowd};
use crate::config::{Config, Listen};
use crate::gate::Gate;
use listenfd::ListenFd;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Where the proxy really listens, with the ports the system gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sockets {
    /// Without TLS.
    pub(crate) plain: Vec<SocketAddr>,
    /// With it.
    pub(crate) secure: Vec<SocketAddr>,
}

impl Sockets {
    fn of(listen: &Listen, places: &[(SocketAddr, SocketAddr)]) -> Sockets {
        let is_secure = |configured: SocketAddr| listen.proxy_tls.iter().any(|one| one.address == configured);
        let (secure, plain) = places.iter().partition::<Vec<_>, _>(|(configured, _)| is_secure(*configured));
        let at = |places: Vec<(SocketAddr, SocketAddr)>| places.into_iter().map(|(_, at)| at).collect();
        Sockets { plain: at(plain), secure: at(secure) }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = SocketAddr> {
        self.plain.iter().chain(&self.secure).copied()
    }
}

impl Listen {
    /// Every address of the proxy.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.proxy.iter().copied().chain(self.proxy_tls.iter().map(|one| one.address)).collect()
    }
}

/// Sockets that were open before the gate was started, and stay so behind it: those of systemd (`sd_listen_fds(3)`).
pub(crate) struct Given(Vec<std::net::TcpListener>);

impl Given {
    /// Takes them from the environment: once, and before there are threads.
    pub(crate) fn take() -> Result<Given, String> {
        let mut from = ListenFd::from_env();
        let count = from.len();
        let take = |n| match from.take_tcp_listener(n) {
            Ok(socket) => Ok(socket),
            Err(why) => {
                Err(format!("socket {} of those given to the gate is no TCP socket that listens: {why}", n + 1))
            }
        };
        (0..count).map(take).filter_map(Result::transpose).collect::<Result<_, _>>().map(Given)
    }

    /// The socket of that address: given, or bound now.
    pub(crate) fn open(&mut self, at: SocketAddr) -> Result<TcpListener, String> {
        let Some(n) = self.0.iter().position(|socket| socket.local_addr().is_ok_and(|given| given == at)) else {
            return bind(at);
        };
        let socket = self.0.swap_remove(n);
        let taken = socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket));
        taken.map_err(|why| format!("the socket given for {at} cannot be used: {why}"))
    }

    /// Whoever connects to a socket that nobody serves would wait for ever.
    pub(crate) fn none_left(&self) -> Result<(), String> {
        match self.0.first().map(std::net::TcpListener::local_addr) {
            None => Ok(()),
            Some(at) => Err(format!(
                "a socket on {} was given to the gate, and `[listen]` does not name it: write it there as it is, or take \
                 it from the socket unit",
                at.map_or_else(|_| "an unknown address".to_owned(), |at| at.to_string())
            )),
        }
    }
}

fn bind(at: SocketAddr) -> Result<TcpListener, String> {
    let bound = || -> io::Result<TcpListener> {
        let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A gate that restarts takes its port back although connections of the last one linger.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("{at} is in use by another program; `[listen]` chooses another address"),
        _ => format!("{at} cannot be listened on: {error}"),
    })
}

/// A socket that is not served yet.
pub(crate) struct Door {
    configured: SocketAddr,
    listener: TcpListener,
    at: SocketAddr,
}

impl Door {
    fn new(configured: SocketAddr, listener: TcpListener) -> Result<Door, String> {
        Ok(Door { configured, at: address(&listener)?, listener })
    }
}

/// The address of a socket.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|error| format!("a socket has no address: {error}"))
}

/// Opens every address of the proxy. Also says where they are.
pub(crate) fn open(listen: &Listen, given: &mut Given) -> Result<(Vec<Door>, Sockets), String> {
    let open = |at| Door::new(at, given.open(at)?);
    let doors = listen.addresses().into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = doors.iter().map(|door| (door.configured, door.at)).collect();
    let sockets = Sockets::of(listen, &places);
    Ok((doors, sockets))
}

/// The sockets served, and what serving them takes.
pub(crate) struct Doors {
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    interrupt: CancellationToken,
    open: Mutex<Vec<Served>>,
}

/// A socket that is served.
struct Served {
    configured: SocketAddr,
    at: SocketAddr,
    closing: CancellationToken,
}

/// What a reload does to the sockets.
pub(crate) struct Change {
    new: Vec<Door>,
    gone: Vec<CancellationToken>,
}

impl Doors {
    /// None yet. Connections are tasks of `tasks`; cancelling `interrupt` drops those still there.
    pub(crate) fn new(tasks: TaskTracker, interrupt: CancellationToken) -> Doors {
        Doors { crowd: Arc::default(), tasks, interrupt, open: Mutex::default() }
    }

    fn served(&self) -> MutexGuard<'_, Vec<Served>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to serve sockets.
    pub(crate) fn serve(&self, gate: &Arc<Gate>, doors: Vec<Door>) {
        let mut served = self.served();
        for Door { configured, listener, at } in doors {
            let closing = gate.stopping.child_token();
            served.push(Served { configured, at, closing: closing.clone() });
            let door = accept::Door { configured, listener, closing };
            let (crowd, tasks, interrupt) = (self.crowd.clone(), self.tasks.clone(), self.interrupt.clone());
            self.tasks.spawn(accept::listen(gate.clone(), door, crowd, tasks, interrupt));
        }
    }

    /// Opens the addresses that a new configuration adds. Nothing of what is served changes until [`Doors::change`]. Also
    /// says where the proxy listens from then on.
    pub(crate) fn prepare(&self, config: &Config) -> Result<(Change, Sockets), String> {
        let served = self.served();
        let mut before: Vec<&Served> = served.iter().collect();
        let (mut new, mut places) = (Vec::new(), Vec::new());
        for configured in config.listen.addresses() {
            if let Some(n) = before.iter().position(|one| one.configured == configured) {
                places.push((configured, before.swap_remove(n).at));
                continue;
            }
            let listener = bind(configured).map_err(|why| {
                // Such as one address of the machine beside all of them.
                match served.iter().find(|one| one.at.port() == configured.port()) {
                    Some(one) => {
                        format!("{configured} is not free while this gate listens on {}: start it again", one.at)
                    }
                    None => why,
                }
            })?;
            let door = Door::new(configured, listener)?;
            places.push((configured, door.at));
            new.push(door);
        }
        let gone = before.iter().map(|one| one.closing.clone()).collect();
        Ok((Change { new, gone }, Sockets::of(&config.listen, &places)))
    }

    /// Serves the new sockets, and lets nobody in by those that are gone. Whoever is in stays.
    pub(crate) fn change(&self, gate: &Arc<Gate>, change: Change) {
        for closing in &change.gone {
            closing.cancel();
        }
        self.served().retain(|one| !one.closing.is_cancelled());
        self.serve(gate, change.new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_was_given_is_used_and_one_that_nobody_asked_for_is_said() {
        let [one, other] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
        let [at, left] = [&one, &other].map(|socket| socket.local_addr().expect("bound"));
        let mut given = Given(vec![other, one]);
        let taken = given.open(at).expect("given");
        assert_eq!(address(&taken).expect("bound"), at);
        let why = given.none_left().expect_err("one is left");
        assert!(why.contains(&left.to_string()), "{why}");
        given.open(left).expect("given");
        given.none_left().expect("none is left");
        let why = given.open(at).expect_err("bound by the first");
        assert!(why.contains("in use"), "{why}");
    }
}

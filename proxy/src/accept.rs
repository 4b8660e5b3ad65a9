//! Clients let in: by their address, which a load balancer in front may name, and as many at once as the limits say.
use crate::connection::{self, Connection};
use crate::gate::{Gate, State, TurnedAway};
use crate::identify::Caller;
use crate::pages::Fault;
use crate::wire::proxied::{Header, Source};
use crate::wire::{Buffer, Protocol};
use crate::{http2, refuse, secure};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After an error of accept (no descriptors left, most often) the listener rests, so as not to spin.
const REST: Duration = Duration::from_millis(100);
/// The answer to plain HTTP where TLS is spoken; in both languages, for no page is looked up for it.
const SPEAKS_TLS: &[u8] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 164\r\n\
    Cache-Control: no-store\r\nConnection: close\r\n\r\n\
    This port speaks TLS: set the proxy as HTTPS (https://), or use the port without TLS.\n\
    Ce port parle TLS : indiquez un proxy HTTPS (https://), ou le port sans TLS.\n"
        .as_bytes();
/// How long a connection under TLS may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Connections by client, and streams of HTTP/2, all listeners together.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    by_client: Mutex<HashMap<IpAddr, usize>>,
}

/// A place in the crowd, left when dropped.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    client: IpAddr,
}

impl Crowd {
    /// A place for one more of this client, unless it has as many as the limit says.
    pub(crate) fn enter(self: &Arc<Crowd>, client: IpAddr, limit: usize) -> Option<Place> {
        let mut by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_client.entry(client).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(by_client);
        Some(Place { crowd: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_client = self.crowd.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

/// A socket to be served.
pub(crate) struct Door {
    /// Its address in the configuration.
    pub(crate) configured: SocketAddr,
    /// The socket.
    pub(crate) listener: TcpListener,
    /// Cancelled when nobody is to be let in by it any more.
    pub(crate) closing: CancellationToken,
}

/// Accepts on one socket until it is closed, or the gate stops. Every connection is a task of `tasks`; cancelling
/// `interrupt` drops those still there, and their records are settled as interrupted.
pub(crate) async fn listen(
    gate: Arc<Gate>,
    door: Door,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    interrupt: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            () = door.closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => admit(&gate, &door, stream, peer, &crowd, &tasks, &interrupt),
            // The client that left before it was accepted is nothing to wait for.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
    if gate.stopping.is_cancelled() {
        return;
    }
    // A reload takes this address away: whoever stands before it was there first.
    loop {
        tokio::select! {
            biased;
            accepted = door.listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&gate, &door, stream, peer, &crowd, &tasks, &interrupt),
                Err(_) => return,
            },
            () = std::future::ready(()) => return,
        }
    }
}

/// Lets whoever connects in, or turns them away.
fn admit(
    gate: &Arc<Gate>,
    door: &Door,
    stream: TcpStream,
    peer: SocketAddr,
    crowd: &Arc<Crowd>,
    tasks: &TaskTracker,
    interrupt: &CancellationToken,
) {
    let peer = peer.ip().to_canonical();
    let state = gate.state();
    let acceptor = state.certificates.at(door.configured).map(|config| TlsAcceptor::from(config.clone()));
    let open = usize::try_from(gate.counts.open()).unwrap_or(usize::MAX);
    // Two descriptors each are set aside for clients; what is kept for later lives on those not yet taken.
    state.upstream.make_room(2 * gate.room.saturating_sub(open));
    let (to, interrupt) = (gate.clone(), interrupt.clone());
    let (all, crowd) = (tasks.clone(), crowd.clone());
    if state.config.listen.proxy_protocol.contains(peer) {
        if open >= state.config.limits.connections.min(gate.room) {
            return turned_away(gate, &state, stream, acceptor.is_some(), TurnedAway::Full);
        }
        tasks.spawn(async move {
            let _open = to.counts.connected();
            let serving = serve_behind(&to, acceptor, stream, peer, crowd, all, &interrupt);
            let _ = interrupt.run_until_cancelled(Box::pin(serving)).await;
        });
        return;
    }
    let place = match place(gate, &state, &crowd, peer, open) {
        Ok(place) => place,
        Err(why) => return turned_away(gate, &state, stream, acceptor.is_some(), why),
    };
    let caller = Caller::at(peer);
    match acceptor {
        None => tasks.spawn(async move {
            let _place = place;
            let _open = to.counts.connected();
            // Pinned here, it is in the task once; given away whole, it would be in it twice.
            let serving = pin!(serve(&to, stream, caller));
            let _ = interrupt.run_until_cancelled(serving).await;
        }),
        Some(acceptor) => tasks.spawn(async move {
            let _place = place;
            let _open = to.counts.connected();
            let serving = serve_tls(&to, acceptor, stream, caller, crowd, all, &interrupt);
            let _ = interrupt.run_until_cancelled(Box::pin(serving)).await;
        }),
    };
}

/// A client's place, by its address and the limits; `open` connections are there without it.
fn place(gate: &Gate, state: &State, crowd: &Arc<Crowd>, client: IpAddr, open: usize) -> Result<Place, TurnedAway> {
    let limits = &state.config.limits;
    if !state.config.clients.allow.contains(client) {
        return Err(TurnedAway::NotAllowed);
    }
    if open >= limits.connections.min(gate.room) {
        return Err(TurnedAway::Full);
    }
    crowd.enter(client, limits.connections_per_client).ok_or(TurnedAway::ClientFull)
}

/// Counts a client that is turned away, and says why where that can be read.
fn turned_away(gate: &Gate, state: &State, stream: TcpStream, secure: bool, why: TurnedAway) {
    gate.counts.turned_away(why);
    let fault = match why {
        TurnedAway::NotAllowed => Fault::ClientNotAllowed,
        TurnedAway::Full | TurnedAway::ClientFull => Fault::TooBusy,
    };
    if !secure {
        turn_away(stream, state, fault);
    }
}

/// A connection that a load balancer passes on: the address that counts is the one it names.
async fn serve_behind(
    gate: &Arc<Gate>,
    acceptor: Option<TlsAcceptor>,
    mut stream: TcpStream,
    balancer: IpAddr,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    interrupt: &CancellationToken,
) {
    let patience = gate.state().config.limits.header_timeout;
    let read = gate.stopping.run_until_cancelled(timeout(patience, named_by(&mut stream))).await;
    let client = match read {
        Some(Ok(Named::From(Source::Client(client)))) => client.to_canonical(),
        Some(Ok(Named::From(Source::Balancer))) => balancer,
        // Looked whether the gate is there, and left.
        Some(Ok(Named::Nothing)) | None => return,
        Some(Ok(Named::Malformed) | Err(_)) => return gate.counts.header_refused(),
    };
    let state = gate.state();
    // This connection is counted among those open.
    let open = usize::try_from(gate.counts.open()).unwrap_or(usize::MAX).saturating_sub(1);
    let _place = match place(gate, &state, &crowd, client, open) {
        Ok(place) => place,
        Err(why) => return turned_away(gate, &state, stream, acceptor.is_some(), why),
    };
    drop(state);
    match acceptor {
        None => serve(gate, stream, Caller::at(client)).await,
        Some(acceptor) => serve_tls(gate, acceptor, stream, Caller::at(client), crowd, tasks, interrupt).await,
    }
}

/// What a load balancer's first bytes say.
enum Named {
    From(Source),
    Malformed,
    Nothing,
}

/// Reads a header of the PROXY protocol, and no byte behind it.
async fn named_by(stream: &mut TcpStream) -> Named {
    let mut bytes = Vec::new();
    loop {
        let need = match Header::read(&bytes) {
            Header::From(source, _) => return Named::From(source),
            Header::Malformed => return Named::Malformed,
            Header::More(need) => need.saturating_sub(bytes.len()) as u64,
        };
        match (&mut *stream).take(need).read_buf(&mut bytes).await {
            Ok(0) | Err(_) if bytes.is_empty() => return Named::Nothing,
            Ok(0) | Err(_) => return Named::Malformed,
            Ok(_) => {}
        }
    }
}

async fn serve(gate: &Gate, mut stream: TcpStream, caller: Arc<Caller>) {
    // An answer's last segment must not wait for the client's acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (reader, writer) = stream.split();
    let mut connection = Connection {
        reader,
        writer,
        buffer: Buffer::default(),
        head: 0,
        caller,
        protocol: Protocol::Http1,
        proof: None,
    };
    connection::serve(gate, &mut connection).await;
}

async fn serve_tls(
    gate: &Arc<Gate>,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    caller: Arc<Caller>,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    interrupt: &CancellationToken,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let patience = gate.state().config.limits.header_timeout;
    let shaken = gate.stopping.run_until_cancelled(timeout(patience, shake_hands(acceptor, stream))).await;
    let stream = match shaken {
        Some(Ok(Some(stream))) => stream,
        Some(Ok(None) | Err(_)) => return gate.counts.handshake_failed(),
        None => return,
    };
    if stream.get_ref().1.alpn_protocol() == Some(secure::HTTP2) {
        return http2::serve(gate.clone(), stream, (caller, crowd), tasks, interrupt.clone()).await;
    }
    let (reader, writer) = secure::split(stream);
    let mut connection = Connection {
        reader,
        writer,
        buffer: Buffer::default(),
        head: 0,
        caller,
        protocol: Protocol::Http1,
        proof: None,
    };
    connection::serve(gate, &mut connection).await;
    if !connection.writer.is_broken_off() {
        // close_notify says that all has been sent (RFC 8446 §6.1). A client that takes nothing is closed upon.
        let _ = timeout(GOODBYE, connection.writer.shutdown()).await;
    }
}

/// The handshake. Whoever begins with a letter speaks HTTP without TLS (RFC 8446 §5.1: a handshake begins with 22), and is
/// told so in a way that can be read.
async fn shake_hands(acceptor: TlsAcceptor, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await.is_ok() && first[0].is_ascii_alphabetic() {
        // What has come is taken: closed upon unread bytes, the socket would reset and the answer be lost.
        let _ = stream.try_read(&mut [0; 16 * 1024]);
        let _ = stream.write_all(SPEAKS_TLS).await;
        let _ = stream.shutdown().await;
        return None;
    }
    acceptor.accept(stream).await.ok()
}

/// Says why and closes, as far as that takes no waiting.
fn turn_away(stream: TcpStream, state: &State, fault: Fault<'_>) {
    use std::io::Write as _;
    // Best effort: a client that is turned away may not hear why.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(refuse::at_the_door(state, fault).as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
}

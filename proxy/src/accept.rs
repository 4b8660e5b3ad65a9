//! Clients let in: by their address, and as many at once as the limits say.
use crate::connection::{self, Connection};
use crate::gate::{Gate, State, TurnedAway};
use crate::identify::Caller;
use crate::pages::Fault;
use crate::wire::{Buffer, Protocol};
use crate::{http2, refuse, secure};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
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

/// Lets a client in, or turns it away.
fn admit(
    gate: &Arc<Gate>,
    door: &Door,
    stream: TcpStream,
    peer: SocketAddr,
    crowd: &Arc<Crowd>,
    tasks: &TaskTracker,
    interrupt: &CancellationToken,
) {
    let client = peer.ip().to_canonical();
    let state = gate.state();
    let limits = &state.config.limits;
    let secure = state.certificates.at(door.configured);
    let open = usize::try_from(gate.counts.open()).unwrap_or(usize::MAX);
    let place = if !state.config.clients.allow.contains(client) {
        Err((TurnedAway::NotAllowed, Fault::ClientNotAllowed))
    } else if open >= limits.connections.min(gate.room) {
        Err((TurnedAway::Full, Fault::TooBusy))
    } else {
        crowd.enter(client, limits.connections_per_client).ok_or((TurnedAway::ClientFull, Fault::TooBusy))
    };
    let place = match place {
        Ok(place) => place,
        Err((why, fault)) => {
            gate.counts.turned_away(why);
            if secure.is_none() {
                turn_away(stream, &state, fault);
            }
            return;
        }
    };
    // Two descriptors each are set aside for clients; what is kept for later lives on those not yet taken.
    state.upstream.make_room(2 * gate.room.saturating_sub(open));
    let (gate, interrupt, caller) = (gate.clone(), interrupt.clone(), Caller::at(client));
    match secure {
        None => tasks.spawn(async move {
            let _place = place;
            let _open = gate.counts.connected();
            // Pinned here, it is in the task once; given away whole, it would be in it twice.
            let serving = pin!(serve(&gate, stream, caller));
            let _ = interrupt.run_until_cancelled(serving).await;
        }),
        Some(config) => {
            let (acceptor, all, crowd) = (TlsAcceptor::from(config.clone()), tasks.clone(), crowd.clone());
            tasks.spawn(async move {
                let _place = place;
                let _open = gate.counts.connected();
                let serving = serve_tls(&gate, acceptor, stream, caller, crowd, all, &interrupt);
                let _ = interrupt.run_until_cancelled(Box::pin(serving)).await;
            })
        }
    };
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

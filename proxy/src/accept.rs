//! Clients let in: by their address, and as many at once as the limits say.
use crate::connection::{self, Connection};
use crate::gate::{Gate, State};
use crate::pages::Fault;
use crate::refuse;
use crate::wire::Buffer;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After an error of accept (no descriptors left, most often) the listener rests, so as not to spin.
const REST: Duration = Duration::from_millis(100);
/// Connections by client, all listeners together.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    by_client: Mutex<HashMap<IpAddr, usize>>,
}

/// A place in the crowd, left when dropped.
struct Place {
    crowd: Arc<Crowd>,
    client: IpAddr,
}

impl Crowd {
    fn enter(self: &Arc<Crowd>, client: IpAddr, limit: usize) -> Option<Place> {
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

/// Accepts on one socket until the gate stops. Every connection is a task of `tasks`; cancelling `interrupt` drops those
/// still there, and their records are settled as interrupted.
pub(crate) async fn listen(
    gate: Arc<Gate>,
    listener: TcpListener,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    interrupt: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gate.stopping.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The client that left before it was accepted is nothing to wait for.
                if error.kind() != std::io::ErrorKind::ConnectionAborted {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(REST).await;
                }
                continue;
            }
        };
        let client = peer.ip().to_canonical();
        let state = gate.state();
        let limits = &state.config.limits;
        if !state.config.clients.allow.contains(client) {
            turn_away(stream, &state, Fault::ClientNotAllowed);
            continue;
        }
        let open = usize::try_from(gate.counts.read().0).unwrap_or(usize::MAX);
        let place = if open < limits.connections.min(gate.room) {
            crowd.enter(client, limits.connections_per_client)
        } else {
            None
        };
        let Some(place) = place else {
            turn_away(stream, &state, Fault::TooBusy);
            continue;
        };
        let (gate, interrupt) = (gate.clone(), interrupt.clone());
        tasks.spawn(async move {
            let _place = place;
            let _open = gate.counts.connected();
            // Pinned here, it is in the task once; given away whole, it would be in it twice.
            let serving = pin!(serve(&gate, stream, client));
            let _ = interrupt.run_until_cancelled(serving).await;
        });
    }
}

async fn serve(gate: &Gate, mut stream: TcpStream, peer: IpAddr) {
    // An answer's last segment must not wait for the client's acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (reader, writer) = stream.split();
    let mut connection = Connection { reader, writer, buffer: Buffer::default(), head: 0, peer };
    connection::serve(gate, &mut connection).await;
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

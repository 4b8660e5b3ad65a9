//! CONNECT tunnels (RFC 9110 §9.3.6): nothing inside is read but the first message of TLS, the ClientHello, whose name is
//! decided on as the name of CONNECT was. What stays closed stays closed: the tunnel is cut before a byte of it leaves.
use crate::body::{self, BodyError};
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, State};
use crate::identify::Client;
use crate::upstream::Origin;
use crate::wire::Buffer;
use crate::wire::hello::Hello;
use crate::{record, refuse};
use logstore::{Outcome, OwedRecord};
use policy::Action;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// What the client is answered when its tunnel stands.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
/// The fatal TLS alert `access_denied` (RFC 8446 §6.2), in the record that carries it.
const ACCESS_DENIED: &[u8] = &[0x15, 3, 3, 0, 2, 2, 49];
/// Room made for one read.
const ROOM: usize = 16 * 1024;

/// How the reading of the first message ended.
enum Opening {
    /// The name asked for in the ClientHello.
    Named(String),
    /// No name to decide on: TLS without one, something else than TLS, or an origin that speaks first.
    Unnamed,
    /// TLS that cannot be read: nobody can say what would pass.
    Unreadable,
    /// The client left, or sent nothing in time.
    Gone,
}

/// Runs one tunnel to its end.
pub(crate) async fn run<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    let limits = &state.config.limits;
    let mut origin = match state.upstream.dial(&asked.target, asked.hops_before(gate)).await {
        Ok(origin) => origin,
        Err(error) => return refuse::unreachable(gate, state, connection, asked, &error, record).await,
    };
    if let Some(address) = origin.went_to {
        record.went_to(address);
    }
    connection.take_head();
    if body::write(&mut connection.writer, ESTABLISHED, limits.idle_timeout).await.is_err() {
        return (Outcome::Abandoned, Next::Close);
    }
    record.answered(200);
    let cut = match opening(connection, &mut origin, limits.header_timeout).await {
        Opening::Named(name) => is_refused(gate, state, asked, client, &name, record),
        Opening::Unnamed => false,
        Opening::Unreadable => {
            record.decided_again(record::refused_by_the_gate(state, record::GATE_TLS), None);
            true
        }
        Opening::Gone => return (Outcome::Abandoned, Next::Close),
    };
    if cut {
        gate.counts.refused();
        // The client may be gone; the refusal stands all the same.
        let _ = body::write(&mut connection.writer, ACCESS_DENIED, limits.idle_timeout).await;
        return (Outcome::Refused, Next::Linger);
    }
    (relay(connection, &mut origin, limits.idle_timeout, record).await, Next::Close)
}

/// Reads the first message without taking it from the buffer. An origin that speaks first is no TLS server: its protocol
/// would wait for ever for a client that waits for it.
async fn opening<R, W>(connection: &mut Connection<R, W>, origin: &mut Origin, patience: Duration) -> Opening
where
    R: ClientReader,
{
    let deadline = Instant::now() + patience;
    loop {
        match Hello::read(connection.buffer.bytes()) {
            Hello::Asks(Some(name)) => return Opening::Named(name),
            Hello::Asks(None) | Hello::NotTls => return Opening::Unnamed,
            Hello::Malformed => return Opening::Unreadable,
            Hello::More => {}
        }
        let silent = connection.buffer.is_empty();
        let filled = tokio::select! {
            biased;
            filled = timeout_at(deadline, connection.buffer.fill(&mut connection.reader, ROOM)) => filled,
            () = origin.speaks(), if silent => return Opening::Unnamed,
        };
        match filled {
            Ok(Ok(count)) if count > 0 => {}
            Ok(Ok(_) | Err(_)) | Err(_) => return Opening::Gone,
        }
    }
}

/// Decides on the name of the ClientHello, when it is another than that of CONNECT, and notes it.
fn is_refused(gate: &Gate, state: &State, asked: &Asked, client: &Client, name: &str, record: &mut OwedRecord) -> bool {
    let Ok(target) = asked.target.under_name(name) else {
        // A name that is none cannot be decided on.
        record.decided_again(record::refused_by_the_gate(state, record::GATE_TLS), None);
        return true;
    };
    if target.host() == asked.target.host() {
        return false;
    }
    let query = policy::Query { target: &target, ..asked.query(client, gate.now()) };
    let decision = state.in_force.decide(&query);
    let refused = decision.action == Action::Block;
    // The record may have begun under a name that is not withheld: this one, if it is, does not come after it.
    let told = Some(target.host()).filter(|_| decision.withheld().is_none());
    if told.is_none() {
        record.conceal();
    }
    record.decided_again(record::verdict(state, &decision), told);
    refused
}

/// Moves bytes both ways until both sides have ended, one has broken, or both were silent for `idle`.
pub(crate) async fn relay<R, W>(
    connection: &mut Connection<R, W>,
    origin: &mut Origin,
    idle: Duration,
    record: &OwedRecord,
) -> Outcome
where
    R: ClientReader,
    W: ClientWriter,
{
    let Connection { reader, writer, buffer, .. } = connection;
    let (mut origin_reader, mut origin_writer) = origin.stream.split();
    let moved = Moved::default();
    let mut up = pin!(copy(reader, buffer, &mut origin_writer, &moved, |bytes| record.sent(bytes)));
    let mut down = pin!(copy(&mut origin_reader, &mut origin.buffer, writer, &moved, |bytes| record.received(bytes)));
    let mut silence = pin!(moved.silence(idle));
    // What an end means is known to nobody but those inside: once the origin has answered, a client that leaves, be it by a
    // reset, has had what it came for.
    let client_left = || if record.has_received() { Outcome::Completed } else { Outcome::Abandoned };
    let (mut up_ended, mut down_ended) = (false, false);
    while !(up_ended && down_ended) {
        let outcome = tokio::select! {
            end = &mut up, if !up_ended => match end {
                Ok(()) => { up_ended = true; continue }
                Err(BodyError::ReceiverGone) => Outcome::Failed,
                Err(_) => client_left(),
            },
            end = &mut down, if !down_ended => match end {
                Ok(()) => { down_ended = true; continue }
                Err(BodyError::ReceiverGone) => client_left(),
                Err(_) => Outcome::Failed,
            },
            // Both sides had nothing more to say: the tunnel is over, as far as anybody can tell.
            () = &mut silence => Outcome::Completed,
        };
        return outcome;
    }
    Outcome::Completed
}

/// One direction: what is buffered, then what comes; at the end the receiver is told that there is no more.
async fn copy<R, W>(
    reader: &mut R,
    buffer: &mut Buffer,
    writer: &mut W,
    moved: &Moved,
    count: impl Fn(u64),
) -> Result<(), BodyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        if !buffer.is_empty() {
            writer.write_all(buffer.bytes()).await.map_err(|_| BodyError::ReceiverGone)?;
            writer.flush().await.map_err(|_| BodyError::ReceiverGone)?;
            count(buffer.len() as u64);
            moved.note();
            buffer.consume(buffer.len());
        }
        match buffer.fill(reader, ROOM).await {
            Ok(0) => return writer.shutdown().await.map_err(|_| BodyError::ReceiverGone),
            Ok(_) => moved.note(),
            Err(_) => return Err(BodyError::SenderGone),
        }
    }
}

/// Whether something has moved, in either direction, since the last look.
#[derive(Default)]
struct Moved(AtomicBool);

impl Moved {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns when nothing has moved for `idle`, and half as long again at most: one timer for both directions, set
    /// again only when it rings.
    async fn silence(&self, idle: Duration) {
        let mut quiet = 0;
        while quiet < 2 {
            tokio::time::sleep(idle / 2).await;
            quiet = if self.0.swap(false, Ordering::Relaxed) { 0 } else { quiet + 1 };
        }
    }
}

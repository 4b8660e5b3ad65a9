//! HTTP/2 towards browsers (RFC 9113): each stream is taken for a connection of HTTP/1.1 that carries one request, and
//! walks the same street.
//!
//! Frames, HPACK and windows are the `h2` crate's. What a stream asks is written out as the head of HTTP/1.1 that says the
//! same, and read again by the strict reader: nothing passes here that would not pass there. A stream that is refused, cut
//! or reset leaves the others alone.
mod reader;
mod request;
mod writer;

use crate::accept::Crowd;
use crate::connection::{self, Connection};
use crate::gate::{Gate, TurnedAway};
use crate::identify::Caller;
use crate::wire::{Buffer, Protocol};
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use reader::StreamReader;
use request::Asked;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use writer::StreamWriter;

/// Streams that one connection may have at once.
const STREAMS: u32 = 128;
/// What a client may send on one stream before it is taken, and on all of a connection: what a silent origin costs. A few
/// uploads that nobody takes hold up the others of their connection, and no other connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// What waits on one stream for a client that doesn't take it.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client has reset and that are remembered, or were not even begun: beyond that many it is told to calm
/// down, and gone (CVE-2023-44487).
const RESET_STREAMS: usize = 32;
/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// One stream's way to the client, which both of its halves look at.
enum Answer {
    /// Nothing final has been sent.
    Awaited(SendResponse<Bytes>),
    /// The head has.
    Begun(h2::SendStream<Bytes>),
    /// All of a tunnel's has, and the client may still be sending.
    HalfClosed(h2::SendStream<Bytes>),
    /// All has, or a reset.
    Over,
}

/// Both halves are of one task: the lock is never waited for.
type Shared = Arc<Mutex<Answer>>;

fn lock(answer: &Shared) -> std::sync::MutexGuard<'_, Answer> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken(why: h2::Error) -> std::io::Error {
    match why.get_io() {
        Some(io) => io.kind().into(),
        None => std::io::Error::new(std::io::ErrorKind::ConnectionReset, why),
    }
}

/// Serves a connection of this client to its end. Streams are tasks of `tasks`; cancelling `interrupt` drops those still there.
///
/// Cancel safety: dropped, the connection is closed without a goodbye, and exchanges are settled as what happened.
pub(crate) async fn serve<T>(
    gate: Arc<Gate>,
    io: T,
    client: (Arc<Caller>, Arc<Crowd>),
    tasks: TaskTracker,
    interrupt: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (header_bytes, header_timeout, idle) = {
        let limits = &gate.state().config.limits;
        (limits.header_bytes, limits.header_timeout, limits.idle_timeout)
    };
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .max_pending_accept_reset_streams(RESET_STREAMS);
    let Ok(Ok(mut connection)) = timeout(header_timeout, builder.handshake::<T, Bytes>(io)).await else { return };
    let mut streams = JoinSet::new();
    let mut leaving = false;
    let mut silence = pin!(tokio::time::sleep(idle));
    loop {
        tokio::select! {
            biased;
            () = gate.stopping.cancelled(), if !leaving => {
                leaving = true;
                connection.graceful_shutdown();
                silence.as_mut().reset(Instant::now() + GOODBYE);
            }
            Some(_) = streams.join_next(), if !streams.is_empty() => {
                silence.as_mut().reset(Instant::now() + if leaving { GOODBYE } else { idle });
            }
            accepted = connection.accept() => match accepted {
                Some(Ok((request, answer))) => take(&gate, request, answer, &client, &mut streams, &tasks, &interrupt),
                Some(Err(_)) | None => break,
            },
            () = client.0.enough.notified(), if !leaving => {
                leaving = true;
                connection.graceful_shutdown();
            }
            () = &mut silence, if streams.is_empty() => {
                if leaving {
                    break;
                }
                leaving = true;
                connection.graceful_shutdown();
                silence.as_mut().reset(Instant::now() + GOODBYE);
            }
        }
    }
    // Whoever still has a stream sees that the connection is gone.
    drop(connection);
    while streams.join_next().await.is_some() {}
}

/// Begins a stream, or resets it.
fn take(
    gate: &Arc<Gate>,
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    (caller, crowd): &(Arc<Caller>, Arc<Crowd>),
    streams: &mut JoinSet<()>,
    tasks: &TaskTracker,
    interrupt: &CancellationToken,
) {
    // The connection's own place is its first stream's.
    let place = if streams.is_empty() {
        Some(None)
    } else {
        crowd.enter(caller.address, gate.state().config.limits.connections_per_client).map(Some)
    };
    if place.is_none() {
        gate.counts.turned_away(TurnedAway::ClientFull);
    }
    if place.is_none() || gate.stopping.is_cancelled() || gate.is_full() {
        // Not looked at: the client may ask again, here or elsewhere (RFC 9113 §8.7).
        answer.send_reset(Reason::REFUSED_STREAM);
        return;
    }
    let Some((asked, body)) = Asked::read(request) else {
        answer.send_reset(Reason::PROTOCOL_ERROR);
        return;
    };
    let (gate, interrupt, caller, open) = (gate.clone(), interrupt.clone(), caller.clone(), (gate.stream(), place));
    let stream = async move {
        let _open = open;
        let _ = interrupt.run_until_cancelled(exchange(&gate, asked, body, answer, caller)).await;
    };
    streams.spawn(tasks.track_future(stream));
}

/// One stream, from its request to its end.
async fn exchange(gate: &Gate, asked: Asked, body: RecvStream, answer: SendResponse<Bytes>, caller: Arc<Caller>) {
    let shared = Arc::new(Mutex::new(Answer::Awaited(answer)));
    let writer = StreamWriter::new(shared.clone(), asked.is_connect, asked.is_head);
    let reader = StreamReader::new(shared, asked, body);
    let mut connection = Connection {
        reader,
        writer,
        buffer: Buffer::default(),
        head: 0,
        caller,
        protocol: Protocol::Http2,
        proof: None,
    };
    connection::serve(gate, &mut connection).await;
    let idle = gate.state().config.limits.idle_timeout;
    // A client that doesn't take the end of its answer is left to its connection.
    let _ = timeout(idle, std::future::poll_fn(|cx| connection.writer.poll_finish(cx))).await;
}

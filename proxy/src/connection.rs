//! One client connection: heads read one after the other, each given to the exchange.
use crate::exchange;
use crate::gate::{Gate, Limit};
use crate::identify::Caller;
use crate::pages::Fault;
use crate::refuse;
use crate::tunnel::Inside;
use crate::wire::request::may_end;
use crate::wire::{Buffer, Protocol, RequestHead};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout, timeout_at};

/// Room made for one read of a head.
const ROOM: usize = 4096;
/// How long, and how much, a client that is still sending is listened to after it was answered.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1 << 20;

/// The reading half of a client's connection, whatever carries it.
pub(crate) trait ClientReader: AsyncRead + Unpin + Send {
    /// The TCP socket, when what it carries is what is read here: nothing in between has bytes of its own.
    fn socket(&self) -> Option<&TcpStream>;
}

/// The writing half of a client's connection, whatever carries it.
pub(crate) trait ClientWriter: AsyncWrite + Unpin + Send {
    /// The TCP socket, when what is written here is what it carries: nothing in between has bytes of its own.
    fn socket(&self) -> Option<&TcpStream>;

    /// Has the connection end so that the client sees that what it got is not whole. It is closed next.
    fn break_off(&mut self);
}

impl ClientReader for ReadHalf<'_> {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self.as_ref())
    }
}

impl ClientWriter for WriteHalf<'_> {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self.as_ref())
    }

    fn break_off(&mut self) {
        // A socket closed without lingering sends a reset, and what it still holds is dropped. On a socket that is broken
        // already there is nothing to do.
        let _ = self.as_ref().set_zero_linger();
    }
}

/// A client's connection, and what has been read of it.
pub(crate) struct Connection<R, W> {
    /// Its reading half.
    pub(crate) reader: R,
    /// Its writing half.
    pub(crate) writer: W,
    /// What was read and not yet consumed.
    pub(crate) buffer: Buffer,
    /// How long the head at the start of the buffer is, until [`Connection::take_head`].
    pub(crate) head: usize,
    /// Who it comes from.
    pub(crate) caller: Arc<Caller>,
    /// What carries it.
    pub(crate) protocol: Protocol,
    /// The value of Proxy-Authenticate that the next answer bears, by which the client knows the gate (RFC 4559 §5).
    pub(crate) proof: Option<String>,
}

impl<R, W> Connection<R, W> {
    /// Takes the request's head from the buffer, once: the first step that is done with it calls this.
    pub(crate) fn take_head(&mut self) {
        self.buffer.consume(std::mem::take(&mut self.head));
    }

    /// The field line that proves the gate to the client, once; most often there is none.
    pub(crate) fn take_proof(&mut self) -> String {
        let field = |proof: String| format!("Proxy-Authenticate: {proof}\r\n");
        self.proof.take().map(field).unwrap_or_default()
    }
}

/// What becomes of a connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next request may come.
    Keep,
    /// It ends: nothing more is read as a request.
    Close,
    /// It ends, but the client may still be sending: it is listened to for a moment, so that the answer is not lost to
    /// the reset that closing a connection with unread bytes causes (RFC 9112 §9.6).
    Linger,
    /// It ends by a reset: what the client got is not whole, and its framing would not tell (RFC 9112 §8).
    BreakOff,
}

/// How waiting for a head ended.
enum Waited {
    Head(RequestHead),
    /// The client closed between two requests, or the gate is stopping and no request has begun.
    Ended,
    /// The connection broke, or ended within a head.
    Broken,
    Refused(Fault<'static>),
}

/// Serves a connection to its end.
///
/// Cancel safety: dropped, an exchange under way is settled as what happened.
pub(crate) async fn serve<R, W>(gate: &Gate, connection: &mut Connection<R, W>)
where
    R: ClientReader,
    W: ClientWriter,
{
    match requests(gate, connection, None).await {
        Next::Keep | Next::Close => {}
        Next::Linger => linger(connection).await,
        Next::BreakOff => connection.writer.break_off(),
    }
}

/// Serves requests, those inside a tunnel among them, and returns how the connection is to end.
///
/// Cancel safety: dropped, an exchange under way is settled as what happened.
pub(crate) async fn requests<R, W>(gate: &Gate, connection: &mut Connection<R, W>, inside: Option<&Inside>) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    loop {
        let next = match wait(gate, connection).await {
            Waited::Head(head) => exchange::run(gate, connection, head, inside).await,
            Waited::Refused(fault) => {
                note(gate, &fault);
                refuse::unread(&gate.state(), connection, fault).await
            }
            Waited::Ended | Waited::Broken => return Next::Close,
        };
        if next != Next::Keep {
            return next;
        }
    }
}

/// Counts the limit that a head went beyond.
fn note(gate: &Gate, fault: &Fault<'_>) {
    match fault {
        Fault::HeaderTooLarge | Fault::UriTooLong => gate.counts.reached(Limit::HeaderBytes, 1),
        Fault::RequestTimeout => gate.counts.reached(Limit::HeaderTimeout, 1),
        _ => {}
    }
}

/// Ends our side and listens a little. The exchange is settled by now: nothing waits for this.
async fn linger<R, W>(connection: &mut Connection<R, W>)
where
    R: ClientReader,
    W: ClientWriter,
{
    let until_the_end = async {
        connection.writer.shutdown().await?;
        let mut heard = 0;
        while heard < LINGER_BYTES {
            connection.buffer.consume(connection.buffer.len());
            match connection.buffer.fill(&mut connection.reader, 16 * 1024).await? {
                0 => break,
                count => heard += count as u64,
            }
        }
        Ok::<(), io::Error>(())
    };
    // Whatever happens here, the connection is closed next.
    let _ = timeout(LINGER, until_the_end).await;
}

/// Waits for the next request: `idle_timeout` for its first byte, `header_timeout` from there to its whole head.
async fn wait<R, W>(gate: &Gate, connection: &mut Connection<R, W>) -> Waited
where
    R: ClientReader,
    W: ClientWriter,
{
    let (header_bytes, header_timeout, idle_timeout) = {
        let limits = &gate.state().config.limits;
        (limits.header_bytes, limits.header_timeout, limits.idle_timeout)
    };
    let buffer = &mut connection.buffer;
    buffer.release();
    let mut begun = !buffer.is_empty();
    let mut deadline = Instant::now() + if begun { header_timeout } else { idle_timeout };
    let mut seen = 0;
    loop {
        // Looked at only when an empty line may have come: a head sent byte by byte costs no more than any other.
        if may_end(buffer.bytes(), seen) {
            match RequestHead::parse(buffer.bytes()) {
                Ok(Some(head)) if head.len <= header_bytes => return Waited::Head(head),
                Ok(Some(_)) => return Waited::Refused(Fault::HeaderTooLarge),
                Ok(None) => {}
                Err(why) => return Waited::Refused(refuse::misread(why)),
            }
        }
        if buffer.len() > header_bytes {
            return Waited::Refused(refuse::too_large(buffer.bytes()));
        }
        seen = buffer.len();
        let filled = tokio::select! {
            biased;
            filled = timeout_at(deadline, buffer.fill(&mut connection.reader, ROOM)) => filled,
            () = gate.stopping.cancelled(), if !begun => return Waited::Ended,
        };
        match filled {
            Ok(Ok(0)) if begun => return Waited::Broken,
            Ok(Ok(0)) => return Waited::Ended,
            Ok(Ok(_)) if !begun => {
                begun = true;
                deadline = Instant::now() + header_timeout;
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(_)) => return Waited::Broken,
            Err(_) if begun => return Waited::Refused(Fault::RequestTimeout),
            Err(_) => {
                gate.counts.reached(Limit::IdleTimeout, 1);
                return Waited::Ended;
            }
        }
    }
}

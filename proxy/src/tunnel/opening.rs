//! What a tunnel begins with: the client's first bytes, read as far as it takes to know what they are.
use super::flow::with_scratch;
use super::plain::Plain;
use crate::config::Limits;
use crate::connection::{ClientReader, Connection};
use crate::gate::Limit;
use crate::upstream::Origin;
use crate::wire::hello::{Asks, Hello};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::time::{Instant, sleep_until};

/// How the reading of the first bytes ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A ClientHello, and how long it is.
    Hello(Asks, usize),
    /// A request of HTTP/1, or its beginning.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// Something else, or an origin that speaks first.
    Other,
    /// TLS that cannot be read: nobody can say what would pass.
    Unreadable,
    /// The client left.
    Gone,
    /// It said nothing for `idle_timeout`, or half of it and no more within `header_timeout`.
    Late(Limit),
}

/// Reads the first bytes without taking them from the buffer. A silent client holds none: it may be so for `idle_timeout`,
/// and once it has begun it has `header_timeout` to say what it wants. An origin that speaks first is no server of TLS or
/// HTTP: its protocol would wait for ever for a client that waits for it.
pub(super) async fn read<R, W>(connection: &mut Connection<R, W>, origin: &mut Origin, limits: &Limits) -> Opening
where
    R: ClientReader,
{
    connection.buffer.release();
    let mut begun = !connection.buffer.is_empty();
    let patience = if begun { limits.header_timeout } else { limits.idle_timeout };
    let mut deadline = std::pin::pin!(sleep_until(Instant::now() + patience));
    let mut need = 1;
    loop {
        if connection.buffer.len() >= need {
            match look(connection.buffer.bytes(), limits.header_bytes) {
                Ok(opening) => return opening,
                Err(more) => need = more,
            }
        }
        let filled = tokio::select! {
            biased;
            filled = poll_fn(|cx| poll_fill(cx, connection)) => filled,
            () = origin.speaks(), if !begun => return Opening::Other,
            () = &mut deadline => {
                return Opening::Late(if begun { Limit::HeaderTimeout } else { Limit::IdleTimeout });
            }
        };
        match filled {
            Ok(0) if !begun => return Opening::Other,
            Ok(0) | Err(_) => return Opening::Gone,
            Ok(_) if !begun => {
                begun = true;
                deadline.as_mut().reset(Instant::now() + limits.header_timeout);
            }
            Ok(_) => {}
        }
    }
}

/// What it is, or how many bytes there must be to look again.
fn look(bytes: &[u8], header_bytes: usize) -> Result<Opening, usize> {
    match Hello::read(bytes) {
        Hello::Asks(asks, len) => Ok(Opening::Hello(asks, len)),
        Hello::Malformed => Ok(Opening::Unreadable),
        Hello::More(need) => Err(need),
        Hello::NotTls => match Plain::read(bytes) {
            Plain::More if bytes.len() <= header_bytes => Err(bytes.len() + 1),
            Plain::No => Ok(Opening::Other),
            // A first line without end is answered as one.
            Plain::More | Plain::Http1 => Ok(Opening::Http1),
            Plain::Http2 => Ok(Opening::Http2),
        },
    }
}

/// Reads once, into memory that is lent: what waits needs none.
fn poll_fill<R: ClientReader, W>(cx: &mut Context<'_>, connection: &mut Connection<R, W>) -> Poll<io::Result<usize>> {
    with_scratch(|scratch| {
        let mut read = ReadBuf::new(scratch);
        ready!(Pin::new(&mut connection.reader).poll_read(cx, &mut read))?;
        connection.buffer.push(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
}

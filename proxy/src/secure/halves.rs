//! The two halves of a client's connection under TLS.
use crate::connection::{ClientReader, ClientWriter};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Both halves are of one task: the lock is never waited for.
type Shared = Arc<Mutex<TlsStream<TcpStream>>>;

/// The reading half.
pub(crate) struct TlsReader(Shared);

/// The writing half.
pub(crate) struct TlsWriter {
    stream: Shared,
    broken_off: bool,
}

/// Takes a connection apart.
pub(crate) fn split(stream: TlsStream<TcpStream>) -> (TlsReader, TlsWriter) {
    let shared = Arc::new(Mutex::new(stream));
    (TlsReader(shared.clone()), TlsWriter { stream: shared, broken_off: false })
}

fn lock(stream: &Shared) -> MutexGuard<'_, TlsStream<TcpStream>> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TlsWriter {
    /// Whether the connection ends without close_notify.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.broken_off
    }
}

impl ClientReader for TlsReader {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

impl ClientWriter for TlsWriter {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }

    fn break_off(&mut self) {
        self.broken_off = true;
        // As on a plain socket: a reset, and no close_notify, which would say that all has been sent.
        let _ = lock(&self.stream).get_ref().0.set_zero_linger();
    }
}

impl AsyncRead for TlsReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut stream = lock(&self.0);
        // Records that were written may wait for room in the socket. Whoever reads next waits for what they bring about,
        // and has them leave; what fails here fails there again.
        let _ = Pin::new(&mut *stream).poll_flush(cx);
        Pin::new(&mut *stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.stream)).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.stream)).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.stream)).poll_shutdown(cx)
    }
}

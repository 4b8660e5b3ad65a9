//! A connection to an origin, or to the parent proxy that stands before it: TCP, or TLS over it.
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp;
use tokio_rustls::client::TlsStream;

/// A connection outwards.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP: to an origin, or to a parent that is spoken to in the clear.
    Plain(TcpStream),
    /// TLS to a parent. Boxed: its state is many times the size of a socket, and few have it.
    Secure(Box<TlsStream<TcpStream>>),
}

/// The reading half of a [`Stream`]; nothing is shared or locked for plain TCP.
#[derive(Debug)]
pub(crate) enum ReadHalf<'a> {
    /// Of TCP.
    Plain(tcp::ReadHalf<'a>),
    /// Of TLS, whose two directions share one state.
    Secure(tokio::io::ReadHalf<&'a mut TlsStream<TcpStream>>),
}

/// The writing half of a [`Stream`].
#[derive(Debug)]
pub(crate) enum WriteHalf<'a> {
    /// Of TCP.
    Plain(tcp::WriteHalf<'a>),
    /// Of TLS.
    Secure(tokio::io::WriteHalf<&'a mut TlsStream<TcpStream>>),
}

impl Stream {
    /// Both directions, for as long as they are borrowed.
    pub(crate) fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        match self {
            Stream::Plain(stream) => {
                let (reader, writer) = stream.split();
                (ReadHalf::Plain(reader), WriteHalf::Plain(writer))
            }
            Stream::Secure(stream) => {
                let (reader, writer) = tokio::io::split(stream.as_mut());
                (ReadHalf::Secure(reader), WriteHalf::Secure(writer))
            }
        }
    }

    /// The socket, when what passes over it is just what is sent and received: the system may move those bytes itself.
    pub(crate) fn plain(&self) -> Option<&TcpStream> {
        match self {
            Stream::Plain(stream) => Some(stream),
            Stream::Secure(_) => None,
        }
    }

    /// Whether nothing has come on an idle connection: neither its end nor bytes nobody asked for. For TCP it costs no
    /// system call, because the reactor has already noted what arrived. TLS is asked for a byte, so that what it sends
    /// of its own (RFC 8446 §4.6.1: tickets) is taken for nothing.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Stream::Plain(stream) => pin!(stream.readable()).poll(&mut context).is_pending(),
            Stream::Secure(stream) => {
                let mut byte = [0];
                Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }
}

impl ReadHalf<'_> {
    /// The socket, as [`Stream::plain`] has it.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        match self {
            ReadHalf::Plain(half) => Some(half.as_ref()),
            ReadHalf::Secure(_) => None,
        }
    }
}

impl WriteHalf<'_> {
    /// The socket, as [`Stream::plain`] has it.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        match self {
            WriteHalf::Plain(half) => Some(half.as_ref()),
            WriteHalf::Secure(_) => None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Secure(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncRead for ReadHalf<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ReadHalf::Plain(reader) => Pin::new(reader).poll_read(cx, buf),
            ReadHalf::Secure(reader) => Pin::new(reader).poll_read(cx, buf),
        }
    }
}

/// What is written over TLS leaves with a flush, or the next write; over TCP it has left, and a flush costs nothing.
macro_rules! write_through {
    ($type:ty, $plain:path, $secure:path) => {
        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $plain(writer) => Pin::new(writer).poll_write(cx, bytes),
                    $secure(writer) => Pin::new(writer).poll_write(cx, bytes),
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $plain(writer) => Pin::new(writer).poll_write_vectored(cx, bytes),
                    $secure(writer) => Pin::new(writer).poll_write_vectored(cx, bytes),
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $plain(writer) => writer.is_write_vectored(),
                    $secure(writer) => writer.is_write_vectored(),
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $plain(writer) => Pin::new(writer).poll_flush(cx),
                    $secure(writer) => Pin::new(writer).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $plain(writer) => Pin::new(writer).poll_shutdown(cx),
                    $secure(writer) => Pin::new(writer).poll_shutdown(cx),
                }
            }
        }
    };
}

write_through!(Stream, Stream::Plain, Stream::Secure);
write_through!(WriteHalf<'_>, WriteHalf::Plain, WriteHalf::Secure);

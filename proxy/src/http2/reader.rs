//! What a stream brings, read as a connection of HTTP/1.1: the head, then the payload.
use super::request::{Asked, Body};
use super::{Answer, Shared, broken, lock};
use crate::connection::ClientReader;
use bytes::{Buf, Bytes};
use h2::RecvStream;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// The reading half of a stream.
pub(super) struct StreamReader {
    answer: Shared,
    stream: RecvStream,
    body: Body,
    is_connect: bool,
    /// What comes next.
    next: VecDeque<Piece>,
    /// The client has sent all.
    ended: bool,
}

/// Bytes to be read.
struct Piece {
    bytes: Bytes,
    /// They are the client's, which may send as many more once they are taken.
    of_the_client: bool,
}

impl StreamReader {
    pub(super) fn new(answer: Shared, asked: Asked, stream: RecvStream) -> StreamReader {
        let Asked { head, body, is_connect, .. } = asked;
        let next = VecDeque::from([Piece { bytes: head.into(), of_the_client: false }]);
        StreamReader { answer, stream, body, is_connect, next, ended: body == Body::None }
    }

    fn put(&mut self, bytes: Bytes, of_the_client: bool) {
        self.next.push_back(Piece { bytes, of_the_client });
    }

    /// Gives what is at hand; nothing when there is none.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> usize {
        let mut given = 0;
        while let Some(piece) = self.next.front_mut()
            && buf.remaining() > 0
        {
            let count = piece.bytes.len().min(buf.remaining());
            buf.put_slice(piece.bytes.get(..count).unwrap_or_default());
            piece.bytes.advance(count);
            given += count;
            if piece.of_the_client {
                // On a stream that is gone there is nothing to open again.
                let _ = self.stream.flow_control().release_capacity(count);
            }
            if piece.bytes.is_empty() {
                self.next.pop_front();
            }
        }
        given
    }
}

impl ClientReader for StreamReader {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

impl AsyncRead for StreamReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            // Nothing is read behind an answer: a stream carries one exchange.
            if matches!(*lock(&this.answer), Answer::Over) || this.give(buf) > 0 || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if this.ended && this.is_connect {
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                // The request is whole. Its end is not the client's leaving: a reset would be.
                let reset = match &mut *lock(&this.answer) {
                    Answer::Awaited(answer) => ready!(answer.poll_reset(cx)),
                    Answer::Begun(answer) | Answer::HalfClosed(answer) => ready!(answer.poll_reset(cx)),
                    Answer::Over => return Poll::Ready(Ok(())),
                };
                return Poll::Ready(Err(match reset {
                    Ok(_) => io::ErrorKind::ConnectionReset.into(),
                    Err(why) => broken(why),
                }));
            }
            match ready!(this.stream.poll_data(cx)) {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) if this.body == Body::Chunked => {
                    this.put(format!("{:x}\r\n", bytes.len()).into(), false);
                    this.put(bytes, true);
                    this.put(Bytes::from_static(b"\r\n"), false);
                }
                Some(Ok(bytes)) => this.put(bytes, true),
                Some(Err(why)) => return Poll::Ready(Err(broken(why))),
                None => {
                    this.ended = true;
                    if this.body == Body::Chunked {
                        // Trailers stay here, as any hop may have them (RFC 9110 §6.5.1).
                        this.put(Bytes::from_static(b"0\r\n\r\n"), false);
                    }
                }
            }
        }
    }
}

//! What the exchange writes as HTTP/1.1, sent on a stream as HTTP/2: the head as fields, the body without its framing.
use super::{Answer, Shared, broken, lock};
use crate::connection::ClientWriter;
use crate::wire::chunked::{Chunked, Step};
use crate::wire::{Framing, ResponseHead};
use bytes::{Bytes, BytesMut};
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// The writing half of a stream.
pub(super) struct StreamWriter {
    answer: Shared,
    is_connect: bool,
    is_head: bool,
    left: Left,
    /// Payload taken and not yet sent.
    waiting: BytesMut,
}

/// What is still to come.
enum Left {
    /// The head, as far as it has been written.
    Head(Vec<u8>),
    /// So many bytes.
    Length(u64),
    /// Chunks, and the line of one that has been written in part.
    Chunks(Chunked, Vec<u8>),
    /// Whatever comes until the end: a tunnel, or a body that the origin's leaving ends.
    Open,
    /// Nothing: what waits is the end.
    Nothing,
}

impl StreamWriter {
    pub(super) fn new(answer: Shared, is_connect: bool, is_head: bool) -> StreamWriter {
        StreamWriter { answer, is_connect, is_head, left: Left::Head(Vec::new()), waiting: BytesMut::new() }
    }

    /// Ends the stream once the exchange is over: what was cut is reset, so that the client sees it.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.left {
            Left::Open => self.left = Left::Nothing,
            Left::Nothing => {}
            Left::Head(_) | Left::Length(_) | Left::Chunks(..) => {
                self.reset(Reason::INTERNAL_ERROR);
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_send(cx)
    }

    fn reset(&mut self, reason: Reason) {
        let mut answer = lock(&self.answer);
        match &mut *answer {
            Answer::Awaited(answer) => answer.send_reset(reason),
            Answer::Begun(answer) | Answer::HalfClosed(answer) => answer.send_reset(reason),
            Answer::Over => {}
        }
        *answer = Answer::Over;
        self.waiting.clear();
    }

    /// Takes bytes of the head. Returns how many of them belong to it.
    fn head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Left::Head(head) = &mut self.left else { return Ok(0) };
        let before = head.len();
        head.extend_from_slice(bytes);
        let parsed = ResponseHead::parse(head).map_err(|why| io::Error::other(why.why()))?;
        let Some(parsed) = parsed else { return Ok(bytes.len()) };
        let head = std::mem::take(head);
        let taken = parsed.len - before;
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(parsed.status).map_err(io::Error::other)?;
        *response.headers_mut() = fields(&head, &parsed)?;
        let mut answer = lock(&self.answer);
        let Answer::Awaited(sender) = &mut *answer else { return Err(io::ErrorKind::BrokenPipe.into()) };
        if parsed.status < 200 {
            sender.send_informational(response).map_err(broken)?;
            return Ok(taken);
        }
        self.left = if self.is_connect && parsed.status < 300 {
            Left::Open
        } else {
            match Framing::of_response(&head, &parsed.fields, parsed.version, parsed.status, self.is_head) {
                Ok(Framing::None) => Left::Nothing,
                Ok(Framing::Length(length)) => Left::Length(length),
                Ok(Framing::Chunked) => Left::Chunks(Chunked::new(), Vec::new()),
                Ok(Framing::Close) => Left::Open,
                Err(why) => return Err(io::Error::other(why.why())),
            }
        };
        let ends = matches!(self.left, Left::Nothing);
        let stream = sender.send_response(response, ends).map_err(broken)?;
        *answer = if ends { Answer::Over } else { Answer::Begun(stream) };
        Ok(taken)
    }

    /// Takes chunks: their payload waits to be sent.
    fn chunks(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Left::Chunks(chunked, before) = &mut self.left else { return Ok(()) };
        let joined;
        let bytes = if before.is_empty() {
            bytes
        } else {
            before.extend_from_slice(bytes);
            joined = std::mem::take(before);
            &joined
        };
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match chunked.step(rest).map_err(|why| io::Error::other(why.why()))? {
                Step::Frame(count) | Step::Rewrite { line: count, .. } => at += count,
                Step::Data(range) => {
                    at += range.len();
                    self.waiting.extend_from_slice(rest.get(range).unwrap_or_default());
                }
                Step::More => {
                    before.extend_from_slice(rest);
                    return Ok(());
                }
                Step::End => {
                    self.left = Left::Nothing;
                    return Ok(());
                }
            }
        }
    }

    /// Sends what waits, and the end behind it when nothing more will come.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ends = matches!(self.left, Left::Nothing);
        let mut answer = lock(&self.answer);
        let Answer::Begun(stream) = &mut *answer else {
            let lost = !self.waiting.is_empty();
            return Poll::Ready(if lost { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) });
        };
        while !self.waiting.is_empty() {
            let room = ready!(poll_room(stream, self.waiting.len(), cx))?;
            let part = self.waiting.split_to(room.min(self.waiting.len())).freeze();
            let last = ends && self.waiting.is_empty();
            stream.send_data(part, last).map_err(broken)?;
            if last {
                *answer = Answer::Over;
                return Poll::Ready(Ok(()));
            }
        }
        if ends {
            stream.send_data(Bytes::new(), true).map_err(broken)?;
            *answer = match std::mem::replace(&mut *answer, Answer::Over) {
                Answer::Begun(stream) if self.is_connect => Answer::HalfClosed(stream),
                _ => Answer::Over,
            };
        }
        Poll::Ready(Ok(()))
    }

    /// Sends payload as it is written. Returns how much of it.
    fn poll_plain(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut answer = lock(&self.answer);
        let Answer::Begun(stream) = &mut *answer else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let most = match self.left {
            Left::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()),
            _ => bytes.len(),
        };
        let count = ready!(poll_room(stream, most, cx))?.min(most);
        if let Left::Length(left) = &mut self.left {
            *left -= count as u64;
            if *left == 0 {
                self.left = Left::Nothing;
            }
        }
        let last = matches!(self.left, Left::Nothing);
        stream.send_data(Bytes::copy_from_slice(bytes.get(..count).unwrap_or_default()), last).map_err(broken)?;
        if last {
            *answer = Answer::Over;
        }
        Poll::Ready(Ok(count))
    }
}

/// How many bytes may be sent now, at least one, of as many as are wanted.
fn poll_room(stream: &mut SendStream<Bytes>, wanted: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    stream.reserve_capacity(wanted);
    loop {
        match stream.capacity() {
            0 => match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(why)) => return Poll::Ready(Err(broken(why))),
                None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            },
            room => return Poll::Ready(Ok(room)),
        }
    }
}

/// The fields of an answer, without those of a hop of HTTP/1.1 (RFC 9113 §8.2.2).
fn fields(head: &[u8], parsed: &ResponseHead) -> io::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for field in parsed.fields.iter() {
        let (name, value) = (head.get(field.name.clone()), head.get(field.value.clone()));
        let name = HeaderName::from_bytes(name.unwrap_or_default()).map_err(io::Error::other)?;
        let of_the_hop = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
        if !of_the_hop.contains(&name.as_str()) {
            map.append(name, HeaderValue::from_bytes(value.unwrap_or_default()).map_err(io::Error::other)?);
        }
    }
    Ok(map)
}

impl ClientWriter for StreamWriter {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }

    fn break_off(&mut self) {
        // RFC 9113 §8.5: a tunnel that broke has a reason of its own.
        self.reset(if self.is_connect { Reason::CONNECT_ERROR } else { Reason::INTERNAL_ERROR });
        self.left = Left::Nothing;
    }
}

impl AsyncWrite for StreamWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.left {
            _ if bytes.is_empty() => Poll::Ready(Ok(0)),
            Left::Head(_) => Poll::Ready(this.head(bytes)),
            Left::Length(_) | Left::Open => this.poll_plain(cx, bytes),
            Left::Chunks(..) => {
                ready!(this.poll_send(cx))?;
                this.chunks(bytes)?;
                // What can't be sent yet waits, and whoever writes next, or finishes, waits for it.
                match this.poll_send(cx) {
                    Poll::Ready(Err(why)) => Poll::Ready(Err(why)),
                    _ => Poll::Ready(Ok(bytes.len())),
                }
            }
            // More than the framing announced.
            Left::Nothing => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.left, Left::Open) {
            this.left = Left::Nothing;
        }
        this.poll_send(cx)
    }
}

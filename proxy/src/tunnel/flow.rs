//! One direction of a tunnel: bytes read and written as they come, until the sender ends.
//!
//! A direction that waits holds nothing: no buffer, no pipe. What comes is read into memory that the thread lends for the
//! moment, and only what the receiver did not take at once is kept. When much comes, and both ends are sockets, the system
//! moves it by itself ([`crate::splice`]); a small exchange never pays for that.
use super::plain::FirstLine;
use crate::share::Lane;
use crate::splice::{self, Pipe, TURN};
use crate::wire::Buffer;
use crate::wire::hello::{Passes, Second};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Memory that each thread lends to whoever reads.
const LENT: usize = 64 * 1024;
/// A read of so much is bulk.
const BULK: usize = 16 * 1024;
/// So many in a row, and the system does the rest.
const IN_A_ROW: u8 = 2;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; LENT].into_boxed_slice());
}

/// Lends the thread's memory, for as long as nothing is waited for.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}

/// Who broke a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// Whom it came from.
    Sender,
    /// Whom it was for.
    Receiver,
    /// What was sent may not pass.
    Refused,
}

/// What looks at the first bytes a client sends, and holds back what may not leave.
pub(super) enum Watch {
    /// Behind a ClientHello: a second one.
    Hello(Second),
    /// Of what is nothing known: its first line.
    Line(FirstLine),
}

impl Watch {
    fn passes(&mut self, bytes: &[u8]) -> Passes {
        match self {
            Watch::Hello(second) => second.passes(bytes),
            Watch::Line(line) => line.passes(bytes),
        }
    }

    fn left(&mut self, count: usize) {
        match self {
            Watch::Hello(second) => second.left(count),
            Watch::Line(line) => line.left(count),
        }
    }
}

/// Both ends of a direction.
pub(super) struct Ends<'a, R, W> {
    pub(super) reader: &'a mut R,
    pub(super) writer: &'a mut W,
    /// What was read and not yet written.
    pub(super) buffer: &'a mut Buffer,
    /// The socket read from, when what is read here is just what it carries.
    pub(super) from: fn(&R) -> Option<&TcpStream>,
    /// The socket written to, likewise.
    pub(super) to: fn(&W) -> Option<&TcpStream>,
}

/// How far a direction is.
#[derive(Default)]
enum State {
    #[default]
    Open,
    /// The sender has ended; the receiver has to be told.
    Ending,
    Ended,
}

/// One direction.
#[derive(Default)]
pub(super) struct Flow<'a> {
    state: State,
    /// Whose share it moves by, when one is set.
    lane: Option<&'a Lane<'a>>,
    /// What of the share was given and not yet used: the receiver took less than there was.
    given: usize,
    /// The wait for a share.
    turn: Option<Pin<Box<dyn Future<Output = usize> + Send + 'a>>>,
    pipe: Option<Pipe>,
    /// Reads in a row that were bulk.
    bulk: u8,
    /// The system does not splice these.
    copied: bool,
    /// Written bytes may still be held by what carries them: TLS, HTTP/2.
    unflushed: bool,
    /// Something has moved since this was last taken.
    pub(super) moved: bool,
}

impl<'a> Flow<'a> {
    /// A direction that moves by a share.
    pub(super) fn by(lane: Option<&'a Lane<'a>>) -> Flow<'a> {
        Flow { lane, ..Flow::default() }
    }

    /// Whether there are bytes that the receiver has not taken.
    pub(super) fn holds(&self, buffer: &Buffer) -> bool {
        !buffer.is_empty() || self.pipe.as_ref().is_some_and(|pipe| pipe.held() > 0)
    }

    /// Whether it waits for its share.
    pub(super) fn waits(&self) -> bool {
        self.turn.is_some()
    }

    /// How many of so many bytes may leave now.
    fn poll_share(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<usize> {
        let Some(lane) = self.lane else { return Poll::Ready(bytes) };
        if self.given == 0 {
            let turn = self.turn.get_or_insert_with(|| Box::pin(lane.take(bytes)));
            self.given = ready!(turn.as_mut().poll(cx));
            self.turn = None;
        }
        Poll::Ready(self.given.min(bytes))
    }

    /// Moves what can be moved. Ready when the sender has ended and the receiver knows it, or when one of them broke.
    /// `passed` is told bytes as the receiver has taken them.
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        ends: &mut Ends<'_, R, W>,
        watch: &mut Option<Box<Watch>>,
        passed: impl Fn(u64),
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut turn = 0;
        loop {
            // What was read leaves first.
            turn += ready!(self.poll_drain(cx, ends, &passed))?;
            turn += ready!(self.poll_deliver(cx, ends, watch, &passed))?;
            match self.state {
                State::Open if turn >= TURN => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                State::Open => {}
                State::Ending => {
                    ready!(Pin::new(&mut *ends.writer).poll_shutdown(cx)).map_err(|_| Broken::Receiver)?;
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
            if matches!(self.state, State::Open) {
                turn += ready!(self.poll_read(cx, ends, watch, &passed))?;
            }
        }
    }

    /// Reads once. This is the one place where bytes are taken from a sender, whichever way they then go.
    fn poll_read<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        ends: &mut Ends<'_, R, W>,
        watch: &Option<Box<Watch>>,
        passed: &impl Fn(u64),
    ) -> Poll<Result<usize, Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.bulk >= IN_A_ROW
            && !self.copied
            && watch.is_none()
            && let (Some(from), Some(_)) = ((ends.from)(&*ends.reader), (ends.to)(&*ends.writer))
        {
            return self.poll_fill(cx, from);
        }
        self.poll_copy(cx, ends, watch.is_some(), passed)
    }

    /// Into the pipe; [`Flow::poll_drain`] comes next.
    fn poll_fill(&mut self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<Result<usize, Broken>> {
        if from.poll_read_ready(cx).map_err(|_| Broken::Sender)?.is_pending() {
            self.give_back();
            return Poll::Pending;
        }
        let Some(mut pipe) = self.pipe.take().or_else(Pipe::lend) else {
            self.bulk = 0;
            return Poll::Ready(Ok(0));
        };
        match pipe.fill(from, usize::MAX) {
            Ok(0) => {
                pipe.give_back();
                self.state = State::Ending;
            }
            Ok(count) => {
                self.pipe = Some(pipe);
                self.moved = true;
                if count < BULK {
                    self.bulk = 0;
                }
            }
            // Asked again, the socket says when it is ready.
            Err(error) if splice::is_nothing(&error) => self.pipe = Some(pipe),
            Err(error) if splice::is_refused(&error) => self.copied = true,
            Err(_) => return Poll::Ready(Err(Broken::Sender)),
        }
        Poll::Ready(Ok(0))
    }

    /// Out of the pipe.
    fn poll_drain<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        ends: &Ends<'_, R, W>,
        passed: &impl Fn(u64),
    ) -> Poll<Result<usize, Broken>> {
        let mut drained = 0;
        while let Some(held) = self.pipe.as_ref().map(Pipe::held).filter(|held| *held > 0) {
            let may = ready!(self.poll_share(cx, held));
            let (Some(pipe), Some(to)) = (&mut self.pipe, (ends.to)(&*ends.writer)) else { break };
            match pipe.drain(to, may) {
                Ok(0) => return Poll::Ready(Err(Broken::Receiver)),
                Ok(count) => {
                    passed(count as u64);
                    self.given = self.given.saturating_sub(count);
                    self.moved = true;
                    drained += count;
                }
                Err(error) if splice::is_nothing(&error) => {
                    ready!(to.poll_write_ready(cx)).map_err(|_| Broken::Receiver)?;
                }
                Err(_) => return Poll::Ready(Err(Broken::Receiver)),
            }
        }
        if self.bulk == 0 {
            self.give_back();
        }
        Poll::Ready(Ok(drained))
    }

    /// Through the thread's memory: what the receiver takes at once never has any of its own.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        ends: &mut Ends<'_, R, W>,
        watched: bool,
        passed: &impl Fn(u64),
    ) -> Poll<Result<usize, Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        with_scratch(|scratch| {
            let mut read = ReadBuf::new(scratch);
            match ready!(Pin::new(&mut *ends.reader).poll_read(cx, &mut read)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Poll::Ready(Ok(0)),
                Err(_) => return Poll::Ready(Err(Broken::Sender)),
            }
            let bytes = read.filled();
            if bytes.is_empty() {
                self.state = State::Ending;
                return Poll::Ready(Ok(0));
            }
            self.moved = true;
            self.bulk = if bytes.len() >= BULK { self.bulk.saturating_add(1) } else { 0 };
            // What must be looked at, or wait for its share, leaves by the buffer.
            if watched || self.lane.is_some() {
                ends.buffer.push(bytes);
                return Poll::Ready(Ok(0));
            }
            let taken = match Pin::new(&mut *ends.writer).poll_write(cx, bytes) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Broken::Receiver)),
                Poll::Ready(Ok(taken)) => taken,
                Poll::Pending => 0,
            };
            if taken > 0 {
                passed(taken as u64);
                self.unflushed = true;
            }
            ends.buffer.push(bytes.get(taken..).unwrap_or_default());
            Poll::Ready(Ok(taken))
        })
    }

    /// Writes what waits in the buffer, as far as it may leave, and has what carries it send it.
    fn poll_deliver<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        ends: &mut Ends<'_, R, W>,
        watch: &mut Option<Box<Watch>>,
        passed: &impl Fn(u64),
    ) -> Poll<Result<usize, Broken>>
    where
        W: AsyncWrite + Unpin,
    {
        let mut delivered = 0;
        while !ends.buffer.is_empty() {
            let mut bytes = ends.buffer.bytes();
            if let Some(watching) = watch {
                match watching.passes(bytes) {
                    // Half a record, and the sender has ended: nobody could read it.
                    Passes::Some(0) if !matches!(self.state, State::Open) => {
                        ends.buffer.consume(ends.buffer.len());
                        break;
                    }
                    Passes::Some(0) => break,
                    Passes::Some(count) => bytes = bytes.get(..count).unwrap_or(bytes),
                    Passes::All => *watch = None,
                    Passes::Never => return Poll::Ready(Err(Broken::Refused)),
                }
            }
            let may = ready!(self.poll_share(cx, bytes.len()));
            let bytes = bytes.get(..may).unwrap_or(bytes);
            let taken = match ready!(Pin::new(&mut *ends.writer).poll_write(cx, bytes)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Receiver)),
                Ok(taken) => taken,
            };
            if let Some(watching) = watch {
                watching.left(taken);
            }
            passed(taken as u64);
            self.given = self.given.saturating_sub(taken);
            self.moved = true;
            self.unflushed = true;
            delivered += taken;
            ends.buffer.consume(taken);
        }
        ends.buffer.release();
        if self.unflushed {
            ready!(Pin::new(&mut *ends.writer).poll_flush(cx)).map_err(|_| Broken::Receiver)?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(delivered))
    }

    fn give_back(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.give_back();
        }
    }
}

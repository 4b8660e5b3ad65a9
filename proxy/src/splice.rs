//! Bytes moved from one socket to another inside the system (splice(2)): through a pipe, never through our memory.
//!
//! Nothing here is unsafe: rustix lends the descriptors for each call and gives no pointer into our memory, and a pipe that
//! is dropped with bytes in it takes them along, so that no tunnel ever gets another's.
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What a pipe is asked to hold. The system may give less: beyond `/proc/sys/fs/pipe-user-pages-soft` pages in all, an
/// account without privileges gets small pipes, which carry the same bytes in more calls.
const SIZE: usize = 256 * 1024;
/// At most so many bytes are asked for at once. More than a pipe's size: it counts pieces, and what a network card
/// delivered in one piece may be larger than a page.
const AT_ONCE: usize = 1 << 20;
/// After so much at once the other tasks of the thread have their turn: about a millisecond's worth.
pub(crate) const TURN: usize = 2 << 20;
/// Pipes there may be in all, two descriptors each: those set aside for what is not connections hold them. When all are out,
/// bytes are copied.
pub(crate) const MOST: usize = 64;
/// Empty pipes each thread keeps for the next tunnel that moves bulk.
const KEPT: usize = 4;
/// Neither end waits: who is ready was asked before.
const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

thread_local! {
    /// A cache, as an allocator has one: whoever takes a pipe cannot tell it from a new one.
    static POOL: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// How many there are.
static PIPES: AtomicUsize = AtomicUsize::new(0);

/// A pipe between two sockets. A tunnel has one only while bytes are moving.
#[derive(Debug)]
pub(crate) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// Bytes in it.
    held: usize,
    _counted: Counted,
}

/// One of the pipes there may be.
#[derive(Debug)]
struct Counted;

impl Counted {
    fn one() -> Option<Counted> {
        let one_more = |count| (count < MOST).then_some(count + 1);
        PIPES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(|_| Counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pipe {
    /// An empty pipe; `None` when there are enough, or the system has no descriptor left for one.
    pub(crate) fn lend() -> Option<Pipe> {
        let kept = POOL.with_borrow_mut(Vec::pop);
        kept.or_else(|| {
            let counted = Counted::one()?;
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            // A pipe of the usual size does as well, see SIZE.
            let _ = fcntl_setpipe_size(&writer, SIZE);
            Some(Pipe { reader, writer, held: 0, _counted: counted })
        })
    }

    /// Keeps it for the next tunnel, if it is empty.
    pub(crate) fn give_back(self) {
        if self.held == 0 {
            POOL.with_borrow_mut(|pool| {
                if pool.len() < KEPT {
                    pool.push(self);
                }
            });
        }
    }

    /// Bytes in it.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Takes what the socket has, so many bytes at most; only into an empty pipe, so that "would block" is said of the socket
    /// and never of a full pipe. Returns 0 at the end of the stream.
    pub(crate) fn fill(&mut self, from: &TcpStream, most: usize) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0);
        self.held = from.try_io(Interest::READABLE, || {
            splice(from, None, &self.writer, None, most.min(AT_ONCE), FLAGS).map_err(io::Error::from)
        })?;
        Ok(self.held)
    }

    /// Gives the socket what it takes of so many bytes, and returns how much that was.
    pub(crate) fn drain(&mut self, to: &TcpStream, most: usize) -> io::Result<usize> {
        let given = to.try_io(Interest::WRITABLE, || {
            splice(&self.reader, None, to, None, self.held.min(most), FLAGS).map_err(io::Error::from)
        })?;
        self.held = self.held.saturating_sub(given);
        Ok(given)
    }
}

/// Who ended a transfer before all of it had passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Whom it came from.
    Sender,
    /// It said nothing for too long.
    SenderSilent,
    /// Whom it was for, or it took nothing for too long.
    Receiver,
}

/// Moves so many bytes, and tells how many more have been moved each time. Returns how many are left: all of them, or some,
/// when this system does not splice these sockets, and they have to be copied.
///
/// Cancel safety: dropped, part of them may have been moved.
pub(crate) async fn transfer(
    from: &TcpStream,
    to: &TcpStream,
    mut left: u64,
    idle: Duration,
    moved: impl Fn(u64),
) -> Result<u64, Lost> {
    let Some(mut pipe) = Pipe::lend() else { return Ok(left) };
    let mut turn = 0;
    while left > 0 {
        match pipe.fill(from, usize::try_from(left).unwrap_or(usize::MAX)) {
            Ok(0) => return Err(Lost::Sender),
            Ok(_) => {}
            Err(error) if is_nothing(&error) => {
                match timeout(idle, from.readable()).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) => return Err(Lost::Sender),
                    Err(_) => return Err(Lost::SenderSilent),
                };
            }
            Err(error) if is_refused(&error) => return Ok(left),
            Err(_) => return Err(Lost::Sender),
        }
        while pipe.held() > 0 {
            match pipe.drain(to, usize::MAX) {
                Ok(0) => return Err(Lost::Receiver),
                Ok(count) => {
                    moved(count as u64);
                    left = left.saturating_sub(count as u64);
                    turn += count;
                }
                Err(error) if is_nothing(&error) => {
                    let writable = timeout(idle, to.writable()).await;
                    writable.map_err(|_| Lost::Receiver)?.map_err(|_| Lost::Receiver)?;
                }
                Err(_) => return Err(Lost::Receiver),
            }
        }
        if turn >= TURN {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
    pipe.give_back();
    Ok(0)
}

/// Nothing now: ask again.
pub(crate) fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Whether an error says that this system does not splice these sockets at all; nothing has been moved then.
pub(crate) fn is_refused(error: &io::Error) -> bool {
    let refused = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM];
    Errno::from_io_error(error).is_some_and(|errno| refused.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::Pipe;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (near.expect("it listens"), far.expect("somebody came").0)
    }

    #[tokio::test]
    async fn bytes_go_from_socket_to_socket_and_their_end_is_seen() {
        let ((mut sender, from), (to, mut receiver)) = (pair().await, pair().await);
        let mut pipe = Pipe::lend().expect("descriptors");
        assert_eq!(pipe.fill(&from, 9).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
        sender.write_all(b"hello").await.expect("room in the socket");
        from.readable().await.expect("bytes");
        assert_eq!(pipe.fill(&from, 9).expect("bytes"), 5);
        to.writable().await.expect("room");
        assert_eq!((pipe.held(), pipe.drain(&to, 5).expect("room"), pipe.held()), (5, 5, 0));
        let mut got = [0; 5];
        receiver.read_exact(&mut got).await.expect("bytes");
        assert_eq!(&got, b"hello");
        drop(sender);
        from.readable().await.expect("the end");
        assert_eq!(pipe.fill(&from, 9).expect("the end"), 0);
    }

    #[test]
    fn there_are_so_many_pipes_and_no_more() {
        let lent: Vec<_> = std::iter::from_fn(Pipe::lend).take(super::MOST + 1).collect();
        assert_eq!(lent.len(), super::MOST);
        drop(lent);
        assert!(Pipe::lend().is_some(), "what was given back is there again");
    }

    #[tokio::test]
    async fn a_transfer_moves_what_it_is_told_to_and_no_more() {
        let ((mut sender, from), (to, mut receiver)) = (pair().await, pair().await);
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let (told, idle) = (std::cell::Cell::new(0), std::time::Duration::from_secs(30));
        let transfer = super::transfer(&from, &to, 2_999_000, idle, |count| told.set(told.get() + count));
        let mut got = vec![0; 2_999_000];
        let (left, written, read) = tokio::join!(transfer, sender.write_all(&sent), receiver.read_exact(&mut got));
        written.expect("it was read");
        read.expect("it was written");
        assert_eq!((left, told.get()), (Ok(0), 2_999_000));
        assert!(got == sent[..2_999_000], "the bytes in their order");
        drop(sender);
        assert_eq!(super::transfer(&from, &to, 2_000, idle, |_| ()).await, Err(super::Lost::Sender));
    }

    #[tokio::test]
    async fn a_pipe_with_bytes_in_it_is_lent_to_nobody() {
        let (mut sender, from) = pair().await;
        sender.write_all(b"secret").await.expect("room in the socket");
        from.readable().await.expect("bytes");
        let mut pipe = Pipe::lend().expect("descriptors");
        pipe.fill(&from, 9).expect("bytes");
        pipe.give_back();
        for _ in 0..super::KEPT + 1 {
            let lent = Pipe::lend().expect("descriptors");
            let nothing = rustix::io::read(&lent.reader, &mut [0; 8]);
            assert_eq!((lent.held(), nothing), (0, Err(rustix::io::Errno::WOULDBLOCK)));
        }
    }
}

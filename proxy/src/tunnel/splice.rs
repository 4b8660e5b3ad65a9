//! Bytes moved from one socket to another inside the system (splice(2)): through a pipe, never through our memory.
//!
//! Nothing here is unsafe: rustix lends the descriptors for each call and gives no pointer into our memory, and a pipe that
//! is dropped with bytes in it takes them along, so that no tunnel ever gets another's.
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What a pipe is asked to hold. The system may give less: beyond `/proc/sys/fs/pipe-user-pages-soft` pages in all, an
/// account without privileges gets small pipes, which carry the same bytes in more calls.
const SIZE: usize = 256 * 1024;
/// At most so many bytes are asked for at once. More than a pipe's size: it counts pieces, and what a network card
/// delivered in one piece may be larger than a page.
const AT_ONCE: usize = 1 << 20;
/// Empty pipes each thread keeps for the next tunnel that moves bulk.
const KEPT: usize = 16;
/// Neither end waits: who is ready was asked before.
const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

thread_local! {
    /// A cache, as an allocator has one: whoever takes a pipe cannot tell it from a new one.
    static POOL: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe between two sockets. A tunnel has one only while bytes are moving.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// Bytes in it.
    held: usize,
}

impl Pipe {
    /// An empty pipe; `None` when the system has no descriptor left for one.
    pub(super) fn lend() -> Option<Pipe> {
        let kept = POOL.with_borrow_mut(Vec::pop);
        kept.or_else(|| {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            // A pipe of the usual size does as well, see SIZE.
            let _ = fcntl_setpipe_size(&writer, SIZE);
            Some(Pipe { reader, writer, held: 0 })
        })
    }

    /// Keeps it for the next tunnel, if it is empty.
    pub(super) fn give_back(self) {
        if self.held == 0 {
            POOL.with_borrow_mut(|pool| {
                if pool.len() < KEPT {
                    pool.push(self);
                }
            });
        }
    }

    /// Bytes in it.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes what the socket has; only into an empty pipe, so that "would block" is said of the socket and never of a full
    /// pipe. Returns 0 at the end of the stream.
    pub(super) fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0);
        self.held = from.try_io(Interest::READABLE, || {
            splice(from, None, &self.writer, None, AT_ONCE, FLAGS).map_err(io::Error::from)
        })?;
        Ok(self.held)
    }

    /// Gives the socket what it takes of so many bytes, and returns how much that was.
    pub(super) fn drain(&mut self, to: &TcpStream, most: usize) -> io::Result<usize> {
        let given = to.try_io(Interest::WRITABLE, || {
            splice(&self.reader, None, to, None, self.held.min(most), FLAGS).map_err(io::Error::from)
        })?;
        self.held = self.held.saturating_sub(given);
        Ok(given)
    }
}

/// Whether an error says that this system does not splice these sockets at all; nothing has been moved then.
pub(super) fn is_refused(error: &io::Error) -> bool {
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
        assert_eq!(pipe.fill(&from).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
        sender.write_all(b"hello").await.expect("room in the socket");
        from.readable().await.expect("bytes");
        assert_eq!(pipe.fill(&from).expect("bytes"), 5);
        to.writable().await.expect("room");
        assert_eq!((pipe.held(), pipe.drain(&to, 5).expect("room"), pipe.held()), (5, 5, 0));
        let mut got = [0; 5];
        receiver.read_exact(&mut got).await.expect("bytes");
        assert_eq!(&got, b"hello");
        drop(sender);
        from.readable().await.expect("the end");
        assert_eq!(pipe.fill(&from).expect("the end"), 0);
    }

    #[tokio::test]
    async fn a_pipe_with_bytes_in_it_is_lent_to_nobody() {
        let (mut sender, from) = pair().await;
        sender.write_all(b"secret").await.expect("room in the socket");
        from.readable().await.expect("bytes");
        let mut pipe = Pipe::lend().expect("descriptors");
        pipe.fill(&from).expect("bytes");
        pipe.give_back();
        for _ in 0..super::KEPT + 1 {
            let lent = Pipe::lend().expect("descriptors");
            let nothing = rustix::io::read(&lent.reader, &mut [0; 8]);
            assert_eq!((lent.held(), nothing), (0, Err(rustix::io::Errno::WOULDBLOCK)));
        }
    }
}

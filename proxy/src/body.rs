//! Bodies passed on as they come, counted, with their framing checked on the way.
use crate::share::Lane;
use crate::splice::{self, Lost};
use crate::wire::chunked::{Chunked, Step};
use crate::wire::{Buffer, Framing, Malformed};
use std::io::{self, Write as _};
use std::ops::Range;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Room made for one read of a body.
const ROOM: usize = 64 * 1024;
/// Up to here the bytes that wait to be written first are joined with the body's, so that both leave in one write.
const JOINED: usize = 16 * 1024;

/// From here on the system moves a body of known length by itself, when both ends are sockets.
const BULK: u64 = 256 * 1024;

/// Why a body did not pass whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The sender reset the connection, or ended it before the end of the body.
    SenderGone,
    /// The sender sent nothing for `idle_timeout`.
    SenderSilent,
    /// The receiver reset the connection, or took nothing for `idle_timeout`.
    ReceiverGone,
    /// The body is not framed as announced; part of it has been written.
    Malformed(Malformed),
    /// It reached a bound; what reached it has not been written.
    TooLong,
    /// It did so with its first bytes, and nothing has been written.
    UnbegunTooLong,
    /// It is not framed as announced, and nothing has been written: the receiver may get something else.
    Unbegun(Malformed),
}

impl From<Lost> for BodyError {
    fn from(lost: Lost) -> BodyError {
        match lost {
            Lost::Sender => BodyError::SenderGone,
            Lost::SenderSilent => BodyError::SenderSilent,
            Lost::Receiver => BodyError::ReceiverGone,
        }
    }
}

/// What is left of a body.
enum Left {
    Length(u64),
    Chunked(Chunked),
    Close,
}

/// How the receiver gets a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// With its chunks, their extensions left out: what leaves is what was understood.
    Kept,
    /// Without them: the receiver speaks HTTP/1.0.
    Removed,
}

/// Where a body comes from.
pub(crate) struct Sender<'a, R> {
    /// The socket.
    pub(crate) reader: &'a mut R,
    /// What was read of it already.
    pub(crate) buffer: &'a mut Buffer,
    /// What ends the body.
    pub(crate) framing: Framing,
    /// The socket read from, when what is read here is just what it carries.
    pub(crate) from: fn(&R) -> Option<&TcpStream>,
    /// The share it is written under.
    pub(crate) lane: Option<&'a Lane<'a>>,
    /// How many bytes of payload may pass, where the end is not known.
    pub(crate) most: Option<u64>,
}

/// Writes `first` (a head), then the body, to `receiver`; `to` is its socket, when what is written is just what that carries.
/// `passed` is told payload bytes as they have been written.
///
/// Cancel safety: not safe; dropped, part of a body may have been written.
pub(crate) async fn pass<R, W>(
    sender: Sender<'_, R>,
    receiver: &mut W,
    to: fn(&W) -> Option<&TcpStream>,
    mut first: Vec<u8>,
    chunks: Chunks,
    idle: Duration,
    passed: impl Fn(u64),
) -> Result<(), BodyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Sender { reader, buffer, framing, from, lane, most } = sender;
    let (mut so_far, mut begun) = (0, false);
    let mut left = match framing {
        Framing::None => Left::Length(0),
        Framing::Length(length) => Left::Length(length),
        Framing::Chunked => Left::Chunked(Chunked::new()),
        Framing::Close => Left::Close,
    };
    let mut wrong: fn(Malformed) -> BodyError = BodyError::Unbegun;
    loop {
        let part = left.take(buffer.bytes(), chunks, &mut first).map_err(wrong)?;
        wrong = BodyError::Malformed;
        so_far += part.payload;
        if most.is_some_and(|most| so_far >= most) {
            return Err(if begun { BodyError::TooLong } else { BodyError::UnbegunTooLong });
        }
        let verbatim = buffer.bytes().get(part.verbatim).unwrap_or_default();
        let before = first.len() as u64;
        let mut taken = 0;
        let written = if first.is_empty() {
            share(receiver, verbatim, lane, idle, &mut taken).await
        } else if first.len() + verbatim.len() <= JOINED {
            first.extend_from_slice(verbatim);
            share(receiver, &first, lane, idle, &mut taken).await
        } else {
            match share(receiver, &first, lane, idle, &mut taken).await {
                Ok(()) => share(receiver, verbatim, lane, idle, &mut taken).await,
                error => error,
            }
        };
        if let Err(error) = written {
            // What the receiver took before it left has passed. Of a chunked body the frames in it are counted with it.
            passed(taken.saturating_sub(before).min(part.payload));
            return Err(error);
        }
        begun = true;
        first.clear();
        buffer.consume(part.consumed);
        if part.payload > 0 {
            passed(part.payload);
        }
        if part.ended {
            return Ok(());
        }
        if let Left::Length(left) = &mut left
            && *left >= BULK
            && lane.is_none()
            && let (Some(from), Some(to)) = (from(&*reader), to(&*receiver))
        {
            *left = splice::transfer(from, to, *left, idle, &passed).await?;
            if *left == 0 {
                return Ok(());
            }
        }
        match timeout(idle, buffer.fill(reader, ROOM)).await {
            Err(_) => return Err(BodyError::SenderSilent),
            Ok(Ok(0)) if matches!(left, Left::Close) => return Ok(()),
            Ok(Ok(0) | Err(_)) => return Err(BodyError::SenderGone),
            Ok(Ok(_)) => {}
        }
    }
}

/// Writes all of `bytes` as the share lets them through.
async fn share<W: AsyncWrite + Unpin>(
    writer: &mut W,
    mut bytes: &[u8],
    lane: Option<&Lane<'_>>,
    idle: Duration,
    taken: &mut u64,
) -> Result<(), BodyError> {
    let Some(lane) = lane else { return write_counted(writer, bytes, idle, taken).await };
    while !bytes.is_empty() {
        let part = lane.take(bytes.len()).await;
        let (now, later) = bytes.split_at_checked(part).unwrap_or((bytes, &[]));
        write_counted(writer, now, idle, taken).await?;
        bytes = later;
    }
    Ok(())
}

/// Writes all of `bytes`; nothing when there are none.
pub(crate) async fn write<W: AsyncWrite + Unpin>(
    writer: &mut W,
    bytes: &[u8],
    idle: Duration,
) -> Result<(), BodyError> {
    write_counted(writer, bytes, idle, &mut 0).await
}

/// Writes all of `bytes`, and adds to `taken` what the writer took, also when it did not take all.
async fn write_counted<W: AsyncWrite + Unpin>(
    writer: &mut W,
    mut bytes: &[u8],
    idle: Duration,
    taken: &mut u64,
) -> Result<(), BodyError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let write = async {
        while !bytes.is_empty() {
            let count = writer.write(bytes).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *taken += count as u64;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        // TLS keeps what it could not send at once until it is flushed.
        writer.flush().await
    };
    let written: Result<io::Result<()>, _> = timeout(idle, write).await;
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(BodyError::ReceiverGone),
    }
}

/// What of the bytes at hand belongs to the body.
struct Part {
    /// Bytes that are written as they are, behind what was put in front of them.
    verbatim: Range<usize>,
    /// Bytes from the start that are done with.
    consumed: usize,
    /// Payload among them.
    payload: u64,
    /// The body is whole.
    ended: bool,
}

impl Left {
    fn take(&mut self, bytes: &[u8], chunks: Chunks, first: &mut Vec<u8>) -> Result<Part, Malformed> {
        match self {
            Left::Close => {
                Ok(Part { verbatim: 0..bytes.len(), consumed: bytes.len(), payload: bytes.len() as u64, ended: false })
            }
            Left::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                Ok(Part { verbatim: 0..count, consumed: count, payload: count as u64, ended: *left == 0 })
            }
            Left::Chunked(chunked) => {
                let (mut consumed, mut written, mut payload) = (0, 0, 0u64);
                let ended = loop {
                    match chunked.step(bytes.get(consumed..).unwrap_or_default())? {
                        Step::Frame(count) => consumed += count,
                        Step::Rewrite { line, size } => {
                            if chunks == Chunks::Kept {
                                first.extend_from_slice(bytes.get(written..consumed).unwrap_or_default());
                                // Writing into a Vec does not fail.
                                let _ = write!(first, "{size:x}\r\n");
                                written = consumed + line;
                            }
                            consumed += line;
                        }
                        Step::Data(range) => {
                            if chunks == Chunks::Removed {
                                let data = bytes.get(consumed..consumed + range.len()).unwrap_or_default();
                                first.extend_from_slice(data);
                            }
                            payload += range.len() as u64;
                            consumed += range.len();
                        }
                        Step::More => break false,
                        Step::End => break true,
                    }
                };
                let verbatim = if chunks == Chunks::Kept { written..consumed } else { 0..0 };
                Ok(Part { verbatim, consumed, payload, ended })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BodyError, Chunks, Sender, pass};
    use crate::wire::{Buffer, Framing};
    use std::cell::Cell;
    use std::time::Duration;

    async fn run(framing: Framing, sent: &[u8], chunks: Chunks) -> (Result<(), BodyError>, Vec<u8>, u64, usize) {
        let (mut reader, mut buffer, mut out, count) = (sent, Buffer::default(), Vec::new(), Cell::new(0));
        let sender =
            Sender { reader: &mut reader, buffer: &mut buffer, framing, from: |_| None, lane: None, most: None };
        let passed = |bytes| count.set(count.get() + bytes);
        let result = pass(sender, &mut out, |_| None, b"HEAD ".to_vec(), chunks, Duration::from_secs(5), passed).await;
        (result, out, count.get(), buffer.len())
    }

    #[tokio::test]
    async fn a_body_ends_where_its_framing_says() {
        let (result, out, count, rest) = run(Framing::Length(3), b"abcGET", Chunks::Kept).await;
        assert!(result.is_ok());
        assert_eq!((out.as_slice(), count, rest), (&b"HEAD abc"[..], 3, 3));

        let (result, out, count, rest) = run(Framing::Chunked, b"3\r\nabc\r\n0\r\n\r\nGET", Chunks::Kept).await;
        assert!(result.is_ok());
        assert_eq!((out.as_slice(), count, rest), (&b"HEAD 3\r\nabc\r\n0\r\n\r\n"[..], 3, 3));

        let (result, out, count, _) = run(Framing::Chunked, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Chunks::Removed).await;
        assert!(result.is_ok());
        assert_eq!((out.as_slice(), count), (&b"HEAD abcde"[..], 5));

        let extended = b"3;a=b\r\nabc\r\n02\r\nde\r\n1\r\nf\r\n0;z\r\nX-Sum: 1\r\n\r\nGET";
        let (result, out, count, rest) = run(Framing::Chunked, extended, Chunks::Kept).await;
        assert!(result.is_ok());
        let anew = b"HEAD 3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\nX-Sum: 1\r\n\r\n";
        assert_eq!((out.as_slice(), count, rest), (&anew[..], 6, 3));
        let (_, out, ..) = run(Framing::Chunked, extended, Chunks::Removed).await;
        assert_eq!(out, b"HEAD abcdef");

        let (result, out, count, _) = run(Framing::Close, b"abc", Chunks::Kept).await;
        assert!(result.is_ok());
        assert_eq!((out.as_slice(), count), (&b"HEAD abc"[..], 3));

        let (result, out, count, rest) = run(Framing::None, b"GET", Chunks::Kept).await;
        assert!(result.is_ok());
        assert_eq!((out.as_slice(), count, rest), (&b"HEAD "[..], 0, 0));
    }

    #[tokio::test]
    async fn what_was_taken_before_the_receiver_left_is_counted() {
        let (mut receiver, far) = tokio::io::duplex(100);
        let reader = tokio::spawn(async move {
            let mut far = far;
            let mut some = [0; 70];
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut some).await.expect("written");
        });
        let (body, mut buffer, count) = (vec![b'x'; 5000], Buffer::default(), Cell::new(0));
        let mut sent = &body[..];
        let sender = Sender {
            reader: &mut sent,
            buffer: &mut buffer,
            framing: Framing::Length(5000),
            from: |_| None,
            lane: None,
            most: None,
        };
        let passed = |bytes| count.set(count.get() + bytes);
        let to = |_: &_| None;
        let result =
            pass(sender, &mut receiver, to, b"HEAD ".to_vec(), Chunks::Kept, Duration::from_secs(5), passed).await;
        reader.await.expect("it read");
        assert!(matches!(result, Err(BodyError::ReceiverGone)));
        assert!((65..=165).contains(&count.get()), "{}", count.get());
    }

    #[tokio::test]
    async fn nothing_of_what_reaches_the_bound_is_written() {
        let run = async |pieces: &[&[u8]], most| {
            let (mut near, mut far) = tokio::io::duplex(3);
            let sent = pieces.concat();
            let sending = tokio::spawn(async move {
                let _ = tokio::io::AsyncWriteExt::write_all(&mut far, &sent).await;
            });
            let (mut buffer, mut out) = (Buffer::default(), Vec::new());
            let (framing, most) = (Framing::Close, Some(most));
            let sender = Sender { reader: &mut near, buffer: &mut buffer, framing, from: |_| None, lane: None, most };
            let head = b"HEAD ".to_vec();
            let result = pass(sender, &mut out, |_| None, head, Chunks::Kept, Duration::from_secs(5), |_| {}).await;
            drop(near);
            sending.await.expect("it was sent, or not wanted");
            (result, out)
        };
        let (result, out) = run(&[b"abcdef"], 6).await;
        assert!(matches!(result, Err(BodyError::TooLong)), "{result:?}");
        assert_eq!(out, b"HEAD abc");
        let (result, out) = run(&[b"abcde"], 6).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(out, b"HEAD abcde");
    }

    #[tokio::test]
    async fn a_body_cut_short_or_misframed_is_said() {
        let (result, out, count, _) = run(Framing::Length(9), b"abc", Chunks::Kept).await;
        assert!(matches!(result, Err(BodyError::SenderGone)));
        assert_eq!((out.as_slice(), count), (&b"HEAD abc"[..], 3));
        let (result, ..) = run(Framing::Chunked, b"3\r\nabc\r\n", Chunks::Kept).await;
        assert!(matches!(result, Err(BodyError::SenderGone)));
        let (result, ..) = run(Framing::Chunked, b"3\r\nabcd", Chunks::Kept).await;
        assert!(matches!(result, Err(BodyError::Malformed(_))));
    }
}

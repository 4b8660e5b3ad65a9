//! Both directions of a tunnel, to its end: halves are closed one after the other, resets passed on, bytes counted as they
//! have been taken.
use super::flow::{Broken, Ends, Flow, Watch};
use crate::connection::{ClientReader, ClientWriter, Connection};
use crate::gate::{Counts, Limit};
use crate::share::Lane;
use crate::upstream::{Origin, ReadHalf, WriteHalf};
use logstore::{Outcome, OwedRecord};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// How long silence may last, and where it is counted when it lasts longer.
#[derive(Clone, Copy)]
pub(crate) struct Patience<'a> {
    /// So long.
    pub(crate) idle: Duration,
    /// Here.
    pub(crate) counts: &'a Counts,
}

/// How a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Both sides said all they had to say, or nothing for too long: nobody can tell more.
    Whole,
    /// Nothing moved for too long, and one of them has not taken what the other sent: both are to know.
    Stalled,
    /// The client left in the middle: the origin is to know.
    ClientBroke,
    /// The origin broke it: the client is to know.
    OriginBroke,
    /// What the client sent may not pass.
    Refused,
}

/// Moves bytes both ways until both sides have ended, one has broken, or both were silent for too long. `watch`: what looks
/// at what the client sends.
pub(super) async fn run<R, W>(
    connection: &mut Connection<R, W>,
    origin: &mut Origin,
    lane: Option<&Lane<'_>>,
    patience: Patience<'_>,
    watch: Option<Box<Watch>>,
    record: &OwedRecord,
) -> Outcome
where
    R: ClientReader,
    W: ClientWriter,
{
    let end = both(connection, origin, lane, patience, watch, record).await;
    match end {
        End::Whole => Outcome::Completed,
        End::Refused => Outcome::Refused,
        End::Stalled => {
            connection.writer.break_off();
            let _ = origin.stream.plain().map(TcpStream::set_zero_linger);
            Outcome::Abandoned
        }
        End::OriginBroke => {
            connection.writer.break_off();
            Outcome::Failed
        }
        End::ClientBroke => {
            if let Some(socket) = origin.stream.plain() {
                // Closed without lingering, a socket sends a reset. On one that is broken already there is nothing to do.
                let _ = socket.set_zero_linger();
            }
            // What an end means is known to nobody but those inside: once the origin has answered, a client that leaves, be
            // it by a reset, has had what it came for.
            if record.has_received() { Outcome::Completed } else { Outcome::Abandoned }
        }
    }
}

async fn both<R, W>(
    connection: &mut Connection<R, W>,
    origin: &mut Origin,
    lane: Option<&Lane<'_>>,
    patience: Patience<'_>,
    mut watch: Option<Box<Watch>>,
    record: &OwedRecord,
) -> End
where
    R: ClientReader,
    W: ClientWriter,
{
    let Patience { idle, counts } = patience;
    let Connection { reader, writer, buffer, .. } = connection;
    let Origin { stream, buffer: answer, .. } = origin;
    let (mut origin_reader, mut origin_writer) = stream.split();
    let (mut up, mut down) = (Flow::by(lane), Flow::by(lane));
    // One timer for both directions, set again only when it rings: it must ring twice with nothing moved in between, which
    // is after `idle`, and half as long again at most.
    let mut timer = pin!(sleep(idle / 2));
    let (mut moved, mut quiet) = (false, 0);
    poll_fn(|cx| {
        let mut down_ends = Ends {
            reader: &mut origin_reader,
            writer: &mut *writer,
            buffer: &mut *answer,
            from: ReadHalf::socket,
            to: W::socket,
        };
        let mut up_ends = Ends {
            reader: &mut *reader,
            writer: &mut origin_writer,
            buffer: &mut *buffer,
            from: R::socket,
            to: WriteHalf::socket,
        };
        let mut poll_down = |cx: &mut Context<'_>| down.poll(cx, &mut down_ends, &mut None, |n| record.received(n));
        let mut downwards = poll_down(cx);
        let upwards = up.poll(cx, &mut up_ends, &mut watch, |n| record.sent(n));
        if upwards == Poll::Ready(Err(Broken::Receiver)) {
            // What the origin said before it broke is the client's.
            downwards = poll_down(cx);
        }
        let end = match (upwards, downwards) {
            (Poll::Ready(Err(Broken::Refused)), _) => End::Refused,
            (Poll::Ready(Err(Broken::Sender)), _) | (_, Poll::Ready(Err(Broken::Receiver))) => End::ClientBroke,
            (Poll::Ready(Err(Broken::Receiver)), _) | (_, Poll::Ready(Err(_))) => End::OriginBroke,
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => End::Whole,
            _ => {
                moved |= std::mem::take(&mut up.moved) | std::mem::take(&mut down.moved);
                while quiet < 2 {
                    ready!(timer.as_mut().poll(cx));
                    timer.as_mut().reset(Instant::now() + idle / 2);
                    // Who waits for its share is not silent.
                    moved |= up.waits() || down.waits();
                    quiet = if std::mem::take(&mut moved) { 0 } else { quiet + 1 };
                }
                counts.reached(Limit::IdleTimeout, 1);
                let stalled = up.holds(up_ends.buffer) || down.holds(down_ends.buffer);
                if stalled { End::Stalled } else { End::Whole }
            }
        };
        Poll::Ready(end)
    })
    .await
}

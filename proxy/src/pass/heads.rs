//! What comes of the origin before any of it is passed on: the heads of answers, and how content begins.
use super::{PassError, Upload};
use crate::answered;
use crate::wire::request::may_end;
use crate::wire::{Buffer, Framing, Malformed, ResponseHead};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::time::{Instant, timeout, timeout_at};

/// Room made for one read of an answer's head: most answers arrive in it whole.
const ROOM: usize = 8192;
/// How long an answer is waited for whose head has come, to look at how its content begins.
const CONTENT_BEGINS: Duration = Duration::from_secs(1);

/// Reads the next head of the answer: `idle` for its first byte once the request has left, `whole` from there to its end.
///
/// Cancel safety: what was read stays in `buffer`.
pub(super) async fn answer_head<R: AsyncRead + Unpin>(
    buffer: &mut Buffer,
    reader: &mut R,
    limit: usize,
    idle: Duration,
    whole: Duration,
    upload: &Upload,
) -> Result<ResponseHead, PassError> {
    let mut seen = 0;
    let mut deadline = None;
    loop {
        if may_end(buffer.bytes(), seen)
            && let Some(head) = ResponseHead::parse(buffer.bytes()).map_err(PassError::OriginMalformed)?
            && head.len <= limit
        {
            return Ok(head);
        }
        if buffer.len() > limit {
            return Err(PassError::OriginMalformed(Malformed::TooManyFields));
        }
        seen = buffer.len();
        // The clock is asked only when a head comes in pieces.
        let filled = if buffer.is_empty() {
            let waits_already = upload.over.load(Ordering::Relaxed);
            match timeout(idle, buffer.fill(reader, ROOM)).await {
                // An origin that is still being sent the request need not answer.
                Err(_) if !waits_already => continue,
                filled => filled,
            }
        } else {
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + whole);
            timeout_at(deadline, buffer.fill(reader, ROOM)).await
        };
        match filled {
            Err(_) => return Err(PassError::OriginSilent),
            Ok(Ok(0) | Err(_)) if buffer.is_empty() => return Err(PassError::OriginClosed),
            Ok(Ok(0) | Err(_)) => return Err(PassError::OriginIncomplete),
            Ok(Ok(_)) => {}
        }
    }
}

/// Reads on until the content has begun, as far as it is looked at; what is slow to begin is judged by what it declares.
///
/// Cancel safety: what was read stays in `buffer`.
pub(super) async fn content_begins<R: AsyncRead + Unpin>(
    buffer: &mut Buffer,
    head: usize,
    framing: Framing,
    reader: &mut R,
) -> Vec<u8> {
    let deadline = Instant::now() + CONTENT_BEGINS;
    loop {
        let (content, more) = answered::beginning(buffer.bytes().get(head..).unwrap_or_default(), framing);
        if !more || !matches!(timeout_at(deadline, buffer.fill(reader, ROOM)).await, Ok(Ok(1..))) {
            return content;
        }
    }
}

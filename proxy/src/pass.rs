//! Plain requests passed on to their origin, and the answers back (RFC 9110 §7.6, RFC 9112).
//!
//! A message leaves only as the gate understood it: the start line, Host, framing and Via are written anew, fields of one
//! hop stay here, bodies are checked against their framing on the way.
use crate::body::{self, BodyError, Chunks, Sender};
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, State};
use crate::pages::Fault;
use crate::refuse;
use crate::upstream::{self, Origin};
use crate::wire::forward::{Answers, Asks, interim_head, request_head, response_head};
use crate::wire::request::may_end;
use crate::wire::{Buffer, Framing, Malformed, RequestHead, ResponseHead, Version};
use logstore::{Outcome, OwedRecord};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// Room made for one read of an answer's head: most answers arrive in it whole.
const ROOM: usize = 8192;
/// How much of the requests sent ahead is read while one is answered.
const AHEAD: usize = 16 * 1024;
/// How many interim answers one request may have: origins send one or two.
const INTERIM: usize = 16;

/// Why an exchange did not end well.
#[derive(Debug)]
enum PassError {
    /// The client closed, reset or stopped taking the answer.
    ClientGone,
    /// The client sent a body that is not framed as it announced.
    ClientMalformed(Malformed),
    /// The origin closed before it answered anything.
    OriginClosed,
    /// The origin answered nothing for `idle_timeout`.
    OriginSilent,
    /// The origin's answer is malformed.
    OriginMalformed(Malformed),
    /// The answer asks the gate itself who it is (407): a client that got it would take it for the gate's own question.
    AsksTheGate,
    /// The origin's answer was cut; part of it has reached the client, which sees the cut by the answer's framing.
    Cut,
}

/// How a whole exchange ended.
struct Passed {
    /// Both sides keep their connection.
    client: Next,
    origin: Next,
}

/// Passes one exchange.
pub(crate) async fn run<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    head: &RequestHead,
    asked: &Asked,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    // Only what may be sent twice goes on a kept connection, which the origin may just have closed (RFC 9110 §9.2.2).
    let repeatable = asked.method.is_idempotent() && asked.framing == Framing::None;
    let mut kept = if repeatable { state.upstream.kept(&asked.target) } else { None };
    loop {
        let mut origin = match kept.take() {
            Some(origin) => origin,
            None => match state.upstream.dial(&asked.target).await {
                Ok(origin) => origin,
                Err(error) => return refuse::unreachable(gate, state, connection, asked, &error, record).await,
            },
        };
        if let Some(address) = origin.went_to {
            record.went_to(address);
        }
        let error = match exchange(state, connection, head, asked, &mut origin, record).await {
            Ok(passed) => {
                if passed.origin == Next::Keep {
                    state.upstream.keep(&asked.target, origin);
                }
                return (Outcome::Completed, passed.client);
            }
            Err(PassError::OriginClosed) if repeatable && origin.kept => continue,
            Err(error) => error,
        };
        let fault = match error {
            PassError::ClientGone => return (Outcome::Abandoned, Next::Close),
            PassError::Cut => return (Outcome::Failed, Next::Close),
            PassError::ClientMalformed(why) => Fault::BadRequest { why: why.why() },
            PassError::OriginClosed => Fault::Unreachable,
            PassError::OriginSilent => Fault::NoAnswer,
            PassError::AsksTheGate => match origin.form {
                upstream::Form::Absolute { .. } => {
                    state.upstream.denied();
                    Fault::ParentDenied
                }
                upstream::Form::Origin => Fault::OriginBroke,
            },
            PassError::OriginMalformed(why) => {
                tracing::debug!(why = why.why(), "an origin's answer was malformed");
                Fault::OriginBroke
            }
        };
        return (Outcome::Failed, refuse::fault(state, connection, asked, fault, record).await);
    }
}

/// One try: the request sent, the answer relayed. Without a body, the request's head stays in the client's buffer until
/// all went well, so that it can be sent again or refused.
async fn exchange<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    head: &RequestHead,
    asked: &Asked,
    origin: &mut Origin,
    record: &OwedRecord,
) -> Result<Passed, PassError>
where
    R: ClientReader,
    W: ClientWriter,
{
    let asks = Asks {
        method: asked.method.as_str(),
        authority: &asked.target.authority(),
        path_and_query: asked.target.path_and_query(),
        form: origin.form.written(),
        framing: asked.framing,
    };
    let request = request_head(connection.buffer.bytes(), head, &asks);
    if asked.framing != Framing::None {
        connection.take_head();
    }
    let mut passed = converse(state, connection, asked, request, origin, record).await?;
    connection.take_head();
    if !origin.buffer.is_empty() {
        // Bytes nobody asked for make the next answer doubtful.
        passed.origin = Next::Close;
    }
    Ok(passed)
}

/// Both directions at once: the answer may come before the request is whole.
async fn converse<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    request: Vec<u8>,
    origin: &mut Origin,
    record: &OwedRecord,
) -> Result<Passed, PassError>
where
    R: ClientReader,
    W: ClientWriter,
{
    let limits = &state.config.limits;
    let idle = limits.idle_timeout;
    let Connection { reader, writer, buffer, .. } = connection;
    let Origin { stream, buffer: answer, .. } = origin;
    let (mut origin_reader, mut origin_writer) = stream.split();
    let whole = AtomicBool::new(false);
    let mut client =
        pin!(from_client(reader, buffer, asked.framing, &mut origin_writer, request, idle, record, &whole));

    let mut interims = 0;
    let response = loop {
        let response = tokio::select! {
            biased;
            gone = &mut client => return Err(gone),
            read = answer_head(answer, &mut origin_reader, limits.header_bytes, idle) => read?,
        };
        if response.status >= 200 {
            break response;
        }
        interims += 1;
        if interims > INTERIM {
            return Err(PassError::OriginMalformed(Malformed::TooManyFields));
        }
        interim(answer, &response, asked, writer, idle).await?;
    };
    if response.status == 407 {
        return Err(PassError::AsksTheGate);
    }
    record.answered(response.status);
    let (status, to_head) = (response.status, asked.method.is_head());
    let framing = Framing::of_response(answer.bytes(), &response.fields, response.version, status, to_head)
        .map_err(PassError::OriginMalformed)?;
    let origin_keeps = framing != Framing::Close && response.persistent(answer.bytes());
    let chunks = match (framing, asked.version) {
        (Framing::Chunked, Version::Http10) => Chunks::Removed,
        _ => Chunks::Kept,
    };
    // Before the whole body has come, the next request could not be told from the rest of it.
    let client_keeps =
        asked.persistent && framing != Framing::Close && chunks == Chunks::Kept && whole.load(Ordering::Relaxed);
    let unchunked = chunks == Chunks::Removed;
    let answers = Answers { framing, unchunked, version: asked.version, kept: client_keeps };
    let first = response_head(answer.bytes(), &response, &answers);
    answer.consume(response.len);

    let sender = Sender { reader: &mut origin_reader, buffer: answer, framing };
    let mut download = pin!(body::pass(sender, writer, first, chunks, idle, |bytes| record.received(bytes)));
    let downloaded = tokio::select! {
        biased;
        downloaded = &mut download => downloaded,
        // Part of the answer has left: there is no other to give.
        _ = &mut client => Err(BodyError::ReceiverGone),
    };
    downloaded.map_err(|error| match error {
        BodyError::ReceiverGone => PassError::ClientGone,
        BodyError::SenderGone | BodyError::SenderSilent | BodyError::Malformed(_) => PassError::Cut,
    })?;
    let whole = whole.load(Ordering::Relaxed);
    Ok(Passed {
        client: match (client_keeps, whole) {
            (true, true) => Next::Keep,
            (false, true) => Next::Close,
            // The answer came before the end of the request, which is still being sent.
            (_, false) => Next::Linger,
        },
        origin: if origin_keeps && whole { Next::Keep } else { Next::Close },
    })
}

/// Sends the request, then watches the client until the answer is relayed: it returns only when the exchange is over
/// before its answer is. `whole` is set once the origin has the whole request.
///
/// A client that ends its side while it waits has left, as far as can be told; other proxies take it so too.
#[expect(clippy::too_many_arguments, reason = "both ends of one direction, and what is known of it")]
async fn from_client<R, O>(
    reader: &mut R,
    buffer: &mut Buffer,
    framing: Framing,
    origin: &mut O,
    request: Vec<u8>,
    idle: Duration,
    record: &OwedRecord,
    whole: &AtomicBool,
) -> PassError
where
    R: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let sent = if framing == Framing::None {
        body::write(origin, &request, idle).await
    } else {
        let sender = Sender { reader: &mut *reader, buffer: &mut *buffer, framing };
        body::pass(sender, origin, request, Chunks::Kept, idle, |bytes| record.sent(bytes)).await
    };
    match sent {
        Ok(()) => whole.store(true, Ordering::Relaxed),
        // An origin that stops reading may still have answered.
        Err(BodyError::ReceiverGone) => {}
        Err(BodyError::SenderGone | BodyError::SenderSilent) => return PassError::ClientGone,
        Err(BodyError::Malformed(why)) => return PassError::ClientMalformed(why),
    }
    // A request sent ahead waits in the buffer, and whoever sent it is there. More than that is not read before its turn.
    while buffer.len() < AHEAD {
        match buffer.fill(reader, ROOM).await {
            Ok(0) | Err(_) => return PassError::ClientGone,
            Ok(_) => {}
        }
    }
    std::future::pending().await
}

/// Reads the next head of the answer.
///
/// Cancel safety: what was read stays in `buffer`.
async fn answer_head<R: AsyncRead + Unpin>(
    buffer: &mut Buffer,
    reader: &mut R,
    limit: usize,
    idle: Duration,
) -> Result<ResponseHead, PassError> {
    let mut seen = 0;
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
        match timeout(idle, buffer.fill(reader, ROOM)).await {
            Err(_) => return Err(PassError::OriginSilent),
            Ok(Ok(0) | Err(_)) if buffer.is_empty() => return Err(PassError::OriginClosed),
            Ok(Ok(0) | Err(_)) => return Err(PassError::OriginMalformed(Malformed::StartLine)),
            Ok(Ok(_)) => {}
        }
    }
}

/// Passes on a 1xx answer (RFC 9110 §15.2), which clients of HTTP/1.0 do not know. A switch of protocols was not asked for:
/// Upgrade stays at this hop.
async fn interim<W: AsyncWrite + Unpin>(
    buffer: &mut Buffer,
    response: &ResponseHead,
    asked: &Asked,
    writer: &mut W,
    idle: Duration,
) -> Result<(), PassError> {
    if response.status == 101 {
        return Err(PassError::OriginMalformed(Malformed::StartLine));
    }
    if asked.version == Version::Http11 {
        let out = interim_head(buffer.bytes(), response);
        body::write(writer, &out, idle).await.map_err(|_| PassError::ClientGone)?;
    }
    buffer.consume(response.len);
    Ok(())
}

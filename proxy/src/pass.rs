//! Plain requests passed on to their origin, and the answers back (RFC 9110 §7.6, RFC 9112).
//!
//! A message leaves only as the gate understood it: [`crate::wire::forward`] writes its head anew, [`crate::body`] checks
//! its body against its framing on the way.
mod heads;

use crate::again::{Again, Judged};
use crate::body::{self, BodyError, Chunks, Sender};
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, Limit, State};
use crate::pages::{Broken, Fault};
use crate::share::Lane;
use crate::tunnel::{self, Patience};
use crate::upstream::{self, ConnectError, Origin, ReadHalf, Went, WriteHalf};
use crate::wire::forward::{Answers, Asks, interim_head, request_head, response_head, switching_head};
use crate::wire::framing::announces_more;
use crate::wire::{Buffer, Framing, Malformed, RequestHead, ResponseHead, Version, upgrade};
use crate::{record, refuse};
use heads::{answer_head, content_begins};
use logstore::{Outcome, OwedRecord};
use policy::Decision;
use policy::verdict::Pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

/// How much of the requests sent ahead is read while one is answered.
const AHEAD: usize = 16 * 1024;
/// Room made for what may come of the client meanwhile: nothing, most often.
const AHEAD_ROOM: usize = 1024;
/// How many interim answers one request may have: origins send one or two.
const INTERIM: usize = 16;

/// Why an exchange did not end well.
#[derive(Debug)]
enum PassError {
    /// The client closed, reset or stopped taking the answer; so its connection ends.
    ClientGone(Next),
    /// A budget was used up.
    UsedUp,
    /// The client, whose request was whole, left before any answer came.
    ClientLeft,
    /// The client sent nothing more of its body for `idle_timeout`.
    ClientSilent,
    /// The client sent a body that is not framed as it announced.
    ClientMalformed(Malformed),
    /// The origin closed before it answered anything.
    OriginClosed,
    /// The origin answered nothing for `idle_timeout`, or no whole head within `header_timeout`.
    OriginSilent,
    /// The origin closed within the head of its answer.
    OriginIncomplete,
    /// The origin's answer is malformed.
    OriginMalformed(Malformed),
    /// The origin switches to a protocol nobody offered.
    OriginSwitched,
    /// The answer asks the gate itself who it is (407): a client that got it would take it for the gate's own question.
    AsksTheGate,
    /// The charter turns the answer back; nothing of it has reached the client.
    TurnedBack(Decision),
    /// An answer of unannounced length has become larger than the charter lets through: it is cut there.
    Outgrown(Next, Decision),
    /// The origin's answer was cut; part of it has reached the client, whose connection ends so that it sees the cut.
    Cut(Next),
}

/// How a whole exchange ended.
struct Passed {
    outcome: Outcome,
    /// Both sides keep their connection.
    client: Next,
    origin: Next,
}

/// What an answer leads to.
enum Answered {
    Whole(Passed),
    /// Both sides go on in another protocol, once the client has this head.
    Switched(Vec<u8>),
}

/// What both directions of an exchange go by.
#[derive(Clone, Copy)]
struct Terms<'a> {
    gate: &'a Gate,
    state: &'a State,
    asked: &'a Asked,
    /// What let it through, where it is dialled.
    again: &'a Again<'a>,
    lane: Option<&'a Lane<'a>>,
    record: &'a OwedRecord,
}

/// How the sending of a request is going.
#[derive(Default)]
struct Upload {
    /// The origin has all of it.
    whole: AtomicBool,
    /// No more of it leaves.
    over: AtomicBool,
}

/// Passes one exchange.
pub(crate) async fn run<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    head: &RequestHead,
    asked: &Asked,
    again: Again<'_>,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    let client = again.client;
    let strict = again.strict(asked);
    let to = strict.as_ref().unwrap_or(asked.to());
    // Only what may be sent twice goes on a kept connection, which the origin may just have closed (RFC 9110 §9.2.2).
    let repeatable = asked.method.is_idempotent() && asked.framing == Framing::None;
    let mut kept = if repeatable { state.upstream.kept(to) } else { None };
    loop {
        let mut origin = match kept.take() {
            Some(origin) => origin,
            None => match state.upstream.dial(to, asked.hops_before(gate), Some(&again)).await {
                Ok(origin) => origin,
                Err(ConnectError::Charter(decision)) => {
                    return refuse::turned(gate, state, connection, asked, client, decision, record).await;
                }
                Err(error) => return refuse::unreachable(gate, state, connection, asked, &error, record).await,
            },
        };
        let dialled = again.dialled(origin.went_to);
        if again.turns_back(&dialled.decision) {
            // It was kept from an exchange that was let through.
            return refuse::turned(gate, state, connection, asked, client, dialled.decision, record).await;
        }
        if dialled.decision.ground() != again.decision.ground() {
            record.decided_again(record::verdict(state, &dialled.decision), None);
        }
        if let Some(address) = origin.went_to {
            record.went_to(address);
        }
        let since = state.upstream.helped();
        let lane = gate.lane(state, client, &dialled.decision);
        let terms = Terms { gate, state, asked, again: &dialled, lane: lane.as_ref(), record };
        let exchanged = exchange(terms, connection, head, &mut origin);
        let exchanged = Lane::within(lane.as_ref(), exchanged).await.unwrap_or(Err(PassError::UsedUp));
        if let (upstream::Form::Absolute { .. }, Some(went)) = (&origin.form, went(&exchanged, origin.kept)) {
            state.upstream.exchanged(since, went);
        }
        let error = match exchanged {
            Ok(passed) => {
                if passed.origin == Next::Keep {
                    state.upstream.keep(to, origin);
                }
                return (passed.outcome, passed.client);
            }
            Err(PassError::OriginClosed) if repeatable && origin.kept => continue,
            Err(error) => error,
        };
        match error {
            PassError::ClientSilent | PassError::OriginSilent => gate.counts.reached(Limit::IdleTimeout, 1),
            PassError::OriginMalformed(Malformed::TooManyFields) => gate.counts.reached(Limit::HeaderBytes, 1),
            _ => {}
        }
        let (fault, outcome) = match error {
            PassError::ClientGone(next) => return (Outcome::Abandoned, next),
            PassError::ClientLeft => return (Outcome::Abandoned, Next::Close),
            PassError::Cut(next) => return (Outcome::Failed, next),
            PassError::TurnedBack(decision) => {
                return refuse::turned(gate, state, connection, asked, client, decision, record).await;
            }
            PassError::Outgrown(next, decision) => {
                gate.counts.refused();
                record.decided_again(record::verdict(state, &decision), None);
                return (Outcome::Refused, next);
            }
            // What is cut may be half an answer, which the client is to see.
            PassError::UsedUp => {
                gate.counts.refused();
                return (Outcome::Refused, Next::BreakOff);
            }
            PassError::ClientSilent => (Fault::RequestTimeout, Outcome::Abandoned),
            PassError::ClientMalformed(why) => (refuse::misread(why), Outcome::Failed),
            PassError::OriginClosed => (Fault::Terminated, Outcome::Failed),
            PassError::OriginSilent => (Fault::NoAnswer, Outcome::Failed),
            PassError::OriginIncomplete => (Fault::OriginBroke(Broken::Incomplete), Outcome::Failed),
            PassError::OriginSwitched => (Fault::OriginBroke(Broken::Upgrade), Outcome::Failed),
            PassError::AsksTheGate => match origin.form {
                upstream::Form::Absolute { .. } => (Fault::ParentDenied, Outcome::Failed),
                upstream::Form::Origin => (Fault::OriginBroke(Broken::Protocol), Outcome::Failed),
            },
            PassError::OriginMalformed(why) => {
                tracing::debug!(why = why.why(), "an origin's answer was malformed");
                (refuse::misanswered(why), Outcome::Failed)
            }
        };
        return (outcome, refuse::fault(state, connection, asked, fault, record).await);
    }
}

/// What a try says of the parent it was put to; nothing, when it was the client's end, or that of a connection kept too long.
fn went(exchanged: &Result<Passed, PassError>, kept: bool) -> Option<Went> {
    match exchanged {
        Ok(_) | Err(PassError::Cut(_) | PassError::OriginSwitched) => Some(Went::Answered),
        Err(PassError::TurnedBack(_) | PassError::Outgrown(..) | PassError::UsedUp) => Some(Went::Answered),
        Err(PassError::AsksTheGate) => Some(Went::Denied),
        Err(PassError::OriginSilent) => Some(Went::Silent),
        Err(PassError::ClientLeft) => Some(Went::Left),
        Err(PassError::OriginClosed | PassError::OriginIncomplete) => (!kept).then_some(Went::Closed),
        Err(PassError::OriginMalformed(_)) => Some(Went::Malformed),
        Err(PassError::ClientGone(_) | PassError::ClientSilent | PassError::ClientMalformed(_)) => None,
    }
}

/// One try: the request sent, the answer relayed. Without a body, the request's head stays in the client's buffer until
/// all went well, so that it can be sent again or refused.
async fn exchange<R, W>(
    terms: Terms<'_>,
    connection: &mut Connection<R, W>,
    head: &RequestHead,
    origin: &mut Origin,
) -> Result<Passed, PassError>
where
    R: ClientReader,
    W: ClientWriter,
{
    let Terms { gate, state, asked, lane, record, .. } = terms;
    // What was sent ahead is a request to who expects no switch, and something else to who does: then none is offered.
    let alone = connection.buffer.len() == head.len;
    let form = origin.form.clone();
    let asks = Asks {
        method: asked.method.as_str(),
        authority: &asked.target.authority(),
        path_and_query: if asked.whole_server { "*" } else { asked.target.path_and_query() },
        form: form.written(),
        framing: asked.framing,
        max_forwards: asked.hops.map(|hops| hops.saturating_sub(1)),
        upgrade: asked.upgrade.as_deref().filter(|_| alone),
        protocol: connection.protocol,
        received_by: &gate.received_by,
    };
    let request = request_head(connection.buffer.bytes(), head, &asks);
    if asked.framing != Framing::None {
        connection.take_head();
    }
    let answered = converse(terms, connection, &asks, request, origin).await?;
    connection.take_head();
    match answered {
        Answered::Whole(mut passed) => {
            if !origin.buffer.is_empty() {
                // Bytes nobody asked for make the next answer doubtful.
                passed.origin = Next::Close;
            }
            Ok(passed)
        }
        Answered::Switched(first) => {
            let idle = state.config.limits.idle_timeout;
            let written = body::write(&mut connection.writer, &first, idle).await;
            written.map_err(|_| PassError::ClientGone(Next::Close))?;
            let outcome =
                tunnel::relay(connection, origin, lane, Patience { idle, counts: &gate.counts }, record).await;
            Ok(Passed { outcome, client: Next::Close, origin: Next::Close })
        }
    }
}

/// The head with a field line more, or as it is.
fn proven(mut head: Vec<u8>, proof: &str) -> Vec<u8> {
    if !proof.is_empty() {
        // The empty line is the last.
        head.truncate(head.len().saturating_sub(2));
        head.extend([proof.as_bytes(), b"\r\n"].concat());
    }
    head
}

/// Both directions at once: the answer may come before the request is whole.
async fn converse<R, W>(
    terms: Terms<'_>,
    connection: &mut Connection<R, W>,
    asks: &Asks<'_>,
    request: Vec<u8>,
    origin: &mut Origin,
) -> Result<Answered, PassError>
where
    R: ClientReader,
    W: ClientWriter,
{
    let Terms { gate, state, asked, record, .. } = terms;
    let limits = &state.config.limits;
    let idle = limits.idle_timeout;
    let proof = connection.take_proof();
    let Connection { reader, writer, buffer, head, .. } = connection;
    // The request's own head may still stand in the buffer.
    let ahead = *head + AHEAD;
    let Origin { stream, buffer: answer, .. } = origin;
    let (mut origin_reader, mut origin_writer) = stream.split();
    let upload = Upload::default();
    let mut client = pin!(from_client(terms, reader, buffer, ahead, &mut origin_writer, request, &upload));

    let mut interims = 0;
    let response = loop {
        let response = tokio::select! {
            biased;
            gone = &mut client => return Err(match gone {
                // It waits to be told to go on, and it is the origin that does not say so.
                PassError::ClientSilent if asked.expects && interims == 0 => PassError::OriginSilent,
                gone => gone,
            }),
            read = answer_head(answer, &mut origin_reader, limits.header_bytes, idle, limits.header_timeout, &upload) => read?,
        };
        if response.status >= 200 {
            break response;
        }
        if response.status == 101 {
            let offered = asks.upgrade.unwrap_or_default();
            let protocol = upgrade::accepted(answer.bytes(), &response, offered).ok_or(PassError::OriginSwitched)?;
            let first = proven(switching_head(answer.bytes(), &response, protocol, asks.received_by), &proof);
            answer.consume(response.len);
            record.answered(101);
            return Ok(Answered::Switched(first));
        }
        interims += 1;
        if interims > INTERIM {
            return Err(PassError::OriginMalformed(Malformed::Interim));
        }
        // Clients of HTTP/1.0 know no interim answers (RFC 9110 §15.2).
        if asked.version == Version::Http11 {
            let out = interim_head(answer.bytes(), &response, asks.received_by);
            body::write(writer, &out, idle).await.map_err(|_| PassError::ClientGone(Next::Close))?;
        }
        answer.consume(response.len);
    };
    if response.status == 407 {
        return Err(PassError::AsksTheGate);
    }
    let (status, to_head) = (response.status, asked.method.is_head());
    let framing = Framing::of_response(answer.bytes(), &response.fields, response.version, status, to_head)
        .map_err(PassError::OriginMalformed)?;
    let content = match terms.again.pending(status) {
        Pending { content: true, .. } => tokio::select! {
            biased;
            gone = &mut client => return Err(gone),
            read = content_begins(answer, response.len, framing, &mut origin_reader) => read,
        },
        _ => Vec::new(),
    };
    let judged = terms.judge(status, answer.bytes(), &response, framing, &content)?;
    let lane = judged.as_ref().and_then(|judged| gate.lane(state, terms.again.client, &judged.decision));
    let lane = if judged.is_some() { lane.as_ref() } else { terms.lane };
    let most = judged.and_then(|judged| judged.most);
    record.answered(status);
    let origin_keeps = framing != Framing::Close
        && response.persistent(answer.bytes())
        && !announces_more(answer.bytes(), &response.fields, status);
    let chunks = match (framing, asked.version) {
        (Framing::Chunked, Version::Http10) => Chunks::Removed,
        _ => Chunks::Kept,
    };
    let unchunked = chunks == Chunks::Removed;
    // Where the end of the connection is the end of the body, only a reset says that it is not (RFC 9112 §8).
    let cut = if framing == Framing::Close || unchunked { Next::BreakOff } else { Next::Close };
    // Before the whole body has come, the next request could not be told from the rest of it.
    let client_keeps = asked.persistent && cut == Next::Close && upload.whole.load(Ordering::Relaxed);
    let answers =
        Answers { framing, unchunked, version: asked.version, kept: client_keeps, received_by: asks.received_by };
    let first = proven(response_head(answer.bytes(), &response, &answers), &proof);
    answer.consume(response.len);

    let sender = Sender {
        reader: &mut origin_reader,
        buffer: answer,
        framing,
        from: ReadHalf::socket,
        lane,
        most: most.map(|(most, _)| most),
    };
    let download = body::pass(sender, writer, W::socket, first, chunks, idle, |bytes| record.received(bytes));
    let mut download = pin!(Lane::within(lane, download));
    let downloaded = tokio::select! {
        biased;
        downloaded = &mut download => downloaded.ok_or(PassError::UsedUp)?,
        // Part of the answer has left: there is no other to give.
        _ = &mut client => Err(BodyError::ReceiverGone),
    };
    downloaded.map_err(|error| match error {
        BodyError::ReceiverGone => PassError::ClientGone(cut),
        BodyError::SenderSilent => {
            gate.counts.reached(Limit::IdleTimeout, 1);
            PassError::Cut(cut)
        }
        BodyError::SenderGone | BodyError::Malformed(_) => PassError::Cut(cut),
        BodyError::TooLong => match most {
            // Whoever reads to the end of the connection is to see that this is none.
            Some((_, decision)) => PassError::Outgrown(Next::BreakOff, decision),
            None => PassError::Cut(cut),
        },
        BodyError::UnbegunTooLong => match most {
            Some((_, decision)) => PassError::TurnedBack(decision),
            None => PassError::Cut(cut),
        },
        BodyError::Unbegun(why) => PassError::OriginMalformed(why),
    })?;
    let whole = upload.whole.load(Ordering::Relaxed);
    Ok(Answered::Whole(Passed {
        outcome: Outcome::Completed,
        client: match (client_keeps, whole) {
            (true, true) => Next::Keep,
            (false, true) => Next::Close,
            // The answer came before the end of the request, which is still being sent.
            (_, false) => Next::Linger,
        },
        origin: if origin_keeps && whole { Next::Keep } else { Next::Close },
    }))
}

/// Sends the request, then watches the client until the answer is relayed: it returns only when the exchange is over
/// before its answer is.
///
/// A client that ends its side while it waits has left, as far as can be told; other proxies take it so too.
async fn from_client<R>(
    terms: Terms<'_>,
    reader: &mut R,
    buffer: &mut Buffer,
    ahead: usize,
    origin: &mut WriteHalf<'_>,
    request: Vec<u8>,
    upload: &Upload,
) -> PassError
where
    R: ClientReader,
{
    let Terms { state, asked: Asked { framing, .. }, lane, record, .. } = terms;
    let (framing, idle) = (*framing, state.config.limits.idle_timeout);
    let sent = if framing == Framing::None {
        body::write(origin, &request, idle).await
    } else {
        let sender = Sender { reader: &mut *reader, buffer: &mut *buffer, framing, from: R::socket, lane, most: None };
        body::pass(sender, origin, WriteHalf::socket, request, Chunks::Kept, idle, |bytes| record.sent(bytes)).await
    };
    match sent {
        Ok(()) => upload.whole.store(true, Ordering::Relaxed),
        // An origin that stops reading may still have answered.
        Err(BodyError::ReceiverGone) => {}
        Err(BodyError::SenderGone | BodyError::TooLong | BodyError::UnbegunTooLong) => {
            return PassError::ClientGone(Next::Close);
        }
        Err(BodyError::SenderSilent) => return PassError::ClientSilent,
        Err(BodyError::Malformed(why) | BodyError::Unbegun(why)) => return PassError::ClientMalformed(why),
    }
    upload.over.store(true, Ordering::Relaxed);
    // A request sent ahead waits in the buffer, and whoever sent it is there. More than that is not read before its turn.
    while buffer.len() < ahead {
        match buffer.fill(reader, AHEAD_ROOM).await {
            Ok(0) | Err(_) => return PassError::ClientLeft,
            Ok(_) => {}
        }
    }
    std::future::pending().await
}

impl Terms<'_> {
    /// Has the charter judge an answer, when rules hang on it, before anything of it reaches the client.
    fn judge(
        &self,
        status: u16,
        bytes: &[u8],
        head: &ResponseHead,
        framing: Framing,
        content: &[u8],
    ) -> Result<Option<Judged>, PassError> {
        if !self.again.pending(status).answer {
            return Ok(None);
        }
        let judged = self.again.judge(bytes, head, framing, content);
        if self.again.turns_back(&judged.decision) {
            return Err(PassError::TurnedBack(judged.decision));
        }
        if judged.decision.ground() != self.again.decision.ground() {
            self.record.decided_again(record::verdict(self.state, &judged.decision), None);
        }
        Ok(Some(judged))
    }
}

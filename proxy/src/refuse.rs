//! Answers of the gate's own: refusals by the charter, the register, the ports; errors; the request for a name.
//!
//! Each is a whole answer with a page in the client's language and a Proxy-Status field (RFC 9209). What a client was
//! still sending is not read as a request: unless there was no body, the connection ends.
mod misread;
mod terms;

pub(crate) use misread::{misanswered, misread, too_large};
pub(crate) use terms::{found, go_on, read_first};

use crate::body;
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, Limit, State};
use crate::identify::{Challenge, Client};
use crate::pages::{self, Body, Fault, FaultPage, Kind, Language, Refusal};
use crate::password;
use crate::record;
use crate::upstream::{ConnectError, ParentError};
use crate::wire::{Framing, Protocol};
use jiff::Timestamp;
use logstore::{Outcome, OwedRecord, Unwritable};
use policy::{Action, Decision};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Why an exchange is turned back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why {
    /// By the charter: it refuses, or its terms are not met.
    Charter(Decision),
    /// The password has to be changed first.
    Password,
    /// The port is none the gate opens.
    Port,
    /// This gate has passed the request on before.
    Loop,
}

/// Turns an exchange back, its record already owed.
pub(crate) async fn answer<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
    why: Why,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    let (fault, outcome) = match why {
        Why::Charter(decision) if decision.action != Action::Block => {
            gate.counts.refused();
            record.answered(403);
            let page = terms::unmet(gate, state, asked, client, &decision, record);
            return (Outcome::Refused, send_page(state, connection, Some(asked), page).await);
        }
        Why::Charter(decision) => {
            gate.counts.refused();
            record.answered(403);
            let (next, answer) = charter_answer(gate, state, asked, client, &decision, record.id());
            let next = send(state, connection, next, &answer).await;
            return (Outcome::Refused, next);
        }
        Why::Password => {
            gate.counts.refused();
            let link = password::address(state);
            let fault = Fault::PasswordDue { link: &link };
            return (Outcome::Refused, self::fault(state, connection, asked, fault, record).await);
        }
        Why::Port => {
            gate.counts.refused();
            (Fault::PortNotAllowed, Outcome::Refused)
        }
        // Nobody refused where it goes: it does not get there.
        Why::Loop => (Fault::Loop, Outcome::Failed),
    };
    (outcome, self::fault(state, connection, asked, fault, record).await)
}

/// Turns back, with the charter's page, what it let through at first: nothing of an answer has reached the client.
pub(crate) async fn turned<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
    decision: Decision,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    record.decided_again(record::verdict(state, &decision), None);
    answer(gate, state, connection, asked, client, Why::Charter(decision), record).await
}

/// Answers an exchange that failed, its record already owed. Notes the status in the record.
pub(crate) async fn fault<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    fault: Fault<'_>,
    record: &mut OwedRecord,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    record.answered(fault.status());
    let reference = record.id().to_string();
    let page = fault_page(state, asked.language, fault, Some(asked), Some(&reference));
    send_page(state, connection, Some(asked), page).await
}

/// Answers what could not be understood; nothing is forwarded, nothing recorded, the connection ends.
pub(crate) async fn unread<R, W>(state: &State, connection: &mut Connection<R, W>, fault: Fault<'_>) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    tracing::debug!(status = fault.status(), "a request was not understood");
    let page = fault_page(state, state.language, fault, None, None);
    send_page(state, connection, None, page).await
}

/// Asks the client who it is (407).
pub(crate) async fn challenge<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    challenge: &Challenge,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    let lang = asked.language;
    let mut page = fault_page(state, lang, Fault::AuthRequired, Some(asked), None);
    for value in &challenge.0 {
        let _ = write!(page.fields, "Proxy-Authenticate: {value}\r\n");
    }
    let next = if connection.caller.shown.is_hopeless() {
        Next::Linger
    } else if asked.persistent && challenge.is_of_the_connection() && is_alone(connection, asked) {
        // What the client answers, it answers here. Whatever comes behind a tunnel that was not opened is asked in its turn.
        Next::Keep
    } else {
        self::next(asked)
    };
    let answer = page.written(next, asked.method.is_head());
    send(state, connection, next, &answer).await
}

/// Whether a CONNECT came alone: nothing meant for its tunnel, which there is not, waits to be read as a request.
fn is_alone<R, W>(connection: &Connection<R, W>, asked: &Asked) -> bool {
    let alone = connection.buffer.len() == connection.head;
    asked.method.is_connect() && connection.protocol == Protocol::Http1 && alone
}

/// Says that the register is closed, and so is the gate.
pub(crate) async fn register_closed<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    unwritable: &Unwritable,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    gate.counts.shut(unwritable);
    let lang = asked.language;
    let mut page = fault_page(state, lang, Fault::RegisterClosed, Some(asked), None);
    page.fields.push_str("Retry-After: 5\r\n");
    send_page(state, connection, Some(asked), page).await
}

/// Says that the directory does not answer, and that nobody new can be known.
pub(crate) async fn directory_away<R, W>(state: &State, connection: &mut Connection<R, W>, asked: &Asked) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    let mut page = fault_page(state, asked.language, Fault::DirectoryAway, Some(asked), None);
    page.fields.push_str("Retry-After: 10\r\n");
    send_page(state, connection, Some(asked), page).await
}

/// A page and what goes with it.
struct Page<'a> {
    status: u16,
    /// The error type of Proxy-Status (RFC 9209 §2.3); none of an answer that is not about an error.
    error: Option<&'static str>,
    /// Its Content-Security-Policy.
    security: Cow<'static, str>,
    lang: Language,
    fields: String,
    body: Body<'a>,
}

/// A whole answer of a page that is the gate's own and has a form.
pub(crate) fn own(status: u16, lang: Language, page: String, next: Next, to_head: bool) -> String {
    let allow = if status == 405 { "Allow: GET, HEAD, POST\r\n" } else { "" };
    let connection = if next == Next::Keep { "keep-alive" } else { "close" };
    let mut out = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nContent-Language: {}\r\n\
         Vary: Accept-Language\r\nCache-Control: no-store\r\nContent-Security-Policy: {}\r\nX-Frame-Options: DENY\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n{allow}Connection: {connection}\r\n\r\n",
        reason(status),
        pages::MEDIA_TYPE,
        page.len(),
        lang.tag(),
        pages::password::CONTENT_SECURITY_POLICY,
    );
    if !to_head {
        out.push_str(&page);
    }
    out
}

/// The answer that names the charter's rule.
fn charter_answer(
    gate: &Gate,
    state: &State,
    asked: &Asked,
    client: &Client,
    decision: &Decision,
    id: i64,
) -> (Next, String) {
    let (lang, information) = (asked.language, gate.information_for(client.address));
    let kind = Kind { lang, ground: decision.ground(), informed: information.is_some(), named: client.user.is_some() };
    let (reference, moment) = (id.to_string(), state.blocks.moment(lang, &state.config.time_zone, gate.now()));
    let body =
        state.blocks.body(kind, &refusal(gate, state, client, asked.target.host(), decision, &reference, &moment.1));
    let next = next(asked);
    (next, denied(lang, body).written(next, asked.method.is_head()))
}

/// What a page says of a decision that turns back.
fn refusal<'p>(
    gate: &'p Gate,
    state: &'p State,
    client: &'p Client,
    target: &'p str,
    decision: &Decision,
    reference: &'p str,
    moment: &'p str,
) -> Refusal<'p> {
    let (in_force, organisation) = (&state.in_force, &state.config.organisation);
    Refusal {
        organisation: &organisation.name,
        contact: &organisation.contact,
        dpo: &organisation.dpo,
        information: gate.information_for(client.address),
        target,
        charter_title: in_force.charter().title(),
        charter: &state.charter,
        rule: in_force.rule(decision),
        article: in_force.article(decision),
        category: in_force.category(decision),
        category_label: in_force.category_label(decision),
        reason: in_force.reason(decision),
        reference,
        moment,
        retention_days: state.config.log.retention_days.into(),
        user: client.user.as_deref(),
    }
}

/// A 403 by the charter.
fn denied(lang: Language, body: Body<'_>) -> Page<'_> {
    let security = pages::CONTENT_SECURITY_POLICY.into();
    Page { status: 403, error: Some("http_request_denied"), security, lang, fields: String::new(), body }
}

fn fault_page(
    state: &State,
    lang: Language,
    fault: Fault<'_>,
    asked: Option<&Asked>,
    reference: Option<&str>,
) -> Page<'static> {
    let organisation = &state.config.organisation;
    let target = asked.map(|asked| match fault {
        // The port is what it is about.
        Fault::PortNotAllowed => Cow::Owned(format!("{}:{}", asked.target.host(), asked.target.port())),
        _ => Cow::Borrowed(asked.target.host()),
    });
    let page = FaultPage {
        fault,
        organisation: &organisation.name,
        contact: &organisation.contact,
        dpo: &organisation.dpo,
        target: target.as_deref(),
        reference,
        at: &local(state, Timestamp::now()),
        retention_days: state.config.log.retention_days.into(),
    };
    let body = Body::Whole(pages::fault(lang, &page));
    let security = pages::CONTENT_SECURITY_POLICY.into();
    Page { status: fault.status(), error: Some(fault.proxy_status()), security, lang, fields: String::new(), body }
}

fn local(state: &State, at: Timestamp) -> jiff::ZonedDateTime {
    at.to_zoned_datetime(state.config.time_zone.clone())
}

/// What becomes of the connection behind an answer of the gate's own: it is kept when the whole request has been read and the
/// client keeps it.
pub(crate) fn next(asked: &Asked) -> Next {
    // Bytes behind a refused CONNECT belong to a tunnel that does not exist; they are never read as requests.
    let kept = asked.persistent && asked.framing == Framing::None && !asked.method.is_connect();
    if kept { Next::Keep } else { Next::Linger }
}

/// Writes a page.
async fn send_page<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    request: Option<&Asked>,
    page: Page<'_>,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    let next = request.map_or(Next::Linger, self::next);
    let answer = page.written(next, request.is_some_and(|asked| asked.method.is_head()));
    send(state, connection, next, &answer).await
}

/// Writes a whole answer, behind which the connection becomes `next`.
async fn send<R, W>(state: &State, connection: &mut Connection<R, W>, next: Next, answer: &str) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    connection.take_head();
    let proof = connection.take_proof();
    let proven = answer.split_once("\r\n").filter(|_| !proof.is_empty());
    let proven = proven.map(|(status, rest)| [status, "\r\n", &proof, rest].concat());
    let answer = proven.as_deref().unwrap_or(answer);
    if body::write(&mut connection.writer, answer.as_bytes(), state.config.limits.idle_timeout).await.is_err() {
        return Next::Close;
    }
    next
}

/// The whole answer to a client that is turned away at the door, before it has asked anything.
pub(crate) fn at_the_door(state: &State, fault: Fault<'_>) -> String {
    fault_page(state, state.language, fault, None, None).written(Next::Close, false)
}

impl Page<'_> {
    /// The answer as it is sent.
    fn written(self, next: Next, to_head: bool) -> String {
        let Page { status, error, security, lang, fields, body } = self;
        let mut out = String::with_capacity(body.len() + fields.len() + 640);
        let [because, error] = error.map_or([""; 2], |error| ["; error=", error]);
        let head = [
            "HTTP/1.1 ",
            &status.to_string(),
            " ",
            reason(status),
            "\r\nContent-Type: ",
            pages::MEDIA_TYPE,
            "\r\nContent-Length: ",
            &body.len().to_string(),
            "\r\nContent-Language: ",
            lang.tag(),
            "\r\nVary: Accept-Language\r\nCache-Control: no-store\r\nContent-Security-Policy: ",
            &security,
            "\r\nX-Content-Type-Options: nosniff\r\nProxy-Status: octroi",
            because,
            error,
            "\r\n",
            &fields,
            "Connection: ",
            match next {
                Next::Keep => "keep-alive",
                Next::Close | Next::Linger | Next::BreakOff => "close",
            },
            "\r\n\r\n",
        ];
        head.iter().for_each(|part| out.push_str(part));
        if !to_head {
            body.push_to(&mut out);
        }
        out
    }
}

/// The usual reason phrase of the statuses the gate itself gives.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        303 => "See Other",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

/// The fault page's view of a connection that could not be made, and whether the gate itself refused it.
fn of_connect_error(error: &ConnectError) -> (Fault<'static>, Outcome) {
    match error {
        ConnectError::NameNotFound => (Fault::NameNotFound, Outcome::Failed),
        ConnectError::NameUnanswered => (Fault::NameTimeout, Outcome::Failed),
        // Whoever dialled answers what the charter refuses, with its page: see `turned`.
        ConnectError::ForbiddenAddress | ConnectError::Charter(_) => (Fault::ForbiddenAddress, Outcome::Refused),
        ConnectError::Refused => (Fault::ConnectionRefused, Outcome::Failed),
        ConnectError::Unroutable => (Fault::Unroutable, Outcome::Failed),
        ConnectError::Unreachable => (Fault::Unreachable, Outcome::Failed),
        ConnectError::TimedOut => (Fault::NoConnection, Outcome::Failed),
        ConnectError::Parent(ParentError::Unreachable) => (Fault::ParentUnreachable, Outcome::Failed),
        ConnectError::Parent(ParentError::Denied) => (Fault::ParentDenied, Outcome::Failed),
        ConnectError::Parent(ParentError::Refused) => (Fault::ParentRefused, Outcome::Failed),
    }
}

/// Answers an exchange whose origin could not be reached.
pub(crate) async fn unreachable<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    error: &ConnectError,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    let (fault, outcome) = of_connect_error(error);
    if matches!(error, ConnectError::TimedOut) {
        gate.counts.reached(Limit::ConnectTimeout, 1);
    }
    if matches!(error, ConnectError::ForbiddenAddress) {
        gate.counts.refused();
        record.decided_again(record::refused_by_the_gate(state, record::GATE_ADDRESS), None);
    }
    (outcome, self::fault(state, connection, asked, fault, record).await)
}

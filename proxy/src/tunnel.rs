//! CONNECT tunnels (RFC 9110 §9.3.6): what a tunnel begins with is read, and decides what becomes of it.
//!
//! A ClientHello: its name is decided on as the name of CONNECT was, before a byte of it leaves, and nothing behind it is
//! read. Plain HTTP: it is served as if there were no tunnel. Anything else, and origins that speak first: relayed, on the
//! name of CONNECT alone. What stays closed stays closed: the tunnel is cut.
mod flow;
mod opening;
mod plain;
mod relay;

use crate::again::Again;
use crate::body;
use crate::config::Ech;
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, State};
use crate::identify::{Client, exempt};
use crate::share::Lane;
use crate::terms::Standing;
use crate::upstream::{ConnectError, Origin};
use crate::wire::hello::{Asks, Second};
use crate::{record, refuse};
use flow::Watch;
use logstore::{Outcome, OwedRecord};
use opening::Opening;
use plain::FirstLine;
use policy::{Action, Decision, Learnt, Query, Target};
use std::net::IpAddr;
use std::ops::ControlFlow;

pub(crate) use plain::Inside;
pub(crate) use relay::Patience;

/// What the client is answered when its tunnel stands. The field says that the answer is the gate's own (RFC 9209 §2).
const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nProxy-Status: octroi\r\n";
/// The fatal TLS alert `access_denied` (RFC 8446 §6.2), in the record that carries it.
const ACCESS_DENIED: &[u8] = &[0x15, 3, 3, 0, 2, 2, 49];
/// What a server of HTTP/2 says that wants HTTP/1.1 (RFC 9113 §7): empty SETTINGS, then GOAWAY with `HTTP_1_1_REQUIRED`.
const HTTP_1_1_REQUIRED: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13];

/// Runs one tunnel to its end.
pub(crate) async fn run<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
    mut decision: Decision,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    // What is done before the tunnel stands is put on the heap, and gone then: an idle tunnel is to be small.
    let mut origin = match Box::pin(dial(gate, state, asked, client, &asked.target, &mut decision, record)).await {
        Ok(origin) => origin,
        Err(ConnectError::Charter(decision)) => {
            return Box::pin(refuse::turned(gate, state, connection, asked, client, decision, record)).await;
        }
        Err(error) => {
            return Box::pin(refuse::unreachable(gate, state, connection, asked, &error, record)).await;
        }
    };
    connection.take_head();
    let limits = &state.config.limits;
    let established = [ESTABLISHED, &connection.take_proof(), "\r\n"].concat();
    let written = body::write(&mut connection.writer, established.as_bytes(), limits.idle_timeout).await;
    drop(established);
    if written.is_err() {
        return (Outcome::Abandoned, Next::Close);
    }
    record.answered(200);
    let watch = match opening::read(connection, &mut origin, limits).await {
        Opening::Hello(asks, len) => {
            match decide_on(gate, state, asked, client, &asks, origin.went_to, record) {
                ControlFlow::Break(()) => return cut(gate, state, connection, ACCESS_DENIED).await,
                ControlFlow::Continue(later) => decision = later.unwrap_or(decision),
            }
            if let Some(target) = strict_under(state, asked, &asks, &decision) {
                // Nothing has left yet: the origin that was dialled by another name never hears of it.
                origin = match Box::pin(dial(gate, state, asked, client, &target, &mut decision, record)).await {
                    Ok(origin) => origin,
                    Err(_) => {
                        let (_, next) = cut(gate, state, connection, ACCESS_DENIED).await;
                        return (Outcome::Failed, next);
                    }
                };
            }
            Watch::Hello(Second::after(asks, len))
        }
        Opening::Http1 => {
            state.upstream.keep(&asked.target, origin);
            let inside = Inside { target: asked.target.clone(), client: client.clone() };
            return (Outcome::Completed, plain::serve(gate, connection, &inside).await);
        }
        Opening::Http2 => {
            record.decided_again(record::refused_by_the_gate(state, record::GATE_HTTP2), None);
            return cut(gate, state, connection, HTTP_1_1_REQUIRED).await;
        }
        Opening::Unreadable => {
            record.decided_again(record::refused_by_the_gate(state, record::GATE_TLS), None);
            return cut(gate, state, connection, ACCESS_DENIED).await;
        }
        Opening::Other => Watch::Line(FirstLine::default()),
        Opening::Late(limit) => {
            gate.counts.reached(limit, 1);
            return (Outcome::Abandoned, Next::Close);
        }
        Opening::Gone => return (Outcome::Abandoned, Next::Close),
    };
    let rule = if matches!(watch, Watch::Hello(_)) { record::GATE_TLS } else { record::GATE_HTTP };
    let lane = gate.lane(state, client, &decision);
    let patience = Patience { idle: limits.idle_timeout, counts: &gate.counts };
    let relayed = relay::run(connection, &mut origin, lane.as_ref(), patience, Some(Box::new(watch)), record);
    let Some(outcome) = Lane::within(lane.as_ref(), relayed).await else {
        gate.counts.refused();
        return (Outcome::Refused, Next::BreakOff);
    };
    if outcome == Outcome::Refused {
        // A second ClientHello under another name, or a request in pieces. Something has passed: an answer of ours would be
        // none of the origin's.
        gate.counts.refused();
        record.decided_again(record::refused_by_the_gate(state, rule), None);
    }
    (outcome, Next::Close)
}

/// Dials where a tunnel leads, or the strict host that is dialled in place of it, if the charter has the address dialled.
async fn dial(
    gate: &Gate,
    state: &State,
    asked: &Asked,
    client: &Client,
    target: &Target,
    decision: &mut Decision,
    record: &mut OwedRecord,
) -> Result<Origin, ConnectError> {
    let groups = client.groups();
    let query = Query { target, ..asked.query(client, &groups, gate.now()) };
    let again = Again::new(gate, state, client, &query, *decision);
    let strict = state.in_force.strict_host(decision, target).and_then(|host| target.under_name(host).ok());
    let origin = state.upstream.dial(strict.as_ref().unwrap_or(target), asked.hops_before(gate), Some(&again)).await?;
    let dialled = again.dialled(origin.went_to);
    if dialled.decision.ground() != decision.ground() {
        let told = Some(target.host()).filter(|_| dialled.decision.withheld().is_none());
        record.decided_again(record::verdict(state, &dialled.decision), told);
        *decision = dialled.decision;
    }
    if let Some(address) = origin.went_to {
        record.went_to(address);
    }
    Ok(origin)
}

/// The name in a ClientHello, when it is a search engine's whose strict host was not dialled: CONNECT had another name, or an
/// address.
fn strict_under(state: &State, asked: &Asked, asks: &Asks, decision: &Decision) -> Option<Target> {
    let target = asked.target.under_name(asks.name.as_deref()?).ok()?;
    let host = state.in_force.strict_host(decision, &target)?;
    (state.in_force.strict_host(decision, &asked.target) != Some(host)).then_some(target)
}

/// Relays what follows a switch of protocols (RFC 9110 §7.8), as in a tunnel that nobody reads, to its end.
pub(crate) async fn relay<R, W>(
    connection: &mut Connection<R, W>,
    origin: &mut Origin,
    lane: Option<&Lane<'_>>,
    patience: Patience<'_>,
    record: &OwedRecord,
) -> Outcome
where
    R: ClientReader,
    W: ClientWriter,
{
    relay::run(connection, origin, lane, patience, None, record).await
}

/// Ends a tunnel of which the origin has got nothing, with a last word in the client's protocol.
async fn cut<R, W>(gate: &Gate, state: &State, connection: &mut Connection<R, W>, last: &[u8]) -> (Outcome, Next)
where
    W: ClientWriter,
{
    gate.counts.refused();
    // The client may be gone; the refusal stands all the same.
    let _ = body::write(&mut connection.writer, last, state.config.limits.idle_timeout).await;
    (Outcome::Refused, Next::Linger)
}

/// Decides on a ClientHello: whether it may hide another, then its name, when that is another than CONNECT's. Notes it. Goes
/// on with what lets the other name through, if there is one.
fn decide_on(
    gate: &Gate,
    state: &State,
    asked: &Asked,
    client: &Client,
    asks: &Asks,
    destination: Option<IpAddr>,
    record: &mut OwedRecord,
) -> ControlFlow<(), Option<Decision>> {
    if asks.encrypted && state.config.destinations.ech == Ech::Block {
        record.decided_again(record::refused_by_the_gate(state, record::GATE_ECH), None);
        return ControlFlow::Break(());
    }
    let Some(name) = &asks.name else { return ControlFlow::Continue(None) };
    let Ok(target) = asked.target.under_name(name) else {
        // A name that is none cannot be decided on.
        record.decided_again(record::refused_by_the_gate(state, record::GATE_TLS), None);
        return ControlFlow::Break(());
    };
    if target.host() == asked.target.host() {
        return ControlFlow::Continue(None);
    }
    // Nobody was asked who they are for the name of CONNECT: another one is not reached by it.
    if exempt::strays(state, &asked.target, &target) {
        record.decided_again(record::refused_by_the_gate(state, record::GATE_IDENTITY), None);
        return ControlFlow::Break(());
    }
    let groups = client.groups();
    let query = policy::Query { target: &target, ..asked.query(client, &groups, gate.now()) };
    let first = gate.decide(state, &query);
    let learnt = Learnt { destination, answer: None };
    let decision = match first.action {
        Action::Block => first,
        _ => gate.decide_again(state, &query, &learnt),
    };
    // A client that began to speak shows no page: who is to read a warning first, or has used up a budget, gets no farther.
    let standing = gate.terms.standing(state, client, &target, &decision, query.at);
    // The record may have begun under a name that is not withheld: this one, if it is, does not come after it.
    let told = Some(target.host()).filter(|_| decision.withheld().is_none());
    if told.is_none() {
        record.conceal();
    }
    record.decided_again(record::verdict(state, &decision), told);
    match decision.action {
        Action::Block => ControlFlow::Break(()),
        _ if standing != Standing::Met => ControlFlow::Break(()),
        _ => ControlFlow::Continue(Some(decision)),
    }
}

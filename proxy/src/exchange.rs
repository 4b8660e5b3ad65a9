//! One exchange, top to bottom: the street of this gate.
//!
//! accept → identify → target → decide → owe the record → pass or refuse → settle the record. Read this file first.
use crate::again::Again;
pub(crate) use crate::asked::{Asked, NotUnderstood};
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::gate::{Gate, State};
use crate::identify::{self, Identity, exempt};
use crate::terms::{Standing, desk};
use crate::tunnel::Inside;
use crate::wire::RequestHead;
use crate::{hops, pass, password, record, refuse, tunnel};
use policy::{Action, Decision, Query};

/// What a decision leads to.
enum Way {
    Pass,
    Tunnel,
    /// The gate is as far as it may go.
    Stay,
    Turn(refuse::Why),
}

/// Runs one exchange; `inside`: the tunnel its request stands in. Returns what becomes of the client's connection.
///
/// Cancel safety: dropped, the record is settled as what happened and both connections are closed.
pub(crate) async fn run<R, W>(
    gate: &Gate,
    connection: &mut Connection<R, W>,
    head: RequestHead,
    inside: Option<&Inside>,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    // The charter, lists and settings an exchange begins with are those it ends with.
    let state = gate.state();
    connection.head = head.len;
    let bytes = connection.buffer.bytes();
    let asked = match Asked::read(&head, bytes, &gate.received_by, state.language, inside) {
        Ok(asked) => asked,
        Err(why) => return refuse::unread(&state, connection, why.fault()).await,
    };
    // Nobody was asked who they are for where the tunnel leads: nothing else is reached by it.
    if inside.is_some_and(|inside| exempt::strays(&state, &inside.target, &asked.target)) {
        return refuse::unread(&state, connection, NotUnderstood::Nested.fault()).await;
    }
    let (client, due) = match inside {
        // Whoever opened the tunnel asks for what is in it.
        Some(inside) => (inside.client.clone(), None),
        None => {
            match identify::client(gate, &state, &connection.caller, &asked.target, &head, connection.buffer.bytes())
                .await
            {
                Identity::Known(client) => (client, None),
                Identity::Proven(client, proof) => {
                    connection.proof = Some(proof);
                    (client, None)
                }
                Identity::Due(client, due) => (client, Some(due)),
                Identity::Asked(challenge) => return refuse::challenge(&state, connection, &asked, &challenge).await,
                Identity::Away => return refuse::directory_away(&state, connection, &asked).await,
            }
        }
    };
    if inside.is_none() && password::is_asked(&state, &asked) {
        return Box::pin(password::answer(gate, &state, connection, &asked, &client, due)).await;
    }
    if desk::is_asked(&asked) {
        return Box::pin(desk::answer(gate, &state, connection, &asked, &client)).await;
    }
    let now = gate.now();
    let groups = client.groups();
    let query = asked.query(&client, &groups, now);
    let decision = decide(gate, &state, &query, inside);
    let standing = gate.terms.standing(&state, &client, &asked.target, &decision, now);
    let way = way(&state, &asked, &decision, standing, due.is_some());
    let verdict = match way {
        Way::Turn(refuse::Why::Password) => record::refused_by_the_gate(&state, record::GATE_PASSWORD),
        Way::Turn(refuse::Why::Port) => record::refused_by_the_gate(&state, record::GATE_PORT),
        _ => record::verdict(&state, &decision),
    };
    let mut record = match gate.register.open(record::entry(&state, &asked, &client, now, &decision, verdict)).await {
        Ok(record) => record,
        Err(unwritable) => return refuse::register_closed(gate, &state, connection, &asked, &unwritable).await,
    };
    gate.counts.exchange();
    let (outcome, next) = match way {
        // On the heap, and gone with the exchange: what waits, for its next request or in a tunnel, is not to have room for it.
        Way::Pass => {
            let again = Again::new(gate, &state, &client, &query, decision);
            Box::pin(pass::run(gate, &state, connection, &head, &asked, again, &mut record)).await
        }
        Way::Tunnel => {
            drop(head);
            tunnel::run(gate, &state, connection, &asked, &client, decision, &mut record).await
        }
        Way::Stay => Box::pin(hops::answer(&state, connection, &head, &asked, &mut record)).await,
        Way::Turn(why) => refuse::answer(gate, &state, connection, &asked, &client, why, &mut record).await,
    };
    record.settle(outcome);
    next
}

/// Decides. Where a tunnel leads may be refused by now: a reload has come between.
fn decide(gate: &Gate, state: &State, query: &Query<'_>, inside: Option<&Inside>) -> Decision {
    let decision = gate.decide(state, query);
    let outer = inside.map(|inside| gate.decide(state, &Query { target: &inside.target, ..*query }));
    match outer {
        Some(outer) if decision.action != Action::Block && outer.action == Action::Block => outer,
        _ => decision,
    }
}

/// Where the decision leads. What follows it is no matter of the charter, and checked behind it, so that a refusal names the
/// charter's reason when it has one: a password that has to be changed first (`due`), the ports the gate opens, whether it has
/// passed the request on before, or may at all.
fn way(state: &State, asked: &Asked, decision: &Decision, standing: Standing, due: bool) -> Way {
    let destinations = &state.config.destinations;
    let ports = if asked.method.is_connect() { &destinations.connect_ports } else { &destinations.http_ports };
    match decision.action {
        Action::Block => Way::Turn(refuse::Why::Charter(*decision)),
        _ if standing != Standing::Met => Way::Turn(refuse::Why::Charter(*decision)),
        _ if due => Way::Turn(refuse::Why::Password),
        _ if !ports.contains(asked.target.port()) => Way::Turn(refuse::Why::Port),
        _ if asked.looped => Way::Turn(refuse::Why::Loop),
        _ if asked.hops == Some(0) => Way::Stay,
        _ if asked.method.is_connect() => Way::Tunnel,
        _ => Way::Pass,
    }
}

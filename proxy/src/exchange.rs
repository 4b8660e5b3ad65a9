//! One exchange, top to bottom: the street of this gate.
//!
//! accept → identify → target → decide → owe the record → pass or refuse → settle the record. Read this file first.
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::gate::Gate;
use crate::identify::{self, Client, Identity};
use crate::pages::{Fault, Language};
use crate::wire::{Framing, Known, Malformed, RequestHead, Version};
use crate::{pass, record, refuse, tunnel};
use policy::{Action, Query, Scheme, Target, TargetError};
use std::borrow::Cow;

/// What is asked, parsed once; nothing behind this parses it again.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: record::Method,
    /// What for, in normal form.
    pub(crate) target: Target,
    /// What ends the request's body.
    pub(crate) framing: Framing,
    /// The client's version.
    pub(crate) version: Version,
    /// Whether the client keeps its connection.
    pub(crate) persistent: bool,
    /// The language of the pages it may be answered with.
    pub(crate) language: Language,
}

/// What a decision leads to.
enum Way {
    Pass,
    Tunnel,
    Turn(refuse::Why),
}

/// Runs one exchange. Returns what becomes of the client's connection.
///
/// Cancel safety: dropped, the record is settled as what happened and both connections are closed.
pub(crate) async fn run<R, W>(gate: &Gate, connection: &mut Connection<R, W>, head: RequestHead) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    // The charter, lists and settings an exchange begins with are those it ends with.
    let state = gate.state();
    connection.head = head.len;
    let asked = match Asked::read(&head, connection.buffer.bytes(), state.language) {
        Ok(asked) => asked,
        Err(NotUnderstood::NeedsTls) => return refuse::unread(&state, connection, Fault::NotImplemented).await,
        Err(other) => return refuse::unread(&state, connection, Fault::BadRequest { why: &other.why() }).await,
    };
    let client = match identify::client(gate, &state, connection, &head).await {
        Identity::Known(client) => client,
        Identity::Asked => return refuse::challenge(&state, connection, &asked).await,
    };
    let now = gate.now();
    let query = asked.query(&client, now);
    let decision = state.in_force.decide(&query);
    let way = asked.way(&state, &decision);
    let verdict = match way {
        Way::Turn(refuse::Why::Port) => record::refused_by_the_gate(&state, record::GATE_PORT),
        _ => record::verdict(&state, &decision),
    };
    let mut record = match gate.register.open(record::entry(&state, &asked, &client, now, &decision, verdict)).await {
        Ok(record) => record,
        Err(unwritable) => return refuse::register_closed(gate, &state, connection, &asked, &unwritable).await,
    };
    gate.counts.exchange();
    let (outcome, next) = match way {
        Way::Pass => pass::run(gate, &state, connection, &head, &asked, &mut record).await,
        Way::Tunnel => tunnel::run(gate, &state, connection, &asked, &client, &mut record).await,
        Way::Turn(why) => refuse::answer(gate, &state, connection, &asked, &client, why, &mut record).await,
    };
    record.settle(outcome);
    next
}

impl Asked {
    /// Reads the request line and what frames the body.
    fn read(head: &RequestHead, bytes: &[u8], default: Language) -> Result<Asked, NotUnderstood> {
        let method = record::Method::of(bytes.get(head.method.clone()).unwrap_or_default());
        let text = bytes.get(head.target.clone()).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| Malformed::StartLine)?;
        // The target's host takes the place of Host, but who sends none or two is not understood (RFC 9112 §3.2).
        head.host(bytes)?;
        let target = match text.as_bytes() {
            [b'/', ..] | b"*" if !method.is_connect() => return Err(NotUnderstood::NotAddressed),
            _ if method.is_connect() => Target::of_authority(text)?,
            _ => Target::of_url(text)?,
        };
        if !method.is_connect() && target.scheme() == Scheme::Https {
            return Err(NotUnderstood::NeedsTls);
        }
        let framing = Framing::of_request(bytes, &head.fields, head.version)?;
        let accepted =
            head.fields.first(bytes, Known::AcceptLanguage).and_then(|value| std::str::from_utf8(value).ok());
        let language = Language::negotiate(accepted, default);
        Ok(Asked { method, target, framing, version: head.version, persistent: head.persistent(bytes), language })
    }

    /// The question put to the charter.
    pub(crate) fn query<'a>(&'a self, client: &'a Client, at: jiff::Timestamp) -> Query<'a> {
        Query {
            target: &self.target,
            method: self.method.as_str(),
            user: client.user.as_deref(),
            groups: &[],
            client: client.address,
            at,
        }
    }

    /// Where the decision leads. The ports the gate opens are no matter of the charter: they are checked after it, so
    /// that a refusal names the charter's reason when it has one.
    fn way(&self, state: &crate::gate::State, decision: &policy::Decision) -> Way {
        let destinations = &state.config.destinations;
        let ports = if self.method.is_connect() { &destinations.connect_ports } else { &destinations.http_ports };
        match decision.action {
            Action::Block => Way::Turn(refuse::Why::Charter(*decision)),
            Action::Allow if !ports.contains(self.target.port()) => Way::Turn(refuse::Why::Port),
            Action::Allow if self.method.is_connect() => Way::Tunnel,
            Action::Allow => Way::Pass,
        }
    }
}

/// Why a request is not understood.
#[derive(Debug)]
enum NotUnderstood {
    /// It is malformed.
    Malformed(Malformed),
    /// What it asks for is no target.
    Target(TargetError),
    /// A path alone: somebody typed the proxy's own address into a browser, or took it for a site.
    NotAddressed,
    /// `https://` in the request line: the gate would have to speak TLS for a client that did not. No browser asks that.
    NeedsTls,
}

impl NotUnderstood {
    /// One clause in English, for whoever looks after the software that sent it.
    fn why(&self) -> Cow<'static, str> {
        match self {
            NotUnderstood::Malformed(why) => why.why().into(),
            NotUnderstood::Target(why) => why.to_string().into(),
            NotUnderstood::NotAddressed => "this is a proxy: the request must name the whole address".into(),
            NotUnderstood::NeedsTls => "an https address needs CONNECT".into(),
        }
    }
}

impl From<Malformed> for NotUnderstood {
    fn from(why: Malformed) -> NotUnderstood {
        NotUnderstood::Malformed(why)
    }
}

impl From<TargetError> for NotUnderstood {
    fn from(why: TargetError) -> NotUnderstood {
        NotUnderstood::Target(why)
    }
}

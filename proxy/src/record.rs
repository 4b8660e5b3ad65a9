//! Translates between the tariff's words and the register's: the only file that knows both.
use crate::config::{Config, Detail};
use crate::exceptions;
use crate::exchange::Asked;
use crate::gate::State;
use crate::identify::Client;
use jiff::Timestamp;
use logstore::{Action, Entry, Verdict};
use policy::{Decision, InForce, Query, Target, Withheld};
use std::sync::{Arc, LazyLock};

/// A method, as requests and records write it. The usual ones are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Method(Arc<str>);

/// The methods of RFC 9110 §9.3 and RFC 5789, shared by all records.
static USUAL: LazyLock<[Arc<str>; 9]> =
    LazyLock::new(|| ["GET", "POST", "HEAD", "CONNECT", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"].map(Arc::from));

impl Method {
    /// The method of these bytes, which the request line's grammar has checked to be a token.
    pub(crate) fn of(bytes: &[u8]) -> Method {
        match USUAL.iter().find(|usual| usual.as_bytes() == bytes) {
            Some(usual) => Method(usual.clone()),
            None => Method(Arc::from(String::from_utf8_lossy(bytes))),
        }
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it asks for a tunnel.
    pub(crate) fn is_connect(&self) -> bool {
        self.as_str() == "CONNECT"
    }

    /// Whether answers have no body.
    pub(crate) fn is_head(&self) -> bool {
        self.as_str() == "HEAD"
    }

    /// Whether it asks to have the request sent back.
    pub(crate) fn is_trace(&self) -> bool {
        self.as_str() == "TRACE"
    }

    /// Whether it asks what else may be asked.
    pub(crate) fn is_options(&self) -> bool {
        self.as_str() == "OPTIONS"
    }

    /// Whether Max-Forwards says how far it may go (RFC 9110 §7.6.2).
    pub(crate) fn is_counted(&self) -> bool {
        self.is_trace() || self.is_options()
    }

    /// Whether doing it twice is as good as doing it once (RFC 9110 §9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
    }
}

/// Whether an action, as a record says it, let the exchange through.
pub(crate) fn let_through(action: Option<&str>) -> bool {
    action != Some(Action::Block.as_str())
}

/// Whether a rule, as a record names it, is the gate's own, which no charter changes.
pub(crate) fn is_the_gates_own(rule: &str) -> bool {
    rule.starts_with("gate:")
}

/// Refusals that no rule of the charter made have rules of their own, which no charter can have: its rule ids hold no
/// colon. The port is none the gate opens.
pub(crate) const GATE_PORT: &str = "gate:port";
/// The address is none the gate dials.
pub(crate) const GATE_ADDRESS: &str = "gate:address";
/// What was sent as TLS cannot be read, or asks for a name that is none.
pub(crate) const GATE_TLS: &str = "gate:tls";
/// A ClientHello carries another, encrypted, and `[destinations] ech` says that none may.
pub(crate) const GATE_ECH: &str = "gate:ech";
/// A name other than the one for which nobody is asked who they are.
pub(crate) const GATE_IDENTITY: &str = "gate:identity";
/// A password that is to be changed first.
pub(crate) const GATE_PASSWORD: &str = "gate:password";
/// A request hidden in a tunnel, in pieces.
pub(crate) const GATE_HTTP: &str = "gate:http";
/// HTTP/2 without TLS inside a tunnel.
pub(crate) const GATE_HTTP2: &str = "gate:http2";

/// What is asked for is the gate's own page.
pub(crate) const GATE_DESK: &str = "gate:desk";
/// What a record has in place of a method when a warning was acknowledged: no request passed, and none has such a method.
pub(crate) const ACKNOWLEDGE: &str = "ACKNOWLEDGE";

/// What was decided, in the register's words.
pub(crate) fn verdict(state: &State, decision: &Decision) -> Verdict {
    let in_force = &state.in_force;
    let text = |text: Option<&str>| text.map(Arc::from);
    Verdict {
        action: match decision.action {
            policy::Action::Allow => Action::Allow,
            policy::Action::Block => Action::Block,
            policy::Action::Warn => Action::Warn,
            policy::Action::Budget => Action::Budget,
        },
        // An exception is named in the rule's place; article and category are those that it excepts from.
        rule: match decision.exception() {
            Some(number) => Some(Arc::from(exceptions::rule(number))),
            None => text(in_force.rule(decision)),
        },
        article: text(in_force.article(decision)),
        category: text(in_force.category(decision)),
        charter: state.charter.clone(),
    }
}

/// A refusal that no rule of the charter made.
pub(crate) fn refused_by_the_gate(state: &State, rule: &str) -> Verdict {
    Verdict {
        action: Action::Block,
        rule: Some(Arc::from(rule)),
        article: None,
        category: None,
        charter: state.charter.clone(),
    }
}

/// Something that the gate answers itself, by no rule of the charter.
pub(crate) fn answered_by_the_gate(state: &State, rule: &str) -> Verdict {
    Verdict { action: Action::Allow, ..refused_by_the_gate(state, rule) }
}

/// That a warning about a target was acknowledged. It is information, no consent and no admission: the record says which
/// warning it was and when, and is kept as any other is.
pub(crate) fn acknowledged(
    state: &State,
    client: &Client,
    target: &Target,
    at: Timestamp,
    decision: &Decision,
) -> Entry {
    Entry {
        opened_at: at.as_microsecond(),
        user: client.user.clone(),
        auth: client.auth,
        client_ip: client.address,
        method: Arc::from(ACKNOWLEDGE),
        scheme: target.scheme().as_str(),
        host: Some(target.host().into()),
        port: target.port(),
        path: None,
        masked: decision.withheld().map(Withheld::as_str),
        verdict: verdict(state, decision),
    }
}

/// What is known of an exchange when it begins. Whoever refuses it, the charter's decision says whether the destination is
/// withheld; the register then drops it by itself.
pub(crate) fn entry(
    state: &State,
    asked: &Asked,
    client: &Client,
    at: Timestamp,
    decision: &Decision,
    verdict: Verdict,
) -> Entry {
    Entry {
        opened_at: at.as_microsecond(),
        user: client.user.clone(),
        auth: client.auth,
        client_ip: client.address,
        method: asked.method.0.clone(),
        scheme: asked.target.scheme().as_str(),
        host: Some(asked.target.host().into()),
        port: asked.target.port(),
        path: path(state.config.log.detail, &asked.target),
        masked: decision.withheld().map(Withheld::as_str),
        verdict,
    }
}

/// As much of the path as `[log] detail` asks for.
fn path(detail: Detail, target: &Target) -> Option<Box<str>> {
    let path = match detail {
        Detail::Host => return None,
        Detail::Path => target.path(),
        Detail::Url => target.path_and_query(),
    };
    (!path.is_empty()).then(|| path.into())
}

/// Why destinations are withheld that no gate of ours has seen: by the charter and the lists of today.
pub(crate) struct Masking(InForce);

impl Masking {
    /// Reads the charter and its lists.
    pub(crate) fn of(config: &Config) -> Result<Masking, String> {
        let charter = config.charter().map_err(|error| error.to_string())?.charter;
        let lists = crate::lists::load(config, &charter).map_err(|error| error.to_string())?;
        Ok(Masking(crate::rights::protecting(InForce::new(charter, lists.index), config)?))
    }

    /// Why the destination of a question is withheld, if it is.
    pub(crate) fn withholds(&self, query: &Query<'_>) -> Option<&'static str> {
        self.0.decide(query).withheld().map(Withheld::as_str)
    }

    /// By the built-in charter alone.
    #[cfg(test)]
    pub(crate) fn builtin() -> Masking {
        let charter = policy::Charter::builtin(&jiff::tz::TimeZone::UTC);
        Masking(InForce::new(charter, policy::Index::empty()))
    }
}

//! What is asked, read once from a request's head; nothing behind this reads it again.
use crate::gate::Gate;
use crate::identify::Client;
use crate::pages::{Fault, Language};
use crate::record;
use crate::refuse;
use crate::tunnel::Inside;
use crate::upstream::Via;
use crate::wire::{Framing, Known, Malformed, RequestHead, Version, upgrade};
use policy::{Query, Scheme, Target, TargetError};

/// What is asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: record::Method,
    /// What for, in normal form.
    pub(crate) target: Target,
    /// Where a tunnel leads that it stands in, whatever it asks for.
    tunnel: Option<Target>,
    /// OPTIONS of the server as a whole, not of a path (RFC 9112 §3.2.4).
    pub(crate) whole_server: bool,
    /// What ends the request's body.
    pub(crate) framing: Framing,
    /// The client's version.
    pub(crate) version: Version,
    /// Whether the client keeps its connection.
    pub(crate) persistent: bool,
    /// The client holds its body back until it is told to send it.
    pub(crate) expects: bool,
    /// How many more times it may be passed on; counted for TRACE and OPTIONS alone (RFC 9110 §7.6.2).
    pub(crate) hops: Option<u64>,
    /// The protocols it offers to switch to, as they go on.
    pub(crate) upgrade: Option<Vec<u8>>,
    /// Who has passed it on before, as Via says it; nobody, most often.
    pub(crate) via: Option<String>,
    /// It has been here before.
    pub(crate) looped: bool,
    /// The language of the pages it may be answered with.
    pub(crate) language: Language,
}

impl Asked {
    /// Reads the request line and the fields that frame the message or steer it. `received_by` is this gate in Via, `inside`
    /// the tunnel it stands in.
    pub(crate) fn read(
        head: &RequestHead,
        bytes: &[u8],
        received_by: &str,
        default: Language,
        inside: Option<&Inside>,
    ) -> Result<Asked, NotUnderstood> {
        let method = record::Method::of(bytes.get(head.method.clone()).unwrap_or_default());
        let text = bytes.get(head.target.clone()).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| Malformed::StartLine)?;
        // The target's host takes the place of Host, but who sends none or two is not understood (RFC 9112 §3.2).
        let host = head.host(bytes)?;
        let target = match (text.as_bytes(), inside) {
            (_, Some(_)) if method.is_connect() => return Err(NotUnderstood::Nested),
            _ if method.is_connect() => Target::of_authority(text)?,
            // No request line has a fragment (RFC 9112 §3.2.2), and readers differ on where it would go.
            _ if text.contains('#') => return Err(Malformed::StartLine.into()),
            ([b'/', ..], Some(inside)) => inside.asked(host, text)?,
            ([b'/', ..] | b"*", _) => return Err(NotUnderstood::NotAddressed),
            _ => Target::of_url(text)?,
        };
        if !method.is_connect() && target.scheme() == Scheme::Https {
            return Err(NotUnderstood::NeedsTls);
        }
        if inside.is_some_and(|inside| inside.target.port() != target.port()) {
            return Err(NotUnderstood::Nested);
        }
        let framing = Framing::of_request(bytes, &head.fields, head.version)?;
        if framing != Framing::None && (method.is_connect() || method.is_trace()) {
            return Err(Malformed::Content.into());
        }
        let hops = if method.is_counted() { head.max_forwards(bytes)? } else { None };
        let accepted =
            head.fields.first(bytes, Known::AcceptLanguage).and_then(|value| std::str::from_utf8(value).ok());
        Ok(Asked {
            tunnel: inside.map(|inside| inside.target.clone()),
            whole_server: method.is_options() && has_no_path(text),
            framing,
            version: head.version,
            persistent: head.persistent(bytes),
            expects: head.expects_continue(bytes)? && framing != Framing::None,
            hops,
            upgrade: upgrade::offered(bytes, head, framing),
            via: head.via(bytes),
            looped: head.came_by(bytes, received_by),
            language: Language::negotiate(accepted, default),
            method,
            target,
        })
    }

    /// Whether it stands in a tunnel.
    pub(crate) fn is_inside(&self) -> bool {
        self.tunnel.is_some()
    }

    /// Where it goes: what is dialled, and what connections are kept for.
    pub(crate) fn to(&self) -> &Target {
        self.tunnel.as_ref().unwrap_or(&self.target)
    }

    /// The hops behind a connection made for it: those before this gate, and the gate.
    pub(crate) fn hops_before<'a>(&'a self, gate: &'a Gate) -> Via<'a> {
        Via { before: self.via.as_deref(), received_by: &gate.received_by }
    }

    /// The question put to the charter.
    pub(crate) fn query<'a>(&'a self, client: &'a Client, groups: &'a [&'a str], at: jiff::Timestamp) -> Query<'a> {
        Query {
            target: &self.target,
            method: self.method.as_str(),
            user: client.user.as_deref(),
            groups,
            client: client.address,
            at,
        }
    }
}

/// Whether a URL ends with its authority.
fn has_no_path(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?']))
}

/// Why a request is not understood.
#[derive(Debug)]
pub(crate) enum NotUnderstood {
    /// It is malformed.
    Malformed(Malformed),
    /// What it asks for is no target; what is wrong with it.
    Target(String),
    /// The target is longer than any this gate reads.
    TooLong,
    /// A path alone: somebody typed the proxy's own address into a browser, or took it for a site.
    NotAddressed,
    /// `https://` in the request line: the gate would have to speak TLS for a client that did not. No browser asks that.
    NeedsTls,
    /// Inside a tunnel, a way to somewhere else.
    Nested,
}

impl NotUnderstood {
    /// What the client is told.
    pub(crate) fn fault(&self) -> Fault<'_> {
        match self {
            NotUnderstood::Malformed(why) => refuse::misread(*why),
            NotUnderstood::Target(why) => Fault::BadRequest { why },
            NotUnderstood::TooLong => Fault::UriTooLong,
            NotUnderstood::NotAddressed => {
                Fault::BadRequest { why: "this is a proxy: the request must name the whole address" }
            }
            NotUnderstood::NeedsTls => Fault::NotImplemented,
            NotUnderstood::Nested => {
                Fault::BadRequest { why: "inside a tunnel, only what the tunnel leads to can be asked for" }
            }
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
        match why {
            TargetError::TooLong => NotUnderstood::TooLong,
            why => NotUnderstood::Target(why.to_string()),
        }
    }
}

//! Tickets (RFC 4559): a token read from a request, shown to Kerberos, and who it was remembered for the rest of the
//! connection, where asking again would cost a round trip for each request.
//!
//! Who comes through another proxy is not remembered: its connections may be several people's.
use super::{Caller, Challenge, Client, Identity};
use crate::gate::{Gate, State};
use crate::kerberos::token::{self, Kind};
use crate::kerberos::{Answer, Context, Failure, Ticket};
use crate::wire::{Known, RequestHead};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logstore::Auth;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Longest token in base64: what Windows allows a ticket with the most groups (MaxTokenSize, 48,000 bytes).
const LONGEST: usize = 64 * 1024;
/// Tokens in vain after which a connection ends: who sends a fourth has not understood the first three answers.
const MOST_IN_VAIN: u8 = 3;
/// The scheme, as challenges name it.
pub(super) const SCHEME: &str = "Negotiate";

/// What tickets have shown of whom a connection comes from.
#[derive(Default)]
pub(crate) struct Shown(Mutex<Found>);

#[derive(Default)]
struct Found {
    ticket: Option<Ticket>,
    under_way: Option<Context>,
    in_vain: u8,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl Shown {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many tokens were in vain that the connection ends behind the next answer.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.found().in_vain >= MOST_IN_VAIN
    }
}

/// Who the connection is known to come from, for a request that says nothing itself.
pub(super) fn remembered(caller: &Caller, head: &RequestHead) -> Option<Client> {
    if head.fields.has(Known::ProxyAuthorization) || head.fields.has(Known::Via) {
        return None;
    }
    let mut found = caller.shown.found();
    let ticket = found.ticket.as_ref()?;
    if ticket.until <= Instant::now() {
        found.ticket = None;
        return None;
    }
    Some(client_of(ticket, caller.address))
}

fn client_of(ticket: &Ticket, address: IpAddr) -> Client {
    Client { user: Some(ticket.account.clone()), auth: Auth::Negotiate, address, groups: ticket.groups.clone() }
}

/// Whether a request says who it is by this scheme.
pub(super) fn is_given(head: &RequestHead, bytes: &[u8]) -> bool {
    head.fields.values(bytes, Known::ProxyAuthorization).any(|value| token_of(value).is_some())
}

/// The token of a field of this scheme, in base64.
fn token_of(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let ends = rest.is_empty() || rest.starts_with(b" ");
    (scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && ends).then(|| rest.trim_ascii())
}

/// The client by the token of a request; `None` when it has none. What is wrong with one is counted and told the
/// administrator, and the client is asked again.
pub(super) async fn client(
    gate: &Gate,
    state: &State,
    caller: &Caller,
    head: &RequestHead,
    bytes: &[u8],
) -> Option<Identity> {
    let mut given = head.fields.values(bytes, Known::ProxyAuthorization);
    let token = token_of(given.next()?)?;
    let proved = match given.next() {
        Some(_) => Err(Failure::Token),
        None => prove(state, caller, token).await,
    };
    Some(match proved {
        Ok(Answer::Known(ticket, token)) => {
            let client = client_of(&ticket, caller.address);
            let mut found = caller.shown.found();
            found.in_vain = 0;
            found.ticket = Some(ticket).filter(|_| !head.fields.has(Known::Via));
            if token.is_empty() { Identity::Known(client) } else { Identity::Proven(client, challenge(&token)) }
        }
        Ok(Answer::More(context, token)) => {
            caller.shown.found().under_way = Some(context);
            Identity::Asked(Challenge(vec![challenge(&token)]))
        }
        Err(failure) => {
            gate.tokens.failed(failure, gate.now());
            {
                let mut found = caller.shown.found();
                found.ticket = None;
                found.in_vain = found.in_vain.saturating_add(1);
            }
            if caller.shown.is_hopeless() {
                caller.enough.notify_one();
            }
            Identity::Asked(Challenge::of(state))
        }
    })
}

/// The value of Proxy-Authenticate that carries a token of the gate's.
fn challenge(token: &[u8]) -> String {
    format!("{SCHEME} {}", STANDARD.encode(token))
}

async fn prove(state: &State, caller: &Caller, token: &[u8]) -> Result<Answer, Failure> {
    // Whatever comes now, a context that was begun goes on with this token or never.
    let under_way = caller.shown.found().under_way.take();
    // A reload may have taken the method away since the methods were read.
    let kerberos = state.kerberos.as_ref().ok_or(Failure::Other)?;
    if token.len() > LONGEST {
        return Err(Failure::Token);
    }
    let token = STANDARD.decode(token).map_err(|_| Failure::Token)?;
    let context = match (token::kind(&token), under_way) {
        (Kind::First, _) => None,
        (Kind::Later, Some(context)) => Some(context),
        (Kind::Later, None) | (Kind::Unknown, _) => return Err(Failure::Token),
        (Kind::Ntlm, _) => return Err(Failure::Ntlm),
    };
    kerberos.accept(context, token).await
}

#[cfg(test)]
mod tests {
    use super::token_of;

    #[test]
    fn tokens_stand_behind_their_scheme() {
        for (value, token) in [
            (&b"Negotiate YII="[..], Some(&b"YII="[..])),
            (b"negotiate  YII= ", Some(b"YII=")),
            (b"Negotiate", Some(b"")),
            (b"Negotiated YII=", None),
            (b"Basic YII=", None),
            (b"Nego", None),
            (b"", None),
        ] {
            assert_eq!(token_of(value), token, "{}", String::from_utf8_lossy(value));
        }
    }
}

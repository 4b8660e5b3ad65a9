//! A connection to a directory: TLS first, then questions one after the other.
//!
//! Nothing but the question for TLS itself is ever said in the clear. Whoever holds a link holds it under a deadline.

use super::ber::{self, Odd};
use super::filter::Filter;
use super::message::{self, Done, Entry, Said, Scope, Search};
use crate::config::Server;
use crate::outbound::{Io, Outbound};
use std::fmt;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest message that is read: one entry, of which few attributes are asked.
const LONGEST: usize = 1 << 20;
/// The most entries that one question may bring.
pub(super) const ENTRIES: usize = 10_000;

/// Codes of RFC 4511 appendix A that mean something here.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const SIZE_LIMIT: u32 = 4;
    pub(super) const NO_SUCH_OBJECT: u32 = 32;
    pub(super) const INVALID_DN: u32 = 34;
    pub(super) const INVALID_CREDENTIALS: u32 = 49;
}

/// Why a directory did not help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is not reached, or TLS cannot be had.
    Unreachable(String),
    /// It does not answer in time.
    Slow,
    /// What it says is no LDAP.
    Odd,
    /// It refuses the gate's own account.
    Bind(String),
    /// It refuses a question.
    Refused(String),
    /// It says more than is read: entries beyond [`ENTRIES`].
    TooMany,
    /// It says no more, by a limit of its own.
    Limited,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unreachable(why) => f.write_str(why),
            Trouble::Slow => f.write_str("it does not answer in time"),
            Trouble::Odd => f.write_str("what it answers is not LDAP"),
            Trouble::Bind(why) => write!(f, "it does not accept `bind_dn` and its password: {why}"),
            Trouble::Refused(why) => write!(f, "it refuses a search: {why}"),
            Trouble::TooMany => write!(f, "an account is in more than {ENTRIES} groups; narrow `group_filter`"),
            Trouble::Limited => f.write_str(
                "an account is in more groups than it tells `bind_dn` of; raise its limit (in OpenLDAP: `limits … size.prtotal`)",
            ),
        }
    }
}

impl From<Odd> for Trouble {
    fn from(_: Odd) -> Trouble {
        Trouble::Odd
    }
}

/// Whether a name and a password belong together, as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// They do, and the account is open.
    Yes,
    /// They do not, or it is not.
    No,
}

/// A connection, under TLS.
pub(super) struct Link {
    io: Box<dyn Io>,
    buffer: Vec<u8>,
    last: u32,
}

impl Link {
    /// Connects, and has TLS, by `ldaps://` or by StartTLS.
    pub(super) async fn open(
        outbound: &Outbound,
        tls: Arc<rustls::ClientConfig>,
        server: &Server,
    ) -> Result<Link, Trouble> {
        let stream = outbound.open(&server.host, server.port, false).await.map_err(Trouble::Unreachable)?;
        let mut link = Link { io: stream.io, buffer: Vec::new(), last: 0 };
        if !server.secure {
            link.say(message::start_tls).await?;
            let done = link.done().await?;
            if done.code != code::SUCCESS {
                return Err(Trouble::Unreachable(format!("it does not start TLS: {}", told(&done))));
            }
            // What came along in the clear could be anybody's.
            if !link.buffer.is_empty() {
                return Err(Trouble::Odd);
            }
        }
        let io = crate::outbound::secured(tls, &server.host, link.io).await.map_err(Trouble::Unreachable)?;
        Ok(Link { io, ..link })
    }

    /// Says who one is. A name without a password would be let in as nobody (RFC 4513 §5.1.2), and is never sent.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<Bound, Trouble> {
        if dn.is_empty() || password.is_empty() {
            return Ok(Bound::No);
        }
        self.say(|id| message::bind(id, dn, password)).await?;
        let done = self.done().await?;
        match done.code {
            code::SUCCESS => Ok(Bound::Yes),
            // Whatever else it says (disabled, expired, locked out): nobody is let in. What it says of itself is its trouble.
            code::INVALID_CREDENTIALS | 50 | 53 | 19 | code::NO_SUCH_OBJECT | code::INVALID_DN => Ok(Bound::No),
            _ => Err(Trouble::Refused(told(&done))),
        }
    }

    /// The gate's own account, which must be accepted.
    pub(super) async fn bind_as_reader(&mut self, dn: &str, password: &str) -> Result<(), Trouble> {
        self.say(|id| message::bind(id, dn, password)).await?;
        let done = self.done().await?;
        if done.code == code::SUCCESS { Ok(()) } else { Err(Trouble::Bind(told(&done))) }
    }

    /// The entry of that name, if there is one.
    pub(super) async fn entry(&mut self, dn: &str, attributes: &[&str]) -> Result<Option<Entry>, Trouble> {
        let filter = Filter::present("objectClass");
        let search = Search { base: dn, scope: Scope::Base, filter: &filter, attributes, most: 2, seconds: 0 };
        let mut found = self.search(&search, false).await?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// The entries that a search finds; all pages of them, if it goes by pages. Where there is nothing to search, nothing is found.
    pub(super) async fn search(&mut self, search: &Search<'_>, paged: bool) -> Result<Vec<Entry>, Trouble> {
        let mut entries = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let page = paged.then_some(cookie.as_slice());
            self.say(|id| message::search(id, search, page)).await?;
            let done = loop {
                match self.hear().await? {
                    Said::Entry(_) if entries.len() >= ENTRIES => return Err(Trouble::TooMany),
                    // An entry without a name is nobody.
                    Said::Entry(entry) if !entry.dn.is_empty() => entries.push(entry),
                    Said::Entry(_) | Said::Elsewhere => {}
                    Said::Done(done) => break done,
                }
            };
            match done.code {
                code::SUCCESS if paged && !done.cookie.is_empty() => cookie = done.cookie,
                code::SUCCESS => return Ok(entries),
                code::NO_SUCH_OBJECT | code::INVALID_DN => return Ok(Vec::new()),
                // Of a person two were enough to know that there is more than one.
                code::SIZE_LIMIT if search.most > 0 => return Ok(entries),
                code::SIZE_LIMIT => return Err(Trouble::Limited),
                _ => return Err(Trouble::Refused(told(&done))),
            }
        }
    }

    /// Says good-bye; that the server hears it is not waited for.
    pub(super) async fn close(mut self) {
        let _ = self.say(message::unbind).await;
        let _ = self.io.shutdown().await;
    }

    async fn say(&mut self, message: impl FnOnce(u32) -> Vec<u8>) -> Result<(), Trouble> {
        self.last = self.last.wrapping_add(1);
        let message = message(self.last);
        let sent = async {
            self.io.write_all(&message).await?;
            self.io.flush().await
        };
        sent.await.map_err(|why| Trouble::Unreachable(why.to_string()))
    }

    /// The end of an operation that brings nothing else.
    async fn done(&mut self) -> Result<Done, Trouble> {
        match self.hear().await? {
            Said::Done(done) => Ok(done),
            Said::Entry(_) | Said::Elsewhere => Err(Trouble::Odd),
        }
    }

    /// What it says next. What it says unasked is that it goes (RFC 4511 §4.4.1).
    async fn hear(&mut self) -> Result<Said, Trouble> {
        loop {
            if let Some(whole) = ber::length(&self.buffer, LONGEST)?
                && let Some(bytes) = self.buffer.get(..whole)
            {
                let (id, said) = message::read(bytes)?;
                self.buffer.drain(..whole);
                return match id {
                    0 => Err(Trouble::Unreachable("it ends the connection".into())),
                    id if id == self.last => Ok(said),
                    _ => Err(Trouble::Odd),
                };
            }
            match self.io.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Trouble::Unreachable("it ends the connection".into())),
                Ok(_) => {}
                Err(why) => return Err(Trouble::Unreachable(why.to_string())),
            }
        }
    }
}

/// What a server says of a result, cut short: codes of Active Directory stand in it.
fn told(done: &Done) -> String {
    let plain: String = done.text.chars().filter(|c| !c.is_control()).take(200).collect();
    if plain.is_empty() { format!("code {}", done.code) } else { format!("code {}: {plain}", done.code) }
}

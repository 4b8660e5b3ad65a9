//! Kerberos: clients proved by the tickets that a domain gives them, with the keys of a keytab.
//!
//! The system's library does it ([`library`] alone calls it), off the reactor, a few tokens at a time and each with a
//! deadline; which tokens were seen before is kept in the data folder, so that none is good twice. Keys of a keytab that
//! is replaced are used from the next token on. What the library says is turned here into an account, groups and a
//! reason.
pub(crate) mod account;
pub(crate) mod clock;
pub(crate) mod keytab;
mod library;
pub(crate) mod pac;
mod tally;
pub(crate) mod token;

pub(crate) use library::Context;
pub(crate) use tally::Tally;

use crate::config::Negotiate;
use crate::files;
use crate::identify::Groups;
use library::{Accepted, Credential, Library, Status, Step};
use std::ffi::CString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Tokens that are looked at, at once: each takes a fifth of a millisecond and a thread.
const PLACES: usize = 8;
/// How long a token may take, its waiting for a place among it.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long the one who showed a ticket is known at most, whatever it says: a day's work.
const LONGEST: Duration = Duration::from_secs(10 * 60 * 60);

/// The group that every machine's account is in, beside those of its ticket.
pub(crate) const MACHINES: &str = "machines";

/// What clients are proved with.
pub(crate) struct Kerberos {
    library: Arc<Library>,
    settings: Negotiate,
    keytab: CString,
    replays: CString,
    /// Each is used by one thread at a time.
    idle: Mutex<Vec<Credential>>,
    places: Arc<Semaphore>,
}

/// Who showed a ticket.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    /// `a.martin@PME.TEST`.
    pub(crate) account: Arc<str>,
    /// SIDs of its groups, and [`MACHINES`].
    pub(crate) groups: Groups,
    /// Until when it holds.
    pub(crate) until: Instant,
}

/// What a token came to.
pub(crate) enum Answer {
    /// The client is known; the token is its answer, which may be empty.
    Known(Ticket, Vec<u8>),
    /// It must say more, in answer to this token.
    More(Context, Vec<u8>),
}

/// Why a token proves nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is NTLM.
    Ntlm,
    /// It is no token, or is cut.
    Token,
    /// The keytab has no key for it: another service, version, or kind of encryption.
    Key,
    /// It is for a service that is not this gate's.
    Service,
    /// It is over, or has not begun.
    Expired,
    /// The clocks of client and gate are too far apart.
    Clock,
    /// It was seen before.
    Replayed,
    /// It says no name that a record could bear.
    Name,
    /// Its groups cannot be read.
    Groups,
    /// It took too long.
    Slow,
    /// The library refused it for another reason.
    Other,
}

impl Failure {
    /// Each of them, in the order they are counted in.
    pub(crate) const ALL: [Failure; 11] = [
        Failure::Ntlm,
        Failure::Token,
        Failure::Key,
        Failure::Service,
        Failure::Expired,
        Failure::Clock,
        Failure::Replayed,
        Failure::Name,
        Failure::Groups,
        Failure::Slow,
        Failure::Other,
    ];

    /// The word of the metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Failure::Ntlm => "ntlm",
            Failure::Token => "token",
            Failure::Key => "key",
            Failure::Service => "service",
            Failure::Expired => "expired",
            Failure::Clock => "clock",
            Failure::Replayed => "replayed",
            Failure::Name => "name",
            Failure::Groups => "groups",
            Failure::Slow => "slow",
            Failure::Other => "other",
        }
    }

    /// What the administrator is told, without a word of whose token it was.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Failure::Ntlm => {
                "Kerberos failed: check SPN, clock, name: a browser sent NTLM, as it does when it found no ticket for the name \
                 of the proxy"
            }
            Failure::Token => "Kerberos failed: what a client sent is no token, or is cut",
            Failure::Key => {
                "Kerberos failed: the keytab has no key for a ticket: check that it is newer than the password of the \
                 service's account, has AES keys and names this service (`octroi doctor kerberos`)"
            }
            Failure::Service => {
                "Kerberos failed: a ticket is for another service than `[identity.negotiate] service` names: check the \
                 name of the proxy in the PAC file"
            }
            Failure::Expired => "Kerberos failed: a ticket is over, or has not begun: check clocks",
            Failure::Clock => {
                "Kerberos failed: check clocks: that of a client, or this machine's, is more than five minutes off"
            }
            Failure::Replayed => "Kerberos failed: a token was sent a second time, and refused",
            Failure::Name => "Kerberos failed: a ticket names nobody",
            Failure::Groups => "Kerberos failed: the groups in a ticket cannot be read",
            Failure::Slow => "Kerberos failed: the system took too long over a token",
            Failure::Other => "Kerberos failed: check SPN, clock, name (`octroi doctor kerberos`)",
        }
    }

    /// The reason. Behind a negotiation the library gives Kerberos' codes numbers of its own, so that its words are what
    /// tells; they are those of C's locale, which this program never leaves.
    fn of(status: &Status) -> Failure {
        const WORDS: [(&str, Failure); 9] = [
            ("Request is a replay", Failure::Replayed),
            ("Clock skew too great", Failure::Clock),
            ("Ticket expired", Failure::Expired),
            ("Ticket not yet valid", Failure::Expired),
            // Which key is missing it says in many ways.
            ("keytab", Failure::Key),
            ("key table", Failure::Key),
            ("Key table", Failure::Key),
            ("ecrypt", Failure::Key),
            ("Wrong principal", Failure::Key),
        ];
        if let Some((_, failure)) = WORDS.iter().find(|(words, _)| status.words.contains(words)) {
            return *failure;
        }
        // Routine errors of RFC 2744 §3.9.1.
        match status.major >> 16 & 0xff {
            // GSS_S_BAD_MECH, GSS_S_DEFECTIVE_TOKEN.
            1 | 9 => Failure::Token,
            // GSS_S_NO_CRED.
            7 => Failure::Key,
            // GSS_S_CREDENTIALS_EXPIRED.
            11 => Failure::Expired,
            _ => Failure::Other,
        }
    }
}

/// Whether the library can be loaded. The error is the dynamic linker's.
pub(crate) fn is_there() -> Result<(), String> {
    Library::load().map(|_| ())
}

/// Whether the library takes a keytab; nothing is written. The error is its own words.
pub(crate) fn try_keytab(path: &Path) -> Result<(), String> {
    let keytab = library::text("FILE:", path).ok_or("it is no path that Kerberos takes")?;
    Library::load()?.acquire(&keytab, c"none:").map(|_| ()).map_err(|status| status.words)
}

impl Kerberos {
    /// Loads the library and tries the keytab; which tokens were seen is kept in `folder`. The error says what to do.
    pub(crate) fn open(settings: &Negotiate, folder: &Path) -> Result<Kerberos, String> {
        let library = Library::load().map_err(|why| {
            format!(
                "`negotiate` needs the Kerberos library of the system, {}: {why}; install it (`apt-get install {}`), or take \
                 `negotiate` out of `[identity] methods`",
                library::FILE,
                library::PACKAGE
            )
        })?;
        files::private_dir(folder).map_err(|why| format!("{} cannot be created: {why}", folder.display()))?;
        let text = |prefix: &str, path: &Path| {
            library::text(prefix, path).ok_or_else(|| format!("{} is no path that Kerberos takes", path.display()))
        };
        let kerberos = Kerberos {
            keytab: text("FILE:", &settings.keytab)?,
            replays: text("file2:", &folder.join("replays"))?,
            settings: settings.clone(),
            library,
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(PLACES)),
        };
        let credential = kerberos.acquire().map_err(|status| {
            let keytab = settings.keytab.display();
            format!("the keytab {keytab} cannot be used: {}; see `octroi doctor kerberos`", status.words)
        })?;
        kerberos.give_back(credential);
        Ok(kerberos)
    }

    /// What it was opened with.
    pub(crate) fn settings(&self) -> &Negotiate {
        &self.settings
    }

    /// Takes a client's token, the first or, with a context, the next one.
    ///
    /// Cancel safety: dropped, what the token came to is lost, and it is not good again.
    pub(crate) async fn accept(
        self: &Arc<Kerberos>,
        context: Option<Context>,
        token: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let deadline = Instant::now() + DEADLINE;
        let place = match timeout_at(deadline, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => return Err(Failure::Slow),
        };
        let kerberos = self.clone();
        let looking = tokio::task::spawn_blocking(move || {
            // A call that doesn't come back keeps its place, so that no more threads are lost than there are.
            let _place = place;
            kerberos.look(context, &token)
        });
        match timeout_at(deadline, looking).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Other),
            Err(_) => Err(Failure::Slow),
        }
    }

    fn look(&self, context: Option<Context>, token: &[u8]) -> Result<Answer, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let refused = |status: Status| {
            tracing::debug!(why = %status.words, code = status.minor, "a token was refused");
            Failure::of(&status)
        };
        let credential = match idle {
            Some(credential) => credential,
            None => self.acquire().map_err(refused)?,
        };
        let step = credential.accept(context, token);
        self.give_back(credential);
        match step.map_err(refused)? {
            Step::More(context, token) => Ok(Answer::More(context, token)),
            Step::Accepted(mut accepted) => {
                let token = std::mem::take(&mut accepted.token);
                Ok(Answer::Known(self.ticket(&accepted)?, token))
            }
        }
    }

    /// Reads what was accepted.
    fn ticket(&self, accepted: &Accepted) -> Result<Ticket, Failure> {
        let service = std::str::from_utf8(&accepted.service).map_err(|_| Failure::Service)?;
        if !accepted.kerberos || !self.settings.serves(service) {
            return Err(Failure::Service);
        }
        let account = account::of(&accepted.client).filter(|_| !accepted.anonymous).ok_or(Failure::Name)?;
        let sids = match &accepted.logon_info {
            Some(info) => pac::groups(info).map_err(|_| Failure::Groups)?,
            None => Vec::new(),
        };
        let machine = logstore::people::is_machine(&account).then(|| Arc::from(MACHINES));
        let groups = sids.iter().map(|sid| Arc::from(sid.as_str())).chain(machine).collect();
        let lasts = Duration::from_secs(accepted.seconds.into()).min(LONGEST);
        Ok(Ticket { account: account.into(), groups, until: Instant::now() + lasts })
    }

    fn acquire(&self) -> Result<Credential, Status> {
        self.library.acquire(&self.keytab, &self.replays)
    }

    fn give_back(&self, credential: Credential) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(credential);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_says_is_a_reason() {
        let of = |routine: u32, words: &str| {
            Failure::of(&Status { major: routine << 16, minor: 0, words: words.to_owned() })
        };
        for (words, failure) in [
            (
                "Unspecified GSS failure.  Minor code may provide more information: Request is a replay",
                Failure::Replayed,
            ),
            ("…: Clock skew too great", Failure::Clock),
            ("…: Ticket expired", Failure::Expired),
            ("…: Ticket not yet valid", Failure::Expired),
            ("…: No key table entry found matching HTTP/a@R", Failure::Key),
            (
                "…: Request ticket server HTTP/a@R kvno 3 not found in keytab; keytab is likely out of date",
                Failure::Key,
            ),
            ("…: Cannot decrypt ticket for HTTP/a@R using keytab key for HTTP/a@R", Failure::Key),
            ("…: Decrypt integrity check failed", Failure::Key),
            ("…: something new", Failure::Other),
        ] {
            assert_eq!(of(13, words), failure, "{words}");
        }
        assert_eq!(
            [1, 9, 7, 11].map(|routine| of(routine, "")),
            [Failure::Token, Failure::Token, Failure::Key, Failure::Expired]
        );
    }

    #[test]
    fn each_failure_has_a_word_and_an_advice_of_its_own() {
        for (number, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, number, "{failure:?}");
            let others = Failure::ALL.into_iter().filter(|other| *other != failure);
            assert!(
                others.into_iter().all(|other| other.word() != failure.word() && other.advice() != failure.advice())
            );
        }
    }
}

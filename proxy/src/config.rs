//! The configuration: `octroi.toml` read, judged whole, and turned into types with no default left to guess.
//!
//! [`Config::load`] finds the file and reads it; [`read`] turns its text into values. Every problem of the
//! file is reported in one run. A key that belongs to a later version is known by name: left at its default it is
//! accepted, set to anything else it is a problem, because a setting that is silently ignored would leave the gate
//! more open than its administrator believes.

mod accounts;
pub(crate) mod ldap;
pub(crate) mod load;
pub(crate) mod negotiate;
mod parent;
pub(crate) mod read;
mod values;

pub(crate) use accounts::Basic;
pub(crate) use ldap::{Ldap, Source};
pub(crate) use load::{LoadError, LoadedCharter, Warnings};
pub(crate) use negotiate::Negotiate;
pub(crate) use parent::{Credentials, Destined, Parent, Secret, Speaks, Upstream};
pub(crate) use values::{AddressNames, Networks, Ports, Server};

use crate::legal::subject::Stated;
use crate::pages::Language;
use hyper::Uri;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lettre::Address;
use policy::Rate;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name looked for in the current folder when `--config` is not given.
pub(crate) const FILE: &str = "octroi.toml";

/// Days beyond which a reason must be written for keeping records: the upper end of the CNIL's range (délibération
/// 2026-022).
pub(crate) const YEAR: u16 = 365;
/// Days of its lower end.
pub(crate) const SIX_MONTHS: u16 = 180;

/// How the gate runs.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Lists, accounts, keys, register; mode 0700.
    pub(crate) data_dir: PathBuf,
    /// Where the charter is.
    pub(crate) charter: CharterFile,
    /// Language of pages and documents when the browser states neither.
    pub(crate) locale: Language,
    /// Zone of schedules and documents; records are in UTC.
    pub(crate) time_zone: TimeZone,
    /// Whose gate it is.
    pub(crate) organisation: Organisation,
    /// Where it listens.
    pub(crate) listen: Listen,
    /// Clients that may use the gate at all.
    pub(crate) clients: Clients,
    /// Where the gate may go.
    pub(crate) destinations: Destinations,
    /// How names are resolved.
    pub(crate) dns: Dns,
    /// The proxy behind this one.
    pub(crate) upstream: Upstream,
    /// How clients are identified.
    pub(crate) identity: Identity,
    /// What the register keeps.
    pub(crate) log: Log,
    /// When names take two persons.
    pub(crate) roles: Roles,
    /// Legal steps that were taken.
    pub(crate) legal: Legal,
    /// Sizes, times and numbers that bound everything a client can ask.
    pub(crate) limits: Limits,
}

/// Where the charter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CharterFile {
    /// The file.
    pub(crate) path: PathBuf,
    /// The configuration names another file than the default: when it is missing, that is a mistake and not a wish for
    /// the built-in charter.
    pub(crate) required: bool,
}

/// `[organisation]`: shown on pages; empty when not stated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Organisation {
    /// Its name.
    pub(crate) name: String,
    /// Its postal address, line by line: the head of letters.
    pub(crate) address: Vec<String>,
    /// E-mail of whoever answers rights requests.
    pub(crate) contact: String,
    /// E-mail of the data protection officer.
    pub(crate) dpo: String,
}

impl Organisation {
    /// What letters and papers leave to be completed because nobody has stated it, by its keys.
    pub(crate) fn unstated(&self) -> Vec<&'static str> {
        let stated = [
            ("name", self.name.is_empty()),
            ("address", self.address.is_empty()),
            ("contact", self.contact.is_empty()),
            ("dpo", self.dpo.is_empty()),
        ];
        stated.into_iter().filter(|(_, missing)| *missing).map(|(key, _)| key).collect()
    }

    /// The town that letters are dated from: what stands behind the postcode in the address; empty when there is none.
    pub(crate) fn town<'s>(&'s self) -> &'s str {
        let behind = |line: &'s String| {
            let (code, town) = line.split_once(' ')?;
            let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit());
            // "Paris Cedex 07" is where the post sorts, in Paris.
            let sorted = ["Cedex", "CEDEX", "cedex"].iter().find_map(|word| town.split_once(word));
            is_code.then(|| sorted.map_or(town, |(town, _)| town).trim())
        };
        self.address.iter().rev().find_map(behind).unwrap_or_default()
    }
}

/// `[listen]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Where browsers connect without TLS; empty only beside an address with it.
    pub(crate) proxy: Vec<SocketAddr>,
    /// Where they connect by TLS.
    pub(crate) proxy_tls: Vec<ProxyTls>,
    /// Console, PAC file, health, metrics.
    pub(crate) console: SocketAddr,
    /// Networks of load balancers, which say first whose connection they pass on.
    pub(crate) proxy_protocol: Networks,
}

/// One of `[listen] proxy_tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyTls {
    /// Where browsers connect.
    pub(crate) address: SocketAddr,
    /// The certificate, and those between it and the authority; a PEM file.
    pub(crate) certificate: PathBuf,
    /// Its key; a PEM file.
    pub(crate) key: PathBuf,
}

/// `[clients]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clients {
    /// Networks clients may come from.
    pub(crate) allow: Networks,
}

/// `[destinations]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destinations {
    /// Ports a CONNECT may ask for.
    pub(crate) connect_ports: Ports,
    /// Ports a plain request may ask for.
    pub(crate) http_ports: Ports,
    /// Networks reachable although they are private, loopback, link-local or metadata addresses.
    pub(crate) allow_private: Networks,
    /// What becomes of a ClientHello that carries another, encrypted.
    pub(crate) ech: Ech,
}

/// What becomes of Encrypted Client Hello (RFC 9849).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ech {
    /// The name outside is decided on, as that of any other hello.
    Allow,
    /// The tunnel is cut.
    Block,
}

/// `[dns]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dns {
    /// Resolvers asked; empty: the system's.
    pub(crate) servers: Vec<SocketAddr>,
    /// Names answered without asking; the keys are normalised hosts.
    pub(crate) hosts: HashMap<String, Vec<IpAddr>>,
}

/// `[identity]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Tried in this order; at least one.
    pub(crate) methods: Vec<Method>,
    /// Shown by browsers when they ask for a password.
    pub(crate) realm: String,
    /// What tickets are read with.
    pub(crate) negotiate: Negotiate,
    /// Where names and passwords are looked up.
    pub(crate) source: Source,
    /// The directory, if there is one.
    pub(crate) ldap: Option<Ldap>,
    /// Names given to addresses; an address not listed is recorded without a name.
    pub(crate) names: AddressNames,
    /// Destinations for which nobody is asked who they are.
    pub(crate) exempt: Destined,
    /// Local accounts.
    pub(crate) basic: Basic,
}

/// A way to know who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// A Kerberos ticket (RFC 4559).
    Negotiate,
    /// Name and password of a local account (RFC 7617).
    Basic,
    /// The address of the client.
    Address,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// How much of a URL a record keeps.
    pub(crate) detail: Detail,
    /// Days a record is kept, 1 to 1095.
    pub(crate) retention_days: u16,
    /// Why it is kept longer than a year; empty when it isn't.
    pub(crate) retention_reason: String,
    /// Days an act of the audit trail is kept, as long as a record at least, 1095 at most.
    pub(crate) audit_days: u16,
    /// Why it is kept longer than a year; empty when it isn't.
    pub(crate) audit_reason: String,
    /// Declared purposes; a search for another is refused.
    pub(crate) purposes: Vec<Purpose>,
    /// What a committed record survives.
    pub(crate) durability: Durability,
    /// The folder of the register's keys; `None`: beside the data folder, its name with `.keys` behind.
    pub(crate) keys: Option<PathBuf>,
    /// Where copies of records go.
    pub(crate) forward: Forward,
    /// Where the day's seal goes.
    pub(crate) anchor: Anchor,
}

/// `[log.forward]`: copies of records for other programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Forward {
    /// A receiver of syslog messages.
    pub(crate) syslog: Option<Server>,
    /// A file of authorities that TLS believes beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Also as lines of JSON in the data folder.
    pub(crate) json: bool,
    /// With accounts and addresses rather than pseudonyms.
    pub(crate) names: bool,
}

/// `[log.anchor]`: whoever keeps the day's seal out of the gate's reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// A receiver of syslog messages.
    pub(crate) syslog: Option<Server>,
    /// Somebody it is written to.
    pub(crate) mail: Option<Mail>,
    /// How letters are sent, also alarms.
    pub(crate) post: Option<Post>,
    /// A time-stamp authority (RFC 3161), http or https.
    pub(crate) timestamp: Option<Uri>,
    /// A file of authorities that TLS believes beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// A letter, from whom and by which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// Who gets it.
    pub(crate) to: Address,
    /// Who writes it.
    pub(crate) from: Address,
    /// Who takes it.
    pub(crate) server: Server,
}

/// By which server the gate writes letters, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    /// Who writes.
    pub(crate) from: Address,
    /// Who takes it.
    pub(crate) server: Server,
}

/// How much of a URL a record keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The host alone.
    Host,
    /// Host and path, without the query string.
    Path,
    /// Everything, the query string included.
    Url,
}

impl Detail {
    /// The word of the configuration.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Detail::Host => "host",
            Detail::Path => "path",
            Detail::Url => "url",
        }
    }
}

/// What a committed record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The death of the process.
    Process,
    /// Also a power cut.
    Power,
}

/// What personal data of the register may be looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Security of the information system: incidents found and analysed.
    Security,
    /// Respect of the charter.
    Charter,
    /// Answers to courts and requisitions.
    Judicial,
    /// Answers to the persons concerned.
    Rights,
}

impl Purpose {
    /// Every purpose the gate knows.
    pub(crate) const ALL: [Purpose; 4] = [Purpose::Security, Purpose::Charter, Purpose::Judicial, Purpose::Rights];

    /// The code, as configuration and audit trail write it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Purpose::Security => "security",
            Purpose::Charter => "charter",
            Purpose::Judicial => "judicial",
            Purpose::Rights => "rights",
        }
    }

    /// The purpose of that code.
    pub(crate) fn of_code(code: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.code() == code)
    }
}

/// `[roles]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles {
    /// From when on roles are asked for.
    pub(crate) required: Required,
    /// For how long an approval opens, 8 hours at most.
    pub(crate) open_for: Duration,
    /// Who is written to, beside the data protection officer, when names are opened without a second person: approvers.
    pub(crate) alarm: Vec<Address>,
}

/// From when on roles are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    /// From the moment on at which a role that bears names was given to somebody.
    Granted,
    /// From the beginning.
    Always,
}

/// `[legal]`: the days on which legal steps were taken, and who has the data (RGPD art. 15(1)(c)); the gate runs without them,
/// and says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Legal {
    /// The works council was informed and consulted (Code du travail).
    pub(crate) cse_consulted: Option<Date>,
    /// Each person was informed.
    pub(crate) persons_informed: Option<Date>,
    /// Who runs the gate for the organisation (art. 28).
    pub(crate) processor: Stated<String>,
    /// Who hosts the register; none: the organisation itself.
    pub(crate) hosting: Stated<String>,
    /// Where outside the European Union data go, and under which safeguards (art. 44 to 49).
    pub(crate) transfers: Stated<String>,
}

impl Legal {
    /// What documents leave to be completed because nobody has stated it, by its keys.
    pub(crate) fn unstated(&self) -> Vec<&'static str> {
        let stated = [("processor", &self.processor), ("hosting", &self.hosting), ("transfers", &self.transfers)];
        stated.into_iter().filter(|(_, value)| **value == Stated::Unknown).map(|(key, _)| key).collect()
    }
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of a request's or response's head.
    pub(crate) header_bytes: usize,
    /// A client must have sent its head by then.
    pub(crate) header_timeout: Duration,
    /// An origin must have accepted by then.
    pub(crate) connect_timeout: Duration,
    /// Silence on both sides after which a connection is closed.
    pub(crate) idle_timeout: Duration,
    /// Connections of all clients together.
    pub(crate) connections: usize,
    /// Connections of one address.
    pub(crate) connections_per_client: usize,
    /// The organisation's line, both ways together, shared among those who use it; `None`: no limit.
    pub(crate) bandwidth: Option<Rate>,
    /// Time left to exchanges in flight at shutdown.
    pub(crate) shutdown_grace: Duration,
}

impl Config {
    /// The lists' folder.
    pub(crate) fn lists_dir(&self) -> PathBuf {
        self.data_dir.join("lists")
    }

    /// The register's folder.
    pub(crate) fn register_dir(&self) -> PathBuf {
        self.data_dir.join("register")
    }

    /// The folder of the register's keys: beside the data folder, so that no copy of the one holds the other.
    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.log.keys.clone().unwrap_or_else(|| {
            let mut beside = self.data_dir.clone().into_os_string();
            beside.push(".keys");
            beside.into()
        })
    }

    /// The folder that relative list sources of the charter start from: the charter's own.
    pub(crate) fn charter_dir(&self) -> &Path {
        self.charter.path.parent().unwrap_or(Path::new(""))
    }
}

#[cfg(test)]
mod tests;

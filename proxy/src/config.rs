//! The configuration: `octroi.toml` read, judged whole, and turned into types with no default left to guess.
//!
//! [`Config::load`] finds the file and reads it; [`read`] turns its text into values. Every problem of the
//! file is reported in one run. A key that belongs to a later version is known by name: left at its default it is
//! accepted, set to anything else it is a problem, because a setting that is silently ignored would leave the gate
//! more open than its administrator believes.

pub mod load;
mod read;
pub mod values;

pub use load::{CharterInForce, LoadError};
pub use values::{Networks, Ports};

use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name looked for in the current folder when `--config` is not given.
pub const FILE: &str = "octroi.toml";

/// How the gate runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Lists, accounts, keys, register; mode 0700.
    pub data_dir: PathBuf,
    /// Where the charter is.
    pub charter: CharterFile,
    /// Language of pages and documents when the browser states neither.
    pub locale: Locale,
    /// Zone of schedules and documents; records are in UTC.
    pub time_zone: TimeZone,
    /// Whose gate it is.
    pub organisation: Organisation,
    /// Where it listens.
    pub listen: Listen,
    /// Clients that may use the gate at all.
    pub clients: Clients,
    /// Where the gate may go.
    pub destinations: Destinations,
    /// How names are resolved.
    pub dns: Dns,
    /// How clients are identified.
    pub identity: Identity,
    /// What the register keeps.
    pub log: Log,
    /// Sizes, times and numbers that bound everything a client can ask.
    pub limits: Limits,
}

/// Where the charter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharterFile {
    /// The file.
    pub path: PathBuf,
    /// The configuration names it: when it is missing, that is a mistake and not a wish for the built-in charter.
    pub required: bool,
}

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// French.
    Fr,
    /// English.
    En,
}

/// `[organisation]`: shown on pages; empty when not stated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organisation {
    /// Its name.
    pub name: String,
    /// E-mail of whoever answers rights requests.
    pub contact: String,
    /// E-mail of the data protection officer.
    pub dpo: String,
}

/// `[listen]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where browsers connect; at least one.
    pub proxy: Vec<SocketAddr>,
    /// Console, PAC file, health, metrics.
    pub console: SocketAddr,
}

/// `[clients]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// Networks clients may come from.
    pub allow: Networks,
}

/// `[destinations]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destinations {
    /// Ports a CONNECT may ask for.
    pub connect_ports: Ports,
    /// Ports a plain request may ask for.
    pub http_ports: Ports,
    /// Networks reachable although they are private, loopback, link-local or metadata addresses.
    pub allow_private: Networks,
}

/// `[dns]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Resolvers asked; empty: the system's.
    pub servers: Vec<SocketAddr>,
    /// Names answered without asking; the keys are normalised hosts.
    pub hosts: HashMap<String, Vec<IpAddr>>,
}

/// `[identity]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Tried in this order; at least one.
    pub methods: Vec<Method>,
    /// Shown by browsers when they ask for a password.
    pub realm: String,
    /// Names given to addresses; an address not listed is recorded without a name.
    pub names: HashMap<IpAddr, String>,
}

/// A way to know who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Name and password of a local account (RFC 7617).
    Basic,
    /// The address of the client.
    Address,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How much of a URL a record keeps.
    pub detail: Detail,
    /// Days a record is kept, 1 to 1095.
    pub retention_days: u16,
    /// Why it is kept longer than a year; empty when it isn't.
    pub retention_reason: String,
    /// Declared purposes; a search for another is refused.
    pub purposes: Vec<Purpose>,
    /// What a committed record survives.
    pub durability: Durability,
}

/// How much of a URL a record keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The host alone.
    Host,
    /// Host and path, without the query string.
    Path,
    /// Everything, the query string included.
    Url,
}

/// What a committed record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process.
    Process,
    /// Also a power cut.
    Power,
}

/// What personal data of the register may be looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
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
    pub const ALL: [Purpose; 4] = [Purpose::Security, Purpose::Charter, Purpose::Judicial, Purpose::Rights];

    /// The code, as configuration and audit trail write it.
    pub fn code(self) -> &'static str {
        match self {
            Purpose::Security => "security",
            Purpose::Charter => "charter",
            Purpose::Judicial => "judicial",
            Purpose::Rights => "rights",
        }
    }

    /// The purpose of that code.
    pub fn of_code(code: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.code() == code)
    }
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's or response's head.
    pub header_bytes: usize,
    /// A client must have sent its head by then.
    pub header_timeout: Duration,
    /// An origin must have accepted by then.
    pub connect_timeout: Duration,
    /// Silence on both sides after which a connection is closed.
    pub idle_timeout: Duration,
    /// Connections of all clients together.
    pub connections: usize,
    /// Connections of one address.
    pub connections_per_client: usize,
    /// Time left to exchanges in flight at shutdown.
    pub shutdown_grace: Duration,
}

impl Config {
    /// The lists' folder.
    pub fn lists_dir(&self) -> PathBuf {
        self.data_dir.join("lists")
    }

    /// The register's folder.
    pub fn register_dir(&self) -> PathBuf {
        self.data_dir.join("register")
    }

    /// The folder that relative list sources of the charter start from: the charter's own.
    pub fn charter_dir(&self) -> &Path {
        self.charter.path.parent().unwrap_or(Path::new(""))
    }
}

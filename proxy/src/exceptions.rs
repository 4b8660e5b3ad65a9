//! Temporary exceptions: the register's ledger in the tariff's words, read at the start, when a command has changed it, and each
//! hour. When one ends is a matter of the clock.
use crate::config::Config;
use crate::gate::Gate;
use crate::register;
use logstore::Keys;
use logstore::exceptions::{self, Exception, Whom};
use policy::Exceptions;
use policy::exception::{self, Subject};
use std::path::Path;
use std::sync::Arc;

/// How records and `octroi explain` name an exception: as no rule of a charter can be named.
pub(crate) fn rule(number: u32) -> String {
    format!("exception:{number}")
}

/// What an exception is on, from the words of a ledger or a command; `None`: these are none.
pub(crate) fn subject(kind: &str, name: &str) -> Option<Subject> {
    let name = name.to_owned();
    Some(match kind {
        "host" => Subject::Host(name),
        "url" => Subject::Url(name),
        "category" => Subject::Category(name),
        "rule" => Subject::Rule(name),
        _ => return None,
    })
}

/// The exceptions that have not ended. One that this program does not understand lets nothing through, and is said.
fn of(all: Vec<Exception>, now: i64) -> Result<Exceptions, String> {
    let mut good = Vec::new();
    for granted in all.into_iter().filter(|granted| now < granted.end()) {
        let end = granted.end();
        let instant = |micros| jiff::Timestamp::from_microsecond(micros).map_err(|error| error.to_string());
        let (Some(subject), Ok(number)) =
            (subject(&granted.grant.kind, &granted.grant.name), u32::try_from(granted.number))
        else {
            tracing::error!(exception = granted.number, "an exception cannot be understood, and lets nothing through");
            continue;
        };
        good.push(exception::Exception {
            number,
            whom: match granted.grant.whom {
                Whom::Everybody => exception::Whom::Everybody,
                Whom::User(user) => exception::Whom::User(user),
                Whom::Group(group) => exception::Whom::Group(group),
            },
            subject,
            from: instant(granted.from)?,
            until: instant(end)?,
        });
    }
    Exceptions::new(good)
}

fn read(dir: &Path, keys: &Keys, now: i64) -> Result<Exceptions, String> {
    of(exceptions::read(dir, keys).map_err(|error| error.to_string())?, now)
}

/// The exceptions of a configuration's register, for a command; none where no register was begun.
pub(crate) fn of_register(config: &Config, now: i64) -> Result<Exceptions, String> {
    if !register::is_begun(config) {
        return Ok(Exceptions::default());
    }
    let keys = register::keys(config).map_err(|error| error.to_string())?;
    read(&config.register_dir(), &keys, now)
}

/// Has the gate go by the ledger as it is now. When that cannot be read, nothing is excepted: what was revoked must not go on.
pub(crate) async fn read_again(gate: &Gate) -> Result<(), String> {
    let (register, now) = (gate.register.clone(), gate.now().as_microsecond());
    let before = now.saturating_sub(i64::from(gate.state().config.log.retention_days) * 24 * 3_600_000_000);
    let read = move || {
        let (dir, keys) = (register.dir(), register.keys());
        exceptions::forget(dir, keys, before).map_err(|error| error.to_string())?;
        read(dir, keys, now)
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|panic| panic.to_string()).flatten();
    let outcome = read.as_ref().map(drop).map_err(Clone::clone);
    if let Err(why) = &outcome {
        tracing::error!(why, "temporary exceptions cannot be read: none is in force");
    }
    gate.exceptions.store(Arc::new(read.unwrap_or_default()));
    outcome
}

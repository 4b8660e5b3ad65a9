//! `[identity.negotiate]`: a keytab that works, or what is wrong with it.

use super::outward::said;
use crate::config::Negotiate;
use crate::config::negotiate::names;
use crate::files;
use crate::kerberos::keytab::{self, Entry, NoKeytab};
use policy::Problem;
use policy::document::{Located, Table};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How a keytab with keys that domain controllers accept is made.
pub(crate) const AES_CURE: &str = "make it anew with AES keys: `ktpass … /crypto AES256-SHA1`, or `samba-tool domain exportkeytab` once \
                        the account has them";
/// A keytab is some hundred bytes for each key.
const MOST: u64 = 1 << 20;

pub(super) fn negotiate(table: Option<&Table<'_>>, folder: &Path) -> Negotiate {
    let Some(table) = table else { return Negotiate::default() };
    let services: Vec<Located<&str>> = table.one_or_more("service").unwrap_or_default();
    let services: Vec<Located<&str>> =
        services.into_iter().filter(|service| !service.is_empty() && is_service(table, service)).collect();
    let Some(named) = said(table, "keytab") else {
        if let Some(service) = services.first() {
            table.note(Problem::warning(service.span.clone(), "`service` changes nothing", "no `keytab` is named"));
        }
        return Negotiate::default();
    };
    let path = folder.join(named.value);
    let refused = |what: &str, label: String| table.note(Problem::error(named.span.clone(), what, label));
    match keys(&path) {
        Err((what, label)) => refused(&what, label),
        Ok(keys) => {
            if let Some((what, remedy)) = files::open_to_others(&path) {
                table.note(Problem::warning(named.span.clone(), format!("the keytab {what}"), remedy));
            }
            fit(table, &named, &services, &keys);
        }
    }
    Negotiate { keytab: path, services: services.iter().map(|service| service.value.to_owned()).collect() }
}

/// The keys of a keytab, or what is wrong with it and what to do.
pub(crate) fn keys(path: &Path) -> Result<Vec<Entry>, (String, String)> {
    let place = path.display();
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(why) => {
            let cure = match why.kind() {
                io::ErrorKind::NotFound => "; copy it there from the domain controller that made it",
                io::ErrorKind::PermissionDenied => "; give it to the account the gate runs as, and `chmod 600` it",
                _ => "",
            };
            return Err(("the keytab cannot be read".to_owned(), format!("{place}: {why}{cure}")));
        }
    };
    let no_keytab = |why: &str| Err(("this file is no keytab".to_owned(), format!("{place}: {why}")));
    match keytab::entries(&bytes) {
        Ok(keys) if keys.is_empty() => Err(("the keytab holds no key".to_owned(), format!("{place}: {AES_CURE}"))),
        Ok(keys) => Ok(keys),
        Err(NoKeytab::Other) => {
            no_keytab("it begins otherwise; `ktpass` or `samba-tool domain exportkeytab` makes one")
        }
        Err(NoKeytab::Old) => no_keytab("it is of a form that is no longer written; make it anew"),
        Err(NoKeytab::Broken) => no_keytab("it is cut or damaged; copy it again, as a binary file"),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a service is written as one; notes it when not.
fn is_service(table: &Table<'_>, service: &Located<&str>) -> bool {
    let (name, realm) = service.split_once('@').unwrap_or((service.value, "REALM"));
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !"/@\\".contains(c));
    let good = name.split_once('/').is_some_and(|(kind, host)| part(kind) && part(host)) && part(realm);
    if !good {
        let what = format!("`{}` is not the name of a service", service.value);
        table.note(Problem::error(service.span.clone(), what, "expected such as \"HTTP/proxy.example.com\""));
    }
    good
}

/// Whether the keys are those of the services, and such as domain controllers accept.
fn fit(table: &Table<'_>, keytab: &Located<&str>, services: &[Located<&str>], keys: &[Entry]) {
    if !keys.iter().any(Entry::is_strong) {
        let what = format!("the keytab has no AES key, only {}", kinds(keys));
        table.note(Problem::error(
            keytab.span.clone(),
            what,
            format!("no ticket is given for these any more: {AES_CURE}"),
        ));
        return;
    }
    for service in services {
        let of_it: Vec<&Entry> = keys.iter().filter(|key| names(service, &key.principal)).collect();
        let (what, label) = if of_it.is_empty() {
            ("no key of it is in the keytab", format!("the keytab has {}", principals(keys)))
        } else if !of_it.iter().any(|key| key.is_strong()) {
            ("the keytab has no AES key of it", AES_CURE.to_owned())
        } else {
            continue;
        };
        table.note(Problem::error(service.span.clone(), format!("`{}`: {what}", service.value), label));
    }
}

/// The kinds of encryption that there are, each once.
pub(crate) fn kinds(keys: &[Entry]) -> String {
    each_once(keys.iter().map(Entry::encryption_name).collect())
}

/// Whose keys there are, each once, the first few.
pub(crate) fn principals(keys: &[Entry]) -> String {
    each_once(keys.iter().map(|key| key.principal.clone()).collect())
}

fn each_once(mut names: Vec<String>) -> String {
    const SHOWN: usize = 5;
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

//! `[identity]`: how clients are known.

use super::outward::said;
use super::{accounts, directory, kerberos, later, section, texts};
use crate::config::{AddressNames, Basic, Destined, Identity, Method, Negotiate, Networks, Source};
use ipnet::IpNet;
use policy::document::Table;
use policy::{Problem, Target};
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

pub(super) fn identity(table: Option<&Table<'_>>, folder: &Path) -> Identity {
    let Some(table) = table else {
        return Identity {
            methods: vec![Method::Address],
            realm: "Octroi".to_owned(),
            negotiate: Negotiate::default(),
            source: Source::default(),
            ldap: None,
            names: AddressNames::default(),
            exempt: Destined::default(),
            basic: Basic::default(),
        };
    };
    let realm = table.string("realm").filter(|realm| {
        // RFC 9110 §11.5: a quoted string; what would need escaping in it is refused rather than escaped.
        let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
        let good = !realm.is_empty() && realm.chars().all(plain);
        if !good {
            let label = "expected plain letters, digits, signs and blanks, without quotes";
            table.note(Problem::error(realm.span.clone(), "browsers cannot show this realm", label));
        }
        good
    });
    let negotiate = section(table, "negotiate", |table: Option<&Table<'_>>| kerberos::negotiate(table, folder));
    let (source, basic) = section(table, "basic", |table| (source(table), accounts::basic(table)));
    let ldap = section(table, "ldap", |table: Option<&Table<'_>>| directory::directory(table, folder));
    if source == Source::Ldap
        && table.table("ldap").is_none_or(|ldap| !ldap.has("url"))
        && let Some(at) = table.table("basic").and_then(|basic| basic.key("source"))
    {
        let label = "write `[identity.ldap] url = \"ldaps://dc1.example.fr\"`";
        table.note(Problem::error(at, "passwords are to be looked up in a directory, and none is named", label));
    }
    let names = section(table, "address", |address| section_names(address.and_then(|address| address.table("names"))));
    let methods = methods(table);
    with_a_keytab(table, &methods, &negotiate);
    let methods = methods.into_iter().map(|(method, _)| method).collect();
    let realm = realm.map_or("Octroi", |realm| realm.value).to_owned();
    Identity { methods, realm, negotiate, source, ldap, names, exempt: exempt(table), basic }
}

/// `[identity.basic] source`.
fn source(table: Option<&Table<'_>>) -> Source {
    let word = table.and_then(|table| table.word("source", &[("local", Source::Local), ("ldap", Source::Ldap)]));
    word.map_or(Source::Local, |word| word.value)
}

/// A method, and where it is named.
type Named = (Method, Range<usize>);

/// Tickets need a keytab, and a keytab is of no use to anything else.
fn with_a_keytab(table: &Table<'_>, methods: &[Named], negotiate: &Negotiate) {
    let named = methods.iter().find(|(method, _)| *method == Method::Negotiate);
    let keytab = table.table("negotiate").and_then(|negotiate| said(&negotiate, "keytab"));
    match (named, keytab) {
        (Some((_, at)), None) if negotiate.keytab.as_os_str().is_empty() => {
            let label = "write `[identity.negotiate] keytab = \"/etc/octroi/http.keytab\"`";
            table.note(Problem::error(at.clone(), "`negotiate` needs a keytab", label));
        }
        (None, Some(keytab)) => {
            table.note(Problem::warning(keytab.span, "`keytab` changes nothing", "`methods` has no \"negotiate\""));
        }
        _ => {}
    }
}

fn methods(table: &Table<'_>) -> Vec<Named> {
    let words = [("negotiate", Method::Negotiate), ("basic", Method::Basic), ("address", Method::Address)];
    let none = |at| Problem::error(at, "no method of identification is named", "`address` asks nothing of anybody");
    let Some(named) = texts(table, "methods", none) else { return vec![(Method::Address, 0..0)] };
    let mut methods: Vec<Named> = Vec::new();
    for word in &named {
        if ["portal"].contains(&word.value) {
            later(table, word.value, word.span.clone());
            continue;
        }
        let Some(method) = table.one_of("methods", word, &words) else { continue };
        if let Some((_, first)) = methods.iter().find(|(known, _)| *known == method) {
            let problem = Problem::error(word.span.clone(), "a method is named twice", "the same");
            table.note(problem.also(first.clone(), "first here"));
        } else if let Some((_, first)) = methods.iter().find(|(known, _)| *known == Method::Address) {
            let problem = Problem::warning(word.span.clone(), "this method is never asked", "put it before `address`");
            table.note(problem.also(first.clone(), "an address always answers"));
        }
        methods.push((method, word.span.clone()));
    }
    methods
}

/// `[identity.address] names`: address or network to name.
fn section_names(table: Option<Table<'_>>) -> AddressNames {
    let Some(table) = table else { return AddressNames::default() };
    let mut names: Vec<(IpNet, String, Range<usize>)> = Vec::new();
    for key in table.names() {
        let network = table.network(&key).map(|network| network.value);
        let (Some(network), Some(name)) = (network, table.string(key.value)) else { continue };
        if name.trim().is_empty() || name.chars().any(|c| c.is_control()) {
            table.note(Problem::error(name.span, "this is not a valid name", "expected such as \"poste-accueil\""));
            continue;
        }
        if let Some((.., first)) = names.iter().find(|(known, ..)| *known == network) {
            let what = format!("`{network}` has two names");
            table.note(Problem::error(key.span, what, "the same addresses").also(first.clone(), "first here"));
            continue;
        }
        names.push((network, name.value.trim().to_owned(), key.span));
    }
    table.end();
    AddressNames::new(names.into_iter().map(|(network, name, _)| (network, name)))
}

/// `exempt`: names, with those below them, for which nobody is asked who they are.
fn exempt(table: &Table<'_>) -> Destined {
    let mut names = HashSet::new();
    for text in table.strings("exempt").unwrap_or_default() {
        // As Windows and browsers write it; a name covers those below it with or without.
        let name = text.value.strip_prefix("*.").unwrap_or(text.value);
        let label = "expected a name, such as \"windowsupdate.com\", which covers the names below it";
        match Target::of_host(name) {
            Ok(target) if target.ip().is_some() => {
                let what = format!("`{}` is an address", text.value);
                table.note(Problem::error(text.span, what, label));
            }
            Ok(target) if !target.host().contains('.') => {
                let what = format!("`{}` would exempt every name below it", text.value);
                table.note(Problem::error(text.span, what, label));
            }
            Ok(target) => drop(names.insert(target.host().into())),
            Err(why) => {
                let what = format!("`{}` is not a valid name: {why}", text.value);
                table.note(Problem::error(text.span, what, label));
            }
        }
    }
    Destined::new(names, Networks::default())
}

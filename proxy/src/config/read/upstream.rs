//! `[upstream]`: the parent proxy, its credentials, what goes past it.
//!
//! Nothing here says what a credential is: what is wrong with it is told without it.

use super::outward::{ca_file, said};
use crate::config::values::Form;
use crate::config::{Credentials, Destined, Networks, Parent, Secret, Server, Speaks, Upstream};
use crate::{files, outbound};
use ipnet::IpNet;
use policy::document::{Located, Table};
use policy::{Problem, Target};
use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

/// Proxies that speak HTTP are found on any port, so it is written; SOCKS has one (RFC 1928 §3), and so has TLS.
const FORMS: [Form; 3] = [
    Form { scheme: "http", secure: false, port: None },
    Form { scheme: "https", secure: true, port: Some(443) },
    Form { scheme: "socks5", secure: false, port: Some(1080) },
];
const SUCH_AS: &str =
    "expected such as \"http://proxy.example:8080\", \"https://proxy.example\" or \"socks5://proxy.example\"";

pub(super) fn upstream(table: Option<&Table<'_>>, folder: &Path) -> Upstream {
    let Some(table) = table else { return Upstream::default() };
    let upstream = Upstream { parent: parent(table, folder), direct: direct(table) };
    if said(table, "parent").is_none() {
        for key in ["direct", "parent_password_file", "ca_file"] {
            if let Some(at) = table.key(key).filter(|_| !is_default(table, key)) {
                table.note(Problem::warning(at, format!("`{key}` changes nothing"), "no `parent` is named"));
            }
        }
    }
    upstream
}

fn is_default(table: &Table<'_>, key: &str) -> bool {
    match key {
        "direct" => table.strings(key).is_none_or(|list| list.is_empty()),
        _ => said(table, key).is_none(),
    }
}

fn parent(table: &Table<'_>, folder: &Path) -> Option<Parent> {
    // Read whatever the rest is, so that all problems are told at once.
    let authorities = ca_file(table, folder);
    let from_file = password_file(table, folder);
    let text = said(table, "parent")?;
    let refused = |why: &str, label: &str| {
        table.note(Problem::error(text.span.clone(), format!("`parent` is not a valid proxy: {why}"), label));
    };
    let Some((scheme, rest)) = text.value.split_once("://") else {
        refused("it has no scheme", SUCH_AS);
        return None;
    };
    let (user_info, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    let place = place.strip_suffix('/').unwrap_or(place);
    if let "socks5h" | "socks" = scheme {
        refused(
            &format!("`{scheme}://` is not written here"),
            "write `socks5://`: names always go to the parent as they are",
        );
        return None;
    }
    if place.contains(['/', '?', '#']) {
        refused("it has a path", "a proxy has none: end the address after the port");
        return None;
    }
    let server = match Server::parse(&format!("{scheme}://{place}"), &FORMS) {
        Ok(server) => server,
        Err(why) => {
            refused(&why, SUCH_AS);
            return None;
        }
    };
    let credentials = match from_file.map(|from_file| credentials(user_info, from_file)) {
        Some(Ok(credentials)) => credentials,
        // The file that cannot be read was told of.
        None => None,
        Some(Err((why, label))) => {
            refused(why, label);
            return None;
        }
    };
    let speaks = if scheme == "socks5" { Speaks::Socks } else { Speaks::Http };
    if let Some(credentials) = &credentials {
        if let Err((why, label)) = fit(credentials, speaks) {
            refused(why, label);
            return None;
        }
        if !server.secure && !server.is_local() {
            let what = format!("a password will cross the network unencrypted, to {server}");
            table.note(Problem::warning(text.span.clone(), what, "`https://` hides it on the way"));
        }
    }
    if let Some(at) = table.key("ca_file").filter(|_| authorities.is_some() && !server.secure) {
        table.note(Problem::warning(at, "`ca_file` changes nothing", "no TLS leads to the parent"));
    }
    let authorities = authorities.and_then(|file| outbound::certificates(&file).ok()).unwrap_or_default();
    Some(Parent { server, speaks, credentials, authorities })
}

/// The password in a file, if one is named: its first line. None when it cannot be read, which is noted.
fn password_file(table: &Table<'_>, folder: &Path) -> Option<Option<String>> {
    let Some(text) = said(table, "parent_password_file") else { return Some(None) };
    let path = folder.join(text.value);
    if let Some((what, remedy)) = files::open_to_others(&path) {
        table.note(Problem::warning(
            text.span.clone(),
            format!("the password of `parent_password_file` {what}"),
            remedy,
        ));
    }
    let why = match std::fs::read_to_string(&path) {
        Ok(content) => match content.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => return Some(Some(line.to_owned())),
            None => format!("{}: its first line is empty", path.display()),
        },
        Err(why) => format!("{}: {why}", path.display()),
    };
    table.note(Problem::error(text.span, "the password of `parent_password_file` cannot be read", why));
    None
}

/// What is wrong, and what to do.
type Complaint = (&'static str, &'static str);

fn credentials(user_info: Option<&str>, from_file: Option<String>) -> Result<Option<Credentials>, Complaint> {
    const NAMELESS: Complaint = ("there is a password and no name", "write `name@` before the host");
    let Some(user_info) = user_info else {
        return if from_file.is_some() { Err(NAMELESS) } else { Ok(None) };
    };
    let (user, password) = user_info.split_once(':').map_or((user_info, None), |(user, it)| (user, Some(it)));
    let decoded = |text: &str| {
        let why = ("its name or password has a bad escape", "write `%25` for a percent sign");
        decode(text).ok_or(why)
    };
    let user = decoded(user)?;
    let password = match (password, from_file) {
        (Some(_), Some(_)) => return Err(("its password is given twice", "here and in `parent_password_file`")),
        (Some(password), None) => decoded(password)?,
        (None, Some(password)) => password,
        (None, None) => return Err(("there is a name and no password", "`parent_password_file` says it")),
    };
    if user.is_empty() { Err(NAMELESS) } else { Ok(Some(Credentials { user, password: Secret::new(&password) })) }
}

/// Whether the protocol can carry them.
fn fit(credentials: &Credentials, speaks: Speaks) -> Result<(), Complaint> {
    let Credentials { user, password } = credentials;
    let password = password.told();
    match speaks {
        // RFC 7617 §2.
        Speaks::Http if user.contains(':') => Err(("its name holds a colon", "Basic cannot carry it")),
        Speaks::Http if user.chars().chain(password.chars()).any(char::is_control) => {
            Err(("its name or password holds a control character", "Basic cannot carry it"))
        }
        // RFC 1929 §2.
        Speaks::Socks if user.len() > 255 || password.is_empty() || password.len() > 255 => {
            Err(("its name or password is not of 1 to 255 bytes", "SOCKS cannot carry it"))
        }
        Speaks::Http | Speaks::Socks => Ok(()),
    }
}

/// Percent-decoding (RFC 3986 §2.1).
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).filter(|(digits, _)| digits.iter().all(u8::is_ascii_hexdigit))?;
        out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(out).ok()
}

fn direct(table: &Table<'_>) -> Destined {
    let (mut names, mut networks) = (HashSet::new(), Vec::new());
    for text in table.strings("direct").unwrap_or_default() {
        if let Ok(network) = text.value.parse::<IpNet>() {
            networks.push(network);
            continue;
        }
        match Target::of_host(text.value).map(|target| (target.ip(), target.host().into())) {
            Ok((Some(ip), _)) => networks.push(ip.into()),
            Ok((None, name)) => drop(names.insert(name)),
            Err(_) if is_network_of_no_length(text.value) => {
                let what = format!("`{}` is not a valid network: its prefix length is out of bounds", text.value);
                let label = "expected 0 to 32 for IPv4, 0 to 128 for IPv6, such as \"10.0.0.0/8\"";
                table.note(Problem::error(text.span, what, label));
            }
            Err(why) => refuse_direct(table, text, &why.to_string()),
        }
    }
    Destined::new(names, Networks::new(networks))
}

/// An address, and behind the slash a number that is no prefix length of its kind.
fn is_network_of_no_length(text: &str) -> bool {
    let is_address = |address: &str| address.parse::<IpAddr>().is_ok();
    text.split_once('/').is_some_and(|(address, _)| is_address(address)) && text.parse::<IpNet>().is_err()
}

fn refuse_direct(table: &Table<'_>, text: Located<&str>, why: &str) {
    let what = format!("`{}` is neither a name, an address nor a network: {why}", text.value);
    let label = "expected such as \"example.fr\", which covers the names below it, or \"10.0.0.0/8\"";
    table.note(Problem::error(text.span, what, label));
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_are_two_digits() {
        assert_eq!(decode("p%40ss%25").as_deref(), Some("p@ss%"));
        assert_eq!(decode("p%c3%a9").as_deref(), Some("pé"));
        for bad in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}

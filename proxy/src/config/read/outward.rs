//! `[log.forward]` and `[log.anchor]`: what leaves the register, where to and how.

use crate::config::values::Form;
use crate::config::{Anchor, Forward, Mail, Post, Server};
use crate::outbound;
use hyper::Uri;
use lettre::Address;
use policy::Problem;
use policy::document::{Located, Table};
use std::path::{Path, PathBuf};

/// Over TLS syslog has a port (RFC 5425 §4.1); over TCP it has none that everybody keeps to, and it is written.
const SYSLOG: [Form; 2] =
    [Form { scheme: "tcp", secure: false, port: None }, Form { scheme: "tls", secure: true, port: Some(6514) }];
const SMTP: [Form; 2] =
    [Form { scheme: "smtp", secure: false, port: Some(25) }, Form { scheme: "smtps", secure: true, port: Some(465) }];

pub(super) fn forward(table: Option<&Table<'_>>, folder: &Path) -> Forward {
    let Some(table) = table else { return Forward::default() };
    let syslog = syslog(table);
    if let Some(server) = syslog.as_ref().filter(|server| !server.value.secure && !server.value.is_local()) {
        let what = format!("records will cross the network unencrypted, to {}", server.value);
        table.note(Problem::warning(server.span.clone(), what, "`tls://` hides them on the way"));
    }
    let names = table.boolean("names");
    if let Some(names) = names.as_ref().filter(|names| names.value) {
        let what = "accounts and addresses will be forwarded in the clear";
        let label = "declare whoever receives them as a recipient, with a retention of their own";
        table.note(Problem::warning(names.span.clone(), what, label));
    }
    Forward {
        syslog: syslog.map(|server| server.value),
        ca_file: ca_file(table, folder),
        json: table.boolean("json").is_some_and(|json| json.value),
        names: names.is_some_and(|names| names.value),
    }
}

pub(super) fn anchor(table: Option<&Table<'_>>, folder: &Path) -> Anchor {
    let Some(table) = table else { return Anchor::default() };
    let (mail, post) = mail(table);
    Anchor {
        syslog: syslog(table).map(|server| server.value),
        mail,
        post,
        timestamp: timestamp(table),
        ca_file: ca_file(table, folder),
    }
}

fn syslog<'d>(table: &Table<'d>) -> Option<Located<Server>> {
    server(table, "syslog", &SYSLOG, "expected such as \"tls://siem.example:6514\" or \"tcp://siem.example:514\"")
}

/// A text that says something; an empty one is the default.
pub(super) fn said<'d>(table: &Table<'d>, key: &str) -> Option<Located<&'d str>> {
    table.string(key).filter(|text| !text.is_empty())
}

fn server(table: &Table<'_>, key: &str, forms: &[Form], label: &str) -> Option<Located<Server>> {
    let text = said(table, key)?;
    match Server::parse(text.value, forms) {
        Ok(value) => Some(Located { value, span: text.span }),
        Err(why) => {
            let what = format!("`{}` is not a valid server: {why}", text.value);
            table.note(Problem::error(text.span, what, label));
            None
        }
    }
}

/// The three keys of a letter make sense together only; server and sender alone are enough for alarms.
fn mail(table: &Table<'_>) -> (Option<Mail>, Option<Post>) {
    let smtp = "expected such as \"smtp://127.0.0.1:25\" or \"smtps://mail.example:465\"";
    let (to, from) = (said(table, "mail"), said(table, "mail_from"));
    let server = server(table, "smtp", &SMTP, smtp);
    let address = |text: &Option<Located<&str>>| {
        let text = text.as_ref()?;
        let address = text.value.parse::<Address>();
        if let Err(why) = &address {
            let what = format!("`{}` is not a valid e-mail address", text.value);
            table.note(Problem::error(text.span.clone(), what, why.to_string().to_lowercase()));
        }
        address.ok()
    };
    let letter = (address(&to), address(&from), server);
    if let Some(to) = to {
        for (key, without) in [("smtp", "there is no server to give it to"), ("mail_from", "it is from nobody")] {
            if said(table, key).is_none() {
                let what = format!("the seal is to be written to `{}`, but {without}", to.value);
                table.note(Problem::error(to.span.clone(), what, format!("`{key}` says it")));
            }
        }
    }
    match letter {
        (to, Some(from), Some(server)) => {
            let post = Post { from: from.clone(), server: server.value.clone() };
            (to.map(|to| Mail { to, from, server: server.value }), Some(post))
        }
        _ => (None, None),
    }
}

fn timestamp(table: &Table<'_>) -> Option<Uri> {
    let text = said(table, "timestamp")?;
    let uri = text.value.parse::<Uri>().ok().filter(|uri| {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        matches!(uri.scheme_str(), Some("http" | "https")) && !authority.is_empty() && !authority.contains('@')
    });
    if uri.is_none() {
        let what = format!("`{}` is not the address of a time-stamp authority", text.value);
        table.note(Problem::error(text.span, what, "expected such as \"http://tsa.example/\", without a password"));
    }
    uri
}

/// Read here, so that a check tells; read again by whoever connects.
pub(super) fn ca_file(table: &Table<'_>, folder: &Path) -> Option<PathBuf> {
    let text = said(table, "ca_file")?;
    let path = folder.join(text.value);
    match outbound::certificates(&path) {
        Ok(_) => Some(path),
        Err(why) => {
            let what = "the authorities of `ca_file` cannot be read";
            table.note(Problem::error(text.span, what, why));
            None
        }
    }
}

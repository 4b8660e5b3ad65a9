//! The proxy behind this one, and what goes past it.

use super::{Networks, Server};
use policy::Target;
use rustls::pki_types::CertificateDer;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// `[upstream]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// The proxy everything goes through, if there is one.
    pub(crate) parent: Option<Parent>,
    /// What goes past it.
    pub(crate) direct: Destined,
}

/// A parent proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    /// Where it is, and whether TLS leads there.
    pub(crate) server: Server,
    /// What is spoken with it.
    pub(crate) speaks: Speaks,
    /// Who we are to it.
    pub(crate) credentials: Option<Credentials>,
    /// Authorities that TLS believes beside the system's. Their bytes, not their file: another file is another way out.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// What is spoken with a parent proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/1.1: absolute form and CONNECT (RFC 9112 §3.2).
    Http,
    /// SOCKS version 5 (RFC 1928).
    Socks,
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: Secret,
}

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    /// Hides a text.
    pub(crate) fn new(text: &str) -> Secret {
        Secret(text.into())
    }

    /// The text, for whoever must be told.
    pub(crate) fn told(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Destinations by name and by network: those that go past the parent proxy, those for which nobody is asked who they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Destined {
    names: HashSet<Box<str>>,
    networks: Networks,
}

impl Destined {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Destined::default()
    }

    /// These names, with all names below them, and these networks.
    pub(crate) fn new(names: HashSet<Box<str>>, networks: Networks) -> Destined {
        Destined { names, networks }
    }

    /// Whether a target is one of them.
    pub(crate) fn covers(&self, target: &Target) -> bool {
        if let Some(ip) = target.ip() {
            return self.networks.contains(ip);
        }
        let below = |name: &str| name.split_once('.').map(|(_, rest)| rest.len());
        let host = target.host();
        let mut names =
            std::iter::successors(Some(host), |name| below(name).map(|length| &host[host.len() - length..]));
        !self.names.is_empty() && names.any(|name| self.names.contains(name))
    }
}

/// A text in which passwords of addresses (`http://name:password@…`) are covered, byte for byte, so that places in it
/// stay where they are.
pub(crate) fn covered(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for (start, _) in text.match_indices("://") {
        let rest = &text[start + 3..];
        let rest = &rest[..rest.find(['"', '\'', '\n', '\r']).unwrap_or(rest.len())];
        let Some((before, _)) = rest.rsplit_once('@') else { continue };
        let Some((user, password)) = before.split_once(':') else { continue };
        let from = start + 3 + user.len() + 1;
        out[from..from + password.len()].fill(b'*');
    }
    // Whole characters were covered by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_covered_with_those_below_them_by_label() {
        let names = HashSet::from(["exemple.fr".into(), "intranet".into()]);
        let direct = Destined::new(names, Networks::new(vec!["10.0.0.0/8".parse().expect("a network")]));
        let covers = |host: &str| direct.covers(&Target::of_host(host).expect("a host"));
        for host in ["exemple.fr", "www.exemple.fr", "a.b.exemple.fr", "intranet", "EXEMPLE.fr.", "10.1.2.3", "0xa.1"] {
            assert!(covers(host), "{host}");
        }
        for host in ["fr", "monexemple.fr", "exemple.fr.test", "11.1.2.3", "::1"] {
            assert!(!covers(host), "{host}");
        }
        assert!(!Destined::default().covers(&Target::of_host("exemple.fr").expect("a host")));
    }

    #[test]
    fn passwords_are_covered_where_they_stand() {
        for (text, shown) in [
            ("parent = \"http://me:pässword@proxy:8080\"", "parent = \"http://me:*********@proxy:8080\""),
            ("\"http://me:a@b:c/d@proxy\" # it@x", "\"http://me:*******@proxy\" # it@x"),
            ("x = 'socks5://me:s@h'\ny = \"z://u:t@h\"", "x = 'socks5://me:*@h'\ny = \"z://u:*@h\""),
            ("\"http://me:broken@proxy\n", "\"http://me:******@proxy\n"),
            ("http://me@proxy", "http://me@proxy"),
            ("\"http://proxy:80\", \"a@b:c\"", "\"http://proxy:80\", \"a@b:c\""),
        ] {
            assert_eq!(covered(text), shown);
        }
        let credentials = Credentials { user: "me".into(), password: Secret::new("hush") };
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}

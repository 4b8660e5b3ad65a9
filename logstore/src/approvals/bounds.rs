//! How far an act may reach that two persons decide: what is about everybody is about nobody in particular, and whoever would
//! decide on it is among them.

use super::{Kind, Refusal, Subject};
use std::net::IpAddr;

/// The widest network of a scope, of either family: a site's, so that whoever approves can tell whose it is.
const SCOPE: (u8, u8) = (24, 64);
/// The widest that the networks of one act are together.
const TOGETHER: (u8, u8) = (16, 48);
/// Suffixes of two labels under which everybody registers. No public suffix list: a name that is missing here reaches further than
/// it should, and a second person still reads it; what has no dot is refused in any case.
const SUFFIXES: &[&str] = &[
    "ac.uk",
    "asso.fr",
    "co.in",
    "co.jp",
    "co.nz",
    "co.uk",
    "co.za",
    "com.ar",
    "com.au",
    "com.br",
    "com.cn",
    "com.fr",
    "com.mx",
    "com.tr",
    "edu.au",
    "github.io",
    "gitlab.io",
    "gob.es",
    "gouv.fr",
    "gov.uk",
    "ltd.uk",
    "me.uk",
    "net.au",
    "nom.fr",
    "notaires.fr",
    "org.au",
    "org.uk",
    "prd.fr",
    "tm.fr",
];

/// Whether what is asked about is bounded.
pub fn bounded(kind: Kind, about: &[Subject]) -> Result<(), Refusal> {
    let (mut four, mut six) = (0_u128, 0_u128);
    for subject in about {
        match subject {
            Subject::User(_) => {}
            Subject::Client(network) => {
                let widest = of(SCOPE, network.addr());
                if kind == Kind::Scope && network.prefix_len() < widest {
                    return form(format!(
                        "{network} is nearly everybody: a scope reaches networks of /{widest} at most"
                    ));
                }
                let size = 1_u128.checked_shl(u32::from(network.max_prefix_len() - network.prefix_len()));
                let sum = if network.addr().is_ipv4() { &mut four } else { &mut six };
                *sum = sum.saturating_add(size.unwrap_or(u128::MAX));
            }
            Subject::Host(host) => one_site(host)?,
        }
    }
    if four > 1 << (32 - TOGETHER.0) || six > 1 << (128 - TOGETHER.1) {
        return form(format!(
            "these networks together are nearly everybody: they have no more addresses than one of /{}, or /{} of IPv6",
            TOGETHER.0, TOGETHER.1
        ));
    }
    Ok(())
}

/// Whether a host is some site's, and not everybody's.
fn one_site(host: &str) -> Result<(), Refusal> {
    let name = host.trim_matches('.').to_lowercase();
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if !name.contains('.') || SUFFIXES.contains(&name.as_str()) {
        return form(format!("the host {host} is everybody's: say one under which a single site is found"));
    }
    Ok(())
}

fn of(widths: (u8, u8), address: IpAddr) -> u8 {
    if address.is_ipv4() { widths.0 } else { widths.1 }
}

fn form<T>(why: String) -> Result<T, Refusal> {
    Err(Refusal::Form(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_everybody_is_refused_alone_and_in_sum() {
        let net = |text: &str| Subject::Client(text.parse().expect("a network"));
        let host = |text: &str| Subject::Host(text.to_owned());
        let many = |count: u8, bits: u8| (0..count).map(|n| net(&format!("10.{n}.0.0/{bits}"))).collect::<Vec<_>>();
        for (kind, about, fine) in [
            (Kind::Scope, vec![net("10.0.0.0/24"), net("fd00::/64")], true),
            (Kind::Scope, vec![net("10.0.0.0/23")], false),
            (Kind::Scope, vec![net("fd00::/63")], false),
            (Kind::Scope, vec![net("0.0.0.0/0")], false),
            (Kind::Scope, vec![net("::/0")], false),
            (Kind::Hold, vec![net("10.0.0.0/16"), net("fd00::/48")], true),
            (Kind::Hold, many(2, 16), false),
            (Kind::Hold, many(255, 16), false),
            (Kind::Requisition, many(2, 17), true),
            (Kind::Requisition, many(3, 17), false),
            (Kind::Requisition, vec![net("::/0")], false),
            (Kind::Scope, vec![host("a.test"), host("10.0.0.1"), host("fd00::1")], true),
            (Kind::Scope, vec![host("com")], false),
            (Kind::Scope, vec![host("co.uk")], false),
            (Kind::Requisition, vec![host(".com.")], false),
            (Kind::Scope, vec![Subject::User("j.petit".into())], true),
        ] {
            assert_eq!(bounded(kind, &about).is_ok(), fine, "{kind:?} {about:?}");
        }
    }
}

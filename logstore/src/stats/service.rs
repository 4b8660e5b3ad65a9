//! The service a host belongs to, for statistics: what was registered, without what stands before it.

/// Second labels under which names are registered in many countries: `example.co.uk`, `example.gouv.fr`.
const SECOND: [&str; 14] =
    ["ac", "asso", "co", "com", "edu", "go", "gob", "gov", "gouv", "ne", "net", "nom", "or", "org"];

/// The service of a host in normal form: its last two labels, or three where a country has names registered one lower. An
/// address, or a name of one label, is its own. A name in a table; nothing is decided by it.
pub fn service(host: &str) -> &str {
    let is_address = host.contains(':') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_address {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let country = host.len() - last == 3;
    let below = country && SECOND.contains(&&host[second + 1..last]);
    let start = if below { dots.next().map_or(0, |at| at + 1) } else { second + 1 };
    &host[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_what_was_registered() {
        for (host, of) in [
            ("www.example.com", "example.com"),
            ("a.b.example.fr", "example.fr"),
            ("example.fr", "example.fr"),
            ("www.bbc.co.uk", "bbc.co.uk"),
            ("bbc.co.uk", "bbc.co.uk"),
            ("www.impots.gouv.fr", "impots.gouv.fr"),
            ("co.uk", "co.uk"),
            ("intranet", "intranet"),
            ("10.0.0.1", "10.0.0.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("x.org.example.com", "example.com"),
            ("", ""),
        ] {
            assert_eq!(service(host), of);
        }
    }
}

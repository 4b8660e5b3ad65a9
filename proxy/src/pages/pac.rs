//! The PAC file: by which way a browser reaches each host.
//!
//! It is plain ECMAScript 3, which every engine that reads such files runs. It asks no name server (`isInNet` on a name
//! and `isResolvable` would, and would stall every first visit), and its answer depends on the host alone, because
//! browsers cache it per host and hide the path of secure addresses.
//!
//! What goes direct is not the web, and the gate would refuse it by default: machine names without a dot, `localhost`,
//! the gate's own name, and private or loopback addresses written out (a printer's page, a router's). They are told
//! by their spelling, and only in the form that browsers normalise to: any other spelling goes to the gate, which knows
//! them all. A private address behind a public name goes to the gate too, and is refused there.
//!
//! Everything else goes to the gate and nowhere else: no `DIRECT` comes after it, so a gate that is down is shut.
use std::fmt::Write as _;

/// The media type under which every system takes it.
pub(crate) const MEDIA_TYPE: &str = "application/x-ns-proxy-autoconfig";

/// One way through the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proxy<'a> {
    /// A name, or an address without brackets.
    pub(crate) host: &'a str,
    /// The port.
    pub(crate) port: u16,
    /// Whether it is reached by TLS.
    pub(crate) secure: bool,
}

/// The PAC file that leads to `proxies`, tried in order, those with TLS first: what does not know the word `HTTPS` passes
/// it over.
///
/// The proxies' own names go direct, and so do the names in `direct` with their subdomains. A host that is neither a
/// name nor an address is left out: it could end the answer early and add `DIRECT` to it. With no proxy left, the
/// answer is a port where nothing listens, since an empty one means `DIRECT` to a browser.
pub(crate) fn file(proxies: &[Proxy<'_>], direct: &[&str]) -> String {
    let (secure, plain): (Vec<Proxy<'_>>, Vec<Proxy<'_>>) = proxies.iter().copied().partition(|proxy| proxy.secure);
    let mut way = String::new();
    for Proxy { host, port, secure } in secure.into_iter().chain(plain).filter(|proxy| is_host(proxy.host)) {
        let separator = if way.is_empty() { "" } else { "; " };
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        // Writing into a String does not fail.
        let word = if secure { "HTTPS" } else { "PROXY" };
        let _ = write!(way, "{separator}{word} {open}{host}{close}:{port}");
    }
    if way.is_empty() {
        way.push_str("PROXY 127.0.0.1:9");
    }
    let mut names: Vec<String> = proxies
        .iter()
        .map(|proxy| proxy.host)
        .chain(direct.iter().copied())
        .filter(|host| is_host(host))
        .map(|host| format!("\"{}\"", host.trim_end_matches('.').to_ascii_lowercase()))
        .collect();
    names.sort();
    names.dedup();
    TEMPLATE.replace("@NAMES@", &names.join(", ")).replace("@WAY@", &way)
}

/// Whether this can be the name of a host, or an address without brackets: nothing here needs escaping in a script.
fn is_host(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

const TEMPLATE: &str = r#"// Octroi: the way to each host. It depends on the host alone and asks no name server.
function FindProxyForURL(url, host) {
  var gate = "@WAY@";
  var own = [@NAMES@];
  var name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");

  // A machine of this network, by its short name. A bare number is an address in disguise.
  if (/^[a-z0-9_-]+$/.test(name) && !/^([0-9]+|0x[0-9a-f]*)$/.test(name)) return "DIRECT";

  // A private or loopback address, written out.
  if (/^(127|10)(\.[0-9]{1,3}){3}$/.test(name)) return "DIRECT";
  if (/^192\.168(\.[0-9]{1,3}){2}$/.test(name)) return "DIRECT";
  if (/^172\.(1[6-9]|2[0-9]|3[01])(\.[0-9]{1,3}){2}$/.test(name)) return "DIRECT";
  if (/^(::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/.test(name)) return "DIRECT";

  // The gate itself, and what its administrator sends direct.
  name = name.replace(/\.$/, "");
  if (/(^|\.)localhost$/.test(name)) return "DIRECT";
  for (var i = 0; i < own.length; i++) {
    var end = name.length - own[i].length;
    if (end === 0 && name === own[i]) return "DIRECT";
    if (end > 0 && name.substring(end - 1) === "." + own[i]) return "DIRECT";
  }

  // Everything else passes the gate. If the gate is down, nothing passes.
  return gate;
}
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn plain(host: &str) -> Proxy<'_> {
        Proxy { host, port: 3128, secure: false }
    }

    const GATE: &str = "PROXY gate.exemple.fr:3128; PROXY [2001:db8::7]:3128";

    fn sample() -> String {
        file(&[plain("gate.exemple.fr"), plain("2001:db8::7")], &["Intranet.exemple.fr."])
    }

    /// Asks a real engine, with an address that must not matter, the way to a host (Debian's libpacparser1: an ES3
    /// SpiderMonkey).
    fn way(script: &str, host: &str) -> String {
        let mut engine = Command::new("pactester")
            .args(["-p", "-", "-u", "https://localhost/10.0.0.1", "-h", host])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pactester runs: it is in the Debian package libpacparser1");
        engine.stdin.take().expect("piped").write_all(script.as_bytes()).expect("the script is read");
        let output = engine.wait_with_output().expect("pactester ends");
        assert!(output.status.success(), "{host}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    #[test]
    fn the_text_names_the_gates_and_what_goes_direct() {
        let script = sample();
        assert!(script.contains(&format!("var gate = \"{GATE}\";")), "{script}");
        assert!(
            script.contains("var own = [\"2001:db8::7\", \"gate.exemple.fr\", \"intranet.exemple.fr\"];"),
            "{script}"
        );
    }

    #[test]
    fn it_asks_no_name_server_and_never_looks_at_the_path() {
        let script = sample();
        for call in ["isInNet", "isResolvable", "dnsResolve", "myIpAddress", "isPlainHostName"] {
            assert!(!script.contains(call), "{call}");
        }
        assert_eq!(script.matches("url").count(), 1, "the parameter is not used:\n{script}");
        assert!(!script.contains("; DIRECT"), "{script}");
        assert!(script.is_ascii());
    }

    #[test]
    fn a_host_that_is_none_cannot_write_the_answer() {
        for hostile in ["a:1; DIRECT", "\"; return \"DIRECT", "a\nb", "*/", "", "é.fr", "[::1]", "."] {
            let script = file(&[plain(hostile), plain("gate.exemple.fr")], &[hostile]);
            assert_eq!(script, file(&[plain("gate.exemple.fr")], &[]), "{hostile:?}");
        }
    }

    #[test]
    fn what_is_encrypted_is_tried_first() {
        let secure = Proxy { host: "gate.exemple.fr", port: 3129, secure: true };
        let script = file(&[plain("gate.exemple.fr"), secure], &[]);
        assert_eq!(way(&script, "www.example.org"), "HTTPS gate.exemple.fr:3129; PROXY gate.exemple.fr:3128");
        assert_eq!(way(&script, "gate.exemple.fr"), "DIRECT");
    }

    #[test]
    fn without_a_gate_nothing_passes() {
        let script = file(&[], &[]);
        assert_eq!(way(&script, "www.example.org"), "PROXY 127.0.0.1:9");
    }

    #[test]
    fn the_web_passes_the_gate() {
        let hosts = [
            "www.example.org",
            "WWW.Example.Org.",
            "93.184.216.34",
            "8.10.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.1.1",
            "169.254.169.254",
            "2001:db8::1",
            "[2001:db8::1]",
            "fec0::1",
            "::ffff:8.8.8.8",
            "::",
            // Names and spellings that only look private.
            "10.0.0.1.example.org",
            "127.0.0.1.nip.example",
            "2130706433",
            "0x7f000001",
            "010.0.0.1",
            "127.1",
            "fd00.example.org",
            "localhost.example.org",
            "[fd00",
            // A top-level name with its final dot is the web, not a machine of this network.
            "ai.",
            // Ends with the letters of a direct name, not with its labels.
            "mongate.exemple.fr",
            "exemple.fr",
        ];
        for host in hosts {
            assert_eq!(way(&sample(), host), GATE, "{host}");
        }
    }

    #[test]
    fn what_is_not_the_web_goes_direct() {
        let hosts = [
            "imprimante",
            "SRV-01",
            "01-caisse",
            "localhost",
            "app.localhost",
            "localhost.",
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.254",
            "192.168.1.1",
            "::1",
            "[::1]",
            "fd12:3456::1",
            "FE80::1",
            "gate.exemple.fr",
            "GATE.exemple.fr.",
            "[2001:db8::7]",
            "intranet.exemple.fr",
            "rh.intranet.exemple.fr",
        ];
        for host in hosts {
            assert_eq!(way(&sample(), host), "DIRECT", "{host}");
        }
    }
}

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

/// The PAC file that leads to `proxies` (host and port, tried in order).
///
/// The proxies' own names go direct, and so do the names in `direct` with their subdomains. A host that is neither a
/// name nor an address is left out: it could end the answer early and add `DIRECT` to it. With no proxy left, the
/// answer is a port where nothing listens, since an empty one means `DIRECT` to a browser.
pub(crate) fn file(proxies: &[(&str, u16)], direct: &[&str]) -> String {
    let mut way = String::new();
    for (host, port) in proxies.iter().filter(|(host, _)| is_host(host)) {
        let separator = if way.is_empty() { "" } else { "; " };
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        // Writing into a String does not fail.
        let _ = write!(way, "{separator}PROXY {open}{host}{close}:{port}");
    }
    if way.is_empty() {
        way.push_str("PROXY 127.0.0.1:9");
    }
    let mut names: Vec<String> = proxies
        .iter()
        .map(|(host, _)| *host)
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
  var name = host.toLowerCase().replace(/^\[|\]$/g, "");

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

    const GATE: &str = "PROXY gate.exemple.fr:3128; PROXY [2001:db8::7]:3128";

    fn sample() -> String {
        file(
            &[("gate.exemple.fr", 3128), ("2001:db8::7", 3128)],
            &["Intranet.exemple.fr."],
        )
    }

    /// Asks a real engine (Debian's libpacparser1, an ES3 SpiderMonkey) the way to each address.
    fn ways(script: &str, urls: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let list = folder.path().join("urls");
        std::fs::write(&list, urls.join("\n") + "\n").expect("the list is written");
        let mut engine = Command::new("pactester")
            .args(["-p", "-", "-f"])
            .arg(&list)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pactester runs: it is in the Debian package libpacparser1");
        engine
            .stdin
            .take()
            .expect("piped")
            .write_all(script.as_bytes())
            .expect("the script is read");
        let output = engine.wait_with_output().expect("pactester ends");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text.lines()
            .filter_map(|line| Some(line.split_once(" : ")?.1.to_owned()))
            .collect()
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
        for call in [
            "isInNet",
            "isResolvable",
            "dnsResolve",
            "myIpAddress",
            "isPlainHostName",
        ] {
            assert!(!script.contains(call), "{call}");
        }
        assert_eq!(script.matches("url").count(), 1, "the parameter is not used:\n{script}");
        assert!(!script.contains("; DIRECT"), "{script}");
        assert!(script.is_ascii());
    }

    #[test]
    fn a_host_that_is_none_cannot_write_the_answer() {
        for hostile in [
            "a:1; DIRECT",
            "\"; return \"DIRECT",
            "a\nb",
            "*/",
            "",
            "é.fr",
            "[::1]",
            ".",
        ] {
            let script = file(&[(hostile, 3128), ("gate.exemple.fr", 3128)], &[hostile]);
            assert_eq!(script, file(&[("gate.exemple.fr", 3128)], &[]), "{hostile:?}");
        }
    }

    #[test]
    fn without_a_gate_nothing_passes() {
        let script = file(&[], &[]);
        assert_eq!(ways(&script, &["http://www.example.org/"]), ["PROXY 127.0.0.1:9"]);
    }

    #[test]
    fn the_web_passes_the_gate() {
        let urls = [
            "http://www.example.org/",
            "https://WWW.Example.Org./login?next=localhost",
            "http://93.184.216.34/",
            "http://8.10.0.1/",
            "http://172.15.0.1/",
            "http://172.32.0.1/",
            "http://192.169.1.1/",
            "http://169.254.169.254/latest/meta-data/",
            // Names and spellings that only look private.
            "http://10.0.0.1.example.org/",
            "http://127.0.0.1.nip.example/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://010.0.0.1/",
            "http://127.1/",
            "http://[2001:db8::1]/",
            "http://[fec0::1]/",
            "http://fd00.example.org/",
            "http://localhost.example.org/",
            // A top-level name with its final dot is the web, not a machine of this network.
            "http://ai./",
            // Ends with the letters of a direct name, not with its labels.
            "http://mongate.exemple.fr/",
            "http://exemple.fr/",
        ];
        for (url, way) in urls.iter().zip(ways(&sample(), &urls)) {
            assert_eq!(way, GATE, "{url}");
        }
    }

    #[test]
    fn what_is_not_the_web_goes_direct() {
        let urls = [
            "http://imprimante/",
            "http://SRV-01:8080/",
            "http://localhost:3180/",
            "http://app.localhost/",
            "http://localhost./",
            "http://127.0.0.1:3180/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://172.31.255.254/",
            "https://192.168.1.1/",
            "http://gate.exemple.fr:3180/proxy.pac",
            "http://GATE.exemple.fr./",
            "http://intranet.exemple.fr/",
            "http://rh.intranet.exemple.fr/",
        ];
        for (url, way) in urls.iter().zip(ways(&sample(), &urls)) {
            assert_eq!(way, "DIRECT", "{url}");
        }
    }

    #[test]
    fn every_address_gets_an_answer() {
        let urls = ["http://a.example/", "http://b/"];
        assert_eq!(ways(&sample(), &urls).len(), urls.len());
    }
}

//! The real curl, through a gate.
use crate::gate::Gate;
use crate::message::Head;
use serde::Deserialize;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;

/// A curl command in the making.
#[derive(Clone)]
pub struct Curl {
    args: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What curl brought back.
#[derive(Debug, Clone)]
pub struct Brought {
    /// curl's own exit code: 0 when the transfer was complete.
    pub exit: i32,
    /// The status of the last answer, 0 without one.
    pub status: u16,
    /// The status of the proxy's answer to CONNECT, 0 without one.
    pub connect_status: u16,
    /// How many connections were opened for all transfers.
    pub connections: u32,
    /// All heads, in order: interim answers and the proxy's answer to CONNECT among them.
    pub heads: Vec<Head>,
    /// The body.
    pub body: Vec<u8>,
    /// What curl complained of.
    pub complaint: String,
}

#[derive(Deserialize)]
struct Summary {
    http_code: u16,
    http_connect: u16,
    num_connects: u32,
}

impl Curl {
    /// Through that gate.
    pub fn through(gate: &Gate) -> Curl {
        Curl::by(gate.proxy())
    }

    /// Through the proxy at that address.
    pub fn by(proxy: SocketAddr) -> Curl {
        Curl::direct().args(["--proxy", &format!("http://{proxy}"), "--noproxy", ""])
    }

    /// Through that gate, by TLS.
    pub fn through_tls(gate: &Gate) -> Curl {
        let authority = gate.path("ca.pem").display().to_string();
        let proxy = format!("https://{}", gate.secure());
        Curl::direct().args(["--proxy", &proxy, "--proxy-cacert", &authority, "--noproxy", ""])
    }

    /// Without a proxy.
    pub fn direct() -> Curl {
        // -q first: the tester's own ~/.curlrc stays out.
        let args = ["-q", "--silent", "--show-error", "--max-time", "30"].map(str::to_owned).into();
        Curl { args, environment: Vec::new() }
    }

    /// Further arguments, as curl takes them.
    pub fn args<const N: usize>(mut self, args: [&str; N]) -> Curl {
        self.args.extend(args.map(str::to_owned));
        self
    }

    /// A field of the request.
    pub fn field(self, name: &str, value: &str) -> Curl {
        self.args(["--header", &format!("{name}: {value}")])
    }

    /// With that account, by Basic, towards the proxy.
    pub fn as_user(self, name: &str, password: &str) -> Curl {
        self.args(["--proxy-basic", "--proxy-user", &format!("{name}:{password}")])
    }

    /// By a ticket, towards the proxy; the environment says whose, as [`crate::services::Kdc::environment`] does.
    pub fn with_ticket<const N: usize>(mut self, environment: [(&str, String); N]) -> Curl {
        self.environment.extend(environment.map(|(name, value)| (name.to_owned(), value)));
        self.args(["--proxy-negotiate", "--proxy-user", ":"])
    }

    /// Gets a URL.
    ///
    /// # Panics
    /// When curl can't be started.
    pub fn get(&self, url: &str) -> Brought {
        self.run(&[url])
    }

    /// Gets several URLs one after the other, on one connection if the proxy keeps it. The bodies are joined; status and
    /// connections are the last transfer's and all transfers'.
    pub fn get_all(&self, urls: &[&str]) -> Brought {
        self.run(urls)
    }

    fn run(&self, urls: &[&str]) -> Brought {
        let folder = TempDir::with_prefix("octroi-curl-").expect("the temporary folder is writable");
        let heads = folder.path().join("heads");
        let mut command = Command::new("curl");
        command
            .args(&self.args)
            .arg("--dump-header")
            .arg(&heads)
            .args(["--write-out", "%{stderr}\n%{json}"])
            .env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.args(urls).output().expect("curl is installed: tests/run sees to it");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let summaries: Vec<Summary> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let complaint = told.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
        Brought {
            exit: output.status.code().unwrap_or(-1),
            status: summaries.last().map_or(0, |summary| summary.http_code),
            connect_status: summaries.last().map_or(0, |summary| summary.http_connect),
            connections: summaries.iter().map(|summary| summary.num_connects).sum(),
            heads: split(&fs::read_to_string(&heads).unwrap_or_default()),
            body: output.stdout,
            complaint: complaint.trim().to_owned(),
        }
    }
}

impl Brought {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of the last head.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.heads.last().and_then(|head| head.field(name))
    }
}

fn split(heads: &str) -> Vec<Head> {
    heads.split("\r\n\r\n").filter(|text| !text.is_empty()).map(|text| Head::parse(text.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Framing;
    use crate::{Answer, Authority, Origin};

    #[test]
    fn curl_brings_back_status_fields_and_body() {
        let origin = Origin::http(|seen| Answer::with("404 Not Found", &[("X-Path", seen.target())], "gone"));
        let brought = Curl::direct().get(&origin.url("127.0.0.1", "/a?b"));
        assert_eq!((brought.exit, brought.status, brought.text().as_str()), (0, 404, "gone"));
        assert_eq!(brought.field("x-path"), Some("/a?b"));
    }

    #[test]
    fn one_connection_serves_many_requests() {
        let origin = Origin::http(|_| Answer::chunked("hello", 2));
        let url = origin.url("127.0.0.1", "/");
        let brought = Curl::direct().get_all(&[&url, &url, &url]);
        assert_eq!((brought.text().as_str(), brought.connections), ("hellohellohello", 1));
        assert_eq!((origin.seen().len(), origin.connections()), (3, 1));
    }

    #[test]
    fn an_origin_sees_what_was_posted() {
        let origin = Origin::http(|seen| Answer::ok(&seen.body));
        let posted = Curl::direct().args(["--data", "a=1"]).get(&origin.url("127.0.0.1", "/"));
        let chunked = Curl::direct().args(["--data", "a=2"]).field("Transfer-Encoding", "chunked");
        assert_eq!((posted.text(), chunked.get(&origin.url("127.0.0.1", "/")).text()), ("a=1".into(), "a=2".into()));
        let seen = origin.seen();
        assert_eq!((seen[0].framing, seen[1].framing), (Framing::Length(3), Framing::Chunked));
    }

    #[test]
    fn a_cut_answer_is_a_failed_transfer() {
        let origin = Origin::http(|_| Answer::cut(1_000_000, 10));
        let brought = Curl::direct().get(&origin.url("127.0.0.1", "/"));
        assert_eq!((brought.exit, brought.body.len()), (18, 10), "18: partial file");
    }

    #[test]
    fn tls_origins_are_trusted_by_their_authority_alone() {
        let authority = Authority::new();
        let origin = Origin::https(&authority, &["secure.test"], |_| Answer::ok("hidden"));
        let folder = TempDir::new().expect("the temporary folder is writable");
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, authority.pem()).expect("the temporary folder is writable");
        let resolve = format!("secure.test:{}:127.0.0.1", origin.port());
        let curl = Curl::direct().args(["--resolve", &resolve]);
        let url = origin.url_tls("secure.test", "/");
        assert_eq!(curl.clone().args(["--cacert", &ca.display().to_string()]).get(&url).text(), "hidden");
        assert_eq!(curl.get(&url).exit, 60, "60: the certificate is not trusted");
    }
}

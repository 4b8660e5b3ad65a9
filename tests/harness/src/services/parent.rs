//! Proxies that stand behind the gate: Debian's `squid-openssl` and `microsocks`.
use super::Process;
use crate::{Authority, LIMIT, ports, wait};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The name and the password that both accept when they ask for one.
pub const USER: &str = "octroi";
/// The password; it needs escaping in an address.
pub const PASSWORD: &str = "p@ss:mot";
/// [`PASSWORD`] as an address holds it.
pub const ESCAPED: &str = "p%40ss%3Amot";

/// Squid, an HTTP proxy.
pub struct Squid {
    folder: TempDir,
    port: u16,
    process: Process,
}

/// How Squid is to be set up.
#[derive(Default)]
pub struct SquidSetup<'a> {
    /// It asks for a name and a password.
    pub asks: bool,
    /// TLS leads to it, with a certificate of this authority for 127.0.0.1.
    pub tls: Option<&'a Authority>,
    /// Names it finds, and where.
    pub hosts: &'a [(&'a str, &'a str)],
}

impl Squid {
    /// Starts one on 127.0.0.1. It lets clients go anywhere but to `refused.test`.
    ///
    /// # Panics
    /// When squid-openssl is not installed or does not start.
    pub fn start(setup: &SquidSetup<'_>) -> Squid {
        let folder = TempDir::with_prefix("octroi-squid-").expect("the temporary folder is writable");
        let port = ports::free();
        // Started by root it becomes somebody else, who must be able to write here.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("the folder is ours");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let write = |name: &str, text: &str| fs::write(path(name), text).expect("the folder is writable");
        let mut config = String::new();
        // Writing to a String cannot fail.
        let _ = match setup.tls {
            Some(authority) => {
                let (certificate, key) = authority.files(&["127.0.0.1"]);
                write("server.pem", &format!("{certificate}{key}"));
                writeln!(config, "https_port 127.0.0.1:{port} tls-cert={}", path("server.pem"))
            }
            None => writeln!(config, "http_port 127.0.0.1:{port}"),
        };
        let hosts: String = setup.hosts.iter().map(|(name, address)| format!("{address} {name}\n")).collect();
        write("hosts", &hosts);
        if setup.asks {
            // The helper reads what `openssl passwd -apr1` writes.
            let hashed =
                Command::new("openssl").args(["passwd", "-apr1", PASSWORD]).output().expect("openssl is there");
            write("users", &format!("{USER}:{}", String::from_utf8_lossy(&hashed.stdout)));
            let _ = write!(
                config,
                "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\nacl known proxy_auth REQUIRED\n\
                 http_access deny !known\n",
                path("users")
            );
        }
        let _ = write!(
            config,
            "acl refused dstdomain refused.test\nhttp_access deny refused\nhttp_access allow all\n\
             visible_hostname parent.test\npinger_enable off\ncache deny all\nhosts_file {hosts}\n\
             cache_log {cache_log}\npid_filename none\nshutdown_lifetime 0 seconds\n\
             connect_timeout 5 seconds\nnetdb_filename none\ncoredump_dir {folder}\n\
             logformat seen %rm %ru %>Hs\naccess_log stdio:{seen} seen\n",
            hosts = path("hosts"),
            cache_log = path("cache.log"),
            seen = path("seen"),
            folder = folder.path().display(),
        );
        write("squid.conf", &config);
        // Without a name of its own it would share memory with every other.
        let name = format!("octroi{port}");
        let mut command = Command::new("squid");
        command.args(["-N", "-n", &name, "-f", &path("squid.conf")]).stderr(Stdio::null());
        let process = Process::listening(&mut command, port);
        Squid { folder, port, process }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it was asked for and answered, a line each: `GET http://…/ 200`, `CONNECT name:443 200`.
    pub fn seen(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("seen")).unwrap_or_default();
        // Those who looked whether it listens said nothing.
        text.lines().filter(|line| !line.contains("error:")).map(str::to_owned).collect()
    }

    /// Waits until it has noted so many.
    ///
    /// # Panics
    /// When there are fewer after [`LIMIT`].
    pub fn seen_of(&self, count: usize) -> Vec<String> {
        wait::until(&format!("{count} requests in Squid's log"), LIMIT, || {
            let seen = self.seen();
            (seen.len() >= count).then_some(seen)
        })
    }
}

/// Killed, it would leave its shared memory behind.
impl Drop for Squid {
    fn drop(&mut self) {
        self.process.terminate();
    }
}

/// microsocks, a SOCKS 5 proxy.
pub struct Socks {
    port: u16,
    _process: Process,
}

impl Socks {
    /// Starts one on 127.0.0.1, which asks for [`USER`] and [`PASSWORD`] or not.
    ///
    /// # Panics
    /// When microsocks is not installed or does not start.
    pub fn start(asks: bool) -> Socks {
        let port = ports::free();
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
        if asks {
            command.args(["-u", USER, "-P", PASSWORD]);
        }
        command.stderr(Stdio::null());
        Socks { port, _process: Process::listening(&mut command, port) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

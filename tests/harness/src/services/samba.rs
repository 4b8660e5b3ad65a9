//! An Active Directory domain: Debian's Samba as a domain controller, with accounts, nested groups and keys of its own.
//!
//! Its ports (88, 389, 636) cannot be chosen, so each test has an address of the loopback network to itself
//! ([`ports::address`]), and needs to be root. The domain is made once for all tests of a machine, and each test runs a copy.
use super::Process;
use crate::{Authority, LIMIT, ports, wait};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The password of every account: `a.martin`, `p.dupont`, `équipe.été`, `ancien` (disabled), `interim` (expired), `PC01$`
/// (a machine), `svc-octroi` (reads the directory), `svc-proxy` (the service).
pub const PASSWORD: &str = "Cheval-Correct-4-Agrafe";
/// The realm of Kerberos.
pub const REALM: &str = "AD.PME.TEST";
/// The directory's root.
pub const BASE: &str = "DC=ad,DC=pme,DC=test";
/// The domain controller's name.
pub const CONTROLLER: &str = "dc1.ad.pme.test";
/// The name under which the gate is reached; it has the key of `HTTP/` and this name.
pub const PROXY: &str = "proxy.ad.pme.test";

/// What fills a domain.
const FILLING: &str = include_str!("domain.py");

/// A domain controller on an address of its own.
pub struct Samba {
    folder: TempDir,
    address: Ipv4Addr,
    process: Option<Process>,
}

impl Samba {
    /// Starts one. LDAPS shows a certificate of this authority, for [`CONTROLLER`] and for its address.
    ///
    /// # Panics
    /// When Samba is not installed or does not start, or this is not root.
    pub fn start(authority: &Authority) -> Samba {
        assert!(rustix::process::geteuid().is_root(), "a domain controller has ports of root's: run this test as root");
        let folder = TempDir::with_prefix("octroi-samba-").expect("the temporary folder is writable");
        let address = ports::address();
        run(Command::new("cp").arg("-a").arg(domain()).arg(folder.path().join("dc")));
        let mut samba = Samba { folder, address, process: None };
        let (certificate, key) = authority.files(&[CONTROLLER, &address.to_string()]);
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("server.pem", certificate),
            ("server.key", key),
            ("hosts", format!("127.0.0.1 localhost\n127.0.0.1 {PROXY}\n{address} {CONTROLLER} dc1\n")),
            ("krb5.conf", kerberos(address)),
            ("smb.conf", settings(&samba.path("dc"))),
        ] {
            fs::write(samba.path(name), text).expect("the folder is writable");
            let mode = if name.ends_with(".key") { 0o600 } else { 0o644 };
            fs::set_permissions(samba.path(name), Permissions::from_mode(mode)).expect("the file is ours");
        }
        samba.resume();
        samba
    }

    /// Its address: `ldaps://` and `ldap://` there lead to the directory.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The AES keys of `HTTP/proxy.ad.pme.test` and `HTTP/gate.localhost`.
    pub fn keytab(&self) -> PathBuf {
        self.path("dc/http.keytab")
    }

    /// The configuration of Kerberos that leads to it.
    pub fn krb5_conf(&self) -> PathBuf {
        self.path("krb5.conf")
    }

    /// A program on a machine of the domain: it finds [`CONTROLLER`] at its address and [`PROXY`] on 127.0.0.1, and its Kerberos
    /// leads here. All clients have one cache of tickets, which [`Samba::log_in`] fills. In a mount namespace; the network is
    /// everybody's.
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("unshare");
        let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(self.path("hosts")).arg(program);
        command.env("KRB5_CONFIG", self.krb5_conf()).env("KRB5CCNAME", self.path("tickets"));
        command
    }

    /// What has a program of this machine use those tickets; the gate then goes by `gate.localhost`.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let path = |name: &str| self.path(name).display().to_string();
        [("KRB5_CONFIG", path("krb5.conf")), ("KRB5CCNAME", path("tickets"))]
    }

    /// Gets a ticket for an account, as opening a session does.
    ///
    /// # Panics
    /// When the domain gives none.
    pub fn log_in(&self, account: &str) {
        let mut kinit = self.client("kinit");
        let mut kinit =
            kinit.arg(account).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("unshare is there");
        let mut stdin = kinit.stdin.take().expect("it is piped");
        writeln!(stdin, "{PASSWORD}").expect("kinit reads");
        drop(stdin);
        assert!(kinit.wait().expect("kinit ends").success(), "no ticket for {account}");
    }

    /// `samba-tool ARGS` on the domain's files: `["group", "addmembers", "Ventes", "p.dupont"]`.
    ///
    /// # Panics
    /// When it fails.
    pub fn tool(&self, args: &[&str]) -> Output {
        run(Command::new("samba-tool").args(args).arg("-s").arg(self.path("smb.conf")))
    }

    /// Stops it, as a machine that is switched off.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let mut command = Command::new("samba");
        command.args(["--foreground", "--no-process-group", "--model=single", "--debug-stdout", "-s"]);
        command.arg(self.path("smb.conf"));
        // Its network of eight bits: the one address is in that of the loopback interface.
        for option in [
            format!("interfaces={}/8", self.address),
            "bind interfaces only=yes".to_owned(),
            "server services=rpc ldap cldap kdc".to_owned(),
            format!("tls certfile={}", self.path("server.pem").display()),
            format!("tls keyfile={}", self.path("server.key").display()),
            format!("tls cafile={}", self.path("ca.pem").display()),
        ] {
            command.arg(format!("--option={option}"));
        }
        let log = File::create(self.path("log")).expect("the folder is writable");
        command.stdout(log.try_clone().expect("a file is shared")).stderr(log);
        let at = |port| SocketAddr::from((self.address, port));
        self.process = Some(Process::listening_at(&mut command, at(636)));
        wait::until("the domain's Kerberos", LIMIT, || TcpStream::connect(at(88)).ok());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The folder of a domain that is made and filled, once for all tests; made anew when what fills it or Samba has changed.
fn domain() -> PathBuf {
    let version = run(Command::new("samba").arg("--version")).stdout;
    let digest = Sha256::new().chain_update(FILLING).chain_update(version).finalize();
    let folder = std::env::temp_dir().join("octroi-test-domain");
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("the folder is ours");
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let whole = folder.join(&name);
    let lock = File::create(folder.join("lock")).expect("the folder is writable");
    lock.lock().expect("a file can be locked");
    if whole.exists() {
        return whole;
    }
    let draft = folder.join(name + ".draft");
    // Of one that was interrupted.
    let _ = fs::remove_dir_all(&draft);
    let mut provision = Command::new("samba-tool");
    provision.args([
        "domain",
        "provision",
        "--server-role=dc",
        "--dns-backend=NONE",
        "--domain=PME",
        "--host-name=dc1",
    ]);
    provision.args(["--host-ip=127.0.0.1", &format!("--realm={REALM}"), &format!("--adminpass={PASSWORD}")]);
    provision.args(["--option=interfaces=lo", "--option=bind interfaces only=yes"]);
    run(provision.arg(format!("--targetdir={}", draft.display())));
    let (conf, script) = (draft.join("smb.conf"), draft.join("domain.py"));
    fs::write(&conf, settings(&draft)).expect("the folder is writable");
    fs::write(&script, FILLING).expect("the folder is writable");
    // The system's own: another on the path does not know its packages.
    run(Command::new("/usr/bin/python3").arg(script).arg(conf).arg(PASSWORD).arg(draft.join("http.keytab")));
    fs::rename(&draft, &whole).expect("the folder is ours");
    whole
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|why| panic!("{:?}: {why}; tests/run installs it", command.get_program()));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{told}", output.status);
    output
}

/// The `smb.conf` of a domain in that folder.
fn settings(dc: &Path) -> String {
    let dc = dc.display();
    format!(
        "[global]\nserver role = active directory domain controller\nworkgroup = PME\nrealm = {REALM}\nnetbios name = DC1\n\
         private dir = {dc}/private\nlock directory = {dc}\nstate directory = {dc}/state\ncache directory = {dc}/cache\n\
         binddns dir = {dc}/bind-dns\npid directory = {dc}\nncalrpc dir = {dc}/ncalrpc\n"
    )
}

/// The `krb5.conf` of its machines.
fn kerberos(address: Ipv4Addr) -> String {
    format!(
        "[libdefaults]\ndefault_realm = {REALM}\nrdns = false\ndns_canonicalize_hostname = false\ndns_lookup_kdc = false\n\
         dns_lookup_realm = false\nudp_preference_limit = 1\n[realms]\n{REALM} = {{\n    kdc = {address}:88\n}}\n\
         [domain_realm]\n.ad.pme.test = {REALM}\nad.pme.test = {REALM}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_gives_tickets_and_answers_over_tls() {
        let authority = Authority::new();
        let mut samba = Samba::start(&authority);
        for account in ["a.martin", "équipe.été"] {
            samba.log_in(account);
        }
        let ticket = run(samba.client("kvno").arg(format!("HTTP/{PROXY}")));
        assert!(String::from_utf8_lossy(&ticket.stdout).contains(REALM));
        let mut search = samba.client("ldapsearch");
        search.args(["-x", "-H", &format!("ldaps://{CONTROLLER}"), "-D", "svc-octroi@ad.pme.test", "-w", PASSWORD]);
        search.args(["-b", BASE, "-LLL", "(sAMAccountName=a.martin)", "memberOf"]);
        let found = run(search.env("LDAPTLS_CACERT", samba.path("ca.pem")));
        assert!(String::from_utf8_lossy(&found.stdout).contains("CN=Ventes,"));
        samba.stop();
        samba.tool(&["group", "addmembers", "Direction", "a.martin"]);
        samba.resume();
    }
}

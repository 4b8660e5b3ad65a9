//! A realm of MIT Kerberos (`krb5-kdc`, `krb5-user`): tickets, keytabs, and clocks that are wrong.
use super::Process;
use crate::ports;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The realm.
pub const REALM: &str = "PME.TEST";
/// The password of every account.
pub const PASSWORD: &str = "Cheval-Correct-4-Agrafe";

/// A realm with its key distribution centre, for one test.
pub struct Kdc {
    folder: TempDir,
    _process: Process,
}

impl Kdc {
    /// Starts one on 127.0.0.1.
    ///
    /// # Panics
    /// When krb5-kdc, krb5-admin-server or krb5-user is not installed, or does not start.
    pub fn start() -> Kdc {
        let folder = TempDir::with_prefix("octroi-kdc-").expect("the temporary folder is writable");
        let port = ports::free();
        let at = folder.path().display();
        let krb5 = format!(
            "[libdefaults]\ndefault_realm = {REALM}\nrdns = false\ndns_canonicalize_hostname = false\n\
             dns_lookup_kdc = false\nudp_preference_limit = 1\nallow_rc4 = true\n\
             [realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n[domain_realm]\n.localhost = {REALM}\n.pme.test = {REALM}\n"
        );
        // Two weeks of tickets, so that a clock can be set forward within them.
        let kdc = format!(
            "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n{REALM} = {{\n\
             database_name = {at}/principal\nkey_stash_file = {at}/stash\nmax_life = 14d\n\
             supported_enctypes = aes256-cts:normal aes128-cts:normal rc4-hmac:normal\n}}\n\
             [logging]\nkdc = FILE:{at}/kdc.log\n"
        );
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder is writable");
        write("krb5.conf", &krb5);
        write("kdc.conf", &kdc);
        let create = ["create", "-s", "-r", REALM, "-P", "master"];
        let created = administering("kdb5_util", &folder).args(create).output();
        let created = created.unwrap_or_else(|why| panic!("kdb5_util: {why}; tests/run installs it"));
        assert!(created.status.success(), "{created:?}");
        let mut command = administering("krb5kdc", &folder);
        command.args(["-n", "-r", REALM]).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::listening(&mut command, port);
        Kdc { folder, _process: process }
    }

    /// Runs a command of `kadmin.local`.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn admin(&self, query: &str) {
        let done = administering("kadmin.local", &self.folder).args(["-r", REALM, "-q", query]).output();
        let done = done.unwrap_or_else(|why| panic!("kadmin.local: {why}; tests/run installs it"));
        // It succeeds whatever comes of a query.
        let said = String::from_utf8_lossy(&done.stderr);
        let failed = said.lines().any(|line| line.contains("while ") || line.contains("usage"));
        assert!(done.status.success() && !failed, "{query}: {said}");
    }

    /// An account, with [`PASSWORD`].
    pub fn person(&self, name: &str) {
        self.admin(&format!("addprinc -pw {PASSWORD} {name}"));
    }

    /// A service, and a keytab with its keys; asked again, it gets new keys beside the old ones.
    pub fn keytab(&self, service: &str) -> PathBuf {
        if administering("kadmin.local", &self.folder)
            .args(["-r", REALM, "-q", &format!("getprinc {service}")])
            .output()
            .is_ok_and(|known| !String::from_utf8_lossy(&known.stdout).contains("Principal:"))
        {
            self.admin(&format!("addprinc -randkey {service}"));
        }
        let keytab = self.folder.path().join("http.keytab");
        self.admin(&format!("ktadd -e aes256-cts:normal -k {} {service}", keytab.display()));
        keytab
    }

    /// A file of the realm's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a client of the realm needs in its environment: where the realm is, and which tickets are its own.
    pub fn environment(&self, tickets: &str) -> [(&'static str, String); 2] {
        let at = self.folder.path().display();
        [("KRB5_CONFIG", format!("{at}/krb5.conf")), ("KRB5CCNAME", format!("FILE:{at}/{tickets}"))]
    }

    /// Logs somebody in, with further words for `kinit`; returns the name of their tickets.
    ///
    /// # Panics
    /// When the realm lets them not.
    pub fn login(&self, name: &str, words: &[&str]) -> String {
        let tickets = format!("tickets-{}", name.replace(['/', '$'], "-"));
        let mut command = Command::new("kinit");
        command.args(words).arg(name).envs(self.environment(&tickets)).stdin(Stdio::piped());
        let done = piped(command, PASSWORD);
        assert!(done.status.success(), "{done:?}");
        tickets
    }

    /// The tokens by which whoever has these tickets proves to `service` (`HTTP@gate.localhost`) who they are, in base64, of
    /// a kind that `negotiate.py` names.
    ///
    /// # Panics
    /// When there is no ticket for it.
    pub fn tokens(&self, tickets: &str, service: &str, kind: &str) -> Vec<String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/services/negotiate.py");
        let made =
            Command::new("/usr/bin/python3").args([script, service, kind]).envs(self.environment(tickets)).output();
        let made = made.expect("python3-gssapi is installed: tests/run sees to it");
        assert!(made.status.success(), "{made:?}");
        String::from_utf8_lossy(&made.stdout).lines().map(str::to_owned).collect()
    }

    /// The token that a browser sends first.
    ///
    /// # Panics
    /// As [`Kdc::tokens`].
    pub fn token(&self, tickets: &str, service: &str) -> String {
        self.tokens(tickets, service, "negotiate").swap_remove(0)
    }
}

fn piped(mut command: Command, input: &str) -> Output {
    use std::io::Write;
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{:?}: {why}; tests/run installs it", command.get_program()));
    let mut stdin = child.stdin.take().expect("it is piped");
    // What reads no further has ended, and says why.
    let _ = writeln!(stdin, "{input}");
    drop(stdin);
    child.wait_with_output().expect("the command ends")
}

/// A program of those who run the realm.
fn administering(program: &str, folder: &TempDir) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command
        .env("PATH", format!("{path}:/usr/sbin"))
        .env("KRB5_CONFIG", folder.path().join("krb5.conf"))
        .env("KRB5_KDC_PROFILE", folder.path().join("kdc.conf"))
        .stdin(Stdio::null());
    command
}

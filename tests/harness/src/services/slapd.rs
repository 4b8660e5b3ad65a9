//! OpenLDAP (Debian's `slapd`), with StartTLS and LDAPS, on ports of its own.
use super::Process;
use crate::{Authority, ports};
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The password of every entry that [`Slapd::load`] is given; slapd compares what is in the clear too.
pub const PASSWORD: &str = "Cheval-Correct-4-Agrafe";
/// The directory's root.
pub const BASE: &str = "dc=pme,dc=test";
/// Who may read it all, under [`PASSWORD`].
pub const READER: &str = "cn=octroi,dc=pme,dc=test";
/// Who may change it, under [`PASSWORD`].
const ADMINISTRATOR: &str = "cn=admin,dc=pme,dc=test";

/// An OpenLDAP server: `a.martin`, `p.dupont` and `équipe.été` under `ou=personnes`, the groups `Ventes` (a.martin), `Commerce`
/// (the group Ventes) and `Direction` (p.dupont) under `ou=groupes`.
pub struct Slapd {
    folder: TempDir,
    ldap: u16,
    ldaps: u16,
    process: Option<Process>,
}

impl Slapd {
    /// Starts one on 127.0.0.1; its certificate is of this authority, for these names. It lets nobody bind or search in the clear.
    ///
    /// # Panics
    /// When slapd is not installed or does not start.
    pub fn start(authority: &Authority, names: &[&str]) -> Slapd {
        let folder = TempDir::with_prefix("octroi-slapd-").expect("the temporary folder is writable");
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(path("db")).expect("the folder is writable");
        let (certificate, key) = authority.files(names);
        let conf = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\n\
             modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\n\
             pidfile {pid}\nTLSCACertificateFile {ca}\nTLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n\
             security ssf=128\nsizelimit 500\n\
             database mdb\nmaxsize 268435456\nsuffix {BASE}\nrootdn {ADMINISTRATOR}\nrootpw {PASSWORD}\ndirectory {db}\n\
             dbnosync\nlimits dn.exact={READER} size.soft=500 size.hard=500 size.pr=500 size.prtotal=unlimited\nindex objectClass,uid,member eq\noverlay memberof\n\
             access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact={READER} read by self read by * none\n",
            pid = path("pid"),
            ca = path("ca.pem"),
            certificate = path("server.pem"),
            key = path("server.key"),
            db = path("db"),
        );
        for (name, text) in [
            ("ca.pem", authority.pem().as_str()),
            ("server.pem", &certificate),
            ("server.key", &key),
            ("slapd.conf", &conf),
            ("first.ldif", &first()),
        ] {
            fs::write(path(name), text).expect("the folder is writable");
        }
        fill(Command::new("/usr/sbin/slapadd").args(["-q", "-f", &path("slapd.conf"), "-l", &path("first.ldif")]));
        let mut slapd = Slapd { folder, ldap: ports::free(), ldaps: ports::free(), process: None };
        slapd.resume();
        slapd
    }

    /// The port of StartTLS.
    pub fn ldap(&self) -> u16 {
        self.ldap
    }

    /// The port of LDAPS.
    pub fn ldaps(&self) -> u16 {
        self.ldaps
    }

    /// Adds entries to one that is stopped: LDIF. `memberOf` is kept for what is added to one that runs alone, so that this
    /// is a directory without it.
    ///
    /// # Panics
    /// When they are none, or it runs.
    pub fn load(&self, ldif: &str) {
        assert!(self.process.is_none(), "entries are loaded into a server that is stopped");
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        fs::write(path("more.ldif"), ldif).expect("the folder is writable");
        fill(Command::new("/usr/sbin/slapadd").args(["-q", "-f", &path("slapd.conf"), "-l", &path("more.ldif")]));
    }

    /// Changes entries: LDIF with `changetype`, or entries to add.
    ///
    /// # Panics
    /// When it refuses.
    pub fn change(&self, ldif: &str) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        fs::write(path("change.ldif"), ldif).expect("the folder is writable");
        let url = format!("ldaps://127.0.0.1:{}", self.ldaps);
        let mut command = Command::new("ldapmodify");
        command.args(["-a", "-x", "-H", &url, "-D", ADMINISTRATOR, "-w", PASSWORD, "-f", &path("change.ldif")]);
        // The certificate is the gate's business here.
        fill(command.env("LDAPTLS_REQCERT", "never"));
    }

    /// Kills it.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same ports.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let mut command = Command::new("/usr/sbin/slapd");
        command.arg("-f").arg(self.folder.path().join("slapd.conf"));
        command.args(["-h", &format!("ldap://127.0.0.1:{}/ ldaps://127.0.0.1:{}/", self.ldap, self.ldaps), "-d", "0"]);
        command.stderr(Stdio::null());
        self.process = Some(Process::listening(&mut command, self.ldaps));
    }
}

fn fill(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|why| panic!("{:?}: {why}; tests/run installs it", command.get_program()));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{told}", output.status);
    output
}

/// What is in it from the beginning.
fn first() -> String {
    let mut ldif = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: PME\ndc: pme\n\n\
         dn: ou=personnes,{BASE}\nobjectClass: organizationalUnit\nou: personnes\n\n\
         dn: ou=groupes,{BASE}\nobjectClass: organizationalUnit\nou: groupes\n\n\
         dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: octroi\nuserPassword: {PASSWORD}\n\n"
    );
    for uid in ["a.martin", "p.dupont", "équipe.été"] {
        // Writing to a String cannot fail.
        let _ = write!(
            ldif,
            "dn: uid={uid},ou=personnes,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
             userPassword: {PASSWORD}\n\n"
        );
    }
    let person = |uid: &str| format!("uid={uid},ou=personnes,{BASE}");
    for (group, member) in [
        ("Ventes", person("a.martin")),
        ("Commerce", format!("cn=Ventes,ou=groupes,{BASE}")),
        ("Direction", person("p.dupont")),
    ] {
        let _ = write!(
            ldif,
            "dn: cn={group},ou=groupes,{BASE}\nobjectClass: groupOfNames\ncn: {group}\nmember: {member}\n\n"
        );
    }
    ldif
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_answers_over_tls_and_not_without() {
        let authority = Authority::new();
        let slapd = Slapd::start(&authority, &["127.0.0.1"]);
        let search = |args: &[&str]| {
            let mut search = Command::new("ldapsearch");
            search
                .args(["-x", "-D", READER, "-w", PASSWORD, "-b", BASE, "-LLL", "(uid=a.martin)", "memberOf"])
                .args(args);
            let output = search.env("LDAPTLS_CACERT", slapd.folder.path().join("ca.pem")).output().expect("ldap-utils");
            String::from_utf8_lossy(&output.stdout).contains("uid=a.martin")
        };
        let (clear, secure) =
            (format!("ldap://127.0.0.1:{}", slapd.ldap()), format!("ldaps://127.0.0.1:{}", slapd.ldaps()));
        assert!(search(&["-H", &secure]) && search(&["-ZZ", "-H", &clear]) && !search(&["-H", &clear]));
        slapd.change(&format!(
            "dn: uid=neuf,ou=personnes,{BASE}\nobjectClass: inetOrgPerson\nuid: neuf\ncn: neuf\nsn: neuf\n"
        ));
    }
}

//! rsyslog, which reads what a gate forwards and writes down how it understood it.
use super::Process;
use crate::{Authority, LIMIT, ports, wait};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A receiver of syslog messages over TCP, with TLS or without.
pub struct Syslog {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// A message, as rsyslog took it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Facility and severity.
    pub priority: u8,
    /// The time it names.
    pub time: String,
    /// Who says it.
    pub host: String,
    /// The program.
    pub program: String,
    /// What kind of message it is.
    pub kind: String,
    /// Structured data.
    pub data: String,
    /// The text.
    pub text: String,
}

impl Syslog {
    /// Starts one on 127.0.0.1; with TLS under that name when there is an authority.
    ///
    /// # Panics
    /// When rsyslog is not installed or does not start.
    pub fn start(authority: Option<&Authority>) -> Syslog {
        let folder = tempfile::tempdir().expect("a folder");
        let port = ports::free();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (driver, mode) = match authority {
            None => (String::new(), String::new()),
            Some(authority) => {
                let (certificate, key) = authority.files(&["127.0.0.1"]);
                for (name, text) in [("ca.pem", authority.pem()), ("server.pem", certificate), ("server.key", key)] {
                    fs::write(path(name), text).expect("the folder is writable");
                }
                (
                    format!(
                        "defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{}\"\n\
                         defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
                        path("ca.pem"),
                        path("server.pem"),
                        path("server.key")
                    ),
                    "streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\"".to_owned(),
                )
            }
        };
        // A field in each line of a paragraph: none of them holds a line end, which rsyslog writes as #012.
        let conf = format!(
            "global(workDirectory=\"{}\" {driver})\n\
             module(load=\"imtcp\" {mode})\n\
             template(name=\"fields\" type=\"string\" string=\"%pri%\\n%timereported:::date-rfc3339%\\n%hostname%\\n\
             %app-name%\\n%msgid%\\n%structured-data%\\n%msg%\\n\\n\")\n\
             ruleset(name=\"keep\") {{ action(type=\"omfile\" file=\"{}\" template=\"fields\") }}\n\
             input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\" ruleset=\"keep\")\n",
            folder.path().display(),
            path("taken"),
        );
        fs::write(path("rsyslog.conf"), conf).expect("the folder is writable");
        let mut syslog = Syslog { folder, port, process: None };
        syslog.resume();
        syslog
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.arg("-n").arg("-f").arg(path("rsyslog.conf")).arg("-i").arg(path("pid"));
        self.process = Some(Process::listening(&mut command, self.port));
    }

    /// What it has taken so far, in this order.
    ///
    /// # Panics
    /// When it wrote something that is no message.
    pub fn taken(&self) -> Vec<Taken> {
        let file: PathBuf = self.folder.path().join("taken");
        let text = fs::read_to_string(file).unwrap_or_default();
        // The last paragraph may not be whole yet.
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        whole.split_terminator("\n\n").map(message).collect()
    }

    /// Waits until it has taken as many.
    ///
    /// # Panics
    /// When it does not within the limit.
    pub fn until(&self, count: usize) -> Vec<Taken> {
        wait::until(&format!("{count} messages"), LIMIT, || Some(self.taken()).filter(|all| all.len() >= count))
    }
}

fn message(paragraph: &str) -> Taken {
    let fields: Vec<&str> = paragraph.splitn(7, '\n').collect();
    let [priority, time, host, program, kind, data, text] = fields[..] else { panic!("no message: {paragraph}") };
    Taken {
        priority: priority.parse().expect("a number"),
        time: time.to_owned(),
        host: host.to_owned(),
        program: program.to_owned(),
        kind: kind.to_owned(),
        data: data.to_owned(),
        text: text.to_owned(),
    }
}

//! A mail server (Debian's `python3-aiosmtpd`), which takes letters and writes down what a reader of mail makes of them.
use super::Process;
use crate::{Authority, LIMIT, ports, wait};
use serde::Deserialize;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Without TLS.
    Plain,
    /// TLS is offered, and required.
    StartTls,
    /// TLS from the first byte.
    Smtps,
}

/// A mail server.
pub struct Smtp {
    folder: TempDir,
    port: u16,
    _process: Process,
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Letter {
    /// Who sent it, on the envelope.
    pub from: String,
    /// To whom, on the envelope.
    pub to: Vec<String>,
    /// Whether it came encrypted.
    pub encrypted: bool,
    /// Its subject.
    pub subject: String,
    /// Its header `Auto-Submitted`.
    pub automatic: String,
    /// Its text.
    pub text: String,
}

impl Smtp {
    /// Starts one on 127.0.0.1, whose certificate is for these names.
    ///
    /// # Panics
    /// When aiosmtpd is not installed or does not start.
    pub fn start(mode: Mode, authority: &Authority, names: &[&str]) -> Smtp {
        let folder = tempfile::tempdir().expect("a folder");
        let port = ports::free();
        let path = |name: &str| folder.path().join(name);
        let (certificate, key) = authority.files(names);
        for (name, text) in
            [("server.pem", certificate.as_str()), ("server.key", &key), ("smtp.py", include_str!("smtp.py"))]
        {
            fs::write(path(name), text).expect("the folder is writable");
        }
        let mode = match mode {
            Mode::Plain => "plain",
            Mode::StartTls => "starttls",
            Mode::Smtps => "smtps",
        };
        // The system's own: another on the path does not know its packages.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(path("smtp.py")).args([&port.to_string(), mode]);
        command.arg(path("letters")).arg(path("server.pem")).arg(path("server.key"));
        let process = Process::listening(&mut command, port);
        Smtp { folder, port, _process: process }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The letters it has taken.
    ///
    /// # Panics
    /// When it wrote something else.
    pub fn letters(&self) -> Vec<Letter> {
        let text = fs::read_to_string(self.folder.path().join("letters")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a letter")).collect()
    }

    /// Waits for the first.
    ///
    /// # Panics
    /// When none comes within the limit.
    pub fn first(&self) -> Letter {
        wait::until("a letter", LIMIT, || self.letters().into_iter().next())
    }
}

//! Who holds the register: the gate, another process, or nobody.

use crate::commands::doctor::sheet::Sheet;
use crate::config::Config;
use crate::control::{self, Answer, Request, Status};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Who holds it.
pub(super) struct Holder {
    gate: Option<Box<Status>>,
    /// The process that has the lock, as the kernel names it.
    process: Option<u32>,
}

impl Holder {
    /// Asks the gate and the kernel. The lock itself is not touched: a gate that starts meanwhile must get it.
    pub(super) fn of(config: &Config) -> Holder {
        let gate = match control::ask(&config.data_dir, &Request::Status) {
            Ok(Answer::Status(status)) => Some(status),
            _ => None,
        };
        Holder { gate, process: holder(&config.register_dir().join("journal/lock")) }
    }

    /// Whether somebody writes the register now.
    pub(super) fn is_held(&self) -> bool {
        self.gate.is_some() || self.process.is_some()
    }

    pub(super) fn examine(&self, sheet: &mut Sheet) {
        match (&self.gate, self.process) {
            (Some(status), _) => {
                let pid = status.pid;
                sheet.good((
                    &format!("la passerelle (processus {pid}) tient le registre"),
                    &format!("the gate (process {pid}) holds the register"),
                ));
                if !status.ready {
                    sheet.bad(
                        ("la passerelle ne laisse rien passer", "the gate lets nothing through"),
                        ("lancez `octroi status` : il dit pourquoi", "run `octroi status`: it says why"),
                    );
                }
                for trouble in &status.register.troubles {
                    sheet.bad_because(
                        ("la passerelle signale un ennui", "the gate has trouble"),
                        trouble,
                        (
                            "corrigez la cause : la passerelle réessaie d’elle-même",
                            "mend the cause: the gate tries again by itself",
                        ),
                    );
                }
            }
            (None, Some(pid)) => {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                let name = name.trim();
                sheet.warning(
                    (
                        &format!("aucune passerelle ne répond, et le processus {pid} ({name}) tient le registre"),
                        &format!("no gate answers, and process {pid} ({name}) holds the register"),
                    ),
                    (
                        "laissez finir un import ; si c’est une passerelle qui ne répond plus, arrêtez-la et \
                         redémarrez-la",
                        "let an import end; if it is a gate that answers no more, stop it and start it again",
                    ),
                );
            }
            (None, None) => sheet.good((
                "aucune passerelle ne tourne ici, et personne ne tient le registre",
                "no gate runs here, and nobody holds the register",
            )),
        }
    }
}

/// The process that holds a lock on a file, as `/proc/locks` says; none when nobody does.
fn holder(file: &Path) -> Option<u32> {
    let inode = std::fs::metadata(file).ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    of_inode(&locks, &inode)
}

/// `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`.
fn of_inode(locks: &str, inode: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = fields[..] else { return None };
        (place.rsplit(':').next() == Some(inode)).then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_who_holds_a_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 10 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 08:01:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 4712 08:01:78 0 EOF\n";
        assert_eq!(of_inode(locks, "77"), Some(4711));
        assert_eq!(of_inode(locks, "7"), None);
        // One that waits holds nothing.
        assert_eq!(of_inode(locks, "78"), None);
    }
}

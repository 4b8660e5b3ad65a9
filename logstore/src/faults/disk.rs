//! A small disk of its own for a register: filled, emptied, made read-only.

use super::World;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A page of memory, which such a disk is made of.
const PAGE: u64 = 4096;

/// A disk in memory. Where none can be mounted, this process may let no file grow instead, which is said.
pub(super) struct Disk {
    at: PathBuf,
    mounted: bool,
    before: Rlimit,
}

impl Disk {
    /// Gives the register of this world, which must not be there yet, such a disk.
    pub(super) fn of(world: &World) -> Disk {
        let at = world.dir.join("disk");
        std::fs::create_dir(&at).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=8m", "tmpfs"], &at);
        if !mounted {
            eprintln!("nothing can be mounted here: files may not grow instead of a disk that is full");
            // SAFETY: ignoring a signal runs no code of ours.
            unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        }
        Disk { at, mounted, before: getrlimit(Resource::Fsize) }
    }

    /// Fills it but for so many pages.
    pub(super) fn fill(&self, pages: u64) {
        if !self.mounted {
            return setrlimit(Resource::Fsize, Rlimit { current: Some(pages * PAGE + 1), ..self.before }).unwrap();
        }
        let filler = self.at.join("filler");
        let mut file = OpenOptions::new().append(true).create(true).open(filler).unwrap();
        while file.write_all(&[0x55; PAGE as usize]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(pages * PAGE)).unwrap();
    }

    /// Makes room again.
    pub(super) fn room(&self) {
        if self.mounted {
            File::create(self.at.join("filler")).unwrap();
        } else {
            setrlimit(Resource::Fsize, self.before).unwrap();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            unmount(&self.at);
        } else {
            let _ = setrlimit(Resource::Fsize, self.before);
        }
    }
}

/// Lays a folder over itself that nothing can be written to; whether that is possible here. What is open stays writable:
/// the system makes no disk read-only while something on it is being written.
pub(super) fn make_read_only(folder: &Path) -> bool {
    let over = folder.to_str().unwrap();
    mount(&["--bind", over], folder) && mount(&["-o", "remount,bind,ro"], folder)
}

pub(super) fn unmount(at: &Path) {
    // Lazily: a thread may be letting go of its last file.
    let _ = Command::new("umount").arg("--lazy").arg(at).status();
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount")
        .args(arguments)
        .arg(at)
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

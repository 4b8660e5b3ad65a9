//! Ports for a gate whose configuration names them.
//!
//! Asking the system for port 0 and letting go of it leaves a gap in which another test, or any outgoing connection,
//! takes the same number. Ports here come from below the range the system hands out, and each stays reserved by a locked
//! file for the life of the test's process.
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Below Linux's default `ip_local_port_range` (32768 and up), above what services use.
const RANGE: std::ops::Range<u16> = 21_000..32_000;

/// The locked files: closing one gives its port back.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port on which nothing listens, reserved for this process.
///
/// # Panics
/// When none is free.
pub fn free() -> u16 {
    let folder = std::env::temp_dir().join("octroi-test-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    // Processes start at different places so that they seldom try the same port.
    let start = u16::try_from(std::process::id() % u32::from(RANGE.end - RANGE.start)).unwrap_or(0);
    for step in 0..RANGE.end - RANGE.start {
        let port = RANGE.start + (start.wrapping_mul(7) + step) % (RANGE.end - RANGE.start);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(port.to_string()));
        let Ok(lock) = lock else { continue };
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return port;
        }
    }
    panic!("no free port in {RANGE:?}");
}

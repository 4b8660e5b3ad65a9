//! Ports for a gate whose configuration names them, and addresses for servers whose ports are not to be chosen.
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

/// Addresses of the loopback network that nobody else has a use for.
const NETWORK: [u8; 2] = [127, 88];

/// An address of this machine alone, reserved for this process, with all its ports: for servers that insist on theirs.
///
/// # Panics
/// When none is free.
pub fn address() -> Ipv4Addr {
    let start = u16::try_from(std::process::id() % 60_000).unwrap_or(0);
    for step in 0..60_000 {
        let number = 256 + (start + step) % 60_000;
        let [high, low] = number.to_be_bytes();
        if low != 0 && low != 255 && reserve(&format!("{}.{}.{high}.{low}", NETWORK[0], NETWORK[1])) {
            return Ipv4Addr::new(NETWORK[0], NETWORK[1], high, low);
        }
    }
    panic!("no free address in 127.88.0.0/16");
}

/// A port on which nothing listens, reserved for this process.
///
/// # Panics
/// When none is free.
pub fn free() -> u16 {
    // Processes start at different places so that they seldom try the same port.
    let start = u16::try_from(std::process::id() % u32::from(RANGE.end - RANGE.start)).unwrap_or(0);
    for step in 0..RANGE.end - RANGE.start {
        let port = RANGE.start + (start.wrapping_mul(7) + step) % (RANGE.end - RANGE.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && reserve(&port.to_string()) {
            return port;
        }
    }
    panic!("no free port in {RANGE:?}");
}

/// Reserves a port or an address for this process, unless another one has.
fn reserve(name: &str) -> bool {
    let folder = std::env::temp_dir().join("octroi-test-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(name));
    let Ok(lock) = lock else { return false };
    let free = lock.try_lock().is_ok();
    if free {
        RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
    }
    free
}

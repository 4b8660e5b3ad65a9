//! What the service manager is told (`sd_notify(3)`): ready, reloading, stopping. Where there is none, nothing is said.
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The gate serves, with what is in force now.
pub(crate) fn ready() {
    tell("READY=1\n");
}

/// Files are read again; [`ready`] follows, whatever comes of it.
pub(crate) fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000));
}

/// The gate lets nobody in any more.
pub(crate) fn stopping() {
    tell("STOPPING=1\n");
}

fn tell(what: &str) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&place, what) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

fn send(place: &OsStr, what: &str) -> io::Result<()> {
    // A name that begins with `@` is no file.
    let address = match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(place)?,
    };
    UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_by_a_file_or_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = format!("octroi-test-{}", std::process::id());
        let abstractly = SocketAddr::from_abstract_name(&name).expect("a name");
        for (place, socket) in [
            (path.clone().into_os_string(), UnixDatagram::bind(&path).expect("bound")),
            (format!("@{name}").into(), UnixDatagram::bind_addr(&abstractly).expect("bound")),
        ] {
            send(&place, "READY=1\n").expect("told");
            let mut heard = [0; 64];
            let count = socket.recv(&mut heard).expect("heard");
            assert_eq!(&heard[..count], b"READY=1\n");
        }
        assert!(send(OsStr::new("/nowhere/at/all"), "READY=1\n").is_err());
    }
}

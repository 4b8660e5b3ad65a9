//! A load balancer in front of the gate: Debian's `haproxy`, which says whose connection it passes on.
use super::Process;
use crate::ports;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// HAProxy, which passes TCP connections on.
pub struct Haproxy {
    _folder: TempDir,
    port: u16,
    _process: Process,
}

impl Haproxy {
    /// Starts one on 127.0.0.1 in front of that address; `says` is how it says whose connection it passes on: `send-proxy` or
    /// `send-proxy-v2`.
    ///
    /// # Panics
    /// When haproxy is not installed or does not start.
    pub fn start(gate: SocketAddr, says: &str) -> Haproxy {
        let folder = TempDir::with_prefix("octroi-haproxy-").expect("the temporary folder is writable");
        let (port, path) = (ports::free(), folder.path().join("haproxy.cfg"));
        let config = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen gate\n bind 127.0.0.1:{port}\n server gate {gate} {says}\n"
        );
        fs::write(&path, config).expect("the folder is writable");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::listening(&mut command, port);
        Haproxy { _folder: folder, port, _process: process }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }
}

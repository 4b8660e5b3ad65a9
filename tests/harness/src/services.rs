//! Servers of other people's making, each started for one test on a port of its own: what the gate sends to, and goes through.
pub mod balancer;
pub mod kdc;
pub mod parent;
pub mod samba;
pub mod slapd;
pub mod smtp;
pub mod syslog;
pub mod timestamp;

pub use balancer::Haproxy;
pub use kdc::Kdc;
pub use parent::{Socks, Squid, SquidSetup};
pub use samba::Samba;
pub use slapd::Slapd;
pub use smtp::Smtp;
pub use syslog::Syslog;
pub use timestamp::Timestamps;

use crate::{LIMIT, wait};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

/// A process that ends with the test.
struct Process(Child);

impl Process {
    /// Starts it, and waits until it listens on a port of 127.0.0.1.
    fn listening(command: &mut Command, port: u16) -> Process {
        Process::listening_at(command, (Ipv4Addr::LOCALHOST, port).into())
    }

    /// Starts it, and waits until it listens there.
    fn listening_at(command: &mut Command, at: SocketAddr) -> Process {
        let started = command.stdin(Stdio::null()).spawn();
        let mut process =
            Process(started.unwrap_or_else(|why| panic!("{:?}: {why}; tests/run installs it", command.get_program())));
        wait::until(&format!("{:?} at {at}", command.get_program()), LIMIT, || {
            let ended = process.0.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "{:?} ended at once: {ended:?}", command.get_program());
            TcpStream::connect(at).ok()
        });
        process
    }
}

impl Process {
    /// Asks it to end, and waits until it has.
    fn terminate(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        wait::within(LIMIT, || self.0.try_wait().ok().flatten());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

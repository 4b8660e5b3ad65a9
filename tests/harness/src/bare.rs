//! An origin that does exactly what a test tells it, byte for byte: for what no decent origin would do.
use crate::raw::Client;
use crate::{LIMIT, wait};
use std::net::{Ipv4Addr, TcpListener};

/// A listener on the loopback interface; the test itself reads and writes.
pub struct Bare {
    listener: TcpListener,
    port: u16,
}

impl Default for Bare {
    fn default() -> Self {
        Bare::new()
    }
}

impl Bare {
    /// Listens; nobody is accepted yet.
    pub fn new() -> Bare {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
        listener.set_nonblocking(true).expect("a listener may be asked without waiting");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        Bare { listener, port }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `NAME:PORT` of this origin.
    pub fn authority(&self, name: &str) -> String {
        format!("{name}:{}", self.port)
    }

    /// The next connection.
    ///
    /// # Panics
    /// When nobody connects within [`LIMIT`].
    pub fn accept(&self) -> Client {
        let (stream, _) = wait::until("a connection to the origin", LIMIT, || self.listener.accept().ok());
        stream.set_nonblocking(false).expect("a socket");
        Client::over(stream).expect("a socket")
    }

    /// Whether nobody waits to be accepted.
    pub fn is_alone(&self) -> bool {
        self.listener.accept().is_err()
    }
}

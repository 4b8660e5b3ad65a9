//! An address that never answers: its queue of connections is full, so the system drops whoever comes next.
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Such an address, for as long as this lives.
pub struct Blackhole {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Blackhole {
    /// Where it is.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener has an address")
    }

    /// Makes one of this address.
    ///
    /// # Panics
    /// When something listens there, or the system answers all the same.
    pub fn at(address: SocketAddr) -> Blackhole {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&socket, true).expect("a socket has options");
        bind(&socket, &address).expect("nothing listens there");
        listen(&socket, 0).expect("a bound socket listens");
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
            assert!(waiting.len() < 64, "the queue of {address} does not fill");
        }
        Blackhole { listener: socket.into(), _waiting: waiting }
    }
}

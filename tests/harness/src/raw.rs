//! A client that writes exactly the bytes it is told: for what no decent client would send, and for many at once.
use crate::LIMIT;
use crate::message::{Framing, Head, Pending};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// Statuses of the interim answers (1xx) that came before.
    pub interim: Vec<u16>,
    /// The head of the final answer.
    pub head: Head,
    /// Its body, framing taken off.
    pub body: Vec<u8>,
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection. Every read gives up after [`LIMIT`].
pub struct Client {
    stream: TcpStream,
    pending: Pending,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> io::Result<Client> {
        Client::over(TcpStream::connect_timeout(&address, LIMIT)?)
    }

    /// Connects from that address of this machine.
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<Client> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket(family, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::new(from, 0))?;
        connect(&socket, &to)?;
        Client::over(TcpStream::from(socket))
    }

    /// Over a connection that stands, whoever made it.
    pub fn over(stream: TcpStream) -> io::Result<Client> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, pending: Pending::default() })
    }

    /// Writes these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Reads the answer to a request with that method.
    pub fn response(&mut self, method: &str) -> io::Result<Response> {
        let mut interim = Vec::new();
        loop {
            let head = self.pending.head(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if head.status() / 100 == 1 && head.status() != 101 {
                interim.push(head.status());
                continue;
            }
            let body = self.pending.body(&mut self.stream, Framing::of_response(&head, method))?;
            return Ok(Response { interim, head, body });
        }
    }

    /// Reads a head, of whatever message.
    pub fn head(&mut self) -> io::Result<Head> {
        self.pending.head(&mut self.stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads so many bytes.
    pub fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        self.pending.body(&mut self.stream, Framing::Length(count as u64))
    }

    /// Asks for a URL the way a browser asks a proxy, and reads the answer.
    pub fn get(&mut self, url: &str) -> io::Result<Response> {
        let authority = url.split('/').nth(2).unwrap_or("");
        self.send(format!("GET {url} HTTP/1.1\r\nHost: {authority}\r\n\r\n"))?;
        self.response("GET")
    }

    /// Asks for a tunnel and reads the answer.
    pub fn connect_to(&mut self, authority: &str) -> io::Result<Response> {
        self.send(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"))?;
        self.response("CONNECT")
    }

    /// Everything that still comes until the other side ends the stream.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.pending.body(&mut self.stream, Framing::UntilClose)
    }

    /// So many bytes, once they have come.
    pub fn take(&mut self, length: u64) -> io::Result<Vec<u8>> {
        self.pending.body(&mut self.stream, Framing::Length(length))
    }

    /// Whether the other side ends the stream without sending anything more. A reset counts as an end.
    pub fn ended(&mut self) -> bool {
        match self.rest() {
            Ok(rest) => rest.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Ends our half of the stream.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        reset(self.stream);
    }

    /// TLS inside a tunnel that is open, for that name in the ClientHello.
    pub fn tls(self, config: Arc<ClientConfig>, name: &str) -> io::Result<Tls> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Tls { stream: StreamOwned::new(connection, self.stream), pending: Pending::default() })
    }

    /// The socket itself.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

/// TLS inside a tunnel.
pub struct Tls {
    stream: StreamOwned<ClientConnection, TcpStream>,
    pending: Pending,
}

impl Tls {
    /// Asks for a path of `authority` and reads the answer.
    pub fn get(&mut self, authority: &str, path: &str) -> io::Result<Response> {
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes())?;
        self.stream.flush()?;
        let head = self.pending.head(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = self.pending.body(&mut self.stream, Framing::of_response(&head, "GET"))?;
        Ok(Response { interim: Vec::new(), head, body })
    }
}

/// Ends a connection by a reset.
///
/// # Panics
/// When the system refuses.
pub fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket of TCP");
}

/// The ClientHello that a client of this configuration begins with.
///
/// # Panics
/// When the name is none.
pub fn hello(config: Arc<ClientConfig>, name: &str) -> Vec<u8> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(config, name).expect("a configuration that can begin");
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).expect("a Vec takes everything");
    hello
}

/// Sends these bytes on a connection of their own and returns all that comes back until it ends.
///
/// # Errors
/// When the other side keeps the connection open for [`LIMIT`].
pub fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> io::Result<String> {
    let mut client = Client::connect(address)?;
    // The other side may answer and close before it has read all: what it said is still to be read.
    let _ = client.send(bytes);
    let mut answer = Vec::new();
    match client.stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! The proxy behind this one: how a connection to it becomes one to an origin.
//!
//! It resolves names itself, so the gate does not know where they lead; what the gate does know (addresses, names of
//! `[dns] hosts`) is checked before it is asked.
use super::health::Health;
use super::pool::Pool;
use super::stream::Stream;
use super::{Form, Origin, Via, socks};
use crate::config::{self, Credentials, Destined, Secret, Speaks};
use crate::outbound;
use crate::wire::{Buffer, ResponseHead};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::{Scheme, Target};
use rustls::pki_types::ServerName;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Idle connections kept to the parent: all origins share them.
const KEPT: usize = 512;
/// Room made for one read of its answer.
const ROOM: usize = 4096;
/// The largest head of an answer to CONNECT.
const LARGEST: usize = 64 * 1024;

/// Why the parent is no help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParentError {
    /// It cannot be reached, or does not speak as it should.
    Unreachable,
    /// It does not know us: the credentials are missing or wrong.
    Denied,
    /// It does not open the connection asked for.
    Refused,
}

/// A parent proxy.
pub(super) struct Parent {
    /// Where it is.
    pub(super) place: Target,
    /// On this port.
    pub(super) port: u16,
    /// Its idle connections, when they are good for any origin.
    pub(super) pool: Pool,
    speaks: Speaks,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    credentials: Option<Credentials>,
    /// The same as the value of Proxy-Authorization.
    basic: Option<Secret>,
    direct: Destined,
    /// Whether it is any help.
    pub(super) health: Health,
}

impl Parent {
    /// From the configuration. Reads the system's authorities when TLS leads there.
    pub(super) fn new(config: &config::Parent, direct: Destined) -> Result<Parent, io::Error> {
        let server = &config.server;
        let place = Target::of_host(&server.host).map_err(io::Error::other)?;
        let tls = if server.secure {
            let mut tls = outbound::tls(config.authorities.clone()).map_err(io::Error::other)?;
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            let name = ServerName::try_from(server.host.clone()).map_err(io::Error::other)?;
            Some((TlsConnector::from(Arc::new(tls)), name))
        } else {
            None
        };
        let basic = |Credentials { user, password }: &Credentials| {
            // RFC 7617 §2.
            let encoded = STANDARD.encode(format!("{user}:{}", password.told()));
            Secret::new(&format!("Basic {encoded}"))
        };
        Ok(Parent {
            place,
            port: server.port,
            pool: Pool::new(KEPT),
            speaks: config.speaks,
            tls,
            basic: config.credentials.as_ref().map(basic),
            credentials: config.credentials.clone(),
            direct,
            health: Health::default(),
        })
    }

    /// Whether a target goes past it.
    pub(super) fn is_passed_by(&self, target: &Target) -> bool {
        self.direct.covers(target)
    }

    /// Whether a request to this target is put to the parent itself, on a connection that is good for any other.
    pub(super) fn is_asked_for(&self, target: &Target) -> bool {
        self.speaks == Speaks::Http && target.scheme() == Scheme::Http
    }

    /// Makes of a connection to the parent one to the target.
    ///
    /// Cancel safety: dropped, the connection is closed.
    pub(super) async fn open(&self, stream: TcpStream, target: &Target, via: Via<'_>) -> Result<Origin, ParentError> {
        let mut stream = match &self.tls {
            None => Stream::Plain(stream),
            Some((connector, name)) => match connector.connect(name.clone(), stream).await {
                Ok(stream) => Stream::Secure(Box::new(stream)),
                Err(why) => return Err(self.fails(ParentError::Unreachable, &outbound::why(&why))),
            },
        };
        let mut buffer = Buffer::default();
        let form = if self.is_asked_for(target) {
            Form::Absolute { credentials: self.basic.clone() }
        } else {
            let asked = match self.speaks {
                Speaks::Http => self.connect(&mut stream, &mut buffer, target, via).await,
                Speaks::Socks => socks::connect(&mut stream, &mut buffer, target, self.credentials.as_ref()).await,
            };
            match asked {
                Ok(()) => self.health.helps(),
                Err(Trouble { error, why }) => return Err(self.fails(error, &why)),
            }
            Form::Origin
        };
        // Where a name leads, the parent alone knows.
        Ok(Origin { stream, buffer, went_to: target.ip(), form, kept: false })
    }

    /// Notes what is wrong with the parent; one that refuses is well.
    pub(super) fn fails(&self, error: ParentError, why: &dyn std::fmt::Display) -> ParentError {
        match error {
            ParentError::Refused => self.health.helps(),
            ParentError::Unreachable | ParentError::Denied => self.health.fails(why),
        }
        error
    }

    /// Asks for a tunnel (RFC 9110 §9.3.6).
    async fn connect(
        &self,
        stream: &mut Stream,
        buffer: &mut Buffer,
        target: &Target,
        via: Via<'_>,
    ) -> Result<(), Trouble> {
        let authority = match target.ip() {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{}", target.port()),
            _ => format!("{}:{}", target.host(), target.port()),
        };
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nVia: ");
        for part in via.before.iter().flat_map(|before| [*before, ", "]).chain(["1.1 ", via.received_by, "\r\n"]) {
            request.push_str(part);
        }
        for part in self.basic.iter().flat_map(|basic| ["Proxy-Authorization: ", basic.told(), "\r\n"]) {
            request.push_str(part);
        }
        request.push_str("\r\n");
        send(stream, request.as_bytes()).await?;
        loop {
            match ResponseHead::parse(buffer.bytes()) {
                Ok(Some(head)) if head.status < 200 => buffer.consume(head.len),
                Ok(Some(head)) if head.status < 300 => {
                    buffer.consume(head.len);
                    return Ok(());
                }
                Ok(Some(head)) => return Err(Trouble::of_status(head.status)),
                Ok(None) if buffer.len() < LARGEST => receive(stream, buffer).await?,
                Ok(None) | Err(_) => return Err(Trouble::unreachable("it does not speak HTTP")),
            }
        }
    }
}

/// What went wrong with the parent, and what of it the operator is told.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: ParentError,
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn unreachable(why: impl ToString) -> Trouble {
        Trouble { error: ParentError::Unreachable, why: why.to_string() }
    }

    fn of_status(status: u16) -> Trouble {
        let error = if status == 407 { ParentError::Denied } else { ParentError::Refused };
        Trouble { error, why: format!("it answers {status} to CONNECT") }
    }
}

/// Writes all of it.
pub(super) async fn send(stream: &mut Stream, bytes: &[u8]) -> Result<(), Trouble> {
    stream.write_all(bytes).await.map_err(Trouble::unreachable)?;
    stream.flush().await.map_err(Trouble::unreachable)
}

/// Reads some more.
pub(super) async fn receive(stream: &mut Stream, buffer: &mut Buffer) -> Result<(), Trouble> {
    match buffer.fill(stream, ROOM).await {
        Ok(0) => Err(Trouble::unreachable("it ended the connection")),
        Ok(_) => Ok(()),
        Err(why) => Err(Trouble::unreachable(why)),
    }
}

//! The gate's own errands: connections it opens for itself, to servers of lists, receivers of records and authorities.
//!
//! Never for a client: those go through `upstream`, whose addresses are checked. Here the administrator named the place.
//! Every wait has a deadline.

pub(crate) mod http;

use crate::config::Dns;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use std::fmt::Debug;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Connecting, and TLS, take no longer.
pub(crate) const CONNECT: Duration = Duration::from_secs(15);
/// Silence after which a server is given up.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// How the gate reaches the places its configuration names.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    dns: Dns,
    authorities: Vec<CertificateDer<'static>>,
}

/// A connection, with TLS or without.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The bytes.
    pub(crate) io: Box<dyn Io>,
    /// The address dialled.
    pub(crate) peer: SocketAddr,
}

/// What a connection can do.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug> Io for T {}

impl Outbound {
    /// Names of `[dns] hosts` go before the system's resolver; TLS believes the system's authorities and those of a
    /// file, which is read now.
    pub(crate) fn new(dns: &Dns, ca_file: Option<&Path>) -> Result<Outbound, String> {
        let authorities = ca_file.map(certificates).transpose()?.unwrap_or_default();
        Ok(Outbound { dns: dns.clone(), authorities })
    }

    /// Connects; with TLS when the way is to be secure, under the name asked for.
    pub(crate) async fn open(&self, host: &str, port: u16, secure: bool) -> Result<Stream, String> {
        let stream = within(CONNECT, self.connect(host, port)).await??;
        keep_watch(&stream);
        let peer = stream.peer_addr().map_err(|why| why.to_string())?;
        if !secure {
            return Ok(Stream { io: Box::new(stream), peer });
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
        let authorities = self.authorities.clone();
        // The system's authorities are files: read each time, so that a renewed one counts, and not on the reactor.
        let config = tokio::task::spawn_blocking(move || tls(authorities)).await.map_err(|why| why.to_string())?;
        let connector = TlsConnector::from(Arc::new(config.map_err(|why| why.to_string())?));
        let stream = within(CONNECT, connector.connect(name, stream)).await?.map_err(|why| why.to_string())?;
        Ok(Stream { io: Box::new(stream), peer })
    }

    /// The authorities of the file.
    pub(crate) fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Connects to the first address that accepts.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let addresses: Vec<SocketAddr> = match self.dns.hosts.get(&host.to_ascii_lowercase()) {
            Some(addresses) => addresses.iter().map(|&address| SocketAddr::new(address, port)).collect(),
            None => tokio::net::lookup_host((host, port)).await.map_err(|why| why.to_string())?.collect(),
        };
        let mut last = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(why) => last = why.to_string(),
            }
        }
        Err(last)
    }
}

/// Has the system notice a peer that is gone without a word: a connection that only writes would wait a quarter of an
/// hour for it.
fn keep_watch(stream: &TcpStream) {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
    let patience = u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX);
    // A system that can't do it notices later.
    let _ = set_socket_keepalive(stream, true);
    let _ = set_tcp_keepidle(stream, SILENCE);
    let _ = set_tcp_user_timeout(stream, patience);
}

/// The certificates of a PEM file; at least one.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if all.is_empty() => Err(format!("{}: no certificate is in it", file.display())),
        Ok(all) => Ok(all),
        Err(why) => Err(format!("{}: {why}", file.display())),
    }
}

/// What a client needs that believes the system's authorities and these.
pub(crate) fn tls(authorities: Vec<CertificateDer<'static>>) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier::new_with_extra_roots(authorities, provider.clone())?);
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Waits for an answer, so long.
pub(crate) async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(time, work).await.map_err(|_| format!("no answer within {} seconds", time.as_secs()))
}

/// Pauses between attempts, each twice as long as the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// From the first pause to the longest.
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, next: first, longest }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// Begins with the first pause again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let pauses: Vec<u64> = (0..5).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.pause().as_secs(), 1);
    }

    #[test]
    fn a_file_of_authorities_holds_at_least_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("ca.pem");
        assert!(certificates(&file).expect_err("missing").contains("ca.pem: No such file"));
        std::fs::write(&file, "nothing").expect("written");
        assert!(certificates(&file).expect_err("empty").ends_with("no certificate is in it"));
        std::fs::write(&file, harness::Authority::new().pem()).expect("written");
        assert_eq!(certificates(&file).expect("one").len(), 1);
    }
}

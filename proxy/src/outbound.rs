//! The gate's own errands: connections it opens for itself, to servers of lists, receivers of records and authorities.
//!
//! Never for a client: those go through `upstream`, whose addresses are checked. Here the administrator named the place.
//! Every wait has a deadline.

pub(crate) mod http;

use crate::config::{Config, Dns};
use crate::upstream::{ConnectError, Form, ParentError, Upstream, Via};
use policy::Target;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use std::fmt::Debug;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
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
    /// The configuration of the parent proxy that leads outside, if one does.
    through: Option<Box<Config>>,
}

/// A connection, with TLS or without.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The bytes.
    pub(crate) io: Box<dyn Io>,
    /// The address dialled.
    pub(crate) peer: SocketAddr,
    /// How a request line names what is asked here.
    pub(crate) form: Form,
}

/// What a connection can do.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug> Io for T {}

impl Outbound {
    /// Names of `[dns] hosts` go before the system's resolver; TLS believes the system's authorities and those of a
    /// file, which is read now.
    pub(crate) fn new(dns: &Dns, ca_file: Option<&Path>) -> Result<Outbound, String> {
        let authorities = ca_file.map(certificates).transpose()?.unwrap_or_default();
        Ok(Outbound { dns: dns.clone(), authorities, through: None })
    }

    /// The way to servers of lists: through the parent proxy where there is one. Those of `[upstream] direct` and of `[dns]
    /// hosts` are reached past it.
    pub(crate) fn for_lists(config: &Config) -> Result<Outbound, String> {
        let through = config.upstream.parent.is_some().then(|| Box::new(config.clone()));
        Ok(Outbound { through, ..Outbound::new(&config.dns, None)? })
    }

    /// Connects; with TLS when the way is to be secure, under the name asked for.
    pub(crate) async fn open(&self, host: &str, port: u16, secure: bool) -> Result<Stream, String> {
        let (io, peer, form): (Box<dyn Io>, _, _) = match self.parent_for(host, port, secure)? {
            Some((config, target)) => {
                let upstream = Upstream::new(config, Vec::new()).map_err(|why| why.to_string())?;
                let via = Via { before: None, received_by: "octroi" };
                let origin = within(CONNECT, upstream.dial(&target, via, None)).await?;
                let origin = origin.map_err(|error| through(&error))?;
                let peer = origin.stream.plain().and_then(|stream| stream.peer_addr().ok());
                (Box::new(origin.stream), peer.unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into()), origin.form)
            }
            None => {
                let stream = within(CONNECT, self.connect(host, port)).await??;
                keep_watch(&stream);
                let peer = stream.peer_addr().map_err(|why| why.to_string())?;
                (Box::new(stream), peer, Form::Origin)
            }
        };
        if !secure {
            return Ok(Stream { io, peer, form });
        }
        let io = secured(self.tls().await?, host, io).await?;
        Ok(Stream { io, peer, form })
    }

    /// What TLS believes. The system's authorities are files: read each time, so that a renewed one counts, and not on the
    /// reactor.
    pub(crate) async fn tls(&self) -> Result<Arc<rustls::ClientConfig>, String> {
        let authorities = self.authorities.clone();
        let config = tokio::task::spawn_blocking(move || tls(authorities)).await.map_err(|why| why.to_string())?;
        config.map(Arc::new).map_err(|why| why.to_string())
    }

    /// The parent proxy's configuration and what it is asked for, of a host that is reached through it.
    fn parent_for(&self, host: &str, port: u16, secure: bool) -> Result<Option<(&Config, Target)>, String> {
        let Some(config) = self.through.as_deref() else { return Ok(None) };
        if self.dns.hosts.contains_key(&host.to_ascii_lowercase()) {
            return Ok(None);
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let scheme = if secure { "https" } else { "http" };
        let target = Target::of_url(&format!("{scheme}://{host}:{port}/")).map_err(|why| why.to_string())?;
        Ok((!config.upstream.direct.covers(&target)).then_some((config, target)))
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

/// Why the parent proxy does not lead there.
fn through(error: &ConnectError) -> String {
    match error {
        ConnectError::Parent(ParentError::Denied) => "the parent proxy does not know this gate: see `[upstream]`",
        ConnectError::Parent(ParentError::Refused) => "the parent proxy refuses to lead there",
        ConnectError::ForbiddenAddress => {
            "no parent proxy is asked for this machine: name the host in `[upstream] direct`"
        }
        _ => "the parent proxy cannot be reached, or does not answer as one",
    }
    .to_owned()
}

/// TLS over a connection that is there, to whom the name asked for belongs.
pub(crate) async fn secured(
    config: Arc<rustls::ClientConfig>,
    host: &str,
    io: Box<dyn Io>,
) -> Result<Box<dyn Io>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
    let stream = within(CONNECT, TlsConnector::from(config).connect(name, io)).await?.map_err(|error| why(&error))?;
    Ok(Box::new(stream))
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

/// Why a TLS connection failed, in words that say what to mend.
pub(crate) fn why(error: &std::io::Error) -> String {
    use rustls::{CertificateError as Bad, Error};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(bad)) => match bad {
            Bad::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                "its certificate is itself an authority (basicConstraints CA:TRUE), such as `openssl req -x509` makes: \
                 give it one that an authority signed, or CA:FALSE"
                    .to_owned()
            }
            Bad::UnknownIssuer => {
                "its certificate was signed by an authority that is not known here: name that authority's in `ca_file`"
                    .to_owned()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet: see whether the clock is right".to_owned()
            }
            Bad::NotValidForName => "its certificate is for another name".to_owned(),
            Bad::NotValidForNameContext { expected, presented } => {
                let named = if presented.is_empty() {
                    "none (it has no subjectAltName)".to_owned()
                } else {
                    presented.join(", ")
                };
                format!("its certificate is not for `{}`; it names {named}", expected.to_str())
            }
            Bad::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
                "its certificate is of version 1: it needs one of version 3, with subjectAltName".to_owned()
            }
            Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => {
                "its certificate is not for servers (extendedKeyUsage serverAuth)".to_owned()
            }
            Bad::Revoked => "its certificate is revoked".to_owned(),
            Bad::BadSignature => "its certificate bears a wrong signature".to_owned(),
            other => format!("its certificate is not accepted: {other}"),
        },
        Some(Error::InvalidMessage(_)) => {
            "what answers at that port does not speak TLS: write the port that does, or the address without TLS"
                .to_owned()
        }
        _ if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it ends the connection at the beginning of TLS: see whether that port speaks it".to_owned()
        }
        _ => error.to_string(),
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
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::AsyncWriteExt as _;
    use tokio_rustls::TlsAcceptor;

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

    /// What is said of a server with this certificate; its own is believed besides, or that of who signed it.
    async fn said(change: impl FnOnce(&mut CertificateParams), signed: bool, believed: bool) -> String {
        let authority = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["the authority".to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&authority).expect("signed");
        let issuer = Issuer::new(params, authority);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["p.test".to_owned()]).expect("a name");
        change(&mut params);
        let own = if signed { params.signed_by(&key, &issuer) } else { params.self_signed(&key) }.expect("signed");
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], private)
            .expect("a certificate");
        let anchor = if signed { root.der().clone() } else { own.der().clone() };
        let client = tls(if believed { vec![anchor] } else { Vec::new() }).expect("a client");
        let (near, far) = tokio::io::duplex(1 << 16);
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from("p.test").expect("a name");
        let (answer, _) = tokio::join!(connector.connect(name, near), TlsAcceptor::from(Arc::new(server)).accept(far));
        answer.map_or_else(|error| why(&error), |_| "good".to_owned())
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_certificate_is_said_in_plain_words() {
        assert_eq!(said(|_| {}, true, true).await, "good");
        let authority = said(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), false, true).await;
        assert!(
            authority.starts_with("its certificate is itself an authority (basicConstraints CA:TRUE)"),
            "{authority}"
        );
        let unknown = said(|_| {}, true, false).await;
        assert!(unknown.starts_with("its certificate was signed by an authority that is not known"), "{unknown}");
        assert_eq!(
            said(|params| params.not_after = date_time_ymd(2020, 1, 1), true, true).await,
            "its certificate has expired"
        );
        let later = said(|params| params.not_before = date_time_ymd(2990, 1, 1), true, true).await;
        assert_eq!(later, "its certificate is not valid yet: see whether the clock is right");
        let other = |params: &mut CertificateParams| {
            *params = CertificateParams::new(vec!["other.test".to_owned()]).expect("a name");
        };
        let other = said(other, true, true).await;
        assert!(other.contains("is not for `p.test`") && other.contains("other.test"), "{other}");
    }

    #[tokio::test]
    async fn a_port_without_tls_is_told_from_one_with_it() {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
        let connector = TlsConnector::from(Arc::new(tls(Vec::new()).expect("a client")));
        let error = connector.connect(ServerName::try_from("p.test").expect("a name"), near).await.expect_err("no TLS");
        assert!(why(&error).contains("does not speak TLS"), "{}", why(&error));
    }
}

//! TLS towards browsers: certificates read with their keys, judged, and given to whoever connects from then on.
//!
//! They are read at the start and at each reload. Connections under way keep those they began with.
mod halves;

pub(crate) use halves::split;

use crate::anchor::der::{INTEGER, OID, Reader, SEQUENCE, SHORT_TIME, TIME, ZERO};
use crate::commands::plural;
use crate::config::ProxyTls;
use crate::files;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The application protocols spoken (RFC 7301), by preference.
const ALPN: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// HTTP/2 over TLS (RFC 9113 §3.1).
pub(crate) const HTTP2: &[u8] = b"h2";
/// Tags of a certificate (RFC 5280 §4.1): `[1]` and `[2]`, its unique identifiers, and `[3]`.
const UNIQUE: [u8; 2] = [0x81, 0x82];
const EXTENSIONS: u8 = 0xa3;
/// `id-ce-subjectAltName` (RFC 5280 §4.2.1.6).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// From here on the end of a certificate is said.
const SOON_DAYS: i64 = 14;

/// The certificates in force, by the address they are shown at.
#[derive(Default)]
pub(crate) struct Certificates {
    all: Vec<Certificate>,
}

struct Certificate {
    address: SocketAddr,
    config: Arc<ServerConfig>,
    expires: Option<Timestamp>,
}

/// How the sockets with TLS are doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Where browsers connect by TLS, with the ports really bound.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whole days until the first of the certificates ends; below nought when it has.
    pub(crate) days_left: Option<i64>,
}

/// What is wrong with a file that TLS needs.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The file.
    pub(crate) file: PathBuf,
    /// Of which address of `[listen] proxy_tls`.
    pub(crate) address: SocketAddr,
    /// What is wrong, a clause.
    pub(crate) what: String,
    /// What to do.
    pub(crate) remedy: &'static str,
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trouble { file, address, what, remedy } = self;
        write!(out, "{} (`[listen] proxy_tls`, {address}): {what}; {remedy}", file.display())
    }
}

impl Certificates {
    /// Reads every certificate and key. Beside them, what stops nothing: certificates that have ended, or will soon.
    ///
    /// # Errors
    /// With all that is wrong.
    pub(crate) fn read(listen: &[ProxyTls], now: Timestamp) -> Result<(Certificates, Vec<Trouble>), Vec<Trouble>> {
        let (mut all, mut troubles, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for one in listen {
            match Certificate::read(one) {
                Ok((certificate, about)) => {
                    let what = validity(about.as_ref().map(|about| about.begins), certificate.expires, now);
                    let nameless = about.filter(|about| !about.has_names).map(|_| {
                        let what = "the certificate has no subjectAltName".to_owned();
                        (what, "browsers look for the gate's name there alone, and refuse it: have it put in")
                    });
                    let of_it = what.into_iter().chain(nameless);
                    warnings.extend(of_it.map(|(what, remedy)| one.trouble(&one.certificate, what, remedy)));
                    let open = files::open_to_others(&one.key);
                    warnings
                        .extend(open.map(|(what, remedy)| one.trouble(&one.key, format!("the key {what}"), remedy)));
                    all.push(certificate);
                }
                Err(mut found) => troubles.append(&mut found),
            }
        }
        if troubles.is_empty() { Ok((Certificates { all }, warnings)) } else { Err(troubles) }
    }

    /// How to speak TLS at that address of the configuration; none where it is not spoken.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<&Arc<ServerConfig>> {
        self.all.iter().find(|one| one.address == address).map(|one| &one.config)
    }

    /// Whole days until the first of them ends; below nought when it has.
    pub(crate) fn days_left(&self, now: Timestamp) -> Option<i64> {
        self.days_left_each(now).map(|(_, days)| days).min()
    }

    /// The same of each, by its address in the configuration.
    pub(crate) fn days_left_each(&self, now: Timestamp) -> impl Iterator<Item = (SocketAddr, i64)> {
        self.all.iter().filter_map(move |one| Some((one.address, days(one.expires?, now))))
    }
}

impl Certificate {
    /// With it, what it says of itself, when that can be read.
    fn read(one: &ProxyTls) -> Result<(Certificate, Option<About>), Vec<Trouble>> {
        let chain = chain(&one.certificate).map_err(|(what, remedy)| one.trouble(&one.certificate, what, remedy));
        let key = key(&one.key).map_err(|(what, remedy)| one.trouble(&one.key, what, remedy));
        let (chain, key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
        };
        let about = chain.first().and_then(|first| About::read(first));
        let of_version_1 = about.as_ref().is_some_and(|about| about.version == 1);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let built = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let mut config = built.map_err(|why| {
            vec![match why {
                rustls::Error::InconsistentKeys(_) => {
                    let what = format!("it is not the key of the first certificate in {}", one.certificate.display());
                    one.trouble(&one.key, what, "name the key that this certificate was asked for with")
                }
                rustls::Error::InvalidCertificate(_) if of_version_1 => one.trouble(
                    &one.certificate,
                    "the certificate is of version 1".to_owned(),
                    "browsers want version 3, with subjectAltName: have it made with extensions",
                ),
                rustls::Error::InvalidCertificate(_) => one.trouble(
                    &one.certificate,
                    format!("the certificate cannot be read: {why}"),
                    "name the file that the authority gave",
                ),
                why => {
                    let what = format!("the key cannot be used: {why}");
                    one.trouble(&one.key, what, "use an ECDSA (P-256, P-384), Ed25519 or RSA key")
                }
            }]
        })?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        let expires = about.as_ref().map(|about| about.expires);
        Ok((Certificate { address: one.address, config: Arc::new(config), expires }, about))
    }
}

impl ProxyTls {
    fn trouble(&self, file: &Path, what: String, remedy: &'static str) -> Trouble {
        Trouble { file: file.to_owned(), address: self.address, what, remedy }
    }
}

type Wrong = (String, &'static str);

fn text(file: &Path) -> Result<Vec<u8>, Wrong> {
    std::fs::read(file)
        .map_err(|why| (format!("it cannot be read: {why}"), "the gate's account must be able to read it"))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let text = text(file)?;
    let remedy = "expected PEM, `-----BEGIN CERTIFICATE-----`, the gate's own certificate first";
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(("there is no certificate in it".to_owned(), remedy)),
        Err(why) => Err((not_pem(&text, &why), remedy)),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Wrong> {
    let text = text(file)?;
    // RFC 7468 §11, and the way of before it (RFC 1421 §4.6.1.1).
    if [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"].iter().any(|mark| find(&text, mark)) {
        return Err(("it has a passphrase".to_owned(), "write it without one: `openssl pkey`, and mode 0600"));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|why| match why {
        pem::Error::NoItemsFound => ("there is no key in it".to_owned(), "expected PEM, `-----BEGIN PRIVATE KEY-----`"),
        why => (not_pem(&text, &why), "expected PEM, `-----BEGIN PRIVATE KEY-----`"),
    })
}

/// What is not PEM, and from which line on: that of the last section that was begun.
fn not_pem(text: &[u8], why: &pem::Error) -> String {
    let begun = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| line.starts_with(b"-----BEGIN "));
    let line = begun.last().map(|(n, _)| format!("line {}: ", n + 1)).unwrap_or_default();
    format!("{line}it is not PEM ({why})")
}

fn find(text: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(text, what).is_some()
}

/// Whole days until then. From the first second after it is below nought, and so many days as have passed.
fn days(until: Timestamp, now: Timestamp) -> i64 {
    const DAY: i64 = 24 * 60 * 60;
    match until.as_second() - now.as_second() {
        left @ 0.. => left / DAY,
        over => (over / DAY).min(-1),
    }
}

/// What is to be said of a certificate's time, if anything.
fn validity(begins: Option<Timestamp>, expires: Option<Timestamp>, now: Timestamp) -> Option<Wrong> {
    let remedy = "browsers refuse it: put a new one in its place and run `octroi reload`";
    if let Some(begins) = begins.filter(|begins| *begins > now) {
        return Some((format!("the certificate is valid from {begins} only"), "see whether the clock is right"));
    }
    let days = days(expires?, now);
    match days {
        ..0 => Some((format!("the certificate has ended, on {}", expires?), remedy)),
        0..=SOON_DAYS => {
            let left = plural(days.unsigned_abs(), "day", "days");
            Some((format!("the certificate ends in {left}"), "put a new one in its place and run `octroi reload`"))
        }
        _ => None,
    }
}

/// What a certificate says of itself (RFC 5280 §4.1).
struct About {
    /// From 1 on.
    version: u8,
    begins: Timestamp,
    expires: Timestamp,
    /// It has a subjectAltName.
    has_names: bool,
}

impl About {
    fn read(certificate: &[u8]) -> Option<About> {
        let mut content = Reader::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
        // Version 1 leaves it out.
        let version = match content.enter(ZERO) {
            Some(mut version) => version.take(INTEGER)?.first()?.checked_add(1)?,
            None => 1,
        };
        // The number; the algorithm and the issuer.
        content.take(INTEGER)?;
        content.take(SEQUENCE)?;
        content.take(SEQUENCE)?;
        let mut validity = content.enter(SEQUENCE)?;
        let (begins, expires) = (instant(&mut validity)?, instant(&mut validity)?);
        // Whom it is about and the key; two identifiers that nobody writes.
        content.take(SEQUENCE)?;
        content.take(SEQUENCE)?;
        let _ = (content.take(UNIQUE[0]), content.take(UNIQUE[1]));
        let extensions = content.enter(EXTENSIONS).and_then(|mut inside| inside.enter(SEQUENCE));
        let mut has_names = false;
        if let Some(mut extensions) = extensions {
            while let Some(mut extension) = extensions.enter(SEQUENCE) {
                has_names |= extension.take(OID) == Some(SUBJECT_ALT_NAME);
            }
        }
        Some(About { version, begins, expires, has_names })
    }
}

/// A time of either form, which RFC 5280 has end in seconds and `Z`.
fn instant(from: &mut Reader<'_>) -> Option<Timestamp> {
    let text = match from.take(SHORT_TIME) {
        Some(short) => {
            let short = std::str::from_utf8(short).ok()?;
            let century = if short.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{short}")
        }
        None => String::from_utf8(from.take(TIME)?.to_vec()).ok()?,
    };
    let part = |from, to| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::der;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Certificate and key for these years, in a folder.
    fn written(folder: &Path, name: &str, from: i32, to: i32) -> ProxyTls {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["gate.test".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let certificate = params.self_signed(&key).expect("signed");
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        fs::write(path("pem"), certificate.pem()).expect("written");
        fs::write(path("key"), key.serialize_pem()).expect("written");
        fs::set_permissions(path("key"), fs::Permissions::from_mode(0o600)).expect("ours");
        let address = "127.0.0.1:3129".parse().expect("an address");
        ProxyTls { address, certificate: path("pem"), key: path("key") }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_certificate_is_read_with_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        // The one form of time ends in 2049, the other begins in 2050.
        let all = [written(folder.path(), "short", 2026, 2049), written(folder.path(), "long", 2026, 2060)];
        let now = at("2048-12-01T00:00:01Z");
        let (certificates, warnings) = Certificates::read(&all[..1], now).expect("good");
        assert_eq!((certificates.days_left(now), warnings.len()), (Some(30), 0));
        let (certificates, _) = Certificates::read(&all[1..], at("2059-12-31T00:00:00Z")).expect("good");
        for (now, left) in [("2059-12-31T00:00:01Z", 0), ("2060-01-01T00:00:01Z", -1), ("2060-01-02T00:00:10Z", -1)] {
            assert_eq!(certificates.days_left(at(now)), Some(left), "{now}");
        }
        assert_eq!(certificates.days_left(at("2060-01-03T00:00:00Z")), Some(-2));
        assert!(certificates.at(all[0].address).is_some());
        assert_eq!(Certificates::default().days_left(now), None);
    }

    #[test]
    fn what_has_ended_or_will_soon_is_said_and_stops_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = [written(folder.path(), "one", 2026, 2027)];
        for (now, told) in [
            ("2025-12-31T00:00:00Z", Some("is valid from")),
            ("2026-06-01T00:00:00Z", None),
            ("2026-12-25T00:00:00Z", Some("ends in 7 days")),
            ("2027-01-02T00:00:00Z", Some("has ended")),
        ] {
            let (_, warnings) = Certificates::read(&one, at(now)).expect("good");
            let said = warnings.first().map(ToString::to_string);
            match told {
                Some(told) => assert!(said.as_ref().is_some_and(|said| said.contains(told)), "{now}: {said:?}"),
                None => assert_eq!(said, None),
            }
        }
    }

    #[test]
    fn what_browsers_refuse_and_keys_that_are_locked_are_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = at("2026-06-01T00:00:00Z");
        let one = written(folder.path(), "one", 2026, 2027);
        let nameless = CertificateParams::default();
        let key = KeyPair::from_pem(&fs::read_to_string(&one.key).expect("read")).expect("a key");
        let nameless = nameless.self_signed(&key).expect("signed");
        fs::write(&one.certificate, nameless.pem()).expect("written");
        let (_, warnings) = Certificates::read(std::slice::from_ref(&one), now).expect("good");
        let said: Vec<&str> = warnings.iter().map(|warning| warning.what.as_str()).collect();
        assert_eq!(said, ["the certificate has no subjectAltName"]);
        // The same without its version, which comes first: of version 1.
        let mut whole = Reader::new(nameless.der()).enter(SEQUENCE).expect("a certificate");
        let content = whole.take(SEQUENCE).expect("its content");
        let algorithm = der::write(SEQUENCE, &[whole.take(SEQUENCE).expect("an algorithm")]);
        let signature = der::write(3, &[whole.take(3).expect("a signature")]);
        let old = der::write(SEQUENCE, &[&der::write(SEQUENCE, &[&content[5..]]), &algorithm, &signature]);
        let refused = |what: &str| {
            let Err(troubles) = Certificates::read(std::slice::from_ref(&one), now) else { panic!("{what}: accepted") };
            assert!(troubles.len() == 1 && troubles[0].what == what, "{troubles:?}");
        };
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(old));
        fs::write(&one.certificate, pem).expect("written");
        refused("the certificate is of version 1");
        fs::write(&one.certificate, nameless.pem()).expect("written");
        for text in [
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ] {
            fs::write(&one.key, text).expect("written");
            refused("it has a passphrase");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (written(folder.path(), "one", 2026, 2027), written(folder.path(), "other", 2026, 2027));
        let swapped = ProxyTls { key: other.key.clone(), ..one.clone() };
        let missing = ProxyTls { certificate: folder.path().join("none.pem"), ..one.clone() };
        let turned = ProxyTls { certificate: one.key.clone(), key: one.certificate.clone(), ..one.clone() };
        fs::write(folder.path().join("cut.pem"), "\n-----BEGIN CERTIFICATE-----\nMIIB").expect("written");
        let cut = ProxyTls { certificate: folder.path().join("cut.pem"), ..one.clone() };
        for (listen, told) in [
            (vec![swapped], vec!["other.key (`[listen] proxy_tls`, 127.0.0.1:3129): it is not the key of"]),
            (vec![missing.clone()], vec!["none.pem (`[listen] proxy_tls`, 127.0.0.1:3129): it cannot be read"]),
            (vec![turned, missing], vec!["no certificate in it", "no key in it", "cannot be read"]),
            (vec![cut], vec!["cut.pem (`[listen] proxy_tls`, 127.0.0.1:3129): line 2: it is not PEM"]),
        ] {
            let Err(troubles) = Certificates::read(&listen, at("2026-06-01T00:00:00Z")) else {
                panic!("{told:?}: accepted");
            };
            let said: Vec<String> = troubles.iter().map(ToString::to_string).collect();
            assert_eq!(said.len(), told.len(), "{said:#?}");
            assert!(said.iter().zip(&told).all(|(said, told)| said.contains(told)), "{said:#?}");
        }
    }
}

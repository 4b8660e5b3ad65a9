//! A time-stamp authority (RFC 3161): `openssl ts` behind a small HTTP server, and the check of what it stamped.
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Honest,
    /// With an answer that it gave to somebody else, about the same hash.
    Replaying,
    /// It stamps no SHA-256.
    Refusing,
}

/// A time-stamp authority.
pub struct Timestamps {
    folder: Arc<TempDir>,
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Timestamps {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When openssl is not installed or makes no certificates.
    pub fn start(manner: Manner) -> Timestamps {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        certify(folder.path(), manner);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let (at, count) = (folder.clone(), asked.clone());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                answer(stream, at.path(), manner);
            }
        });
        Timestamps { folder, address, asked }
    }

    /// Where it is asked.
    pub fn url(&self) -> String {
        format!("http://{}/stamp", self.address)
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether the answer in a file is one of this authority's about this hash, as `openssl ts -verify` sees it.
    ///
    /// # Panics
    /// When openssl is not installed.
    pub fn verifies(&self, file: &Path, hash: &str) -> bool {
        let authority = self.folder.path().join("ca.pem");
        let output = Command::new("openssl")
            .args(["ts", "-verify", "-digest", hash, "-in"])
            .arg(file)
            .arg("-CAfile")
            .arg(authority)
            .output()
            .expect("openssl is installed");
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("Verification: OK")
    }
}

/// Runs openssl in the folder.
fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Makes the authority's certificates and its configuration.
fn certify(folder: &Path, manner: Manner) {
    let digests = if manner == Manner::Refusing { "sha512" } else { "sha256" };
    let config = format!(
        "[ca]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
         [tsa_certificate]\nbasicConstraints = CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = critical, timeStamping\n\
         [req]\ndistinguished_name = dn\n[dn]\n\
         [tsa]\ndefault_tsa = this\n\
         [this]\nserial = serial\nsigner_cert = tsa.pem\ncerts = ca.pem\nsigner_key = tsa.key\nsigner_digest = sha256\n\
         default_policy = 1.2.3.4.1\ndigests = {digests}\naccuracy = secs:1\nordering = yes\ntsa_name = yes\n\
         ess_cert_id_chain = no\ness_cert_id_alg = sha256\n"
    );
    fs::write(folder.join("openssl.cnf"), config).expect("the folder is writable");
    fs::write(folder.join("serial"), "01\n").expect("the folder is writable");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf"];
    let authority = ["-subj", "/CN=Test authority", "-extensions", "ca", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(folder, &[&["req", "-x509", "-days", "2"], &key[..], &authority].concat());
    let request = ["-subj", "/CN=Test time stamps", "-keyout", "tsa.key", "-out", "tsa.csr"];
    openssl(folder, &[&["req"], &key[..], &request].concat());
    let sign = ["x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
    let as_what = ["-extfile", "openssl.cnf", "-extensions", "tsa_certificate", "-out", "tsa.pem"];
    openssl(folder, &[&sign[..], &as_what].concat());
}

/// Answers one request, and closes.
fn answer(stream: TcpStream, folder: &Path, manner: Manner) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut head = String::new();
    loop {
        let start = head.len();
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
        let line = head[start..].trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut question = vec![0; length];
    if reader.read_exact(&mut question).is_err() {
        return;
    }
    let right = head.starts_with("POST /stamp ") && head.to_ascii_lowercase().contains("application/timestamp-query");
    let (status, body) = if right { ("200 OK", stamp(folder, &question, manner)) } else { ("400 Bad Request", vec![]) };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    // Who asked may have left.
    let _ = reader.get_mut().write_all(&[head.as_bytes(), &body].concat());
}

fn stamp(folder: &Path, question: &[u8], manner: Manner) -> Vec<u8> {
    let path = |name: &str| -> PathBuf { folder.join(name) };
    fs::write(path("question"), question).expect("the folder is writable");
    let replayed = path("first answer");
    if manner == Manner::Replaying {
        // The same hash, asked for by openssl, which chooses a number of its own.
        let hash = question.windows(2).position(|tag| tag == [4, 32]).map(|at| &question[at + 2..at + 34]);
        let hash: String = hash.unwrap_or_default().iter().map(|octet| format!("{octet:02x}")).collect();
        openssl(folder, &["ts", "-query", "-digest", &hash, "-sha256", "-cert", "-out", "question"]);
    }
    openssl(folder, &["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "question", "-out", "first answer"]);
    fs::read(replayed).expect("an answer")
}

//! Web servers on the loopback interface that answer by script and write down what they saw, byte for byte.
use crate::authority::Authority;
use crate::latch::Latch;
use crate::message::{Framing, Head, Pending};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A request as it reached an origin.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which connection it came on, from 0 in the order they were accepted.
    pub connection: usize,
    /// The head.
    pub head: Head,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// How the body was framed.
    pub framing: Framing,
}

impl Seen {
    /// `GET`.
    pub fn method(&self) -> &str {
        self.head.word(0)
    }

    /// The request target, as written: `/path?query`.
    pub fn target(&self) -> &str {
        self.head.word(1)
    }
}

/// What an origin sends back: pieces, in order.
#[derive(Clone)]
pub struct Answer {
    pieces: Vec<Piece>,
    close: bool,
}

#[derive(Clone)]
enum Piece {
    Bytes(Vec<u8>),
    Zeros(u64),
    Wait(Latch),
}

impl Answer {
    /// 200 with this body, its length stated.
    pub fn ok(body: impl AsRef<[u8]>) -> Answer {
        Answer::with("200 OK", &[], body)
    }

    /// That status (`"404 Not Found"`), these fields, this body, its length stated.
    pub fn with(status: &str, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let length = body.len().to_string();
        let fields = [fields, &[("Content-Length", length.as_str())]].concat();
        Answer::raw([&head(status, &fields), body].concat())
    }

    /// 200 with so many zero bytes, their number stated.
    pub fn zeros(length: u64) -> Answer {
        let mut answer = Answer::raw(head("200 OK", &[("Content-Length", &length.to_string())]));
        answer.pieces.push(Piece::Zeros(length));
        answer
    }

    /// 200 with this body in chunks of at most `size` bytes.
    pub fn chunked(body: impl AsRef<[u8]>, size: usize) -> Answer {
        let mut wire = head("200 OK", &[("Transfer-Encoding", "chunked")]);
        for chunk in body.as_ref().chunks(size) {
            wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        Answer::raw(wire)
    }

    /// 200 with this body, ended by the end of the connection.
    pub fn until_close(body: impl AsRef<[u8]>) -> Answer {
        Answer::raw([&head("200 OK", &[("Connection", "close")]), body.as_ref()].concat()).closing()
    }

    /// 200 that promises `promised` bytes, sends `sent` zeros and cuts the connection.
    pub fn cut(promised: u64, sent: u64) -> Answer {
        let mut answer = Answer::raw(head("200 OK", &[("Content-Length", &promised.to_string())])).closing();
        answer.pieces.push(Piece::Zeros(sent));
        answer
    }

    /// 200 with this body in two halves; the second leaves once `latch` opens.
    pub fn halves(body: impl AsRef<[u8]>, latch: &Latch) -> Answer {
        Answer::halves_with(&[], body, latch)
    }

    /// The same, with these fields.
    pub fn halves_with(fields: &[(&str, &str)], body: impl AsRef<[u8]>, latch: &Latch) -> Answer {
        let body = body.as_ref();
        let (first, second) = body.split_at(body.len() / 2);
        let length = body.len().to_string();
        let mut answer = Answer::raw(head("200 OK", &[fields, &[("Content-Length", length.as_str())]].concat()));
        answer.pieces.extend([Piece::Bytes(first.into()), Piece::Wait(latch.clone()), Piece::Bytes(second.into())]);
        answer
    }

    /// These bytes and nothing else.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
        Answer { pieces: vec![Piece::Bytes(bytes.into())], close: false }
    }

    /// Nothing leaves before `latch` opens.
    pub fn after(mut self, latch: &Latch) -> Answer {
        self.pieces.insert(0, Piece::Wait(latch.clone()));
        self
    }

    /// The connection ends after the answer.
    pub fn closing(mut self) -> Answer {
        self.close = true;
        self
    }

    fn send(&self, stream: &mut dyn Write) -> io::Result<()> {
        let zeros = [0; 65_536];
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => stream.write_all(bytes)?,
                Piece::Zeros(count) => io::copy(&mut zeros.chain(io::repeat(0)).take(*count), stream).map(drop)?,
                Piece::Wait(latch) => {
                    stream.flush()?;
                    if !latch.wait(crate::LIMIT) {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
            }
        }
        stream.flush()
    }
}

fn head(status: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A web server. It lives as long as the test's process.
#[derive(Clone)]
pub struct Origin {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

impl Origin {
    /// Speaks plain HTTP.
    pub fn http(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Origin {
        Origin::start(None, Arc::new(script))
    }

    /// Speaks HTTP over TLS, under a certificate of `authority` for these names.
    pub fn https(
        authority: &Authority,
        names: &[&str],
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Origin {
        Origin::start(Some(authority.server(names)), Arc::new(script))
    }

    fn start(tls: Option<Arc<ServerConfig>>, script: Arc<Script>) -> Origin {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
        let address = listener.local_addr().expect("a bound listener has an address");
        let origin = Origin { address, seen: Arc::default(), connections: Arc::default() };
        let served = origin.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (origin, tls, script) = (served.clone(), tls.clone(), script.clone());
                let connection = origin.connections.fetch_add(1, Ordering::SeqCst);
                // A connection that breaks is what some tests are about: the thread just ends.
                thread::spawn(move || origin.serve(connection, stream, tls, &*script));
            }
        });
        origin
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://NAME:PORT/PATH` of this origin; `path` begins with a slash.
    pub fn url(&self, name: &str, path: &str) -> String {
        format!("http://{name}:{}{path}", self.port())
    }

    /// The same with `https`.
    pub fn url_tls(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.port())
    }

    /// The requests read so far, whole, in the order they were.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections accepted so far, with or without a request.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn serve(
        &self,
        connection: usize,
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        script: &Script,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let Some(tls) = tls else {
            return self.converse(connection, stream, script);
        };
        let tls = ServerConnection::new(tls).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, stream);
        self.converse(connection, &mut stream, script)?;
        stream.conn.send_close_notify();
        stream.flush()
    }

    fn converse(&self, connection: usize, mut stream: impl Read + Write, script: &Script) -> io::Result<()> {
        let mut pending = Pending::default();
        while let Some(head) = pending.head(&mut stream)? {
            if head.field("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                stream.flush()?;
            }
            let framing = Framing::of_request(&head);
            let body = pending.body(&mut stream, framing)?;
            let seen = Seen { connection, head, body, framing };
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
            let answer = script(&seen);
            answer.send(&mut stream)?;
            if answer.close {
                break;
            }
        }
        Ok(())
    }
}

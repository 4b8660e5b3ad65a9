//! A name server: answers from a table over UDP and TCP, and counts what it was asked.
//!
//! Written on the bytes of RFC 1035, with nothing of the gate's own resolver in it.
use crate::LIMIT;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What is answered to every question about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// These addresses, each to the question of its family, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// As before over TCP alone: over UDP the answer is cut (RFC 1035 §4.2.1).
    Cut(Vec<IpAddr>, u32),
    /// The name of which this one is an alias, for so many seconds, and its addresses behind it.
    Alias(String, Vec<IpAddr>, u32),
    /// The name of an address (`1.0.0.127.in-addr.arpa`), for so many seconds.
    Pointer(String, u32),
    /// No such name, for so many seconds (RFC 2308 §5).
    NoName(u32),
    /// The server failed (SERVFAIL).
    Failure,
    /// Nothing at all.
    Silence,
}

/// A name server on 127.0.0.1. Names it does not know are not there, for a minute.
#[derive(Clone)]
pub struct Dns {
    address: SocketAddr,
    table: Arc<Mutex<HashMap<String, Reply>>>,
    asked: Arc<Mutex<Vec<Question>>>,
}

/// A question it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Of what name, in lower case.
    pub name: String,
    /// For what: 1 is IPv4, 28 is IPv6.
    pub kind: u16,
    /// It came over TCP.
    pub over_tcp: bool,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const AAAA: u16 = 28;

impl Default for Dns {
    fn default() -> Self {
        Dns::new()
    }
}

impl Dns {
    /// Starts one.
    ///
    /// # Panics
    /// When no port is free.
    pub fn new() -> Dns {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
        let address = tcp.local_addr().expect("a bound listener has an address");
        let udp = UdpSocket::bind(address).expect("the same port over UDP");
        let server = Dns { address, table: Arc::default(), asked: Arc::default() };
        let (over_udp, over_tcp) = (server.clone(), server.clone());
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = udp.recv_from(&mut packet) {
                if let Some(answer) = packet.get(..length).and_then(|packet| over_udp.answer(packet, false)) {
                    // Who asked may be gone.
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let server = over_tcp.clone();
                thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it answers from now on about a name.
    pub fn reply(&self, name: &str, reply: Reply) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), reply);
    }

    /// The questions about a name so far.
    pub fn asked(&self, name: &str) -> Vec<Question> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|question| question.name == name).cloned().collect()
    }

    /// Messages over TCP have their length in front (RFC 1035 §4.2.2).
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(LIMIT))?;
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut packet = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut packet)?;
            if let Some(answer) = self.answer(&packet, true) {
                let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
                stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
            }
        }
    }

    /// The answer to a packet with one question; none to anything else, and where silence is asked for.
    fn answer(&self, packet: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            name.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
            at += length;
        }
        let name = name.join(".");
        let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
        let question = packet.get(12..at + 4)?;
        let reply = self.table.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let asked = Question { name, kind, over_tcp };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);

        let (mut code, mut cut) = (0, false);
        let (mut answers, mut authorities) = (Vec::new(), Vec::new());
        // The question's name is where every message has it.
        let asked_name = [0xc0, 12];
        match reply.unwrap_or(Reply::NoName(60)) {
            Reply::Cut(..) if !over_tcp => cut = true,
            Reply::Addresses(addresses, ttl) | Reply::Cut(addresses, ttl) => {
                answers = of_kind(&asked_name, kind, &addresses, ttl);
            }
            Reply::Alias(other, addresses, ttl) => {
                let other = labels(&other);
                answers.push(record(&asked_name, CNAME, ttl, &other));
                answers.extend(of_kind(&other, kind, &addresses, ttl));
            }
            Reply::Pointer(name, ttl) => {
                answers.extend((kind == PTR).then(|| record(&asked_name, PTR, ttl, &labels(&name))))
            }
            Reply::NoName(ttl) => {
                code = 3;
                let numbers = [1, 60, 60, 60, ttl].map(u32::to_be_bytes).concat();
                let start = [&labels("ns.test")[..], &labels("hostmaster.test"), &numbers].concat();
                authorities.push(record(&[0], SOA, ttl, &start));
            }
            Reply::Failure => code = 2,
            Reply::Silence => return None,
        }
        if answers.is_empty() && authorities.is_empty() && code == 0 && !cut {
            let numbers = [1, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
            authorities.push(record(&[0], SOA, 60, &[&labels("ns.test")[..], &labels("a.test"), &numbers].concat()));
        }
        let count = |records: &[Vec<u8>]| u16::try_from(records.len()).unwrap_or(0).to_be_bytes();
        let flags = [0x81 | if cut { 2 } else { 0 }, 0x80 | code];
        let head = [packet.get(..2)?, &flags, &[0, 1], &count(&answers), &count(&authorities), &[0, 0]].concat();
        Some([head, question.to_vec(), answers.concat(), authorities.concat()].concat())
    }
}

fn of_kind(name: &[u8], kind: u16, addresses: &[IpAddr], ttl: u32) -> Vec<Vec<u8>> {
    let one = |address: &IpAddr| match (kind, address) {
        (A, IpAddr::V4(ip)) => Some(record(name, A, ttl, &ip.octets())),
        (AAAA, IpAddr::V6(ip)) => Some(record(name, AAAA, ttl, &ip.octets())),
        _ => None,
    };
    addresses.iter().filter_map(one).collect()
}

fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(0).to_be_bytes();
    [name, &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
}

fn labels(name: &str) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap_or(0));
        out.extend(label.bytes());
    }
    out.push(0);
    out
}

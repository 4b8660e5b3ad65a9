//! ClientHellos at the start of a tunnel: real ones, in pieces, without a name, encrypted, asked for again.
use harness::raw::{self, Client};
use harness::{Answer, Authority, Gate, Origin, Record, Setup};
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

/// The fatal alert `access_denied` (RFC 8446 §6.2), in its record.
const ACCESS_DENIED: &[u8] = &[21, 3, 3, 0, 2, 2, 49];

fn tunnel(gate: &Gate, authority: &str) -> Client {
    let mut client = gate.client();
    assert_eq!(client.connect_to(authority).expect("an answer").status(), 200);
    client
}

fn refused(gate: &Gate, rule: &str) -> Record {
    let record = gate.log_of(1).remove(0);
    let said = (record.action.as_str(), record.outcome.as_str(), record.rule.as_deref());
    assert_eq!(said, ("block", "refused", Some(rule)), "{record:?}");
    record
}

/// An origin that says nothing; its thread ends with all that came.
fn listener() -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the gate connects");
        let mut heard = Vec::new();
        // An end by a reset is one too.
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    (port, heard)
}

#[test]
fn a_real_hello_is_read_however_it_is_cut() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let hello = raw::hello(authority.post_quantum(), "blocked.test");
    assert!(hello.len() > 1400, "a key share that resists quantum computers: {} bytes", hello.len());
    // The same message in records of 16 bytes (RFC 8446 §5.1).
    let record = |part: &[u8]| [&[0x16, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
    let cut: Vec<u8> = hello[5..].chunks(16).flat_map(record).collect();
    for (bytes, step) in [(&hello, 1), (&hello, 1400), (&cut, cut.len()), (&cut, 3)] {
        let origin = Origin::http(|_| Answer::ok("never"));
        let mut client = tunnel(&gate, &format!("allowed.test:{}", origin.port()));
        for piece in bytes.chunks(step) {
            if client.send(piece).is_err() {
                break;
            }
        }
        assert_eq!(client.rest().expect("the gate ends the tunnel"), ACCESS_DENIED, "pieces of {step}");
    }
    assert!(gate.log_of(4).iter().all(|record| record.rule.as_deref() == Some("interdits")));
}

#[test]
fn a_hello_that_resists_quantum_computers_passes() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |_| Answer::ok("fine"));
    let to = format!("allowed.test:{}", origin.port());
    let mut tls = tunnel(&gate, &to).tls(authority.post_quantum(), "allowed.test").expect("TLS");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").text(), "fine");
}

#[test]
fn openssl_passes_and_is_cut_as_any_client() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test", "blocked.test"], |_| Answer::ok("fine"));
    let asked = |name: &str| {
        let output = Command::new("openssl")
            .args(["s_client", "-proxy", &gate.proxy().to_string()])
            .args(["-connect", &format!("allowed.test:{}", origin.port()), "-servername", name])
            .stdin(Stdio::null())
            .output()
            .expect("openssl is installed: tests/run sees to it");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let told = asked("allowed.test");
    assert!(told.contains("New, TLSv1.3"), "{told}");
    let told = asked("blocked.test");
    assert!(told.contains("access denied"), "{told}");
    assert_eq!(gate.log_of(2).iter().filter(|record| record.outcome == "refused").count(), 1);
}

#[test]
fn without_a_name_connect_decides_alone() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |_| Answer::ok("fine"));
    let to = format!("allowed.test:{}", origin.port());
    let mut tls = tunnel(&gate, &to).tls(authority.nameless(), "allowed.test").expect("TLS");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").text(), "fine");
    drop(tls);
    assert_eq!(gate.log_of(1)[0].action, "allow");
    let refused = gate.client().connect_to(&format!("blocked.test:{}", origin.port())).expect("an answer");
    assert_eq!(refused.status(), 403);
}

#[test]
fn a_name_behind_an_address_is_decided_on() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test", "blocked.test"], |_| Answer::ok("fine"));
    let to = format!("127.0.0.1:{}", origin.port());
    let hidden = tunnel(&gate, &to).tls(authority.client(), "blocked.test");
    assert!(hidden.and_then(|mut tls| tls.get("blocked.test", "/")).is_err());
    assert_eq!(refused(&gate, "interdits").host.as_deref(), Some("127.0.0.1"));
    let mut tls = tunnel(&gate, &to).tls(authority.client(), "allowed.test").expect("TLS");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").text(), "fine");
}

#[test]
fn a_name_that_is_none_is_refused() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let mut hello = raw::hello(Authority::new().client(), "allowedx.test");
    let at = hello.windows(8).position(|part| part == b"allowedx").expect("the name stands in the hello");
    hello[at..at + 8].copy_from_slice(b"all..wed");
    let mut client = tunnel(&gate, &format!("allowed.test:{}", origin.port()));
    client.send(hello).expect("the tunnel takes it");
    assert_eq!(client.rest().expect("the gate ends the tunnel"), ACCESS_DENIED);
    refused(&gate, "gate:tls");
}

#[test]
fn an_encrypted_hello_passes_under_the_name_outside_unless_told_otherwise() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test", "blocked.test"], |_| Answer::ok("fine"));
    let to = format!("allowed.test:{}", origin.port());
    let mut tls = tunnel(&gate, &to).tls(authority.encrypted(), "allowed.test").expect("TLS");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").text(), "fine");
    drop(tls);
    assert_eq!(gate.log_of(1)[0].action, "allow");
    let hidden = tunnel(&gate, &to).tls(authority.encrypted(), "blocked.test");
    assert!(hidden.and_then(|mut tls| tls.get("blocked.test", "/")).is_err(), "the name outside is decided on");

    let strict = Setup::new().config("[destinations]\nech = \"block\"").start();
    let mut client = tunnel(&strict, &to);
    client.send(raw::hello(authority.encrypted(), "allowed.test")).expect("the tunnel takes it");
    assert_eq!(client.rest().expect("the gate ends the tunnel"), ACCESS_DENIED);
    refused(&strict, "gate:ech");
    let mut tls = tunnel(&strict, &to).tls(authority.client(), "allowed.test").expect("TLS without it");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").text(), "fine");
}

#[test]
fn a_second_hello_passes_under_the_same_name() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |_| Answer::ok("fine"));
    let to = format!("allowed.test:{}", origin.port());
    let mut tls = tunnel(&gate, &to).tls(authority.retried(), "allowed.test").expect("TLS");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").text(), "fine");
    drop(tls);
    assert_eq!(gate.log_of(1)[0].action, "allow");
}

#[test]
fn a_second_hello_under_another_name_is_cut() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let (port, heard) = listener();
    let first = raw::hello(authority.client(), "allowed.test");
    let second = raw::hello(authority.post_quantum(), "blocked.test");
    let spec: &[u8] = &[0x14, 3, 3, 0, 1, 1];
    let mut client = tunnel(&gate, &format!("allowed.test:{port}"));
    client.send([&first, spec, &second[..900]].concat()).expect("the tunnel takes it");
    client.send(&second[900..]).expect("the tunnel takes it");
    assert!(client.ended());
    let record = refused(&gate, "gate:tls");
    assert_eq!(record.bytes_sent, (first.len() + spec.len()) as u64);
    assert!(heard.join().expect("the origin ends") == [&first, spec].concat(), "not a byte of the second has left");
}

//! A gate's life: certificates renewed, addresses changed, stopped and started again, without anybody noticing.
use crate::listeners::{echo, gate, node};
use harness::raw::Client;
use harness::{Answer, Authority, Curl, Gate, LIMIT, Origin, Setup, ports, wait};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What a command prints, on both streams.
fn told(gate: &Gate, args: &[&str]) -> (Option<i32>, String) {
    let output = gate.octroi(args);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn certificates_are_renewed_while_connections_go_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let gate = gate(&before, Setup::new());
    let origin = Origin::http(|_| Answer::ok("served"));
    let url = origin.url("allowed.test", "/");
    let to = format!("allowed.test:{}", echo());
    let mut kept = node(&gate, &["goaway", &to]);
    assert_eq!(kept.says(), "open");
    assert_eq!(Curl::through_tls(&gate).get(&url).text(), "served");
    gate.certify(&after);
    gate.say(&["reload"]);
    assert_eq!(Curl::through_tls(&gate).get(&url).text(), "served", "the new authority is the one believed");
    gate.write("ca.pem", before.pem());
    assert_ne!(Curl::through_tls(&gate).get(&url).exit, 0, "the old one no more");
    assert!(told(&gate, &["status"]).1.contains("certificate"));
    gate.terminate();
    // The tunnel of before was not touched.
    assert_eq!(kept.end(), [json!({ "goaway": 0 }), json!(true), json!("closed")]);
}

#[test]
fn a_bad_certificate_is_refused_and_the_old_one_stays() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|_| Answer::ok("served"));
    let url = origin.url("allowed.test", "/");
    let (_, other_key) = authority.files(&["127.0.0.1"]);
    for (file, content, why) in [
        ("gate.key", other_key.as_str(), "gate.key (`[listen] proxy_tls`"),
        ("gate.key", "", "no key in it"),
        ("gate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "gate.pem"),
    ] {
        let good = std::fs::read(gate.path(file)).expect("it is there");
        gate.write(file, content);
        for command in ["reload", "check"] {
            let (code, text) = told(&gate, &[command]);
            assert!(code != Some(0) && text.contains(why), "{command} {why}: {code:?} {text}");
        }
        assert_eq!(Curl::through_tls(&gate).get(&url).text(), "served");
        gate.write(file, good);
    }
    gate.say(&["reload"]);
    gate.say(&["check"]);
}

#[test]
fn a_start_without_its_certificate_says_which() {
    let gate = Setup::new().tls().prepare();
    let ended = gate.run_to_its_end();
    assert_eq!(ended.code, Some(2));
    assert!(ended.printed.contains("gate.pem") && ended.printed.contains("gate.key"), "{}", ended.printed);
}

#[test]
fn addresses_change_without_dropping_anybody() {
    let (first, second, tls) = (ports::free(), ports::free(), ports::free());
    let listen = |proxy: &str, tls: &str| format!("[listen]\nproxy = [{proxy}]\nproxy_tls = [{tls}]");
    let setup = Setup::new().config(&listen(&format!("\"127.0.0.1:{first}\""), ""));
    let gate = setup.clone().start();
    gate.certify(&Authority::new());
    let origin = Origin::http(|_| Answer::ok("served"));
    let url = origin.url("allowed.test", "/");
    let mut kept = gate.client();
    assert_eq!(kept.get(&url).expect("an answer").text(), "served");
    let secure = format!("{{ address = \"127.0.0.1:{tls}\", certificate = \"gate.pem\", key = \"gate.key\" }}");
    let changed = setup.clone().config(&listen(&format!("\"127.0.0.1:{second}\""), &secure));
    gate.write("octroi.toml", changed.config_text());
    gate.say(&["reload"]);
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(Curl::by(at(second)).get(&url).text(), "served");
    let ca = gate.path("ca.pem").display().to_string();
    let by_tls =
        Curl::direct().args(["--proxy", &format!("https://{}", at(tls)), "--proxy-cacert", &ca, "--noproxy", ""]);
    assert_eq!(by_tls.get(&url).text(), "served");
    wait::until("the old address to be closed", LIMIT, || TcpStream::connect(at(first)).is_err().then_some(()));
    assert_eq!(kept.get(&url).expect("still there").text(), "served");
    let pac = gate.page("/proxy.pac").text();
    assert!(pac.contains(&format!("HTTPS {}; PROXY {}", at(tls), at(second))), "{pac}");
    // The gate's own new sockets are as closed from inside as the old ones were.
    assert_eq!(Curl::by(at(second)).get(&format!("http://allowed.test:{second}/")).status, 403);
    // From plain to TLS, on the same port.
    let turned = secure.replace(&tls.to_string(), &second.to_string());
    gate.write("octroi.toml", setup.clone().config(&listen("", &turned)).config_text());
    gate.say(&["reload"]);
    let by_tls =
        Curl::direct().args(["--proxy", &format!("https://{}", at(second)), "--proxy-cacert", &ca, "--noproxy", ""]);
    assert_eq!(by_tls.get(&url).text(), "served");
    // An address that another program has refuses the reload, and nothing changes.
    let free = format!("\"{}\"", at(ports::free()));
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let in_use = other.local_addr().expect("bound");
    gate.write("octroi.toml", setup.config(&listen(&format!("{free}, \"{in_use}\""), "")).config_text());
    let (code, text) = told(&gate, &["reload"]);
    assert_eq!((code, text.contains(&in_use.to_string())), (Some(1), true), "{text}");
    assert_eq!(by_tls.get(&url).text(), "served");
}

#[test]
fn streams_are_drained_and_the_connection_said_goodbye() {
    let authority = Authority::new();
    let mut gate = gate(&authority, Setup::new());
    let to = format!("allowed.test:{}", echo());
    let mut kept = node(&gate, &["goaway", &to]);
    assert_eq!(kept.says(), "open");
    let mut idle = node(&gate, &["idle"]);
    assert_eq!(idle.says(), "open");
    gate.terminate();
    assert_eq!(idle.end(), [json!({ "goaway": 0 })], "one that does nothing does not hold up the gate");
    assert_eq!(kept.end(), [json!({ "goaway": 0 }), json!(true), json!("closed")]);
    let ended = gate.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    assert_eq!(gate.log()[0].outcome, "completed");
}

#[test]
fn streams_that_outlast_the_grace_are_recorded_as_interrupted() {
    let authority = Authority::new();
    let mut gate = gate(&authority, Setup::new().config("[limits]\nshutdown_grace = \"1s\""));
    let mut frames = harness::frames::Frames::connect(gate.secure(), &authority).expect("a connection");
    let to = format!("allowed.test:{}", echo());
    frames.ask(1, &[(":method", "CONNECT"), (":authority", &to)], true).expect("sent");
    assert_eq!(frames.fate(1), harness::frames::Fate::Answered);
    gate.terminate();
    let ended = gate.wait();
    assert!(ended.code.is_some(), "{}", ended.printed);
    assert_eq!(gate.log()[0].outcome, "interrupted");
}

/// A service manager that holds the sockets and starts the gate again and again.
struct Manager {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Manager {
    fn start(gate: &Gate, addresses: &[SocketAddr], notify: &Path) -> Manager {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let run = gate.command(&["run"]);
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("manager.py")).arg(addresses.join(","));
        command.arg(run.get_program()).args(run.get_args()).current_dir(gate.folder());
        command.env_clear().env("HOME", gate.folder()).env("NOTIFY_SOCKET", notify);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let errors = File::create(gate.path("stderr")).expect("the folder is writable");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("python3 is installed: tests/run sees to it");
        let out = BufReader::new(child.stdout.take().expect("the stream is piped"));
        Manager { child, out }
    }

    /// The next of its own lines: the gate prints on the same stream.
    fn says(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).expect("a pipe can be read") > 0, "{word} never came");
            if line.starts_with(word) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn start_again(&mut self) {
        self.child.stdin.as_mut().expect("piped").write_all(b"again\n").expect("it listens");
    }

    fn stop(&mut self) {
        self.child.stdin = None;
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // At the end of its input it stops the gate, and ends.
        self.stop();
        let _ = self.child.wait();
    }
}

/// What the gate tells its manager next.
fn notified(socket: &UnixDatagram) -> String {
    let mut heard = [0; 256];
    let count = socket.recv(&mut heard).expect("the gate says how it is");
    String::from_utf8_lossy(&heard[..count]).into_owned()
}

fn manager_socket(gate: &Gate) -> (PathBuf, UnixDatagram) {
    let path = gate.path("notify");
    let socket = UnixDatagram::bind(&path).expect("the folder is writable");
    socket.set_read_timeout(Some(LIMIT)).expect("a socket");
    (path, socket)
}

#[test]
fn a_restart_refuses_no_connection_when_the_sockets_are_kept() {
    let gate = Setup::new().tls().prepare();
    gate.certify(&Authority::new());
    let origin = Origin::http(|_| Answer::ok("served"));
    let url = origin.url("allowed.test", "/");
    let (notify, heard) = manager_socket(&gate);
    let mut manager = Manager::start(&gate, &[gate.proxy(), gate.secure(), gate.console()], &notify);
    assert!(notified(&heard).contains("READY=1"));
    let (stop, served, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    match Client::connect(gate.proxy()) {
                        // Who was let in by the gate that stops, and had asked nothing, is closed upon, and asks again.
                        Ok(mut client) => match client.get(&url) {
                            Ok(answer) if answer.text() == "served" => drop(served.fetch_add(1, Ordering::SeqCst)),
                            _ => {}
                        },
                        Err(why) if why.kind() == ErrorKind::ConnectionRefused => {
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(_) => {}
                    }
                }
            });
        }
        for _ in 0..3 {
            let before = served.load(Ordering::SeqCst);
            wait::until("requests served", LIMIT, || (served.load(Ordering::SeqCst) > before + 20).then_some(()));
            manager.start_again();
            assert!(notified(&heard).contains("STOPPING=1"));
            assert_eq!(manager.says("ended"), "ended 0");
            assert!(notified(&heard).contains("READY=1"));
        }
        let before = served.load(Ordering::SeqCst);
        wait::until("requests served", LIMIT, || (served.load(Ordering::SeqCst) > before + 20).then_some(()));
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(refused.load(Ordering::SeqCst), 0);
    assert_eq!(Curl::through_tls(&gate).get(&url).text(), "served");
    gate.say(&["reload"]);
    let reloading = notified(&heard);
    assert!(reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert!(notified(&heard).contains("READY=1"));
}

#[test]
fn a_socket_that_the_configuration_does_not_name_is_said() {
    let gate = Setup::new().prepare();
    let stranger = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let (notify, _heard) = manager_socket(&gate);
    let mut manager = Manager::start(&gate, &[gate.proxy(), stranger], &notify);
    manager.says("started");
    wait::until("the gate to end", LIMIT, || {
        let log = std::fs::read_to_string(gate.path("stderr")).unwrap_or_default();
        log.contains(&stranger.to_string()).then_some(())
    });
}

//! Downloads from a server that answers by a script: new, unchanged, half, excuses, and addresses that lead on.

use super::super::source;
use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

/// Serves one scripted answer a connection, and gives back the requests it saw.
fn server(answers: Vec<Vec<u8>>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    let (seen, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("accepted");
            let mut lines = BufReader::new(stream.try_clone().expect("cloned")).lines();
            let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            // Nobody listens any more once a test has failed, which says so itself.
            let _ = seen.send(head.join("\n"));
            let _ = stream.write_all(&answer);
        }
    });
    (address, requests)
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(11);
    header.set_cksum();
    tar.append_data(&mut header, "ut1/games/domains", &b"games.test\n"[..]).expect("appended");
    tar.into_inner().expect("finished").finish().expect("finished")
}

struct Gate {
    _dir: tempfile::TempDir,
    config: Config,
}

impl Gate {
    /// A gate whose one list has this address, at a host that only `[dns] hosts` knows.
    fn of(port: u16, path: &str) -> Gate {
        let dir = tempfile::tempdir().expect("a folder");
        let charter = format!(
            "title = \"t\"\nversion = \"1\"\ndefault = \"allow\"\n\
             [lists.ut1]\nformat = \"ut1\"\nsource = \"http://lists.test:{port}{path}\"\n"
        );
        std::fs::write(dir.path().join("charter.toml"), charter).expect("written");
        let path = dir.path().join("octroi.toml");
        std::fs::write(&path, "data_dir = \"data\"\n[dns]\nhosts = { \"lists.test\" = [\"127.0.0.1\"] }\n")
            .expect("written");
        let (config, _) = Config::load(Some(&path)).expect("good");
        Gate { config, _dir: dir }
    }

    fn found(&self) -> Found {
        let charter = self.config.charter().expect("good").charter;
        source::find_all(&self.config, &charter).remove(0)
    }

    fn fetch(&self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(fetch(&self.found(), &self.config, &mut Progress::log()))
    }

    fn archive(&self) -> PathBuf {
        folder(&self.config.lists_dir(), "ut1").join(ARCHIVE)
    }
}

#[test]
fn a_list_is_fetched_once_and_then_asked_about() {
    let new = archive();
    let not_modified = b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec();
    let tags = "ETag: \"v1\"\r\nLast-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\n";
    let (server, requests) = server(vec![ok(tags, &new), not_modified]);
    let gate = Gate::of(server.port(), "/ut1.tar.gz");
    assert_eq!(gate.fetch(), Outcome::New(new.len() as u64));
    assert_eq!(std::fs::read(gate.archive()).expect("read"), new);
    assert_eq!(gate.fetch(), Outcome::Unchanged);
    let (first, second) = (requests.recv().expect("seen"), requests.recv().expect("seen").to_lowercase());
    assert!(first.starts_with("GET /ut1.tar.gz HTTP/1.1"), "{first}");
    assert!(!first.to_lowercase().contains("if-none-match"), "{first}");
    assert!(second.contains("if-none-match: \"v1\"") && second.contains("if-modified-since: mon, 23 nov"), "{second}");
    assert!(second.contains(&format!("host: lists.test:{}", server.port())), "{second}");
}

#[test]
fn whatever_fails_the_list_at_hand_stays() {
    let good = archive();
    let half = &good[..good.len() / 2];
    let promised = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", good.len());
    let failures: [(Vec<u8>, &str); 7] = [
        ([promised.as_bytes(), half].concat(), "before message length reached"),
        ([&b"HTTP/1.1 200 OK\r\n\r\n"[..], half].concat(), "no list"),
        (ok("", b"<!DOCTYPE html><title>Maintenance</title>"), "a web page"),
        (ok("", b"games.test\n"), "no category folder"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec(), "answered 503"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "lists.test"),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://a.test/\r\nContent-Length: 0\r\n\r\n".to_vec(), "only http and https"),
    ];
    let answers = [ok("", &good)].into_iter().chain(failures.iter().map(|(answer, _)| answer.clone())).collect();
    let (server, _requests) = server(answers);
    let gate = Gate::of(server.port(), "/ut1.tar.gz");
    assert!(matches!(gate.fetch(), Outcome::New(_)));
    for (_, expected) in failures {
        let Outcome::Failed(why) = gate.fetch() else { panic!("{expected} was accepted") };
        assert!(why.contains(expected), "{expected}: {why}");
        assert_eq!(std::fs::read(gate.archive()).expect("read"), good);
        assert_eq!(gate.found().fetched.expect("known").failure.expect("kept").why, why);
        assert_eq!(std::fs::read_dir(gate.archive().parent().expect("a folder")).expect("listed").count(), 2);
    }
}

#[test]
fn addresses_that_lead_on_are_followed_a_few_times() {
    let to = |path: &str| {
        format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let (address, requests) = server(vec![to("/b/ut1"), to("c.tgz"), ok("", &archive())]);
    assert!(matches!(Gate::of(address.port(), "/a").fetch(), Outcome::New(_)));
    let paths: Vec<String> =
        requests.iter().map(|head| head.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(paths, ["/a", "/b/ut1", "/b/c.tgz"]);
    let (address, _requests) = server(vec![to("/round"); REDIRECTS + 1]);
    let Outcome::Failed(why) = Gate::of(address.port(), "/round").fetch() else { panic!("accepted") };
    assert!(why.contains("more than 5 times"), "{why}");
}

#[test]
fn nobody_there_is_a_failure_and_a_missing_list() {
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address");
    let gate = Gate::of(free.port(), "/ut1.tar.gz");
    let Outcome::Failed(why) = gate.fetch() else { panic!("accepted") };
    assert!(why.contains(&format!("http://lists.test:{}/ut1.tar.gz", free.port())), "{why}");
    assert_eq!(gate.found().material, source::Material::Missing(format!("it could not be fetched: {why}")));
}

#[test]
fn redirects_are_resolved_against_where_they_came_from() {
    let from: Uri = "https://user:secret@a.test:8443/lists/ut1/a.tgz?x=1".parse().expect("an address");
    for (to, expected) in [
        ("http://b.test/x", "http://b.test/x"),
        ("//b.test/x#top", "https://b.test/x"),
        ("/x?y", "https://a.test:8443/x?y"),
        ("b.tgz", "https://a.test:8443/lists/ut1/b.tgz"),
    ] {
        let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static(to))]);
        assert_eq!(location(&from, &headers).expect("an address").to_string(), expected);
    }
    assert!(location(&from, &HeaderMap::new()).is_err());
    assert_eq!(place(&from), "https://a.test:8443/lists/ut1/a.tgz");
}

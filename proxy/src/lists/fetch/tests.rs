//! Downloads from a server that answers by a script: new, unchanged, half, excuses, and addresses that lead on.

use super::super::source;
use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
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
        Gate::with(port, path, "", "")
    }

    fn with(port: u16, path: &str, list: &str, configuration: &str) -> Gate {
        let dir = tempfile::tempdir().expect("a folder");
        let charter = format!(
            "title = \"t\"\nversion = \"1\"\ndefault = \"allow\"\n\
             [lists.ut1]\nformat = \"ut1\"\nsource = \"http://lists.test:{port}{path}\"\n{list}"
        );
        std::fs::write(dir.path().join("charter.toml"), charter).expect("written");
        let path = dir.path().join("octroi.toml");
        let hosts = "[dns]\nhosts = { \"lists.test\" = [\"127.0.0.1\"] }\n";
        let configuration = if configuration.is_empty() { hosts } else { configuration };
        std::fs::write(&path, format!("data_dir = \"data\"\n{configuration}")).expect("written");
        let (config, _) = Config::load(Some(&path)).expect("good");
        Gate { config, _dir: dir }
    }

    fn found(&self) -> Found {
        let charter = self.config.charter().expect("good").charter;
        source::find_all(&self.config, &charter).remove(0)
    }

    fn fetch(&self) -> Outcome {
        self.fetch_as(false)
    }

    fn fetch_as(&self, accept: bool) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let wish = Wish { accept, uses: &|_| true };
        runtime.block_on(fetch(&self.found(), &self.config, &wish, &mut Progress::log()))
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
    let (address, _requests) = server(vec![to("/round"); 6]);
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

/// An archive of one category with so many names.
fn archive_of(category: &str, names: usize) -> Vec<u8> {
    let text: String = (0..names).map(|n| format!("n{n}.{category}.test\n")).collect();
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_cksum();
    tar.append_data(&mut header, format!("ut1/{category}/domains"), text.as_bytes()).expect("appended");
    tar.into_inner().expect("finished").finish().expect("finished")
}

fn why(outcome: Outcome) -> String {
    let Outcome::Failed(why) = outcome else { panic!("accepted: {outcome:?}") };
    why
}

#[test]
fn a_download_that_breaks_off_is_taken_up_again() {
    let whole = archive_of("games", 5000);
    let (first, rest) = whole.split_at(whole.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let promised = |status: &str, length: usize, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"v1\"\r\n{headers}\r\n");
        [head.as_bytes(), body].concat()
    };
    let range = |from: usize| format!("Content-Range: bytes {from}-{}/{}\r\n", whole.len() - 1, whole.len());
    let answers = vec![
        promised("200 OK", whole.len(), "", first),
        promised("206 Partial Content", rest.len(), &range(first.len()), second),
        promised("206 Partial Content", third.len(), &range(whole.len() - third.len()), third),
    ];
    let (server, requests) = server(answers);
    let gate = Gate::of(server.port(), "/ut1.tar.gz");
    assert!(why(gate.fetch()).contains("before message length reached"));
    assert!(why(gate.fetch()).contains("before message length reached"));
    assert_eq!(gate.fetch(), Outcome::New(whole.len() as u64));
    assert_eq!(std::fs::read(gate.archive()).expect("read"), whole);
    let heads: Vec<String> = requests.iter().map(|head| head.to_lowercase()).collect();
    assert!(!heads[0].contains("range"), "{}", heads[0]);
    assert!(heads[1].contains(&format!("range: bytes={}-", first.len())) && heads[1].contains("if-range: \"v1\""));
    assert!(heads[2].contains(&format!("range: bytes={}-", whole.len() - third.len())), "{}", heads[2]);
}

#[test]
fn the_rest_of_another_file_is_not_put_behind_the_beginning_of_this() {
    let (old, new) = (archive_of("games", 5000), archive_of("adult", 200));
    let half = |tag: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"{tag}\"\r\n\r\n", old.len());
        [head.as_bytes(), &old[..old.len() / 2]].concat()
    };
    let part = |tag: &str, from: usize| {
        let rest = &old[from..];
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nETag: \"{tag}\"\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
            rest.len(),
            old.len() - 1,
            old.len()
        );
        [head.as_bytes(), rest].concat()
    };
    let gone = b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n".to_vec();
    // Whole since it changed; a part that begins elsewhere; a part of another version; nothing of the kind any more.
    for answers in [
        vec![half("v1"), ok("ETag: \"v2\"\r\n", &new)],
        vec![half("v1"), part("v1", 7), ok("", &new)],
        vec![half("v1"), part("v2", old.len() / 2), ok("", &new)],
        vec![half("v1"), gone, ok("", &new)],
    ] {
        let (server, _requests) = server(answers);
        let gate = Gate::of(server.port(), "/ut1.tar.gz");
        why(gate.fetch());
        assert_eq!(gate.fetch(), Outcome::New(new.len() as u64));
        assert_eq!(std::fs::read(gate.archive()).expect("read"), new);
    }
}

#[test]
fn a_list_that_changed_too_much_waits_for_somebody_to_accept_it() {
    let (old, small) = (archive_of("games", 2000), archive_of("games", 500));
    let tagged = |tag: &str, body: &[u8]| ok(&format!("ETag: \"{tag}\"\r\n"), body);
    let not_modified = b"HTTP/1.1 304 Not Modified\r\nETag: \"v2\"\r\n\r\n".to_vec();
    let answers =
        vec![tagged("v1", &old), tagged("v2", &small), not_modified, tagged("v3", &small), tagged("v2", &small)];
    let (server, requests) = server(answers);
    let gate = Gate::of(server.port(), "/ut1.tar.gz");
    assert!(matches!(gate.fetch(), Outcome::New(_)));
    let refused = why(gate.fetch());
    assert!(refused.contains("it shrank from 2000 to 500 entries, by more than `max_change` (50%)"), "{refused}");
    assert!(refused.contains("octroi lists update --accept ut1"), "{refused}");
    assert_eq!(std::fs::read(gate.archive()).expect("read"), old);
    assert!(why(gate.fetch()).contains("still has the version that was refused"), "it is not asked for again");
    assert!(why(gate.fetch()).contains("still has the version that was refused"), "the same under another mark");
    assert_eq!(gate.fetch_as(true), Outcome::New(small.len() as u64));
    assert_eq!(std::fs::read(gate.archive()).expect("read"), small);
    assert_eq!(gate.found().fetched.expect("known").refused, None);
    let heads: Vec<String> = requests.iter().map(|head| head.to_lowercase()).collect();
    assert!(heads[2].contains("if-none-match: \"v1\", \"v2\""), "{}", heads[2]);
    assert!(heads[4].contains("if-none-match: \"v1\"\n") || heads[4].ends_with("\"v1\""), "{}", heads[4]);
}

#[test]
fn the_version_before_comes_back_and_the_other_stays_away() {
    let (old, new) = (archive_of("games", 100), archive_of("games", 120));
    let tagged = |tag: &str, body: &[u8]| ok(&format!("ETag: \"{tag}\"\r\n"), body);
    let (server, _requests) = server(vec![tagged("v1", &old), tagged("v2", &new), tagged("v2", &new)]);
    let gate = Gate::of(server.port(), "/ut1.tar.gz");
    let folder = gate.archive().parent().expect("a folder").to_owned();
    let url = gate.found().list.source;
    let back = || versions::roll_back(&folder, &url, "by hand");
    assert_eq!(back().expect_err("nothing yet"), "it has never been fetched");
    assert!(matches!(gate.fetch(), Outcome::New(_)));
    assert_eq!(back().expect_err("nothing before"), "no version before the one in force is kept");
    assert!(matches!(gate.fetch(), Outcome::New(_)));
    assert_eq!(std::fs::read(gate.archive()).expect("read"), new);
    back().expect("rolled back");
    assert_eq!(std::fs::read(gate.archive()).expect("read"), old);
    assert_eq!(gate.found().fetched.expect("known").failure.expect("said").why, "by hand");
    assert!(why(gate.fetch()).contains("by hand"));
    back().expect("there and back");
    assert_eq!(std::fs::read(gate.archive()).expect("read"), new);
}

#[test]
fn a_published_check_sum_must_agree() {
    let good = archive();
    let sums = |sum: &str| ok("", format!("{sum}  ut1.tar.gz\n").as_bytes());
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("a"), &good).expect("written");
    let right = Sums::of(&dir.path().join("a")).expect("read").sha256;
    let answers =
        vec![ok("", &good), sums(&"0".repeat(64)), ok("", &good), ok("", b"<html>"), ok("", &good), sums(&right)];
    let (server, _requests) = server(answers);
    let list = format!("checksum = \"http://lists.test:{}/SUMS\"\n", server.port());
    let gate = Gate::with(server.port(), "/ut1.tar.gz", &list, "");
    assert!(why(gate.fetch()).contains("its check sum is not the published one"));
    assert!(why(gate.fetch()).contains("no check sum of `ut1.tar.gz` is published"));
    assert!(matches!(gate.fetch(), Outcome::New(_)));
}

#[test]
fn lists_are_fetched_through_the_parent_proxy() {
    let (parent, requests) = server(vec![ok("", &archive())]);
    let configuration = format!("[upstream]\nparent = \"http://name:secret@127.0.0.1:{}\"\n", parent.port());
    let gate = Gate::with(8080, "/ut1.tar.gz", "", &configuration);
    assert!(matches!(gate.fetch(), Outcome::New(_)));
    let head = requests.recv().expect("seen");
    assert!(head.starts_with("GET http://lists.test:8080/ut1.tar.gz HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic"), "{head}");
}

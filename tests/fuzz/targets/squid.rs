//! Lines of Squid's log: what is read is the same written again; lines are those of the file, compressed or not.
#![no_main]

// `squid` needs one word of the register, which takes minutes to build: this crate stands in for it.
extern crate self as logstore;

#[path = "../../../proxy/src/commands/import/lines.rs"]
#[allow(dead_code, reason = "the bound of a line is of no use here")]
mod lines;
#[path = "../../../proxy/src/commands/import/squid.rs"]
mod squid;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use policy::Target;
use squid::Line;
use std::io::Write as _;

/// How an exchange ended, as the register has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the register's words")]
pub enum Outcome {
    Completed,
    Abandoned,
    Failed,
    Refused,
}

fuzz_target!(|bytes: &[u8]| {
    let all = read(bytes);
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        let mut expected: Vec<_> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        // The last line may be without its end, and nothing behind the last end is no line.
        expected.pop_if(|last| last.is_empty());
        assert_eq!(all.as_ref(), Some(&expected));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).expect("compressed");
        assert_eq!(read(&packed.finish().expect("compressed")), all, "left: compressed");
    }
    for line in all.unwrap_or_default() {
        if let Ok(read) = squid::parse(&line) {
            holds(&line, &read);
        }
    }
});

/// All lines; `None` when the bytes break off or are damaged.
fn read(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut lines = lines::Lines::of(bytes).ok()?;
    let mut all = Vec::new();
    while let Some(line) = lines.next().ok()? {
        all.extend(line.map(<[u8]>::to_vec));
    }
    Some(all)
}

fn holds(line: &[u8], read: &Line) {
    assert!(read.opened_at <= read.closed_at);
    assert_eq!(read.client, read.client.to_canonical());
    assert!(read.user.as_deref() != Some("") && !read.user.iter().any(|name| name.contains(char::is_control)));
    let with_headers = [line, b" [Host:%20a] [Server:%20b]"].concat();
    if !line.trim_ascii_end().ends_with(b"]") {
        assert_eq!(squid::parse(&with_headers).as_ref(), Ok(read), "headers change nothing");
    }
    assert_eq!(squid::parse(&written(read)).as_ref(), Ok(read), "read, written, read");
}

/// The line that says the same, as Squid would write it.
fn written(line: &Line) -> Vec<u8> {
    let code = match line.outcome {
        Outcome::Completed => "TCP_MISS",
        Outcome::Abandoned => "TCP_MISS_ABORTED",
        Outcome::Failed => "TCP_MISS_TIMEDOUT",
        Outcome::Refused => "TCP_DENIED",
    };
    let took = (line.closed_at - line.opened_at) / 1000;
    let (seconds, micros) = (line.closed_at / 1_000_000, line.closed_at % 1_000_000);
    let url = url(&line.method, &line.target);
    let user =
        line.user.as_deref().map_or("-".into(), |name| name.bytes().map(|b| format!("%{b:02x}")).collect::<String>());
    let way = line.destination.map_or("HIER_DIRECT/-".into(), |ip| format!("HIER_DIRECT/{ip}"));
    let (status, bytes, client, method) = (line.status.unwrap_or(0), line.bytes, line.client, &line.method);
    format!("{seconds}.{micros:06} {took} {client} {code}/{status:03} {bytes} {method} {url} {user} {way} text/html")
        .into()
}

fn url(method: &str, target: &Target) -> String {
    if method == "CONNECT" {
        let authority = target.authority();
        return if target.port() == 443 { authority + ":443" } else { authority };
    }
    format!("{}://{}{}", target.scheme().as_str(), target.authority(), target.path_and_query())
}

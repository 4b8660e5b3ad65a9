//! What time it is where tickets are given: a question that a key distribution centre answers with an error, its time in it
//! (RFC 4120 §5.4.1, §5.9.1), over TCP (§7.2.2).
use super::super::anchor::der::{INTEGER, Reader, SEQUENCE, TIME, ZERO, write};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Whom a ticket is asked for: nobody is called so, and the answer is that.
const NOBODY: &str = "octroi-clock";
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an answer may be.
const MOST: usize = 64 * 1024;

/// The time there, and ours when it came.
pub(crate) fn ask(centre: SocketAddr, realm: &str) -> io::Result<(Timestamp, Timestamp)> {
    let mut stream = TcpStream::connect_timeout(&centre, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = question(realm);
    let length = u32::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MOST {
        return Err(io::Error::other("the answer is too long"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    let ours = Timestamp::now();
    time_of(&answer).map(|theirs| (theirs, ours)).ok_or_else(|| io::Error::other("the answer says no time"))
}

/// AS-REQ for [`NOBODY`].
fn question(realm: &str) -> Vec<u8> {
    let number = |number: u8| write(INTEGER, &[&[number]]);
    let text = |text: &str| write(0x1b, &[text.as_bytes()]);
    let field = |number: u8, value: Vec<u8>| write(ZERO | number, &[&value]);
    let name = |kind: u8, parts: &[&str]| {
        let parts: Vec<u8> = parts.iter().flat_map(|part| text(part)).collect();
        write(SEQUENCE, &[&field(0, number(kind)), &field(1, write(SEQUENCE, &[&parts]))])
    };
    // No options, names of kinds NT-PRINCIPAL and NT-SRV-INST, AES256 and AES128.
    let body = [
        field(0, write(0x03, &[&[0; 5]])),
        field(1, name(1, &[NOBODY])),
        field(2, text(realm)),
        field(3, name(2, &["krbtgt", realm])),
        field(5, write(TIME, &[b"20371231235959Z"])),
        field(7, number(1)),
        field(8, write(SEQUENCE, &[&number(18), &number(17)])),
    ]
    .concat();
    let request = [field(1, number(5)), field(2, number(10)), field(4, write(SEQUENCE, &[&body]))].concat();
    write(0x6a, &[&write(SEQUENCE, &[&request])])
}

/// The time in a KRB-ERROR.
fn time_of(answer: &[u8]) -> Option<Timestamp> {
    let mut error = Reader::new(answer).enter(0x7e)?.enter(SEQUENCE)?;
    // Version, type, and the client's time, which need not be there.
    for number in 0..4 {
        error.take(ZERO | number);
    }
    let text = std::str::from_utf8(error.enter(ZERO | 4)?.take(TIME)?).ok()?;
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// The servers that a `krb5.conf` names for a realm, `host` or `host:port`, in its order.
pub(crate) fn centres(config: &str, realm: &str) -> Vec<String> {
    let (mut section, mut of, mut found) = ("", "", Vec::new());
    for line in config.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if line.starts_with('[') {
            (section, of) = (line, "");
        } else if line == "}" {
            of = "";
        } else if let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            match (key, value) {
                (name, "{") => of = name,
                // `tcp/host:port` says how as well.
                ("kdc", value) if section == "[realms]" && of == realm => {
                    found.push(value.rsplit('/').next().unwrap_or(value).to_owned());
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(client_time: bool) -> Vec<u8> {
        let time = write(TIME, &[b"20261125041500Z"]);
        let number = |number: u8| write(INTEGER, &[&[number]]);
        let mut parts = vec![write(0xa0, &[&number(5)]), write(0xa1, &[&number(30)])];
        if client_time {
            parts.push(write(0xa2, &[&write(TIME, &[b"19990101000000Z"])]));
        }
        parts.extend([write(0xa4, &[&time]), write(0xa5, &[&number(7)]), write(0xa6, &[&number(6)])]);
        write(0x7e, &[&write(SEQUENCE, &[&parts.concat()])])
    }

    #[test]
    fn an_error_says_the_time() {
        for client_time in [false, true] {
            let whole = error(client_time);
            assert_eq!(time_of(&whole), "2026-11-25T04:15:00Z".parse().ok());
            for cut in 0..whole.len() {
                assert_eq!(time_of(&whole[..cut]), None, "{cut}");
            }
        }
        assert_eq!(time_of(b""), None);
    }

    #[test]
    fn a_realm_has_the_servers_that_its_file_names() {
        let config = "# kdc = no\n[libdefaults]\n default_realm = PME.TEST\n kdc = no\n[realms]\n PME.TEST = {\n  kdc = dc1.pme.test\n\
                      \t kdc=tcp/127.0.0.1:1088\n ; kdc = no\n }\n OTHER.TEST = {\n kdc = other.test\n }\n";
        assert_eq!(centres(config, "PME.TEST"), ["dc1.pme.test", "127.0.0.1:1088"]);
        assert_eq!(centres(config, "OTHER.TEST"), ["other.test"]);
        assert!(centres(config, "NONE.TEST").is_empty() && centres("kdc = x", "").is_empty());
    }
}

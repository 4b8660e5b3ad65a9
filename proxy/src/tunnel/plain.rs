//! Plain HTTP at the start of a tunnel: recognised by its first line, served as if there were no tunnel round it.
//!
//! Whoever could hide a request in a tunnel would walk round every rule on addresses and paths. So each request inside is
//! decided on, recorded and answered by the same street as any other ([`crate::exchange`]); it goes where CONNECT leads,
//! whatever its Host says, and what Host says is decided on.
use crate::connection::{self, ClientReader, ClientWriter, Connection, Next};
use crate::gate::Gate;
use crate::identify::Client;
use crate::wire::fields::is_token_byte;
use crate::wire::hello::Passes;
use memchr::memchr;
use policy::{Target, TargetError};
use std::future::Future;
use std::pin::Pin;

/// Methods by which a request is known before its line has ended (RFC 9110 §9.3, RFC 5789). Lenient servers answer even
/// what follows no grammar: with one of these in front, it is read as a request, and refused if it can't be.
const METHODS: [&[u8]; 9] = [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT"];
/// What lenient servers take for the space behind the method (RFC 9112 §3).
const SPACES: &[u8] = b" \t\x0b\x0c\r";

/// What the first bytes of a tunnel are to HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// Not enough of them to tell.
    More,
    /// Nothing.
    No,
    /// A request of HTTP/1, or of what came before it.
    Http1,
    /// The preface of HTTP/2 (RFC 9113 §3.4) without TLS.
    Http2,
}

impl Plain {
    /// Looks at the first bytes of a tunnel. Protocols whose clients speak a line first (SSH, IRC) are told from HTTP by
    /// the end of that line.
    pub(super) fn read(bytes: &[u8]) -> Plain {
        let lines = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
        let bytes = bytes.get(lines..).unwrap_or_default();
        let method_len = bytes.iter().take_while(|byte| is_token_byte(**byte)).count();
        let (method, rest) = bytes.split_at_checked(method_len).unwrap_or_default();
        match rest {
            [] if may_be_method(method) => return Plain::More,
            [] => return Plain::No,
            _ if method.is_empty() => return Plain::No,
            [first, ..] if SPACES.contains(first) => {}
            _ => return Plain::No,
        }
        let line = memchr(b'\n', rest).map(|end| rest.get(..end).unwrap_or_default().trim_ascii());
        match line {
            // One word alone is no request of any version.
            Some([]) => Plain::No,
            _ if METHODS.contains(&method) => Plain::Http1,
            None if rest.iter().any(|byte| byte.is_ascii_control() && !SPACES.contains(byte)) => Plain::No,
            None if may_be_method(method) => Plain::More,
            None => Plain::No,
            Some(b"* HTTP/2.0") if method == b"PRI" => Plain::Http2,
            Some(line) if names_http(line) => Plain::Http1,
            Some(_) => Plain::No,
        }
    }
}

/// Whether a line says that it is HTTP's.
fn names_http(line: &[u8]) -> bool {
    line.windows(5).any(|word| word.eq_ignore_ascii_case(b"HTTP/"))
}

/// The first line of a client whose tunnel is relayed: one that sends a request word by word, or only after the origin has
/// spoken, is found out at its end, which then does not leave.
#[derive(Debug, Default)]
pub(super) struct FirstLine {
    so_far: Vec<u8>,
    /// Bytes looked at that have not left.
    waiting: usize,
}

impl FirstLine {
    /// A longer line is no request that servers answer: they read some 8 KiB of one.
    const LONGEST: usize = 64 * 1024;

    /// How many of these bytes may leave now. What is left is shown again, with what comes behind it.
    pub(super) fn passes(&mut self, bytes: &[u8]) -> Passes {
        self.so_far.extend_from_slice(bytes.get(self.waiting..).unwrap_or_default());
        self.waiting = bytes.len();
        let begins = self.so_far.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(self.so_far.len());
        self.so_far.drain(..begins);
        let line = memchr(b'\n', &self.so_far).and_then(|end| self.so_far.get(..end));
        match line {
            Some(line) if names_http(line) => Passes::Never,
            Some(_) => Passes::All,
            None if self.so_far.iter().any(|byte| byte.is_ascii_control() && !SPACES.contains(byte)) => Passes::All,
            None if self.so_far.len() > FirstLine::LONGEST => Passes::All,
            None => Passes::Some(bytes.len()),
        }
    }

    /// Takes note that so many bytes have left.
    pub(super) fn left(&mut self, count: usize) {
        self.waiting = self.waiting.saturating_sub(count);
    }
}

/// Whether a word without its line is worth waiting for: others have clients that say a word and wait for the answer.
/// Servers that take a method in lower case, or one that nobody registered, are asked by a whole line at least.
fn may_be_method(word: &[u8]) -> bool {
    let begins = |method: &&[u8]| method.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    word.iter().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(byte)) || METHODS.iter().any(begins)
}

/// What requests inside a tunnel are read with.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Where the tunnel leads.
    pub(crate) target: Target,
    /// Who opened it.
    pub(crate) client: Client,
}

impl Inside {
    /// What a path inside the tunnel asks for: of the host that Host names, else that of CONNECT (HTTP/1.0), and of the
    /// tunnel's port, whichever Host names.
    pub(crate) fn asked(&self, host: Option<&[u8]>, path: &str) -> Result<Target, TargetError> {
        let host = host.map(String::from_utf8_lossy).filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| self.target.authority().into());
        Ok(Target::of_url(&format!("http://{host}{path}"))?.at_port(self.target.port()))
    }
}

/// Serves the requests in a tunnel to its end. Boxed: the connection's own future holds this one.
pub(super) fn serve<'a, R, W>(
    gate: &'a Gate,
    connection: &'a mut Connection<R, W>,
    inside: &'a Inside,
) -> Pin<Box<dyn Future<Output = Next> + Send + 'a>>
where
    R: ClientReader,
    W: ClientWriter,
{
    Box::pin(connection::requests(gate, connection, Some(inside)))
}

#[cfg(test)]
mod tests {
    use super::{FirstLine, Passes, Plain};

    #[test]
    fn requests_are_told_from_other_lines() {
        for (bytes, what) in [
            (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], Plain::Http1),
            (b"\r\n\r\nGET / HTTP/1.1\r\n", Plain::Http1),
            (b"GET ", Plain::Http1),
            (b"GET\t/ HTTP/1.1\r\n", Plain::Http1),
            (b"GET /\r\n", Plain::Http1),
            (b"POST /\x01", Plain::Http1),
            (b"PROPFIND /x HTTP/1.1\r\n", Plain::Http1),
            (b"get / http/1.1\n", Plain::Http1),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Plain::Http2),
            (b"PRI * HTTP/2.0", Plain::More),
            (b"", Plain::More),
            (b"\r\n", Plain::More),
            (b"PROPFIND /x", Plain::More),
            (b"PROP", Plain::More),
            (b"ge", Plain::More),
            (b"get /", Plain::More),
            (b"hello", Plain::No),
            (b"tell me", Plain::No),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Plain::No),
            (b"PING\r\n", Plain::No),
            (b"GET\r\n", Plain::No),
            (b"NICK somebody\r\n", Plain::No),
            (b"get key\r\n", Plain::No),
            (b"\x00\x01\x02", Plain::No),
            (b"\x13BitTorrent protocol", Plain::No),
            (b"user \x00\x01", Plain::No),
            (b"<?xml version='1.0'?>", Plain::No),
            (&[b'A'; 40], Plain::More),
            (b"METHODSLONGERTHANANYTHATISREGISTERED / HTTP/1.1\r\n", Plain::Http1),
        ] {
            assert_eq!(Plain::read(bytes), what, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_request_in_pieces_is_found_out_before_its_line_has_left() {
        for (pieces, last) in [
            (&["x", " / HTTP/1.1\r\n"][..], Passes::Never),
            (&["propfind ", "/x http/1.1\n"], Passes::Never),
            (&["\r\n", "\r\nhello", " / HTTP/1.1", "\n"], Passes::Never),
            (&["SSH-2.0-x\r\n"], Passes::All),
            (&["hello", "\x00"], Passes::All),
            (&["\x16\x03"], Passes::All),
            (&["hello", " world"], Passes::Some(6)),
        ] {
            let (mut line, mut passes) = (FirstLine::default(), Passes::All);
            for piece in pieces {
                passes = line.passes(piece.as_bytes());
                line.left(piece.len());
            }
            assert_eq!(passes, last, "{pieces:?}");
        }
        let mut line = FirstLine::default();
        assert_eq!(line.passes(b"abc"), Passes::Some(3));
        line.left(1);
        assert_eq!(line.passes(b"bc / HTTP/1.1\n"), Passes::Never, "nothing is looked at twice");
        assert_eq!(FirstLine::default().passes(&[b'x'; 70_000]), Passes::All);
    }

    #[test]
    fn every_cut_of_a_request_is_one_or_may_become_one() {
        for text in ["GET /a HTTP/1.1\r\n", "MKCALENDAR /a HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n"] {
            for cut in 0..text.len() {
                let so_far = Plain::read(&text.as_bytes()[..cut]);
                assert!(so_far == Plain::More || (cut > 3 && so_far == Plain::Http1), "{text:?} cut at {cut}");
            }
        }
    }
}

//! Forms: what browsers send with POST as `application/x-www-form-urlencoded` (HTML, WHATWG URL §5), and queries alike.

use crate::connection::{ClientReader, ClientWriter, Connection};
use crate::exchange::Asked;
use crate::wire::Framing;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Most bytes of a form. The gate's own are far smaller.
const LIMIT: u64 = 8 * 1024;
/// What a client is told that waits to be told to send its body (RFC 9110 §10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Names and values, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a query or a body.
    pub(crate) fn parse(text: &str) -> Form {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        Form(text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    /// The value of that name; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// With `+` and `%XX` read; what is no UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| 16 * high + low),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Reads the form that a request carries, its head taken. `None`: it is longer than any of ours, its length is not said, or
/// it did not come; the connection must not be read on.
pub(crate) async fn read<R, W>(connection: &mut Connection<R, W>, asked: &Asked, idle: Duration) -> Option<Form>
where
    R: ClientReader,
    W: ClientWriter,
{
    let Framing::Length(length @ ..=LIMIT) = asked.framing else { return None };
    let length = usize::try_from(length).ok()?;
    if asked.expects && connection.buffer.is_empty() {
        timeout(idle, connection.writer.write_all(CONTINUE)).await.ok()?.ok()?;
    }
    while connection.buffer.len() < length {
        let room = length - connection.buffer.len();
        if timeout(idle, connection.buffer.fill(&mut connection.reader, room)).await.ok()?.ok()? == 0 {
            return None;
        }
    }
    let form = Form::parse(&String::from_utf8_lossy(connection.buffer.bytes().get(..length)?));
    connection.buffer.consume(length);
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_read() {
        let text = "é & =+%/?\u{202e}";
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form = Form::parse(&format!("a={encoded}&b&c=x+y%20z&%61=second&d=%zz%4"));
        assert_eq!(form.get("a"), text);
        assert_eq!((form.get("b"), form.get("c"), form.get("d"), form.get("none")), ("", "x y z", "%zz%4", ""));
        assert_eq!(Form::parse("%ff=%c3").0, [("\u{fffd}".to_owned(), "\u{fffd}".to_owned())]);
        assert_eq!(Form::parse(""), Form::default());
    }
}

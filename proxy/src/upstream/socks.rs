//! SOCKS version 5 as its client (RFC 1928), with name and password (RFC 1929). Names are given to the server as they are:
//! it resolves them.
use super::parent::{ParentError, Trouble, receive, send};
use super::stream::Stream;
use crate::config::Credentials;
use crate::wire::Buffer;
use policy::Target;
use std::net::IpAddr;

const VERSION: u8 = 5;
/// Methods (RFC 1928 §3).
const OPEN: u8 = 0;
const PASSWORD: u8 = 2;
/// The version of the exchange of name and password (RFC 1929 §2).
const PASSWORD_VERSION: u8 = 1;

/// Has the server connect to the target.
pub(super) async fn connect(
    stream: &mut Stream,
    buffer: &mut Buffer,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), Trouble> {
    let methods: &[u8] = if credentials.is_some() { &[VERSION, 2, OPEN, PASSWORD] } else { &[VERSION, 1, OPEN] };
    send(stream, methods).await?;
    let method = match (take(stream, buffer, 2).await?.as_slice(), credentials) {
        ([VERSION, OPEN], _) => None,
        ([VERSION, PASSWORD], Some(credentials)) => Some(credentials),
        ([VERSION, _], _) => return Err(denied("it asks for a name and a password, or for another method")),
        _ => return Err(Trouble::unreachable("it does not speak SOCKS 5")),
    };
    if let Some(Credentials { user, password }) = method {
        let mut message = vec![PASSWORD_VERSION];
        for text in [user.as_str(), password.told()] {
            push(&mut message, text)?;
        }
        send(stream, &message).await?;
        if take(stream, buffer, 2).await?.get(1) != Some(&0) {
            return Err(denied("it does not accept the name and the password"));
        }
    }
    send(stream, &request(target)?).await?;
    // The address it dialled from follows, as long as its kind says.
    let reply = take(stream, buffer, 4).await?;
    let length = match reply.as_slice() {
        [VERSION, 0, _, 1] => 4,
        [VERSION, 0, _, 4] => 16,
        [VERSION, 0, _, 3] => usize::from(*take(stream, buffer, 1).await?.first().unwrap_or(&0)),
        [VERSION, code, ..] if *code != 0 => {
            return Err(Trouble { error: ParentError::Refused, why: format!("it answers {code} to CONNECT") });
        }
        _ => return Err(Trouble::unreachable("it does not speak SOCKS 5")),
    };
    take(stream, buffer, length + 2).await?;
    Ok(())
}

fn denied(why: &str) -> Trouble {
    Trouble { error: ParentError::Denied, why: why.to_owned() }
}

/// The request to connect (RFC 1928 §4).
fn request(target: &Target) -> Result<Vec<u8>, Trouble> {
    let mut message = vec![VERSION, 1, 0];
    match target.ip() {
        Some(IpAddr::V4(ip)) => {
            message.push(1);
            message.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            message.push(4);
            message.extend(ip.octets());
        }
        None => {
            message.push(3);
            push(&mut message, target.host())?;
        }
    }
    message.extend(target.port().to_be_bytes());
    Ok(message)
}

/// A text with its length in front.
fn push(message: &mut Vec<u8>, text: &str) -> Result<(), Trouble> {
    let length = u8::try_from(text.len()).map_err(|_| Trouble::unreachable("a text is longer than SOCKS carries"))?;
    message.push(length);
    message.extend(text.bytes());
    Ok(())
}

/// Takes so many bytes, read or still to be read.
async fn take(stream: &mut Stream, buffer: &mut Buffer, count: usize) -> Result<Vec<u8>, Trouble> {
    while buffer.len() < count {
        receive(stream, buffer).await?;
    }
    let bytes = buffer.bytes().get(..count).unwrap_or_default().to_vec();
    buffer.consume(count);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_sent_as_a_name_and_an_address_as_an_address() {
        let of = |authority: &str| request(&Target::of_authority(authority).expect("a target")).expect("it fits");
        assert_eq!(of("a.test:443"), b"\x05\x01\x00\x03\x06a.test\x01\xbb");
        assert_eq!(of("192.0.2.1:80"), b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50");
        assert_eq!(of("[2001:db8::1]:80")[3..8], [4, 0x20, 1, 0xd, 0xb8]);
    }
}

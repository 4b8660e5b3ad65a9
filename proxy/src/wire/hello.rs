//! The ClientHello at the start of a tunnel (RFC 8446 §4.1.2): the name it asks for, read without decrypting anything.
//!
//! A hello may come in pieces: across TCP segments and across TLS records. It is put together again before it is read.

/// The largest hello the gate waits for. Post-quantum key shares make some of a few KiB; nothing makes one of 64.
pub(crate) const LIMIT: usize = 65536;

/// What the first bytes of a tunnel are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hello {
    /// Not enough bytes to tell.
    More,
    /// Something else than TLS.
    NotTls,
    /// TLS, but no ClientHello this gate can read.
    Malformed,
    /// A ClientHello, with the name it asks for (RFC 6066 §3), if it names one.
    Asks(Option<String>),
}

impl Hello {
    /// Reads the first bytes of a tunnel.
    pub(crate) fn read(bytes: &[u8]) -> Hello {
        match bytes {
            // Some servers read past other TLS records to a hello behind them, and some read the hello of SSL 2.0: what
            // could be one and is not read here is not let through.
            [0x14..=0x18] | [0x80..=0xff] | [0x80..=0xff, _] => return Hello::More,
            [0x14 | 0x15 | 0x17 | 0x18, 3, ..] | [0x80..=0xff, _, 1, ..] => return Hello::Malformed,
            [] => return Hello::More,
            [0x16, ..] => {}
            _ => return Hello::NotTls,
        }
        match handshake(bytes) {
            Err(Short) if bytes.len() >= LIMIT => Hello::Malformed,
            Err(Short) => Hello::More,
            Ok(None) => Hello::Malformed,
            Ok(Some(message)) => match server_name(&message) {
                Some(name) => Hello::Asks(name),
                None => Hello::Malformed,
            },
        }
    }
}

/// More bytes are needed.
struct Short;

/// The first handshake message, put together from as many records as it takes; `None` when it is no ClientHello.
fn handshake(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, Short> {
    let mut message = Vec::new();
    loop {
        let Some((header, rest)) = bytes.split_first_chunk::<5>() else { return Err(Short) };
        let [kind, major, _, high, low] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 8446 §5.1: handshake records are never empty and hold at most 2^14 bytes.
        if kind != 0x16 || major != 3 || !(1..=16384).contains(&length) {
            return Ok(None);
        }
        let fragment = rest.get(..length.min(rest.len())).unwrap_or_default();
        message.extend_from_slice(fragment);
        if let Some((&[kind, a, b, c], body)) = message.split_first_chunk::<4>() {
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if kind != 1 || length > LIMIT {
                return Ok(None);
            }
            if let Some(hello) = body.get(..length) {
                return Ok(Some(hello.to_vec()));
            }
        }
        bytes = rest.get(length..).ok_or(Short)?;
    }
}

/// The host name in the server_name extension. `None`: malformed. `Some(None)`: no name.
fn server_name(hello: &[u8]) -> Option<Option<String>> {
    let mut hello = Reader(hello);
    hello.take(2 + 32)?; // legacy_version, random
    hello.block8()?; // legacy_session_id
    hello.block16()?; // cipher_suites
    hello.block8()?; // legacy_compression_methods
    if hello.0.is_empty() {
        return Some(None); // before TLS 1.2 a hello may have no extensions
    }
    let mut extensions = Reader(hello.block16()?);
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let mut body = Reader(extensions.block16()?);
        if kind != 0 {
            continue;
        }
        let mut names = Reader(body.block16()?);
        // One name of the one type there is; two names, or the extension twice, could be read two ways.
        let (0, text) = (names.number8()?, names.block16()?) else { return None };
        if !names.0.is_empty() || !body.0.is_empty() || text.is_empty() || name.is_some() {
            return None;
        }
        name = Some(std::str::from_utf8(text).ok()?.to_owned());
    }
    hello.0.is_empty().then_some(name)
}

/// Reads length-prefixed blocks.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
    fn number8(&mut self) -> Option<usize> {
        self.take(1)?.first().map(|&byte| usize::from(byte))
    }
    fn number16(&mut self) -> Option<usize> {
        let bytes = self.take(2)?.first_chunk::<2>()?;
        Some(usize::from(u16::from_be_bytes(*bytes)))
    }
    fn block8(&mut self) -> Option<&'a [u8]> {
        let length = self.number8()?;
        self.take(length)
    }
    fn block16(&mut self) -> Option<&'a [u8]> {
        let length = self.number16()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::Hello;

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend((body.len() as u16).to_be_bytes());
        out.extend(body);
        out
    }

    fn name(name: &[u8]) -> Vec<u8> {
        let mut body = (name.len() as u16 + 3).to_be_bytes().to_vec();
        body.push(0);
        body.extend((name.len() as u16).to_be_bytes());
        body.extend(name);
        extension(0, &body)
    }

    fn message(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([2, 1, 2]); // session id
        body.extend([0, 2, 0x13, 0x01]); // cipher suites
        body.extend([1, 0]); // compression
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let length = (body.len() as u32).to_be_bytes();
        [&[1][..], &length[1..], &body].concat()
    }

    /// Cuts a handshake message into records of `size` bytes.
    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[0x16, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn the_name_is_found_whatever_the_pieces() {
        let big = extension(51, &[9; 1200]);
        let message = message(&[extension(0x0a0a, &[]), big, name(b"www.Jeux.example")].concat());
        for size in [1, 2, 5, 100, 16384] {
            let bytes = records(&message, size);
            assert_eq!(Hello::read(&bytes), Hello::Asks(Some("www.Jeux.example".into())), "records of {size}");
            for cut in 0..bytes.len() {
                assert_eq!(Hello::read(&bytes[..cut]), Hello::More, "records of {size}, cut at {cut}");
            }
        }
    }

    #[test]
    fn no_name_is_said_as_such() {
        assert_eq!(Hello::read(&records(&message(&extension(10, &[0, 0])), 999)), Hello::Asks(None));
    }

    #[test]
    fn what_could_be_read_two_ways_is_malformed() {
        for extensions in [
            [name(b"a.example"), name(b"b.example")].concat(),
            name(b""),
            name(b"\xff\xfe"),
            extension(0, &[0, 3, 1, 0, 0]),
            extension(0, &[0, 9, 0, 0, 1, b'a']),
            vec![0, 0, 0],
        ] {
            assert_eq!(Hello::read(&records(&message(&extensions), 999)), Hello::Malformed, "{extensions:?}");
        }
        assert_eq!(Hello::read(b"\x16\x03\x01\x00\x00"), Hello::Malformed);
        assert_eq!(Hello::read(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00"), Hello::Malformed);
        assert_eq!(Hello::read(b"\x16\x02\x01\x00\x04"), Hello::Malformed);
        assert_eq!(Hello::read(b"GET / HTTP/1.1\r\n"), Hello::NotTls);
    }

    #[test]
    fn a_hello_behind_another_record_is_not_let_through() {
        // A warning alert, `user_canceled`, which Java's server skips.
        let alert = [0x15, 3, 1, 0, 2, 1, 90];
        let bytes = [&alert[..], &records(&message(&name(b"blocked.example")), 999)].concat();
        assert_eq!(Hello::read(&bytes), Hello::Malformed);
        assert_eq!(Hello::read(&bytes[..1]), Hello::More);
        assert_eq!(Hello::read(&[0x14, 3, 3, 0, 1, 1]), Hello::Malformed);
        // The hello of SSL 2.0, which carries no name.
        assert_eq!(Hello::read(&[0x80, 0x2e, 1, 3, 1]), Hello::Malformed);
        assert_eq!(Hello::read(&[0x80, 0x2e]), Hello::More);
    }
}

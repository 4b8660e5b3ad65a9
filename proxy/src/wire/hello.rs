//! The ClientHello at the start of a tunnel (RFC 8446 §4.1.2): the name it asks for, read without decrypting anything.
//!
//! A hello may come in pieces: across TCP segments and across TLS records. It is put together again before it is read. A
//! server may ask for another (HelloRetryRequest): [`Second`] sees to it that this one asks for the same name.

/// server_name (RFC 6066 §3).
const SERVER_NAME: usize = 0;
/// early_data (RFC 8446 §4.2.10).
const EARLY_DATA: usize = 42;
/// encrypted_client_hello (RFC 9849 §5).
const ENCRYPTED_CLIENT_HELLO: usize = 0xfe0d;
/// The largest hello the gate waits for. Post-quantum key shares make some of a few KiB; nothing makes one of 64.
pub(crate) const LIMIT: usize = 65536;

/// What the first bytes of a tunnel are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hello {
    /// Not enough bytes to tell: there must be so many at least. To look again before would cost whoever sends a hello
    /// byte by byte nothing, and us each time all of it.
    More(usize),
    /// Something else than TLS.
    NotTls,
    /// TLS, but no ClientHello this gate can read.
    Malformed,
    /// A ClientHello, and how many bytes its records take.
    Asks(Asks, usize),
}

/// What a ClientHello asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    /// The name, if it names one.
    pub(crate) name: Option<String>,
    /// It carries another hello, encrypted (RFC 9849), whose name counts if the server can read it. Or random bytes in
    /// its place (GREASE, §6.2): who can't decrypt it can't tell, by design.
    pub(crate) encrypted: bool,
    /// Data may follow it at once.
    pub(crate) early_data: bool,
}

impl Hello {
    /// Reads the first bytes of a tunnel.
    pub(crate) fn read(bytes: &[u8]) -> Hello {
        match bytes {
            // Some servers read past other TLS records to a hello behind them, and some read the hello of SSL 2.0: what
            // could be one and is not read here is not let through.
            [0x14..=0x18] | [0x80..=0xff] | [0x80..=0xff, _] => return Hello::More(bytes.len() + 1),
            [0x14 | 0x15 | 0x17 | 0x18, 3, ..] | [0x80..=0xff, _, 1, ..] => return Hello::Malformed,
            [] => return Hello::More(1),
            [0x16, ..] => {}
            _ => return Hello::NotTls,
        }
        match handshake(bytes) {
            Err(Short(need)) if need > LIMIT => Hello::Malformed,
            Err(Short(need)) => Hello::More(need),
            Ok(None) => Hello::Malformed,
            Ok(Some((message, len))) => match asks(&message) {
                Some(asks) => Hello::Asks(asks, len),
                None => Hello::Malformed,
            },
        }
    }
}

/// More bytes are needed: so many in all, for the record that has begun.
struct Short(usize);

/// The first handshake message, put together from as many records as it takes, and what these take; `None` when it is no
/// ClientHello, or more stands in its records.
fn handshake(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Short> {
    let all = bytes.len();
    let mut bytes = bytes;
    let mut message = Vec::new();
    loop {
        let Some((header, rest)) = bytes.split_first_chunk::<5>() else { return Err(Short(all - bytes.len() + 5)) };
        let [kind, major, _, high, low] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 8446 §5.1: handshake records are never empty and hold at most 2^14 bytes.
        if kind != 0x16 || major != 3 || !(1..=16384).contains(&length) {
            return Ok(None);
        }
        let Some((fragment, behind)) = rest.split_at_checked(length) else {
            return Err(Short(all - rest.len() + length));
        };
        message.extend_from_slice(fragment);
        if let Some((&[kind, a, b, c], body)) = message.split_first_chunk::<4>() {
            let whole = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if kind != 1 || whole > LIMIT || body.len() > whole {
                return Ok(None);
            }
            if body.len() == whole {
                return Ok(Some((body.to_vec(), all - behind.len())));
            }
        }
        bytes = behind;
    }
}

/// What the extensions say; `None`: malformed.
fn asks(hello: &[u8]) -> Option<Asks> {
    let mut hello = Reader(hello);
    hello.take(2 + 32)?; // legacy_version, random
    hello.block8()?; // legacy_session_id
    hello.block16()?; // cipher_suites
    hello.block8()?; // legacy_compression_methods
    let mut asks = Asks::default();
    if hello.0.is_empty() {
        return Some(asks); // before TLS 1.2 a hello may have no extensions
    }
    let mut extensions = Reader(hello.block16()?);
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let body = Reader(extensions.block16()?);
        match kind {
            // An extension that comes twice could be read two ways (RFC 8446 §4.2).
            SERVER_NAME if asks.name.is_none() => asks.name = Some(server_name(body)?),
            ENCRYPTED_CLIENT_HELLO if !asks.encrypted => asks.encrypted = is_outer(body)?,
            SERVER_NAME | ENCRYPTED_CLIENT_HELLO => return None,
            EARLY_DATA => asks.early_data = true,
            _ => {}
        }
    }
    hello.0.is_empty().then_some(asks)
}

/// The one name of the one type there is.
fn server_name(mut body: Reader<'_>) -> Option<String> {
    let mut names = Reader(body.block16()?);
    let (0, text) = (names.number8()?, names.block16()?) else { return None };
    if !names.0.is_empty() || !body.0.is_empty() || text.is_empty() {
        return None;
    }
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

/// ECHClientHello (RFC 9849 §5): of type `outer`, in the form it has on the wire. `None`: malformed; the inner one never
/// travels in the clear.
fn is_outer(mut body: Reader<'_>) -> Option<bool> {
    let 0 = body.number8()? else { return None };
    body.take(2 + 2 + 1)?; // HpkeSymmetricCipherSuite, config_id
    body.block16()?; // enc, empty in a second hello
    let payload = body.block16()?;
    (!payload.is_empty() && body.0.is_empty()).then_some(true)
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

/// What may leave of the bytes behind a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passes {
    /// So many bytes; the rest waits for more.
    Some(usize),
    /// All of them, and all that will come.
    All,
    /// Nothing any more.
    Never,
}

/// Looks for a second ClientHello behind the first. It must be the first but for what the server asked to be changed
/// (RFC 8446 §4.1.2), so its name is the same; servers that go by the second would otherwise be reached under a name
/// nobody decided on.
///
/// Costs one look in most connections: the first record that is none of those which may stand before it ends it.
#[derive(Debug)]
pub(crate) struct Second {
    first: Asks,
    /// Bytes that may leave and have not yet.
    cleared: usize,
    /// Bytes that may still stand before a second hello.
    before: usize,
}

impl Second {
    /// How much is looked through. Servers pass over early data they can't read, to a limit of their own: it is 16 KiB
    /// where nobody chose another.
    const BEFORE: usize = 1 << 20;

    /// After that hello, whose own records, `len` bytes, may leave.
    pub(crate) fn after(first: Asks, len: usize) -> Second {
        Second { first, cleared: len, before: Second::BEFORE }
    }

    /// How many of these bytes may leave now. What is left is shown again, with what comes behind it.
    pub(crate) fn passes(&mut self, bytes: &[u8]) -> Passes {
        if self.cleared > 0 {
            return Passes::Some(self.cleared.min(bytes.len()));
        }
        let length = match bytes {
            // change_cipher_spec, sent for appearance's sake (RFC 8446 D.4), and alerts: some servers read past them.
            [0x14 | 0x15, _, _, high, low, ..] => u16::from_be_bytes([*high, *low]),
            // Early data, which a server that asks for a second hello passes over (RFC 8446 §4.2.10).
            [0x17, _, _, high, low, ..] if self.first.early_data => u16::from_be_bytes([*high, *low]),
            [0x16, _, _, _, _, 1, ..] => return self.compare(bytes),
            // Handshake records are never empty (RFC 8446 §5.1); who reads past one could read a hello behind it.
            [0x16, _, _, 0, 0, ..] => return Passes::Never,
            [0x14..=0x17, ..] if bytes.len() < 6 => return Passes::Some(0),
            [] => return Passes::Some(0),
            _ => return Passes::All,
        };
        self.cleared = 5 + usize::from(length);
        self.before = self.before.saturating_sub(self.cleared);
        if self.before == 0 {
            return Passes::All;
        }
        Passes::Some(self.cleared.min(bytes.len()))
    }

    /// Takes note that so many bytes have left.
    pub(crate) fn left(&mut self, count: usize) {
        self.cleared = self.cleared.saturating_sub(count);
    }

    fn compare(&self, bytes: &[u8]) -> Passes {
        match Hello::read(bytes) {
            Hello::More(_) => Passes::Some(0),
            // A server asks once.
            Hello::Asks(second, _) if second.name == self.first.name && second.encrypted == self.first.encrypted => {
                Passes::All
            }
            _ => Passes::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asks, Hello, Passes, Second};

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

    /// What a hello that is there whole asks for.
    fn asked(bytes: &[u8]) -> Option<Asks> {
        match Hello::read(bytes) {
            Hello::Asks(asks, len) if len == bytes.len() => Some(asks),
            _ => None,
        }
    }

    fn named(name: &str) -> Asks {
        Asks { name: Some(name.to_owned()), ..Asks::default() }
    }

    /// ECHClientHello of type `outer`.
    fn outer(enc: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 1, 0, 1, 7];
        body.extend((enc.len() as u16).to_be_bytes());
        body.extend(enc);
        body.extend((payload.len() as u16).to_be_bytes());
        body.extend(payload);
        extension(0xfe0d, &body)
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
            assert_eq!(asked(&bytes), Some(named("www.Jeux.example")), "records of {size}");
            for cut in 0..bytes.len() {
                let more = matches!(Hello::read(&bytes[..cut]), Hello::More(need) if need > cut && need <= bytes.len());
                assert!(more, "records of {size}, cut at {cut}");
            }
        }
    }

    #[test]
    fn no_name_is_said_as_such() {
        assert_eq!(asked(&records(&message(&extension(10, &[0, 0])), 999)), Some(Asks::default()));
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
        assert_eq!(Hello::read(&bytes[..1]), Hello::More(2));
        assert_eq!(Hello::read(&[0x14, 3, 3, 0, 1, 1]), Hello::Malformed);
        // The hello of SSL 2.0, which carries no name.
        assert_eq!(Hello::read(&[0x80, 0x2e, 1, 3, 1]), Hello::Malformed);
        assert_eq!(Hello::read(&[0x80, 0x2e]), Hello::More(3));
    }

    #[test]
    fn an_encrypted_hello_is_seen_beside_the_name_outside() {
        let encrypted = |extensions: &[u8]| asked(&records(&message(extensions), 999));
        let expected = Some(Asks { encrypted: true, ..named("outer.example") });
        assert_eq!(encrypted(&[name(b"outer.example"), outer(&[1; 32], &[2; 200])].concat()), expected);
        // In a second hello the key is not sent again.
        assert_eq!(encrypted(&[outer(&[], &[2; 200]), name(b"outer.example")].concat()), expected);
        for malformed in [
            extension(0xfe0d, &[1]),
            extension(0xfe0d, &[2, 0, 0]),
            extension(0xfe0d, &[]),
            outer(&[1; 32], &[]),
            [outer(&[1; 32], &[2; 9]), outer(&[1; 32], &[2; 9])].concat(),
            extension(0xfe0d, &[0, 0, 1, 0, 1, 7, 0, 9, 1]),
        ] {
            assert_eq!(Hello::read(&records(&message(&malformed), 999)), Hello::Malformed, "{malformed:?}");
        }
    }

    /// Shows bytes as a tunnel does, at most `step` more at a time; how many left, and the last word.
    fn watched(first: Asks, bytes: &[u8], step: usize) -> (usize, Passes) {
        let (mut second, mut left, mut seen) = (Second::after(first, 0), 0, 0);
        loop {
            match second.passes(&bytes[left..seen]) {
                Passes::Some(0) if seen == bytes.len() => return (left, Passes::Some(0)),
                Passes::Some(0) => seen = (seen + step).min(bytes.len()),
                Passes::Some(count) => {
                    // A socket may take less than it is given.
                    let taken = count.div_ceil(2);
                    second.left(taken);
                    left += taken;
                }
                last => return (left, last),
            }
        }
    }

    #[test]
    fn a_second_hello_asks_for_the_name_of_the_first() {
        let first = named("a.example");
        let early = Asks { early_data: true, ..first.clone() };
        let spec: &[u8] = &[0x14, 3, 3, 0, 1, 1];
        let alert: &[u8] = &[0x15, 3, 3, 0, 2, 1, 90];
        let data = [&[0x17, 3, 3, 1, 0][..], &[0x16; 256]].concat();
        let (same, other) = (records(&message(&name(b"a.example")), 50), records(&message(&name(b"b.example")), 50));
        for step in [1, 7, 9999] {
            let watch = |first: &Asks, parts: &[&[u8]]| watched(first.clone(), &parts.concat(), step);
            assert_eq!(watch(&first, &[spec, &same]), (6, Passes::All));
            assert_eq!(watch(&first, &[spec, &other]), (6, Passes::Never));
            assert_eq!(watch(&first, &[&other]), (0, Passes::Never));
            assert_eq!(watch(&first, &[spec, spec, alert, &other]), (19, Passes::Never));
            assert_eq!(watch(&first, &[&records(&message(&[]), 50)]), (0, Passes::Never), "no name is another");
            // What most connections go on with: encrypted, or the key exchange of TLS 1.2.
            assert_eq!(watch(&first, &[spec, &data, &other]), (6, Passes::All));
            assert_eq!(watch(&first, &[&[0x16, 3, 3, 0, 4, 16, 0, 0, 0]]), (0, Passes::All));
            // Early data stands before it only where it was announced.
            assert_eq!(watch(&early, &[&data, spec, &data, &other]), (261 + 6 + 261, Passes::Never));
            assert_eq!(watch(&early, &[&data, &same]), (261, Passes::All));
        }
        let much = data.repeat(Second::BEFORE / data.len() + 1);
        assert_eq!(watched(early, &much, 9999).1, Passes::All, "no server passes over so much");
    }
}

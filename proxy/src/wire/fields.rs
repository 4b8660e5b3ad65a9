//! Field lines (RFC 9110 §5, RFC 9112 §5): read strictly, kept as positions in the bytes they stand in.
use super::Malformed;
use std::ops::Range;

/// How many field lines a message may have.
pub(crate) const MAX_FIELDS: usize = 256;

/// Fields the gate itself acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Accept-Language: the language of our pages.
    AcceptLanguage,
    /// Connection: names further hop-by-hop fields.
    Connection,
    /// Content-Length: framing.
    ContentLength,
    /// Expect: 100-continue.
    Expect,
    /// Host: must agree with the target.
    Host,
    /// Fields that belong to this hop alone and are never passed on: Keep-Alive, Proxy-Connection,
    /// Proxy-Authenticate, Proxy-Authentication-Info (RFC 9110 §7.6.1), HTTP2-Settings (RFC 7540 §3.2.1); and Close, a
    /// reserved name (RFC 9112 §12.1): the next hop would drop it where we say `Connection: close`.
    HopByHop,
    /// Max-Forwards: how much farther TRACE and OPTIONS may go.
    MaxForwards,
    /// Proxy-Authorization: who is asking; for us, never for the origin.
    ProxyAuthorization,
    /// TE: whether trailer fields are wanted, at this hop.
    Te,
    /// Trailer: which fields come behind a chunked body.
    Trailer,
    /// Transfer-Encoding: framing.
    TransferEncoding,
    /// Upgrade: the protocols this hop could switch to.
    Upgrade,
    /// Via: who has passed the message on.
    Via,
    /// Anything else, passed on as it is.
    Other,
}

/// A set of kinds of fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u32);

impl Kinds {
    /// These.
    pub(crate) const fn of(kinds: &[Known]) -> Kinds {
        let mut set = 0;
        let mut rest = kinds;
        while let [first, others @ ..] = rest {
            set |= 1 << *first as u32;
            rest = others;
        }
        Kinds(set)
    }

    /// These and those.
    pub(crate) const fn and(self, others: Kinds) -> Kinds {
        Kinds(self.0 | others.0)
    }

    const fn has(self, kind: Known) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

/// What never goes on as it is: fields of this hop.
const OF_THIS_HOP: Kinds =
    Kinds::of(&[Known::Connection, Known::HopByHop, Known::ProxyAuthorization, Known::Te, Known::Upgrade]);

impl Known {
    fn of(name: &[u8]) -> Known {
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        match name.len() {
            2 if is(b"te") => Known::Te,
            3 if is(b"via") => Known::Via,
            4 if is(b"host") => Known::Host,
            5 if is(b"close") => Known::HopByHop,
            6 if is(b"expect") => Known::Expect,
            7 if is(b"upgrade") => Known::Upgrade,
            7 if is(b"trailer") => Known::Trailer,
            10 if is(b"connection") => Known::Connection,
            10 if is(b"keep-alive") => Known::HopByHop,
            12 if is(b"max-forwards") => Known::MaxForwards,
            14 if is(b"content-length") => Known::ContentLength,
            14 if is(b"http2-settings") => Known::HopByHop,
            15 if is(b"accept-language") => Known::AcceptLanguage,
            16 if is(b"proxy-connection") => Known::HopByHop,
            17 if is(b"transfer-encoding") => Known::TransferEncoding,
            18 if is(b"proxy-authenticate") => Known::HopByHop,
            19 if is(b"proxy-authorization") => Known::ProxyAuthorization,
            25 if is(b"proxy-authentication-info") => Known::HopByHop,
            _ => Known::Other,
        }
    }
}

/// One field line, as positions in the head's bytes.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// What it is to us.
    pub(crate) known: Known,
    /// The whole line with its CRLF.
    pub(crate) line: Range<usize>,
    /// The name.
    pub(crate) name: Range<usize>,
    /// The value, without the white space round it.
    pub(crate) value: Range<usize>,
}

/// The field lines of one head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    lines: Vec<Field>,
    /// Which kinds there are: most questions are about fields that are not there.
    kinds: Kinds,
}

impl Fields {
    /// Reads field lines from `at` to the empty line, which `head` ends with. Called once the whole head is there.
    pub(crate) fn parse(head: &[u8], mut at: usize) -> Result<Fields, Malformed> {
        let mut lines = Vec::with_capacity(16);
        let mut kinds = Kinds::default();
        loop {
            let rest = head.get(at..).ok_or(Malformed::FieldLine)?;
            if rest == b"\r\n" {
                return Ok(Fields { lines, kinds });
            }
            if lines.len() == MAX_FIELDS {
                return Err(Malformed::TooManyFields);
            }
            let name_len = rest.iter().position(|&b| !is_token_byte(b)).ok_or(Malformed::FieldLine)?;
            if name_len == 0 || rest.get(name_len) != Some(&b':') {
                return Err(Malformed::FieldLine);
            }
            let value_at = name_len + 1;
            let text = rest.get(value_at..).unwrap_or_default();
            let end = text.iter().position(|&b| !is_value_byte(b)).ok_or(Malformed::FieldLine)?;
            match text.get(end..end + 2) {
                Some(b"\r\n") => {}
                _ if text.get(end) == Some(&b'\n') => return Err(Malformed::BareLineFeed),
                _ => return Err(Malformed::FieldLine),
            }
            let value = text.get(..end).unwrap_or_default();
            let lead = value.iter().take_while(|b| is_blank(**b)).count();
            let tail = value.iter().skip(lead).rev().take_while(|b| is_blank(**b)).count();
            let value_at = at + value_at;
            let known = Known::of(rest.get(..name_len).unwrap_or_default());
            kinds = kinds.and(Kinds::of(&[known]));
            lines.push(Field {
                known,
                line: at..value_at + end + 2,
                name: at..at + name_len,
                value: value_at + lead..value_at + end - tail,
            });
            at = value_at + end + 2;
        }
    }

    /// All lines in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.lines.iter()
    }

    /// Whether there is such a field.
    pub(crate) fn has(&self, known: Known) -> bool {
        self.kinds.has(known)
    }

    /// The values of one field, in order.
    pub(crate) fn values<'a>(&'a self, head: &'a [u8], known: Known) -> impl Iterator<Item = &'a [u8]> + 'a {
        let lines = if self.has(known) { self.lines.as_slice() } else { &[] };
        lines
            .iter()
            .filter(move |field| field.known == known)
            .map(|field| head.get(field.value.clone()).unwrap_or_default())
    }

    /// The first value of one field.
    pub(crate) fn first<'a>(&'a self, head: &'a [u8], known: Known) -> Option<&'a [u8]> {
        self.values(head, known).next()
    }

    /// Whether Connection carries this option.
    pub(crate) fn connection_has(&self, head: &[u8], option: &[u8]) -> bool {
        self.values(head, Known::Connection).flat_map(list).any(|item| item.eq_ignore_ascii_case(option))
    }

    /// Copies to `out` what goes to the next hop: everything but the fields of this hop, those Connection names
    /// (RFC 9110 §7.6.1), and those that `ours` says are written anew.
    pub(crate) fn forward(&self, head: &[u8], out: &mut Vec<u8>, ours: Kinds) {
        let staying = ours.and(OF_THIS_HOP);
        let named = self.has(Known::Connection);
        // Lines that stand together leave together.
        let mut run = 0..0;
        for field in &self.lines {
            if staying.has(field.known) || (named && self.is_named(head, field)) {
                continue;
            }
            if field.line.start != run.end {
                out.extend_from_slice(head.get(run).unwrap_or_default());
                run = field.line.start..field.line.start;
            }
            run.end = field.line.end;
        }
        out.extend_from_slice(head.get(run).unwrap_or_default());
    }

    /// Whether Connection has a field stay at this hop. What the gate itself knows, and what is for whoever gets the
    /// message, is not given up on its word.
    fn is_named(&self, head: &[u8], field: &Field) -> bool {
        let name = head.get(field.name.clone()).unwrap_or_default();
        field.known == Known::Other && !is_for_the_end(name) && self.connection_has(head, name)
    }
}

/// Fields meant for the other end, which no sender may name in Connection (RFC 9110 §7.6.1): without them the message would
/// be another one, or less guarded.
fn is_for_the_end(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 16] = [
        b"authorization",
        b"cache-control",
        b"cookie",
        b"date",
        b"etag",
        b"expires",
        b"forwarded",
        b"location",
        b"origin",
        b"range",
        b"referer",
        b"set-cookie",
        b"strict-transport-security",
        b"vary",
        b"www-authenticate",
        b"x-forwarded-for",
    ];
    const PREFIXES: [&[u8]; 4] = [b"access-control-", b"content-", b"if-", b"sec-"];
    let begins = |prefix: &&[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)) || PREFIXES.iter().any(begins)
}

/// The items of a comma-separated list, white space and empty items left out (RFC 9110 §5.6.1).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(|item| item.trim_ascii()).filter(|item| !item.is_empty())
}

/// Which bytes a token is made of (RFC 9110 §5.6.2, `tchar`).
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
};

/// Whether a byte may stand in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// RFC 9110 §5.5: visible characters, obs-text, space and tab.
fn is_value_byte(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

/// White space within a line.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::{Fields, Kinds, Known, list};
    use crate::wire::Malformed;

    fn parse(text: &str) -> Result<Fields, Malformed> {
        Fields::parse(text.as_bytes(), 0)
    }

    #[test]
    fn values_lose_the_blanks_round_them() {
        let head = "Host: \t a.example \t\r\nX-Empty:\r\n\r\n";
        let fields = parse(head).expect("well formed");
        assert_eq!(fields.first(head.as_bytes(), Known::Host), Some(&b"a.example"[..]));
        assert_eq!(fields.first(head.as_bytes(), Known::Other), Some(&b""[..]));
    }

    #[test]
    fn what_others_could_read_otherwise_is_refused() {
        for (text, why) in [
            ("Host : a\r\n\r\n", Malformed::FieldLine),
            (" Host: a\r\n\r\n", Malformed::FieldLine),
            ("Host: a\r\n folded\r\n\r\n", Malformed::FieldLine),
            ("Host: a\n\r\n", Malformed::BareLineFeed),
            ("Host: a\rb\r\n\r\n", Malformed::FieldLine),
            ("Host: a\0b\r\n\r\n", Malformed::FieldLine),
            ("Host\r\n\r\n", Malformed::FieldLine),
            (": a\r\n\r\n", Malformed::FieldLine),
            ("Ho\u{e9}st: a\r\n\r\n", Malformed::FieldLine),
        ] {
            assert_eq!(parse(text).err(), Some(why), "{text:?}");
        }
        let many = "A: b\r\n".repeat(super::MAX_FIELDS + 1) + "\r\n";
        assert_eq!(parse(&many).err(), Some(Malformed::TooManyFields));
    }

    #[test]
    fn fields_of_this_hop_and_those_connection_names_stay_here() {
        let head = "Host: a\r\nConnection: close, X-Private\r\nx-private: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
                    Proxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nX-Kept: 2\r\nContent-Length: 0\r\n\r\n";
        let fields = parse(head).expect("well formed");
        let mut out = Vec::new();
        fields.forward(head.as_bytes(), &mut out, Kinds::of(&[Known::Host]));
        assert_eq!(String::from_utf8_lossy(&out), "X-Kept: 2\r\nContent-Length: 0\r\n");
    }

    /// Found by fuzzing: who gets `Connection: close` from us would not pass it on.
    #[test]
    fn a_field_called_close_stays_here() {
        let head = "Close: 1\r\nClosed: 2\r\n\r\n";
        let fields = parse(head).expect("well formed");
        let mut out = Vec::new();
        fields.forward(head.as_bytes(), &mut out, Kinds::default());
        assert_eq!(out, b"Closed: 2\r\n");
    }

    #[test]
    fn what_is_for_the_other_end_is_not_dropped_on_the_word_of_connection() {
        let kept = "Content-Length: 3\r\nAuthorization: a\r\nContent-Type: b\r\ncookie: c\r\nVia: 1.1 d\r\n";
        let named = "Connection: Content-Length, Authorization, content-type, Cookie, Via, X-Hop\r\n";
        let head = format!("{named}{kept}X-Hop: 1\r\n\r\n");
        let fields = parse(&head).expect("well formed");
        let mut out = Vec::new();
        fields.forward(head.as_bytes(), &mut out, Kinds::default());
        assert_eq!(String::from_utf8_lossy(&out), kept);
    }

    #[test]
    fn lines_that_go_on_keep_their_order_whatever_stays_between_them() {
        let head = "A: 1\r\nHost: h\r\nB: 2\r\nC: 3\r\nTE: trailers\r\nKeep-Alive: 5\r\nD: 4\r\n\r\n";
        let fields = parse(head).expect("well formed");
        let mut out = b"X".to_vec();
        fields.forward(head.as_bytes(), &mut out, Kinds::of(&[Known::Host]));
        assert_eq!(String::from_utf8_lossy(&out), "XA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n");
        assert!(fields.has(Known::Te) && !fields.has(Known::Via));
    }

    #[test]
    fn lists_lose_blanks_and_empty_items() {
        let items: Vec<_> = list(b" a, ,b ,").collect();
        assert_eq!(items, [b"a", b"b"]);
    }
}

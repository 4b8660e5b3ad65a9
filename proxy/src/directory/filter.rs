//! Filters of searches (RFC 4515), with places for the name that is asked about.
//!
//! A filter is taken apart when the configuration is read. A name is put into its place as a value, behind the parser: whatever
//! it holds, `*`, `)(` or a NUL, it is compared, and never read as part of the filter.

use super::ber::{OCTETS, element, holding};
use std::fmt;

/// Where the name typed goes.
const USER: &str = "{user}";
/// Where the distinguished name goes.
const DN: &str = "{dn}";
/// Active Directory's rule that follows groups in groups.
pub(crate) const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// Filters within filters.
const DEEPEST: usize = 16;

/// A filter, as it was written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    text: String,
    root: Node,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    /// `&`, `|` or `!`, by its tag.
    Of(u8, Vec<Node>),
    /// `=`, `>=`, `<=` or `~=`, by its tag.
    Compared(u8, String, Value),
    /// `=*`.
    Present(String),
    /// `=a*b*c`: first, between, last; empty where nothing is said.
    Like(String, Vec<Value>),
    /// `attribute:dn:rule:=value`.
    Matched { attribute: String, rule: String, dn: bool, value: Value },
}

/// A value, in pieces.
type Value = Vec<Piece>;

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    User,
    Dn,
}

/// What is put into a filter's places.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About<'a> {
    /// The name typed.
    pub(super) user: &'a str,
    /// The distinguished name.
    pub(super) dn: &'a str,
}

impl Filter {
    /// Takes a filter apart. The error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Filter, String> {
        let mut rest = text.trim();
        let root = node(&mut rest, 0)?;
        if !rest.is_empty() {
            return Err(format!("`{rest}` is too much behind it"));
        }
        Ok(Filter { text: text.trim().to_owned(), root })
    }

    /// Whether a name typed has a place in it.
    pub(crate) fn asks_user(&self) -> bool {
        self.text.contains(USER)
    }

    /// Whether a distinguished name has.
    pub(crate) fn asks_dn(&self) -> bool {
        self.text.contains(DN)
    }

    /// Whether the server follows groups in groups by itself.
    pub(super) fn in_chain(&self) -> bool {
        self.text.contains(IN_CHAIN)
    }

    /// As it goes to the server.
    pub(super) fn encoded(&self, about: About<'_>) -> Vec<u8> {
        encoded(&self.root, about)
    }

    /// Entries that have this attribute.
    pub(super) fn present(attribute: &str) -> Vec<u8> {
        element(0x87, attribute.as_bytes())
    }

    /// Any of these.
    pub(super) fn any(encoded: &[Vec<u8>]) -> Vec<u8> {
        element(0xa1, &encoded.concat())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn encoded(node: &Node, about: About<'_>) -> Vec<u8> {
    let filled = |value: &Value| -> Vec<u8> {
        let bytes = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::User => about.user.as_bytes().to_vec(),
            Piece::Dn => about.dn.as_bytes().to_vec(),
        };
        value.iter().flat_map(bytes).collect()
    };
    match node {
        Node::Of(tag, parts) => {
            let parts: Vec<u8> = parts.iter().flat_map(|part| encoded(part, about)).collect();
            element(*tag, &parts)
        }
        Node::Compared(tag, attribute, value) => {
            holding(*tag, &[&element(OCTETS, attribute.as_bytes()), &element(OCTETS, &filled(value))])
        }
        Node::Present(attribute) => element(0x87, attribute.as_bytes()),
        Node::Like(attribute, parts) => {
            let last = parts.len().saturating_sub(1);
            let part = |(place, value): (usize, &Value)| {
                let tag = if place == 0 {
                    0x80
                } else if place == last {
                    0x82
                } else {
                    0x81
                };
                element(tag, &filled(value))
            };
            let said = parts.iter().enumerate().filter(|(_, value)| !value.is_empty());
            let parts: Vec<u8> = said.flat_map(part).collect();
            holding(0xa4, &[&element(OCTETS, attribute.as_bytes()), &element(super::ber::SEQUENCE, &parts)])
        }
        Node::Matched { attribute, rule, dn, value } => {
            let said = |tag: u8, text: &str| if text.is_empty() { Vec::new() } else { element(tag, text.as_bytes()) };
            let dn = if *dn { element(0x84, &[0xff]) } else { Vec::new() };
            holding(0xa9, &[&said(0x81, rule), &said(0x82, attribute), &element(0x83, &filled(value)), &dn])
        }
    }
}

fn node(rest: &mut &str, depth: usize) -> Result<Node, String> {
    if depth > DEEPEST {
        return Err("it is too deep".into());
    }
    let inside = rest.strip_prefix('(').ok_or("it begins with `(`")?;
    let kind = inside.chars().next().ok_or("it ends at once")?;
    let tag = match kind {
        '&' => 0xa0,
        '|' => 0xa1,
        '!' => 0xa2,
        _ => {
            let (item, behind) = inside.split_once(')').ok_or("a `)` is missing")?;
            *rest = behind;
            return self::item(item);
        }
    };
    *rest = inside.get(1..).unwrap_or_default();
    let mut parts = Vec::new();
    while !rest.starts_with(')') {
        if rest.is_empty() {
            return Err("a `)` is missing".into());
        }
        parts.push(node(rest, depth + 1)?);
    }
    *rest = rest.get(1..).unwrap_or_default();
    match (kind, parts.len()) {
        (_, 0) => Err(format!("`({kind})` holds nothing")),
        ('!', 2..) => Err("`!` denies one filter".into()),
        _ => Ok(Node::Of(tag, parts)),
    }
}

fn item(text: &str) -> Result<Node, String> {
    let (left, right) = text.split_once('=').ok_or_else(|| format!("`{text}` compares nothing: it has no `=`"))?;
    let (tag, attribute) = match left.as_bytes().last() {
        Some(b'>') => (0xa5, left.get(..left.len() - 1)),
        Some(b'<') => (0xa6, left.get(..left.len() - 1)),
        Some(b'~') => (0xa8, left.get(..left.len() - 1)),
        Some(b':') => return matched(left.get(..left.len() - 1).unwrap_or_default(), right),
        _ => (0xa3, Some(left)),
    };
    let attribute = named(attribute.unwrap_or_default())?;
    if tag == 0xa3 && right == "*" {
        return Ok(Node::Present(attribute));
    }
    if tag == 0xa3 && right.contains('*') {
        let parts: Result<Vec<Value>, String> = right.split('*').map(value).collect();
        return Ok(Node::Like(attribute, parts?));
    }
    Ok(Node::Compared(tag, attribute, value(right)?))
}

fn matched(left: &str, right: &str) -> Result<Node, String> {
    let mut parts = left.split(':');
    let attribute = parts.next().unwrap_or_default();
    let attribute = if attribute.is_empty() { String::new() } else { named(attribute)? };
    let (mut dn, mut rule) = (false, String::new());
    for part in parts {
        match part {
            "dn" if !dn && rule.is_empty() => dn = true,
            part if rule.is_empty() => rule = named(part)?,
            _ => return Err(format!("`{left}:=` names two rules")),
        }
    }
    if attribute.is_empty() && rule.is_empty() {
        return Err("neither attribute nor rule stands before `:=`".into());
    }
    Ok(Node::Matched { attribute, rule, dn, value: value(right)? })
}

fn named(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';');
    match !text.is_empty() && text.chars().all(good) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is not the name of an attribute")),
    }
}

fn value(text: &str) -> Result<Value, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let places = [(USER, Piece::User), (DN, Piece::Dn)];
        if let Some((place, piece)) = places.into_iter().find(|(place, _)| rest.starts_with(place)) {
            pieces.push(piece);
            rest = rest.get(place.len()..).unwrap_or_default();
            continue;
        }
        let end = [USER, DN].iter().filter_map(|place| rest.find(place)).min().unwrap_or(rest.len());
        let (literal, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.push(Piece::Bytes(unescaped(literal)?));
        rest = behind;
    }
    Ok(pieces)
}

/// `\2a` is a star (RFC 4515 §3).
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'\\' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                out.push(byte.ok_or("behind `\\` stand two hexadecimal digits")?);
                rest = rest.get(2..).unwrap_or_default();
            }
            b'(' | b')' | b'*' | 0 => {
                return Err(format!("`{text}` holds a sign that is written as `\\` and its code"));
            }
            byte => out.push(*byte),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, user: &str) -> Vec<u8> {
        Filter::parse(text).expect("a filter").encoded(About { user, dn: "cn=x" })
    }

    #[test]
    fn filters_are_encoded_as_rfc_4511_says() {
        assert_eq!(bytes("(uid={user})", "ab"), b"\xa3\x09\x04\x03uid\x04\x02ab");
        assert_eq!(bytes("(cn=*)", ""), b"\x87\x02cn");
        assert_eq!(bytes("(!(a<=1))", ""), b"\xa2\x08\xa6\x06\x04\x01a\x04\x011");
        assert_eq!(bytes("(&(a=1)(b~=2))", ""), b"\xa0\x10\xa3\x06\x04\x01a\x04\x011\xa8\x06\x04\x01b\x04\x012");
        assert_eq!(bytes("(a=x*y*)", ""), b"\xa4\x0b\x04\x01a\x30\x06\x80\x01x\x81\x01y");
        assert_eq!(bytes("(a:1.2:={dn})", ""), b"\xa9\x0e\x81\x031.2\x82\x01a\x83\x04cn=x");
    }

    #[test]
    fn a_name_is_a_value_whatever_it_holds() {
        let name = "*)(uid=*\0\\";
        let plain = bytes("(uid={user})", name);
        assert_eq!(plain, [b"\xa3\x11\x04\x03uid\x04\x0a".as_slice(), name.as_bytes()].concat());
        // Nor does a place in a name count.
        assert!(bytes("(uid={user})", "{dn}").ends_with(b"\x04\x04{dn}"));
    }

    #[test]
    fn what_is_no_filter_is_told() {
        for text in [
            "",
            "uid=x",
            "(uid=x",
            "(uid=x))",
            "(&)",
            "(!(a=1)(b=2))",
            "(uid)",
            "(u id=x)",
            "(a=\\zz)",
            "(:=x)",
            "(a=(b)",
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
        assert!(Filter::parse(&("(!".repeat(100_000) + "(a=1)" + &")".repeat(100_000))).is_err());
    }
}

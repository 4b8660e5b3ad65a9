//! Path and query: as asked, and in the normal form that decisions compare (RFC 3986 §6.2.2).

use super::TargetError;
use std::borrow::Cow;

/// Appends path and query as asked: `/` in front at least, the fragment dropped, bytes outside ASCII escaped.
pub(super) fn push_asked(asked: &str, out: &mut String) -> Result<(), TargetError> {
    let asked = asked.split('#').next().unwrap_or_default();
    if !asked.starts_with('/') {
        out.push('/');
    }
    if let Some(byte) = asked.bytes().find(|b| *b <= b' ' || *b == 0x7F) {
        return Err(TargetError::UrlByte(byte));
    }
    if asked.is_ascii() {
        out.push_str(asked);
    } else {
        for byte in asked.bytes() {
            if byte.is_ascii() { out.push(char::from(byte)) } else { push_escaped(byte, out) }
        }
    }
    Ok(())
}

/// Appends the normal form of `text[from..]` where it differs. Gives where the normal form begins and its path ends.
///
/// Servers disagree on `%2F`, `\` and `%5C`: to some they separate segments. Here they do, so that no spelling gets a
/// forbidden path past its entry. Where an empty segment comes before `..`, they disagree on which segment goes:
/// a path that leads to two places is no target.
pub(super) fn push_normal(from: usize, text: &mut String) -> Result<(usize, usize), TargetError> {
    let asked = &text[from..];
    let path = asked.split('?').next().unwrap_or_default();
    if is_normal_path(path) && asked[path.len()..].bytes().all(stands_in_query) {
        return Ok((from, from + path.len()));
    }
    let mut normal = String::with_capacity(asked.len() + 8);
    let separated = with_plain_slashes(path);
    if separated.contains("//") && separated.split('/').any(is_parent) {
        let merged_first = resolved(separated.split('/').filter(|segment| !segment.is_empty()));
        let merged_last = resolved(separated[1..].split('/')).into_iter().filter(|segment| !segment.is_empty());
        if !merged_last.eq(merged_first) {
            return Err(TargetError::AmbiguousPath);
        }
    }
    push_path(&separated, &mut normal);
    let path_length = normal.len();
    push_unescaped(&asked.as_bytes()[path.len()..], stands_in_query, &mut normal);
    let start = text.len();
    text.push_str(&normal);
    Ok((start, start + path_length))
}

/// Everything that some server takes for a slash, as one.
fn with_plain_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains(['%', '\\']) {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let (slash, length) = match escape(rest.as_bytes()) {
            Some(b'/' | b'\\') => (true, 3),
            _ => (c == '\\', c.len_utf8()),
        };
        let (taken, left) = rest.split_at(length);
        plain.push_str(if slash { "/" } else { taken });
        rest = left;
    }
    Cow::Owned(plain)
}

/// Whether a segment is `..`, in any spelling.
fn is_parent(segment: &str) -> bool {
    plain(segment) == ".."
}

fn plain(segment: &str) -> String {
    let mut plain = String::new();
    push_unescaped(segment.as_bytes(), stands_in_path, &mut plain);
    plain
}

/// What is left of segments when `.` and `..` have done their work.
fn resolved<'a>(segments: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut left = Vec::new();
    for segment in segments {
        match plain(segment).as_str() {
            "." => {}
            ".." => {
                left.pop();
            }
            _ => left.push(segment),
        }
    }
    left
}

/// Nothing to do, seen in one pass. May say no to a path that is normal: escapes are looked at by the long way.
fn is_normal_path(path: &str) -> bool {
    let mut previous = b'x';
    path.bytes().all(|byte| {
        let fine = stands_in_path(byte) && !(previous == b'/' && matches!(byte, b'/' | b'.'));
        previous = byte;
        fine
    })
}

/// Resolves dot segments and repeated slashes while it goes, as servers do that merge slashes.
fn push_path(path: &str, out: &mut String) {
    let start = out.len();
    out.push('/');
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let at = out.len();
        push_unescaped(segment.as_bytes(), stands_in_path, out);
        match &out[at..] {
            "" | "." => out.truncate(at),
            ".." => {
                let parent = &out[start..at - 1];
                let up = parent.rfind('/').map_or(start, |slash| start + slash);
                out.truncate(up + 1);
            }
            _ if segments.peek().is_some() => out.push('/'),
            _ => {}
        }
    }
}

/// Escapes of unreserved characters undone, all others in upper case, and escaped what may not stand bare.
fn push_unescaped(mut rest: &[u8], stands: fn(u8) -> bool, out: &mut String) {
    while let [byte, tail @ ..] = rest {
        match escape(rest) {
            Some(value) => {
                if is_unreserved(value) {
                    out.push(char::from(value))
                } else {
                    push_escaped(value, out)
                }
                rest = &rest[3..];
            }
            None => {
                if stands(*byte) {
                    out.push(char::from(*byte))
                } else {
                    push_escaped(*byte, out)
                }
                rest = tail;
            }
        }
    }
}

/// The byte that `%XX` in front of these bytes stands for.
pub(super) fn escape(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => {
            let value = char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?;
            u8::try_from(value).ok()
        }
        _ => None,
    }
}

fn push_escaped(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 §3.3 without the percent sign, and the slash.
fn stands_in_path(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/'
        )
}

/// RFC 3986 §3.4, without the percent sign.
fn stands_in_query(byte: u8) -> bool {
    stands_in_path(byte) || byte == b'?'
}

//! What an answer says of its content, as rules of the charter ask it: media type, file name, length, first bytes.
use crate::wire::chunked::{Chunked, Step};
use crate::wire::framing::content_length;
use crate::wire::{Framing, ResponseHead};
use policy::Answer;

/// How many bytes of content are looked at: the signatures of the formats that are told apart stand in fewer.
pub(crate) const LOOKED_AT: usize = 512;

/// Describes an answer; `bytes` are those its head was read from, `content` is how its content begins.
pub(crate) fn describe(bytes: &[u8], head: &ResponseHead, framing: Framing, content: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let (mut encoded, mut range) = (false, None);
    for field in head.fields.iter() {
        let is =
            |name: &str| bytes.get(field.name.clone()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
        let value = || String::from_utf8_lossy(bytes.get(field.value.clone()).unwrap_or_default());
        if is("content-type") {
            answer = answer.declared(&value());
        } else if is("content-disposition") {
            if let Some(name) = file_name(&value()) {
                answer = answer.file(&name);
            }
        } else if is("content-encoding") {
            encoded |= !value().trim().eq_ignore_ascii_case("identity");
        } else if is("content-range") {
            range = range_of(&value());
        }
    }
    // What is compressed for the way, or comes out of the middle, does not show what it is.
    if !encoded && range.is_none_or(|(first, _)| first == 0) {
        answer = answer.begins(content);
    }
    let length = match framing {
        Framing::Length(length) => Some(length),
        Framing::None => Some(content_length(bytes, &head.fields).ok().flatten().unwrap_or(0)),
        Framing::Chunked | Framing::Close => None,
    };
    match range.and_then(|(_, whole)| whole).or(length) {
        Some(length) => answer.length(length),
        None => answer,
    }
}

/// The content in the bytes behind a head, at most as much as is looked at, and whether more of it can come to be looked at.
pub(crate) fn beginning(bytes: &[u8], framing: Framing) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    let whole = match framing {
        Framing::None => true,
        Framing::Close => {
            content.extend(bytes.iter().take(LOOKED_AT));
            false
        }
        Framing::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            content.extend(bytes.iter().take(LOOKED_AT.min(length)));
            content.len() >= length
        }
        Framing::Chunked => {
            let (mut chunked, mut at) = (Chunked::new(), 0);
            loop {
                let rest = bytes.get(at..).unwrap_or_default();
                match chunked.step(rest) {
                    Ok(Step::Frame(line) | Step::Rewrite { line, .. }) => at += line,
                    Ok(Step::Data(data)) => {
                        at += data.len();
                        content.extend(rest.get(data).unwrap_or_default().iter().take(LOOKED_AT - content.len()));
                    }
                    Ok(Step::More) => break false,
                    // What is malformed is told by whoever passes it on.
                    Ok(Step::End) | Err(_) => break true,
                }
                if content.len() >= LOOKED_AT {
                    break true;
                }
            }
        }
    };
    let more = !whole && content.len() < LOOKED_AT;
    (content, more)
}

/// The file name of a Content-Disposition (RFC 6266): the extended form when it is there (RFC 8187), as browsers take it.
fn file_name(value: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, text, tail)) = parameter(rest) {
        if name.eq_ignore_ascii_case("filename*") {
            extended = text.splitn(3, '\'').nth(2).map(unescaped);
        } else if name.eq_ignore_ascii_case("filename") {
            plain = plain.or(Some(text));
        }
        rest = tail;
    }
    extended.or(plain).filter(|name| !name.is_empty())
}

/// One `name=value`, the value with its quotes and escapes taken off, and what stands behind its semicolon.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let (token, tail) = value.split_once(';').unwrap_or((value, ""));
        return Some((name.trim(), token.trim().to_owned(), tail));
    };
    let (mut out, mut characters) = (String::new(), quoted.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let tail = quoted.get(at + 1..).unwrap_or_default();
                return Some((name.trim(), out, tail.split_once(';').map_or("", |(_, tail)| tail)));
            }
            // Browsers of Windows send the whole path, unescaped; only what could not stand alone was escaped.
            '\\' if characters.as_str().starts_with(['"', '\\']) => out.extend(characters.next().map(|(_, c)| c)),
            other => out.push(other),
        }
    }
    Some((name.trim(), out, ""))
}

/// Percent escapes taken off.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// First byte and whole length of `bytes 0-1023/146515` (RFC 9110 §14.4).
fn range_of(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split('-').next()?.trim().parse().ok()?;
    Some((first, whole.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_read_as_browsers_read_it() {
        for (value, name) in [
            ("attachment; filename=setup.exe", Some("setup.exe")),
            ("attachment;filename=\"a b.exe\"; size=3", Some("a b.exe")),
            ("attachment; FileName=\"a\\\"b;c.exe\"", Some("a\"b;c.exe")),
            ("attachment; filename=\"C:\\temp\\a.exe\"", Some("C:\\temp\\a.exe")),
            ("attachment; filename=\"a.txt\"; filename*=UTF-8''%e2%82%ac%2Eexe", Some("€.exe")),
            ("attachment; filename*=UTF-8'fr'a%zz.exe", Some("a%zz.exe")),
            ("inline; filename=\"not closed.exe", Some("not closed.exe")),
            ("inline", None),
            ("attachment; filename=", None),
            ("attachment; size=3", None),
            ("", None),
        ] {
            assert_eq!(file_name(value).as_deref(), name, "{value}");
        }
    }

    #[test]
    fn content_is_looked_at_through_its_chunks_and_no_further() {
        assert_eq!(beginning(b"3;x=y\r\nabc\r\n2\r\nde", Framing::Chunked), (b"abcde".to_vec(), true));
        assert_eq!(beginning(b"3\r\nabc\r\n0\r\n\r\n", Framing::Chunked), (b"abc".to_vec(), false));
        assert_eq!(beginning(b"zz\r\n", Framing::Chunked), (Vec::new(), false));
        assert_eq!(beginning(b"abcNEXT", Framing::Length(3)), (b"abc".to_vec(), false));
        assert_eq!(beginning(b"ab", Framing::Length(3)), (b"ab".to_vec(), true));
        assert_eq!(beginning(b"", Framing::None), (Vec::new(), false));
        let long = vec![b'x'; 4 * LOOKED_AT];
        assert_eq!(beginning(&long, Framing::Close), (long[..LOOKED_AT].to_vec(), false));
    }

    #[test]
    fn a_part_is_of_its_whole() {
        let describe = |fields: &str, framing, content: &[u8]| {
            let bytes = format!("HTTP/1.1 206 Partial Content\r\n{fields}\r\n");
            let head = ResponseHead::parse(bytes.as_bytes()).expect("well formed").expect("whole");
            describe(bytes.as_bytes(), &head, framing, content)
        };
        let pdf = Answer::default().declared("application/pdf");
        let part = "Content-Type: application/pdf\r\nContent-Range: bytes 5-9/2000\r\n";
        assert_eq!(describe(part, Framing::Length(5), b"GIF89a"), pdf.clone().length(2000));
        let unknown = "Content-Type: application/pdf\r\nContent-Range: bytes 0-9/*\r\n";
        assert_eq!(describe(unknown, Framing::Length(10), b"GIF89a"), pdf.clone().begins(b"GIF89a").length(10));
        let packed = "Content-Type: application/pdf\r\nContent-Encoding: gzip\r\n";
        assert_eq!(describe(packed, Framing::Chunked, b"\x1f\x8b\x08"), pdf);
    }
}

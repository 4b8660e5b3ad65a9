//! How long a body is (RFC 9112 §6).
use super::fields::{Fields, Known, is_token_byte, list};
use super::{Malformed, Version};

/// What ends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// The last chunk.
    Chunked,
    /// The end of the connection: answers only.
    Close,
}

impl Framing {
    /// Of a request. What two readers could frame differently is malformed.
    pub(crate) fn of_request(head: &[u8], fields: &Fields, version: Version) -> Result<Framing, Malformed> {
        let length = content_length(head, fields)?;
        match (chunked(head, fields)?, length) {
            (false, None | Some(0)) => Ok(Framing::None),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (true, Some(_)) => Err(Malformed::TwoLengths),
            (true, None) if version == Version::Http11 => Ok(Framing::Chunked),
            (true, None) => Err(Malformed::TransferEncoding),
        }
    }

    /// Of an answer with this status to a request with this method.
    pub(crate) fn of_response(
        head: &[u8],
        fields: &Fields,
        version: Version,
        status: u16,
        to_head: bool,
    ) -> Result<Framing, Malformed> {
        let length = content_length(head, fields)?;
        let chunked = chunked(head, fields)?;
        if chunked && length.is_some() {
            return Err(Malformed::TwoLengths);
        }
        if chunked && version == Version::Http10 {
            return Err(Malformed::TransferEncoding);
        }
        if to_head || status < 200 || status == 204 || status == 304 {
            return Ok(Framing::None);
        }
        Ok(match (chunked, length) {
            (true, _) => Framing::Chunked,
            (false, Some(0)) => Framing::None,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::Close,
        })
    }
}

/// Whether an answer without a body announces one all the same: what comes next on its connection may be that body.
pub(crate) fn announces_more(head: &[u8], fields: &Fields, status: u16) -> bool {
    let announced = || fields.has(Known::TransferEncoding) || matches!(content_length(head, fields), Ok(Some(1..)));
    (status == 204 || status < 200) && announced()
}

/// The one number all Content-Length values agree on. A list of equal numbers is read as that number.
pub(crate) fn content_length(head: &[u8], fields: &Fields) -> Result<Option<u64>, Malformed> {
    let mut length = None;
    for value in fields.values(head, Known::ContentLength) {
        let mut items = list(value).peekable();
        if items.peek().is_none() {
            return Err(Malformed::ContentLength);
        }
        for item in items {
            let number = number(item).ok_or(Malformed::ContentLength)?;
            if length.replace(number).is_some_and(|before| before != number) {
                return Err(Malformed::ContentLength);
            }
        }
    }
    Ok(length)
}

/// Digits only: no sign, no white space, no overflow, of signed numbers neither: there are origins that have those.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let number = text.iter().try_fold(0i64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    });
    number.and_then(|number| u64::try_from(number).ok())
}

/// Whether the body is chunked. The gate understands no other coding, and asks for none: it sends no TE that names one.
///
/// What does not end in one `chunked` has no end that anybody could tell (RFC 9112 §6.3); under a final `chunked`, a coding
/// is merely unknown (§6.1).
fn chunked(head: &[u8], fields: &Fields) -> Result<bool, Malformed> {
    if !fields.has(Known::TransferEncoding) {
        return Ok(false);
    }
    let mut last: Option<&[u8]> = None;
    let mut alone = true;
    for coding in fields.values(head, Known::TransferEncoding).flat_map(list) {
        if let Some(before) = last.replace(coding) {
            alone = false;
            if before.eq_ignore_ascii_case(b"chunked") || !before.iter().all(|&byte| is_token_byte(byte)) {
                return Err(Malformed::TransferEncoding);
            }
        }
    }
    match last {
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") && alone => Ok(true),
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Err(Malformed::UnknownCoding),
        _ => Err(Malformed::TransferEncoding),
    }
}

#[cfg(test)]
mod tests {
    use super::Framing;
    use crate::wire::{Fields, Malformed, Version};

    fn request(text: &str) -> Result<Framing, Malformed> {
        let head = format!("{text}\r\n");
        let fields = Fields::parse(head.as_bytes(), 0)?;
        Framing::of_request(head.as_bytes(), &fields, Version::Http11)
    }

    fn response(text: &str, status: u16, to_head: bool) -> Result<Framing, Malformed> {
        let head = format!("{text}\r\n");
        let fields = Fields::parse(head.as_bytes(), 0)?;
        Framing::of_response(head.as_bytes(), &fields, Version::Http11, status, to_head)
    }

    #[test]
    fn requests() {
        assert_eq!(request(""), Ok(Framing::None));
        assert_eq!(request("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(request("Content-Length: 5\r\nContent-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(request("Transfer-Encoding: chunked\r\n"), Ok(Framing::Chunked));
    }

    #[test]
    fn what_smuggles_is_malformed() {
        for text in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            assert_eq!(request(text), Err(Malformed::ContentLength), "{text:?}");
        }
        assert_eq!(request("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), Err(Malformed::TwoLengths));
        assert_eq!(request("Transfer-Encoding: gzip, chunked\r\n"), Err(Malformed::UnknownCoding));
        for text in [
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: chunked;q=1\r\n",
            "Transfer-Encoding: \"chunked\", chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert_eq!(request(text), Err(Malformed::TransferEncoding), "{text:?}");
        }
    }

    #[test]
    fn responses() {
        assert_eq!(response("", 200, false), Ok(Framing::Close));
        assert_eq!(response("Content-Length: 7\r\n", 200, false), Ok(Framing::Length(7)));
        assert_eq!(response("Content-Length: 7\r\n", 200, true), Ok(Framing::None));
        assert_eq!(response("Content-Length: 7\r\n", 304, false), Ok(Framing::None));
        assert_eq!(response("Transfer-Encoding: chunked\r\n", 204, false), Ok(Framing::None));
        assert_eq!(response("Transfer-Encoding: Chunked\r\n", 200, false), Ok(Framing::Chunked));
        assert!(response("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 200, false).is_err());
    }
}

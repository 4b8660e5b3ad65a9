//! HTTP/1.1 on the wire (RFC 9112), as the gate understands it: strict, so that what is ambiguous is refused here
//! and never forwarded.
//!
//! Nothing in these files does input or output: they look at bytes that were read and say what they are.

pub(crate) mod buffer;
pub(crate) mod chunked;
pub(crate) mod fields;
pub(crate) mod forward;
pub(crate) mod framing;
pub(crate) mod hello;
pub(crate) mod proxied;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod upgrade;

pub(crate) use buffer::Buffer;
pub(crate) use fields::{Fields, Known};
pub(crate) use framing::Framing;
pub(crate) use request::RequestHead;
pub(crate) use response::ResponseHead;

/// The version of HTTP a peer speaks. Anything but 1.0 and 1.1 is refused at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// HTTP/1.0: no chunked coding, connections close unless asked otherwise.
    Http10,
    /// HTTP/1.1, and any later minor version, which must be understood as 1.1 (RFC 9110 §2.5).
    Http11,
}

/// What carries the requests of a connection, all of which read as HTTP/1.x: Via names it (RFC 9110 §7.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.0 or HTTP/1.1, as each request's first line says.
    Http1,
    /// A stream of HTTP/2, which carries one.
    Http2,
}

/// Why bytes are no message this gate would pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The first line is not of the form the grammar gives (RFC 9112 §3, §4).
    StartLine,
    /// TLS where HTTP was to come.
    Tls,
    /// A version other than HTTP/1.x.
    Version,
    /// A field line that is not `name: value`: space before the colon, folding, control characters (RFC 9112 §5).
    FieldLine,
    /// More field lines than [`fields::MAX_FIELDS`].
    TooManyFields,
    /// A line ended by LF alone, which others may take for something else (RFC 9112 §2.2).
    BareLineFeed,
    /// Content-Length is no number, or is given twice with different numbers (RFC 9112 §6.3).
    ContentLength,
    /// Content-Length and Transfer-Encoding together.
    TwoLengths,
    /// Codings that do not end in a single `chunked`, or any in HTTP/1.0.
    TransferEncoding,
    /// A coding under the final `chunked` (RFC 9112 §6.1).
    UnknownCoding,
    /// A body where the method has none: TRACE, CONNECT (RFC 9110 §9.3.6, §9.3.8).
    Content,
    /// An expectation other than 100-continue.
    Expectation,
    /// Max-Forwards is no number, or given twice.
    MaxForwards,
    /// More interim answers than anybody sends.
    Interim,
    /// A chunk that is not as RFC 9112 §7.1 says.
    Chunk,
    /// None, several, or contradicting Host fields (RFC 9112 §3.2).
    Host,
}

impl Malformed {
    /// One clause in English, for the operator and the page.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Malformed::StartLine => "the first line is not HTTP",
            Malformed::Tls => "this is TLS, and the port speaks plain HTTP",
            Malformed::Version => "the HTTP version is not 1.0 or 1.1",
            Malformed::FieldLine => "a field line is malformed",
            Malformed::TooManyFields => "there are too many field lines",
            Malformed::BareLineFeed => "a line ends with LF alone",
            Malformed::ContentLength => "Content-Length is not one number",
            Malformed::TwoLengths => "Content-Length and Transfer-Encoding are both there",
            Malformed::TransferEncoding => "Transfer-Encoding does not end in a single chunked",
            Malformed::UnknownCoding => "Transfer-Encoding names a coding this gate does not understand",
            Malformed::Content => "this method has no body, and one was announced",
            Malformed::Expectation => "Expect asks for something other than 100-continue",
            Malformed::MaxForwards => "Max-Forwards is not one number",
            Malformed::Interim => "there are too many interim answers",
            Malformed::Chunk => "a chunk is malformed",
            Malformed::Host => "Host is missing, repeated or contradicts the target",
        }
    }
}

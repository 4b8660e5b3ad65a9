//! What is said of bytes that cannot be understood, as exactly as there is a word for it.
use crate::pages::{Broken, Fault};
use crate::wire::Malformed;
use memchr::memchr;

/// The answer to bytes that are no request the gate would pass on: 400, unless a more exact one exists.
pub(crate) fn misread(why: Malformed) -> Fault<'static> {
    match why {
        Malformed::Version => Fault::VersionNotSupported,
        Malformed::TooManyFields => Fault::HeaderTooLarge,
        Malformed::UnknownCoding => Fault::NotImplemented,
        Malformed::Expectation => Fault::ExpectationFailed,
        Malformed::StartLine
        | Malformed::Tls
        | Malformed::FieldLine
        | Malformed::BareLineFeed
        | Malformed::ContentLength
        | Malformed::TwoLengths
        | Malformed::TransferEncoding
        | Malformed::Content
        | Malformed::MaxForwards
        | Malformed::Interim
        | Malformed::Chunk
        | Malformed::Host => Fault::BadRequest { why: why.why() },
    }
}

/// The answer to a head past the limit, by what of it is too large (RFC 9112 §3).
pub(crate) fn too_large(bytes: &[u8]) -> Fault<'static> {
    if memchr(b'\n', bytes).is_none() { Fault::UriTooLong } else { Fault::HeaderTooLarge }
}

/// The answer to a request whose origin's answer is none.
pub(crate) fn misanswered(why: Malformed) -> Fault<'static> {
    Fault::OriginBroke(match why {
        Malformed::TooManyFields => Broken::HeaderSize,
        Malformed::TransferEncoding | Malformed::UnknownCoding | Malformed::Chunk => Broken::TransferCoding,
        Malformed::StartLine
        | Malformed::Tls
        | Malformed::Version
        | Malformed::FieldLine
        | Malformed::BareLineFeed
        | Malformed::ContentLength
        | Malformed::TwoLengths
        | Malformed::Content
        | Malformed::Expectation
        | Malformed::MaxForwards
        | Malformed::Interim
        | Malformed::Host => Broken::Protocol,
    })
}

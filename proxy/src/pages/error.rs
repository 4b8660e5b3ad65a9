//! The pages of what went wrong: one sentence on what happened, one on what to do, whom to ask, under which reference.
//!
//! A [`Fault`] is named by what the person needs to know, and by nothing of the gate's inside. Each question about it
//! (status, `Proxy-Status`, words) is one match without a catch-all, so that a new fault has to answer all of them.
mod wording;

use super::contact::Contact;
use super::{Language, render};
use askama::Template;
use jiff::ZonedDateTime;
use wording::Wording;

/// Why there is no answer, seen from the person's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault<'a> {
    /// The request is not well formed; `why` is for whoever looks after the software that sent it, in English.
    BadRequest {
        /// What is wrong with it.
        why: &'a str,
    },
    /// The request did not arrive whole in time.
    RequestTimeout,
    /// The address asked for is longer than the gate accepts.
    UriTooLong,
    /// The request line or the header fields are larger than the gate accepts.
    HeaderTooLarge,
    /// The request expects what nobody on its way promises.
    ExpectationFailed,
    /// The request speaks a version of HTTP that the gate does not.
    VersionNotSupported,
    /// The request needs something the gate does not do.
    NotImplemented,
    /// The gate wants to know who asks.
    AuthRequired,
    /// The password has to be changed first.
    PasswordDue {
        /// The address of the page where it is changed.
        link: &'a str,
    },
    /// The client's address is not one that the gate serves.
    ClientNotAllowed,
    /// What was to be acknowledged is not this person's warning, or nobody's.
    NotAcknowledged,
    /// The port asked for is not one that the gate opens.
    PortNotAllowed,
    /// The name leads to an address that the gate must not dial.
    ForbiddenAddress,
    /// No address exists for the name.
    NameNotFound,
    /// The name service did not answer in time.
    NameTimeout,
    /// The site did not accept the connection in time.
    NoConnection,
    /// The site did not answer in time.
    NoAnswer,
    /// The site refused the connection.
    ConnectionRefused,
    /// No way leads to the site's address.
    Unroutable,
    /// There is no connection to the site, for another reason.
    Unreachable,
    /// The site ended the connection before it answered.
    Terminated,
    /// What the site answered is malformed or cut short.
    OriginBroke(Broken),
    /// The request has come back to the gate that passed it on.
    Loop,
    /// The parent proxy cannot be reached.
    ParentUnreachable,
    /// The parent proxy does not accept who the gate says it is.
    ParentDenied,
    /// The parent proxy does not open the connection.
    ParentRefused,
    /// Too many connections are open.
    TooBusy,
    /// The register cannot be written, so the gate stays shut.
    RegisterClosed,
    /// The directory does not answer, so nobody new can be known.
    DirectoryAway,
}

/// What is wrong with an answer, for whoever looks after the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is not HTTP as it is written.
    Protocol,
    /// It ends within its head.
    Incomplete,
    /// Its head is larger than the gate accepts.
    HeaderSize,
    /// Its body is coded as nobody can decode it.
    TransferCoding,
    /// It switches to a protocol that nobody offered.
    Upgrade,
}

impl Fault<'_> {
    /// The status code of the answer.
    pub(crate) fn status(self) -> u16 {
        match self {
            Fault::BadRequest { .. } => 400,
            Fault::PasswordDue { .. }
            | Fault::ClientNotAllowed
            | Fault::NotAcknowledged
            | Fault::PortNotAllowed
            | Fault::ForbiddenAddress => 403,
            Fault::AuthRequired => 407,
            Fault::RequestTimeout => 408,
            Fault::UriTooLong => 414,
            Fault::ExpectationFailed => 417,
            Fault::HeaderTooLarge => 431,
            Fault::NotImplemented => 501,
            Fault::NameNotFound
            | Fault::ConnectionRefused
            | Fault::Unroutable
            | Fault::Unreachable
            | Fault::Terminated
            | Fault::OriginBroke(_)
            | Fault::Loop
            | Fault::ParentUnreachable
            | Fault::ParentDenied
            | Fault::ParentRefused => 502,
            Fault::TooBusy | Fault::RegisterClosed | Fault::DirectoryAway => 503,
            Fault::NameTimeout | Fault::NoConnection | Fault::NoAnswer => 504,
            Fault::VersionNotSupported => 505,
        }
    }

    /// The error type of `Proxy-Status` (RFC 9209 §2.3).
    pub(crate) fn proxy_status(self) -> &'static str {
        match self {
            Fault::BadRequest { .. }
            | Fault::RequestTimeout
            | Fault::UriTooLong
            | Fault::HeaderTooLarge
            | Fault::ExpectationFailed
            | Fault::VersionNotSupported
            | Fault::NotImplemented => "http_request_error",
            Fault::AuthRequired
            | Fault::PasswordDue { .. }
            | Fault::ClientNotAllowed
            | Fault::NotAcknowledged
            | Fault::PortNotAllowed => "http_request_denied",
            Fault::ForbiddenAddress => "destination_ip_prohibited",
            Fault::NameNotFound => "dns_error",
            Fault::NameTimeout => "dns_timeout",
            Fault::NoConnection => "connection_timeout",
            Fault::NoAnswer => "http_response_timeout",
            Fault::ConnectionRefused => "connection_refused",
            Fault::Unroutable => "destination_ip_unroutable",
            Fault::Unreachable => "destination_unavailable",
            Fault::Terminated => "connection_terminated",
            Fault::OriginBroke(Broken::Protocol) => "http_protocol_error",
            Fault::OriginBroke(Broken::Incomplete) => "http_response_incomplete",
            Fault::OriginBroke(Broken::HeaderSize) => "http_response_header_section_size",
            Fault::OriginBroke(Broken::TransferCoding) => "http_response_transfer_coding",
            Fault::OriginBroke(Broken::Upgrade) => "http_upgrade_failed",
            Fault::Loop => "proxy_loop_detected",
            Fault::ParentUnreachable => "destination_unavailable",
            Fault::ParentDenied => "proxy_configuration_error",
            Fault::ParentRefused => "connection_refused",
            Fault::TooBusy => "connection_limit_reached",
            Fault::RegisterClosed | Fault::DirectoryAway => "proxy_internal_error",
        }
    }

    /// Where to go on.
    pub(super) fn link(&self) -> Option<&str> {
        match self {
            Fault::PasswordDue { link } => Some(link),
            _ => None,
        }
    }
}

/// A request that could not be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultPage<'a> {
    /// What went wrong.
    pub(crate) fault: Fault<'a>,
    /// Name of the organisation; may be empty.
    pub(crate) organisation: &'a str,
    /// Who answers questions; may be empty.
    pub(crate) contact: &'a str,
    /// The data protection officer's address; may be empty.
    pub(crate) dpo: &'a str,
    /// The host asked for, in normal form, with its port where the port is what matters; `None` when the request was not understood that far.
    pub(crate) target: Option<&'a str>,
    /// The record's number; `None` when nothing was recorded, and then the page says nothing of a record.
    pub(crate) reference: Option<&'a str>,
    /// When, in local time.
    pub(crate) at: &'a ZonedDateTime,
    /// How long the record is kept.
    pub(crate) retention_days: u32,
}

/// The body of the answer; its status is [`Fault::status`].
pub(crate) fn fault(lang: Language, page: &FaultPage<'_>) -> String {
    let [french, english] = page.fault.wording();
    render(&ErrorPage {
        lang,
        page,
        wording: lang.pick(french, english),
        why: if let Fault::BadRequest { why } = page.fault { Some(why) } else { None },
        help: Contact::new(&[page.contact], page.reference, lang),
        rights: Contact::new(&[page.dpo, page.contact], page.reference, lang),
    })
}

#[derive(Template)]
#[template(path = "error.html", whitespace = "minimize")]
struct ErrorPage<'a> {
    lang: Language,
    page: &'a FaultPage<'a>,
    wording: Wording,
    why: Option<&'a str>,
    help: Contact<'a>,
    rights: Contact<'a>,
}

//! Documents for people and authorities: letters, reports and forms that a data protection officer sends as they are.
//!
//! Values go in, a [`document::Document`] comes out, which [`html`] and [`pdf`] render. Nothing here opens a file, asks the
//! clock or knows the register: who calls has looked everything up. What is not configured is shown as to be completed.
//!
//! Table of contents: [`document`] (what a document is made of), [`prose`] and [`wording`] (how words are set),
//! [`references`] (articles of law, by id), [`parties`] and [`mod@write`] (who writes to whom, and how texts are written),
//! [`subject`] (the answer to a request for access), [`letters`] (about all rights), [`requisition`] (for authorities),
//! [`activity`] (the month's report).

pub(crate) mod activity;
pub(crate) mod document;
pub(crate) mod html;
pub(crate) mod letters;
pub(crate) mod method;
pub(crate) mod parties;
pub(crate) mod pdf;
pub(crate) mod prose;
pub(crate) mod references;
pub(crate) mod requisition;
pub(crate) mod subject;
pub(crate) mod wording;
mod write;

#[cfg(test)]
mod example;
#[cfg(test)]
mod golden;

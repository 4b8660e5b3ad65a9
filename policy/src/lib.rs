//! The tariff: what may pass. Names, lists, charter, verdict.
//!
//! This crate is pure. The same question over the same charter and the same index gets the same decision on any
//! machine at any time: there is no file, socket, clock, randomness or async here. The caller opens files, maps the
//! index into memory and says what time it is.
//!
//! Reading order: [`target`] (what is asked), [`lists`] and [`index`] (what is known of names), [`charter`] (what is
//! allowed), [`verdict`] (the decision).

mod action;
mod categories;
pub mod charter;
pub mod document;
pub mod exception;
mod expressions;
mod holidays;
pub mod index;
mod learnt;
pub mod lists;
mod masking;
mod media;
mod pace;
pub mod problem;
mod protected;
pub mod rate;
mod rule;
mod safe_search;
mod schedule;
mod shipped;
mod shortlist;
pub mod target;
pub mod verdict;
mod what;
mod who;

pub use action::{Action, Amount, Budget, Per, Terms};
pub use charter::Charter;
pub use exception::Exceptions;
pub use index::Index;
pub use learnt::{Answer, Learnt};
pub use masking::Withheld;
pub use problem::{Problem, Problems, Source};
pub use rate::Rate;
pub use target::{Scheme, Target, TargetError};
pub use verdict::{Decision, InForce, Query};

//! Errors, by culprit.

use crate::chain::ChainError;
use crate::dayfile::DayError;
use crate::keys::KeyError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The register cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Folder or file not writable: the file and the system's words.
    #[error("{0}")]
    Unwritable(String),
    /// Another process keeps this register.
    #[error("the register in {} is kept by another process", .0.display())]
    Held(PathBuf),
    /// A day file or a key is there but is not what it should be.
    #[error("{0}")]
    Unusable(String),
}

impl StartError {
    /// What the system said about a file.
    pub(crate) fn io(file: &Path, error: &io::Error) -> Self {
        StartError::Unwritable(words(file, error))
    }
}

/// The register cannot take a record now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the register cannot be written: {why}")]
pub struct Unwritable {
    /// The system's words and the file concerned.
    pub why: Arc<str>,
}

/// The register cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The folder of the day files cannot be listed.
    #[error("{}: {source}", dir.display())]
    Folder {
        /// The register's folder.
        dir: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A day file cannot be read, or is not one.
    #[error("{}: {why}", file.display())]
    Day {
        /// The day file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A day cannot be sealed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Its file cannot be read or written: the file and why.
    #[error("{0}")]
    Day(String),
    /// The chain of seals cannot be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Its key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It has no seal that another could take the place of.
    #[error("the day {0} is not sealed")]
    NotSealed(String),
}

impl From<ChainError> for StartError {
    fn from(error: ChainError) -> StartError {
        StartError::Unusable(error.to_string())
    }
}

impl From<DayError> for SealError {
    fn from(error: DayError) -> SealError {
        SealError::Day(error.0)
    }
}

/// "FILE: what the system said", the form of every complaint about a file.
pub(crate) fn words(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}

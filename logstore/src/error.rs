//! Errors, by culprit.

/// The register cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Folder or file not writable.
    #[error("{0}")]
    Unwritable(String),
}

/// The register cannot take a record now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the register cannot be written: {why}")]
pub struct Unwritable {
    /// The system's words and the file concerned.
    pub why: std::sync::Arc<str>,
}

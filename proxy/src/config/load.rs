//! Finding and reading the two files that are edited by hand: the configuration and the charter.

use super::parent::covered;
use super::{Config, FILE, read};
use policy::verdict::Disappointment;
use policy::{Charter, Problem, Problems, Source};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// It cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// It was read and is not good.
    Problems(Problems),
}

/// The report for people.
impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { path, why } => write!(out, "{} cannot be read: {why}", path.display()),
            LoadError::Problems(problems) => out.write_str(problems.render(false).trim_end()),
        }
    }
}

impl std::error::Error for LoadError {}

/// What is probably not meant in a file and stops nothing; shown, it is the report for people, or nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Warnings(Option<Problems>);

impl Warnings {
    fn of(source: &Source, problems: Vec<Problem>) -> Warnings {
        Warnings((!problems.is_empty()).then(|| Problems { source: source.clone(), problems }))
    }

    /// The warnings, if there is one.
    pub(crate) fn problems(&self) -> Option<&Problems> {
        self.0.as_ref()
    }
}

impl fmt::Display for Warnings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |problems| out.write_str(&problems.render(false)))
    }
}

/// The charter, and where it came from.
pub(crate) struct LoadedCharter {
    /// The charter.
    pub(crate) charter: Charter,
    /// Its file, so that what is found out later can point into it.
    pub(crate) source: CharterSource,
    /// What is probably not meant.
    pub(crate) warnings: Warnings,
}

/// Name and text of a charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CharterSource(Source);

impl CharterSource {
    /// The report on expectations that did not hold, each pointing at its text.
    pub(crate) fn report(&self, disappointed: &[Disappointment]) -> String {
        self.problems(disappointed).render(false)
    }

    /// The same, to be rendered or taken apart.
    pub(crate) fn problems(&self, disappointed: &[Disappointment]) -> Problems {
        let problem = |one: &Disappointment| Problem::error(one.span.clone(), &one.message, "this was expected");
        Problems { source: self.0.clone(), problems: disappointed.iter().map(problem).collect() }
    }
}

impl Config {
    /// Reads the file, or `octroi.toml` of the current folder when none is named. Without that file either,
    /// everything has its default.
    pub(crate) fn load(path: Option<&Path>) -> Result<(Config, Warnings), LoadError> {
        let (config, outcome) = Config::examine(path)?;
        Ok((config, outcome?))
    }

    /// The same for who wants to look further although there are problems, as `octroi check` does: what could not be
    /// read has its default.
    pub(crate) fn examine(path: Option<&Path>) -> Result<(Config, Result<Warnings, LoadError>), LoadError> {
        let (path, text) = match path {
            Some(path) => (path, text(path)?),
            None => match std::fs::read_to_string(FILE) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => (Path::new(FILE), String::new()),
                Err(why) => return Err(unreadable(Path::new(FILE), &why)),
                Ok(text) => (Path::new(FILE), text),
            },
        };
        let source = Source { name: path.display().to_string(), text };
        let folder = path.parent().unwrap_or(Path::new(""));
        let (config, outcome) = read::config(&source, folder);
        let shown = Source { text: covered(&source.text), ..source };
        let outcome = outcome.map(|warnings| Warnings::of(&shown, warnings)).map_err(LoadError::Problems);
        Ok((config, outcome))
    }

    /// Reads the charter: the file, or the built-in one when there is none and the configuration names none.
    pub(crate) fn charter(&self) -> Result<LoadedCharter, LoadError> {
        let path = &self.charter.path;
        let source = match std::fs::read_to_string(path) {
            Ok(text) => Source { name: path.display().to_string(), text },
            Err(why) if why.kind() == io::ErrorKind::NotFound && !self.charter.required => {
                let text = Charter::builtin_text().to_owned();
                let source = CharterSource(Source { name: "the built-in charter".to_owned(), text });
                let charter = Charter::builtin(&self.time_zone);
                return Ok(LoadedCharter { charter, source, warnings: Warnings::default() });
            }
            Err(why) => return Err(unreadable(path, &why)),
        };
        let (charter, warnings) = Charter::parse(source.clone(), &self.time_zone).map_err(LoadError::Problems)?;
        Ok(LoadedCharter { charter, warnings: Warnings::of(&source, warnings), source: CharterSource(source) })
    }
}

fn text(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|why| unreadable(path, &why))
}

fn unreadable(path: &Path, why: &io::Error) -> LoadError {
    LoadError::Unreadable { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_must_be_there_and_be_text() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("gate.toml");
        let refused = Config::load(Some(&path)).expect_err("missing");
        assert!(matches!(&refused, LoadError::Unreadable { path: named, .. } if *named == path), "{refused}");
        std::fs::write(&path, b"realm = \"\xff\"").expect("written");
        assert!(matches!(Config::load(Some(&path)), Err(LoadError::Unreadable { .. })));
    }

    #[test]
    fn paths_start_from_the_folder_of_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("gate.toml");
        std::fs::write(&path, "data_dir = \"data\"\n").expect("written");
        let (config, warnings) = Config::load(Some(&path)).expect("good");
        assert_eq!(warnings.problems(), None);
        assert_eq!(config.data_dir, dir.path().join("data"));
        assert_eq!(config.charter.path, dir.path().join("charter.toml"));
        assert!(!config.charter.required);
    }

    #[test]
    fn a_charter_that_is_named_must_be_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("gate.toml");
        std::fs::write(&path, "charter = \"ours.toml\"\n").expect("written");
        let (config, _) = Config::load(Some(&path)).expect("good");
        let refused = config.charter().map(|_| ()).expect_err("missing").to_string();
        assert!(refused.contains("ours.toml cannot be read"), "{refused}");
    }
}

//! What is learnt of an exchange once it has been let through: the address that is dialled, and what is answered.
//!
//! The charter is asked again then ([`crate::InForce::decide_again`]): rules on `destinations`, `media_types` and `min_size`
//! hold only now, those on `extensions` look at the file's name a second time. What was turned back when it was asked is
//! not asked again.
use crate::media::{self, MediaType};
use std::net::IpAddr;

/// What is known besides what was asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Learnt<'a> {
    /// The address that is dialled; `None` before, and where a parent proxy alone knows it.
    pub destination: Option<IpAddr>,
    /// The answer; `None` before it has come, and in a tunnel, whose answers nobody sees.
    pub answer: Option<&'a Answer>,
}

/// What an answer says of its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    types: Vec<MediaType>,
    /// Names of files.
    pub(crate) files: Vec<String>,
    /// How many bytes it has, or had so far.
    pub(crate) length: Option<u64>,
}

impl Answer {
    /// Adds a media type that is declared (RFC 9110 §8.3.1); parameters, and what is none, count for nothing.
    #[must_use]
    pub fn declared(mut self, content_type: &str) -> Answer {
        self.add(MediaType::of(content_type));
        self
    }

    /// Adds the name of the file it is to be kept as, and the media type of such files.
    #[must_use]
    pub fn file(mut self, name: &str) -> Answer {
        // What stands before the last separator is no part of it (RFC 6266 §4.3).
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        self.add(media::of_file(name));
        self.files.push(name.to_owned());
        self
    }

    /// Adds the media type that its first bytes show, if they show one that its declared type does not explain.
    #[must_use]
    pub fn begins(mut self, bytes: &[u8]) -> Answer {
        let shown = media::sniff(bytes, &self.types);
        self.add(shown);
        self
    }

    /// How many bytes it has; of a part of a file, the whole file.
    #[must_use]
    pub fn length(mut self, bytes: u64) -> Answer {
        self.length = Some(bytes);
        self
    }

    /// All that it claims to be, at least one.
    pub(crate) fn types(&self) -> impl Iterator<Item = &MediaType> + Clone {
        // Without a type it is to be taken for this (RFC 9110 §8.3).
        let unknown = self.types.is_empty().then_some(MediaType::unknown());
        self.types.iter().chain(unknown)
    }

    fn add(&mut self, media: Option<MediaType>) {
        if let Some(media) = media
            && !self.types.contains(&media)
        {
            self.types.push(media);
        }
    }
}

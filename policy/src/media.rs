//! Media types: how they are written, which files have them, which bytes show them.
mod sniff;

pub(crate) use sniff::sniff;
use std::sync::LazyLock;

/// A media type (RFC 6838) in small letters, without parameters, by the name that it is registered under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType(String);

/// `video/mp4`, or all of `video/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaRange {
    /// With its slash, when it is all of it.
    text: String,
}

/// What one thing is called besides its registered name.
const ALIASES: [(&str, &str); 26] = [
    ("application/dos-exe", EXECUTABLE),
    ("application/exe", EXECUTABLE),
    ("application/x-dosexec", EXECUTABLE),
    ("application/x-exe", EXECUTABLE),
    ("application/x-msdos-program", EXECUTABLE),
    ("application/x-msdownload", EXECUTABLE),
    ("application/x-winexe", EXECUTABLE),
    ("application/x-gzip", "application/gzip"),
    ("application/x-javascript", "text/javascript"),
    ("application/javascript", "text/javascript"),
    ("application/x-pdf", "application/pdf"),
    ("application/x-rar", "application/vnd.rar"),
    ("application/x-rar-compressed", "application/vnd.rar"),
    ("application/x-zip", "application/zip"),
    ("application/x-zip-compressed", "application/zip"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/x-flac", "audio/flac"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("text/xml", "application/xml"),
    ("video/avi", "video/x-msvideo"),
    ("video/msvideo", "video/x-msvideo"),
    ("video/x-m4v", "video/mp4"),
];

/// Programs for Windows, as IANA has them.
const EXECUTABLE: &str = "application/vnd.microsoft.portable-executable";

/// The types of files by their extensions, where sites leave them to the name: what is played, run or unpacked.
const OF_FILES: [(&str, &str); 42] = [
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("apk", "application/vnd.android.package-archive"),
    ("avi", "video/x-msvideo"),
    ("bat", "application/x-bat"),
    ("bz2", "application/x-bzip2"),
    ("cmd", "application/x-bat"),
    ("deb", "application/vnd.debian.binary-package"),
    ("dll", EXECUTABLE),
    ("dmg", "application/x-apple-diskimage"),
    ("exe", EXECUTABLE),
    ("flac", "audio/flac"),
    ("flv", "video/x-flv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("iso", "application/vnd.efi.iso"),
    ("jar", "application/java-archive"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("msi", "application/x-msi"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rar", "application/vnd.rar"),
    ("scr", EXECUTABLE),
    ("sh", "application/x-sh"),
    ("torrent", "application/x-bittorrent"),
    ("ts", "video/mp2t"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("wmv", "video/x-ms-wmv"),
    ("zip", "application/zip"),
];

impl MediaType {
    /// Reads `text/html; charset=utf-8`; `None` when it is none.
    pub(crate) fn of(content_type: &str) -> Option<MediaType> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        (is_token(kind) && is_token(subtype) && kind != "*" && subtype != "*")
            .then(|| MediaType(registered(&essence).to_owned()))
    }

    /// What is to be taken for unknown bytes.
    pub(crate) fn unknown() -> &'static MediaType {
        static UNKNOWN: LazyLock<MediaType> = LazyLock::new(|| MediaType("application/octet-stream".to_owned()));
        &UNKNOWN
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl MediaRange {
    /// Reads one, or says what was expected.
    pub(crate) fn parse(text: &str) -> Result<MediaRange, String> {
        let lower = text.to_ascii_lowercase();
        let form = || "expected a media type such as \"video/mp4\", or all of a kind: \"video/*\"".to_owned();
        let (kind, subtype) = lower.split_once('/').ok_or_else(form)?;
        match (kind, subtype) {
            ("*", _) => Err("that is everything: leave it out".to_owned()),
            (kind, "*") if is_token(kind) => Ok(MediaRange { text: format!("{kind}/") }),
            _ => {
                let MediaType(text) = MediaType::of(&lower).filter(|_| !lower.contains(';')).ok_or_else(form)?;
                Ok(MediaRange { text })
            }
        }
    }

    pub(crate) fn covers(&self, media: &MediaType) -> bool {
        if self.text.ends_with('/') { media.as_str().starts_with(&self.text) } else { media.as_str() == self.text }
    }

    pub(crate) fn covers_all_of(&self, other: &MediaRange) -> bool {
        self.text == other.text || self.text.ends_with('/') && other.text.starts_with(&self.text)
    }
}

/// The media type of files with such a name, if it is known here.
pub(crate) fn of_file(name: &str) -> Option<MediaType> {
    let (_, extension) = name.trim_end_matches(['.', ' ']).rsplit_once('.')?;
    let known = OF_FILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    known.map(|(_, media)| MediaType((*media).to_owned()))
}

fn registered(essence: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == essence).map_or(essence, |(_, name)| name)
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_whatever_their_case_parameters_and_name() {
        let of = |text| MediaType::of(text).map(|media| media.0);
        assert_eq!(of("Text/HTML; charset=utf-8").as_deref(), Some("text/html"));
        assert_eq!(of(" video/mp4 ").as_deref(), Some("video/mp4"));
        assert_eq!(of("application/x-msdownload").as_deref(), Some(EXECUTABLE));
        for none in ["", "text", "/", "text/", "/html", "text/html/x", "te xt/html", "*/*", "text/*", "é/a"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_range_covers_its_kind_and_other_names_of_its_type() {
        let covers = |range: &str, media: &str| {
            MediaRange::parse(range).expect("a range").covers(&MediaType::of(media).expect("a type"))
        };
        assert!(covers("video/*", "VIDEO/webm") && covers("Video/MP4", "video/mp4"));
        assert!(!covers("video/*", "audio/mp4") && !covers("video/mp4", "video/mp4a") && !covers("vid/*", "video/mp4"));
        assert!(covers("application/x-dosexec", "application/x-msdownload"));
        for wrong in ["", "video", "*", "*/*", "video/", "/mp4", "video/mp4; codecs=x", "video mp4", "v/*/x"] {
            assert!(MediaRange::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_have_the_types_of_their_extensions() {
        let of = |name| of_file(name).map(|media| media.0);
        assert_eq!(of("Film.MP4").as_deref(), Some("video/mp4"));
        assert_eq!(of("a.tar.gz").as_deref(), Some("application/gzip"));
        assert_eq!(of("setup.exe. ").as_deref(), Some(EXECUTABLE));
        assert_eq!((of("exe"), of("a.unknown"), of("")), (None, None, None));
        for (extension, media) in OF_FILES {
            assert!(
                MediaType::of(media).is_some_and(|read| read.0 == media),
                "{extension}: {media} is written by its name"
            );
        }
        assert!(OF_FILES.is_sorted() && ALIASES.iter().all(|(_, name)| registered(name) == *name));
    }
}

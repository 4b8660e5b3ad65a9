//! What first bytes show, whatever is declared: the signatures of the WHATWG's MIME Sniffing standard (§6 and §7) for
//! images, sound, films and archives, and those of programs and installers, which it leaves out.
//!
//! Many formats are written into the same container. What is declared explains what is seen then: a slide show is a ZIP
//! file, a song may be an MP4.
use super::{EXECUTABLE, MediaType};

/// Bytes at a place.
struct Signature {
    at: usize,
    bytes: &'static [u8],
    media: &'static str,
    /// Beginnings of declared types that explain it: they are not contradicted.
    explained_by: &'static [&'static str],
}

const fn plain(bytes: &'static [u8], media: &'static str) -> Signature {
    Signature { at: 0, bytes, media, explained_by: &[] }
}

const fn within(
    at: usize,
    bytes: &'static [u8],
    media: &'static str,
    explained_by: &'static [&'static str],
) -> Signature {
    Signature { at, bytes, media, explained_by }
}

const CONTAINERS: &[&str] = &["audio/", "video/", "image/"];
const ZIPPED: &[&str] =
    &["application/vnd.", "application/epub+zip", "application/java-archive", "application/x-xpinstall"];
const OLE: &[&str] = &["application/vnd.", "application/msword", "application/x-msi"];

/// Looked at in this order.
const SIGNATURES: [Signature; 45] = [
    // Images.
    plain(b"GIF87a", "image/gif"),
    plain(b"GIF89a", "image/gif"),
    plain(b"\x89PNG\r\n\x1a\n", "image/png"),
    plain(b"\xff\xd8\xff", "image/jpeg"),
    within(8, b"WEBPVP", "image/webp", &[]),
    plain(b"II*\0", "image/tiff"),
    plain(b"MM\0*", "image/tiff"),
    // Sound and films; of ISO media, by their brand.
    within(4, b"ftypM4A ", "audio/mp4", CONTAINERS),
    within(4, b"ftypM4B ", "audio/mp4", CONTAINERS),
    within(4, b"ftypqt  ", "video/quicktime", CONTAINERS),
    within(4, b"ftypavif", "image/avif", CONTAINERS),
    within(4, b"ftypheic", "image/heic", CONTAINERS),
    within(4, b"ftypmif1", "image/heif", CONTAINERS),
    within(4, b"ftyp", "video/mp4", CONTAINERS),
    plain(b"ID3", "audio/mpeg"),
    within(8, b"WAVE", "audio/wav", &[]),
    within(8, b"AVI ", "video/x-msvideo", &[]),
    within(8, b"AIFF", "audio/aiff", &[]),
    plain(b"fLaC", "audio/flac"),
    within(0, b"OggS\0", "audio/ogg", &["audio/", "video/", "application/ogg"]),
    within(0, b"\x1a\x45\xdf\xa3", "video/webm", &["audio/", "video/"]),
    plain(b"FLV\x01", "video/x-flv"),
    within(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv", &["audio/", "video/"]),
    within(0, b"\x00\x00\x01\xba", "video/mpeg", &["audio/", "video/"]),
    within(0, b"\x00\x00\x01\xb3", "video/mpeg", &["audio/", "video/"]),
    within(0, b"#EXTM3U", "application/vnd.apple.mpegurl", &["application/x-mpegurl", "audio/", "video/"]),
    // Archives and disks.
    within(0, b"PK\x03\x04", "application/zip", ZIPPED),
    within(0, b"\x1f\x8b\x08", "application/gzip", &["application/x-tgz", "application/x-gtar", "image/svg+xml"]),
    plain(b"Rar!\x1a\x07", "application/vnd.rar"),
    plain(b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    within(0, b"BZh", "application/x-bzip2", &["text/"]),
    plain(b"\xfd7zXZ\0", "application/x-xz"),
    plain(b"\x28\xb5\x2f\xfd", "application/zstd"),
    within(257, b"ustar", "application/x-tar", &[]),
    plain(b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    plain(b"!<arch>\ndebian", "application/vnd.debian.binary-package"),
    plain(b"\xed\xab\xee\xdb", "application/x-rpm"),
    // Programs.
    plain(b"\x7fELF", "application/x-elf"),
    plain(b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    plain(b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    within(0, b"\xca\xfe\xba\xbe", "application/java-vm", &["application/java", "application/x-mach-binary"]),
    within(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", OLE),
    within(0, b"d8:announce", "application/x-bittorrent", &[]),
    // Documents.
    plain(b"%PDF-", "application/pdf"),
    plain(b"%!PS-Adobe-", "application/postscript"),
];

/// The type that these bytes show; `None` when they show none, or one that a declared type explains.
pub(crate) fn sniff(bytes: &[u8], declared: &[MediaType]) -> Option<MediaType> {
    let (media, explained_by) = if is_program(bytes) {
        (EXECUTABLE, &[][..])
    } else {
        let is_here = |one: &&Signature| bytes.get(one.at..).is_some_and(|bytes| bytes.starts_with(one.bytes));
        let found = SIGNATURES.iter().find(is_here)?;
        (found.media, found.explained_by)
    };
    let explained = declared.iter().any(|declared| {
        // It says that it knows nothing.
        declared != MediaType::unknown() && explained_by.iter().any(|begin| declared.as_str().starts_with(begin))
    });
    // Office documents and programs for Java say in their first bytes what they are.
    let says_more = media == "application/zip"
        && bytes.get(30..).is_some_and(|name| {
            [&b"mimetype"[..], b"[Content_Types].xml", b"_rels/", b"META-INF/"]
                .iter()
                .any(|begin| name.starts_with(begin))
        });
    (!explained && !says_more).then(|| MediaType(media.to_owned()))
}

/// `MZ` alone begins many a text: the header of a program says where its second one stands (Microsoft, PE Format).
fn is_program(bytes: &[u8]) -> bool {
    let at = bytes.get(60..64).and_then(|at| Some(u32::from_le_bytes(at.try_into().ok()?)));
    let at = at.and_then(|at| usize::try_from(at).ok());
    bytes.starts_with(b"MZ")
        && at.is_some_and(|at| {
            // Beyond what is looked at, but where it may be.
            bytes.get(at..).map_or(at < 4096, |rest| rest.starts_with(b"PE\0\0") || (rest.len() < 4 && at < 4096))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], declared: &[&str]) -> Option<String> {
        let declared: Vec<MediaType> = declared.iter().filter_map(|text| MediaType::of(text)).collect();
        sniff(bytes, &declared).map(|media| media.0)
    }

    /// The head of a program for Windows.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 256];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[60] = 128;
        bytes[128..132].copy_from_slice(b"PE\0\0");
        bytes
    }

    #[test]
    fn bytes_show_what_they_are_whatever_is_declared() {
        assert_eq!(shown(&program(), &["image/png"]).as_deref(), Some(EXECUTABLE));
        assert_eq!(shown(b"MZ is how this text begins, and it goes on for long enough to have byte 64", &[]), None);
        assert_eq!(shown(b"\x00\x00\x00\x20ftypisom\x00", &["text/plain"]).as_deref(), Some("video/mp4"));
        assert_eq!(shown(b"\x00\x00\x00\x20ftypisom\x00", &["application/octet-stream"]).as_deref(), Some("video/mp4"));
        assert_eq!(shown(b"RIFF\x10\0\0\0WEBPVP8 ", &[]).as_deref(), Some("image/webp"));
        assert_eq!(
            shown(b"PK\x03\x04\x14\0\0\0\x08\0", &["application/octet-stream"]).as_deref(),
            Some("application/zip")
        );
        assert_eq!(shown(b"<!DOCTYPE html>", &["text/html"]), None);
        assert_eq!(shown(b"", &[]), None);
    }

    #[test]
    fn a_declared_type_explains_the_container_it_is_written_in() {
        assert_eq!(shown(b"\x00\x00\x00\x20ftypisom\x00", &["audio/mp4"]), None);
        assert_eq!(shown(b"\x1a\x45\xdf\xa3\x01", &["audio/webm"]), None);
        let slides = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
        assert_eq!(shown(b"PK\x03\x04\x14\0\0\0\x08\0", &[slides]), None);
        let mut odt = b"PK\x03\x04".to_vec();
        odt.resize(30, 0);
        odt.extend(b"mimetypeapplication/vnd.oasis.opendocument.text");
        assert_eq!(shown(&odt, &[]), None);
    }

    #[test]
    fn every_signature_is_found_by_its_own_bytes() {
        for signature in &SIGNATURES {
            let mut bytes = vec![b' '; signature.at];
            bytes.extend(signature.bytes);
            assert_eq!(shown(&bytes, &[]).as_deref(), Some(signature.media));
            assert!(MediaType::of(signature.media).is_some_and(|media| media.0 == signature.media));
        }
    }
}

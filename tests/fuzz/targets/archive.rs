//! A list as it was downloaded, an archive or not: no entry leads outside, and packing it changes nothing.
#![no_main]

#[path = "../../../proxy/src/lists/archive.rs"]
#[allow(dead_code, reason = "folders are the administrator's own")]
mod archive;

use archive::Entry;
use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fuzz_target!(|bytes: &[u8]| {
    let plain = entries(bytes);
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return;
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("compressed");
    assert_eq!(entries(&packed.finish().expect("compressed")), plain, "left: packed");
});

/// Paths with what they hold or where they lead; and whether all went well.
fn entries(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, bool) {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::temp_dir().join(format!("octroi-fuzz-archive-{}", std::process::id())));
    std::fs::write(file, bytes).expect("written");
    let mut seen = Vec::new();
    let read = archive::file(file, &mut |entry, done, total| {
        assert!(done <= total, "{done} of {total}");
        match entry {
            Entry::File { path, text } => {
                stays_inside(path);
                let mut held = Vec::new();
                let read = text.read_to_end(&mut held);
                seen.push((path.to_owned(), held));
                read.map(drop)
            }
            Entry::Link { path, target } => {
                stays_inside(path);
                stays_inside(target);
                seen.push((path.to_owned(), target.into()));
                Ok(())
            }
        }
    });
    std::fs::remove_file(file).expect("removed");
    (seen, read.is_ok())
}

fn stays_inside(path: &str) {
    assert!(!path.is_empty() && Path::new(path).is_relative(), "{path:?}");
    assert!(!path.split('/').any(|part| part.is_empty() || part == "." || part == ".."), "{path:?}");
}

//! The binary under test.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// `octroi`: the one `OCTROI_BIN` names, else the one cargo built beside this test.
///
/// # Panics
/// When there is none, or when it is older than a source it was built from: testing yesterday's gate proves nothing.
pub fn octroi() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("OCTROI_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "OCTROI_BIN names {}, which is no file", path.display());
            path
        }
        None => built_beside(),
    })
}

fn built_beside() -> PathBuf {
    // TARGET/PROFILE/deps/e2e-HASH: the binary is two steps up.
    let test = std::env::current_exe().expect("a running test has a path");
    let path = test.ancestors().nth(2).expect("cargo puts tests two folders deep").join("octroi");
    assert!(path.is_file(), "{} is missing: `cargo build -p octroi` first, or run tests/run", path.display());
    let built = modified(&path);
    for source in sources(&path) {
        assert!(
            source.exists() && modified(&source) <= built,
            "{} is older than {}: `cargo build -p octroi` first, or run tests/run",
            path.display(),
            source.display()
        );
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the harness stands in tests/harness");
    assert!(
        sources(&path).iter().any(|source| source.starts_with(here)),
        "{} was built from another tree: `cargo build -p octroi` first, or set OCTROI_BIN",
        path.display()
    );
    path
}

/// The files cargo noted that the binary depends on (`octroi.d`: `binary: source source…`, spaces escaped).
fn sources(binary: &Path) -> Vec<PathBuf> {
    let noted = fs::read_to_string(binary.with_extension("d")).expect("cargo leaves a .d file beside the binary");
    let noted = noted.split_once(": ").map_or("", |(_, sources)| sources).replace("\\ ", "\0");
    noted.split_whitespace().map(|source| PathBuf::from(source.replace('\0', " "))).collect()
}

fn modified(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).and_then(|metadata| metadata.modified()).expect("the file system keeps modification times")
}

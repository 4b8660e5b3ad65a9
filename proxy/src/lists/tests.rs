//! Lists from charter to index, over real files: what is compiled, when it is compiled again, what is missing.

use super::*;
use crate::config::Config;
use policy::Target;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A gate's folder with a charter of two local lists.
struct Gate {
    dir: tempfile::TempDir,
    config: Config,
}

const CHARTER: &str = r#"
title = "Test"
version = "1"
default = "allow"
[lists.ours]
format = "domains"
source = "ours.txt"
[lists.ut1]
format = "ut1"
source = "ut1"
[categories.jeux]
lists = ["ut1:games", "ours"]
[[rule]]
id = "jeux"
action = "block"
categories = ["jeux"]
"#;

impl Gate {
    fn new() -> Gate {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        write("octroi.toml", "data_dir = \"data\"\n");
        write("charter.toml", CHARTER);
        write("ours.txt", "ours.test\nnot a name\n");
        write("ut1/games/domains", "games.test\n");
        let (config, _) = Config::load(Some(&dir.path().join("octroi.toml"))).expect("good");
        Gate { config, dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn load(&self) -> Loaded {
        let charter = self.config.charter().expect("good").charter;
        load(&self.config, &charter).expect("loaded")
    }

    fn index(&self) -> PathBuf {
        store::Store::of(&self.config).path()
    }
}

fn covers(index: &Index, host: &str) -> bool {
    let mut hits = Vec::new();
    index.hits(&Target::of_host(host).expect("a host"), &mut hits);
    !hits.is_empty()
}

fn written(path: &Path) -> SystemTime {
    std::fs::metadata(path).expect("there").modified().expect("a date")
}

#[test]
fn lists_are_compiled_once_and_again_when_they_change() {
    let gate = Gate::new();
    let loaded = gate.load();
    assert_eq!(loaded.missing, []);
    assert!(covers(&loaded.index, "www.ours.test") && covers(&loaded.index, "games.test"));
    assert!(!covers(&loaded.index, "other.test"));
    let report = store::Store::of(&gate.config).report().expect("a report");
    assert_eq!((report.entries, report.lists[0].bad), (2, 1));
    assert_eq!(report.lists[0].examples[0].line, 2);

    let before = written(&gate.index());
    assert!(covers(&gate.load().index, "ours.test"));
    assert_eq!(written(&gate.index()), before);

    std::fs::write(gate.path("ours.txt"), "ours.test\nother.test\n").expect("written");
    assert!(covers(&gate.load().index, "other.test"));
    // The index that was mapped before the change is still whole.
    assert!(covers(&loaded.index, "games.test") && !covers(&loaded.index, "other.test"));
}

#[test]
fn a_spoilt_index_is_made_again_and_never_half_used() {
    let gate = Gate::new();
    gate.load();
    let good = std::fs::read(gate.index()).expect("read");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let strangers: [&[u8]; 4] = [&flipped, &good[..good.len() - 1], b"", b"not an index at all"];
    for spoilt in strangers {
        // By another inode, as the file may be mapped.
        std::fs::remove_file(gate.index()).expect("removed");
        std::fs::write(gate.index(), spoilt).expect("written");
        assert!(covers(&gate.load().index, "games.test"));
        assert_eq!(std::fs::read(gate.index()).expect("read"), good);
    }
    std::fs::remove_file(gate.index()).expect("removed");
    assert!(covers(&gate.load().index, "games.test"));
}

#[test]
fn a_missing_list_is_said_and_the_others_are_used() {
    let gate = Gate::new();
    std::fs::remove_dir_all(gate.path("ut1")).expect("removed");
    let loaded = gate.load();
    assert_eq!(loaded.missing.len(), 1);
    assert!(loaded.missing[0].to_string().starts_with("the list `ut1` is missing: "), "{:?}", loaded.missing);
    assert!(covers(&loaded.index, "ours.test"));
    // As soon as it is there, it is used.
    std::fs::create_dir_all(gate.path("ut1/games")).expect("created");
    std::fs::write(gate.path("ut1/games/domains"), "games.test\n").expect("written");
    let loaded = gate.load();
    assert!(loaded.missing.is_empty() && covers(&loaded.index, "games.test"));
}

#[test]
fn a_folder_without_categories_and_a_list_never_fetched_are_missing() {
    let gate = Gate::new();
    std::fs::remove_dir_all(gate.path("ut1/games")).expect("removed");
    assert!(gate.load().missing[0].why.contains("no category folder"));
    let charter = CHARTER.replace("source = \"ut1\"", "source = \"http://127.0.0.1:9/ut1.tar.gz\"");
    std::fs::write(gate.path("charter.toml"), charter).expect("written");
    assert!(gate.load().missing[0].why.contains("octroi lists update"));
}

#[test]
fn a_list_that_is_spoilt_does_not_take_the_place_of_a_good_one() {
    let gate = Gate::new();
    gate.load();
    let junk: Vec<u8> = (0..4000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) | 0x8080).to_le_bytes()).collect();
    for spoilt in [&junk[..], b"", b"<html><title>Please log in</title></html>"] {
        std::fs::write(gate.path("ours.txt"), spoilt).expect("written");
        let loaded = gate.load();
        assert!(covers(&loaded.index, "ours.test") && covers(&loaded.index, "games.test"));
        assert!(
            loaded.refused[0].starts_with("the list `ours` is refused, and what was compiled"),
            "{:?}",
            loaded.refused
        );
    }
    std::fs::write(gate.path("ours.txt"), "other.test\n").expect("written");
    let loaded = gate.load();
    assert!(covers(&loaded.index, "other.test") && !covers(&loaded.index, "ours.test") && loaded.refused.is_empty());
    let (before, previous) = store::Store::of(&gate.config).previous().expect("kept");
    assert_eq!(before.entries, 2);
    assert_eq!(loaded.index.changes_since(&previous, 1, rest)["ours"].removed_samples, ["ours.test"]);
}

#[test]
fn what_publishers_say_of_their_folders_is_heeded() {
    let gate = Gate::new();
    for (path, text) in [
        ("ut1/old/domains", "old.test\n"),
        ("ut1/old/usage", "# DO NOT USE\nblack\n"),
        ("ut1/DO NOT USE/games/domains", "withdrawn.test\n"),
        ("ut1/liste_bu/domains", "library.test\n"),
        ("ut1/games/usage", "black\n# a copy of jeux\n"),
        ("ut1/global_usage", "NAME: liste_bu\nDEFAULT_TYPE: white\n"),
    ] {
        let path = gate.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        std::fs::write(path, text).expect("written");
    }
    let index = gate.load().index;
    assert!(covers(&index, "library.test") && !covers(&index, "old.test") && !covers(&index, "withdrawn.test"));
    let report = store::Store::of(&gate.config).report().expect("a report");
    let ut1 = report.lists.iter().find(|list| list.name == "ut1").expect("there");
    assert_eq!(ut1.white.iter().collect::<Vec<_>>(), ["ut1:liste_bu"]);
    let notes = ut1.notes.join("\n");
    for note in ["`DO NOT USE` is passed over", "`ut1:old` is left out", "`ut1:games`: a copy of jeux"] {
        assert!(notes.contains(note), "{notes}");
    }
    assert_eq!((ut1.entries, ut1.categories.len()), (2, 2));
}

#[test]
fn without_a_place_to_write_the_index_is_kept_in_memory() {
    let gate = Gate::new();
    // A file where the folder should be: refused to every account, root included.
    std::fs::write(gate.path("data"), "").expect("written");
    assert!(covers(&gate.load().index, "games.test"));
}

#[test]
fn a_charter_without_lists_has_an_empty_index() {
    let gate = Gate::new();
    std::fs::write(gate.path("charter.toml"), "title = \"t\"\nversion = \"1\"\ndefault = \"allow\"\n")
        .expect("written");
    assert_eq!(gate.load().index.entries(), 0);
    assert!(!gate.index().exists());
}

//! How sources are laid out: openings, sizes, names, what no test may do.
use crate::tree::{self, File};

/// Files that may be longer than [`LONGEST`], and why.
const LONG: &[(&str, &str)] = &[];

/// Beyond this many lines a file has more than one subject, unless it is one flat table.
const LONGEST: usize = 500;

fn sources() -> Vec<File> {
    tree::files(".rs")
}

/// The files for which `wrong` says what is wrong.
fn complaints(files: Vec<File>, wrong: impl Fn(&File, &str) -> Option<String>) -> Vec<String> {
    files.iter().filter_map(|file| wrong(file, &file.text()).map(|what| format!("{}: {what}", file.0))).collect()
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    none(&complaints(sources(), |_, text| {
        let opening = text.lines().next().unwrap_or("");
        let says = opening.strip_prefix("//! ").is_some_and(|what| what.len() > 10);
        (!says).then(|| format!("opens with {opening:?}"))
    }));
}

#[test]
fn a_folder_is_opened_by_the_file_of_its_name() {
    none(&complaints(sources(), |file, _| (file.name() == "mod.rs").then(|| "name it after its folder".into())));
}

#[test]
fn a_file_has_one_subject() {
    none(&complaints(sources(), |file, text| {
        let lines = text.lines().count();
        let excused = LONG.iter().any(|(path, _)| *path == file.0);
        (lines > LONGEST && !excused).then(|| format!("{lines} lines"))
    }));
    for (path, why) in LONG {
        assert!(tree::exists(path) && !why.is_empty(), "{path} is excused and doesn't exist, or without a reason");
    }
}

#[test]
fn no_test_is_set_aside_or_made_to_fail() {
    // Spelled in two halves, so that this file doesn't accuse itself.
    let set_aside = [concat!("#[", "ignore"), concat!("#[", "should_panic")];
    none(&complaints(sources(), |_, text| {
        set_aside.iter().find(|mark| text.contains(**mark)).map(|m| (*m).to_owned())
    }));
}

#[test]
fn nothing_waits_a_fixed_time() {
    // The linter refuses the blocking kind; this one is refused in tests, where it hides a race.
    let pauses = [concat!("time::", "sleep("), concat!("thread::", "sleep(")];
    none(&complaints(sources(), |file, text| {
        let (code, tests) = text.split_once("#[cfg(test)]").unwrap_or((text, ""));
        let tests = if file.0.starts_with("tests/") || file.0.contains("/tests/") { code } else { tests };
        let waits_for_a_condition = file.0 == "tests/harness/src/wait.rs";
        (!waits_for_a_condition && pauses.iter().any(|pause| tests.contains(pause))).then(|| "a fixed pause".into())
    }));
}

#[test]
fn the_project_speaks_of_itself_alone() {
    // Folders of somebody's machine have no meaning on another.
    let places = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
    let texts = tree::all().into_iter().filter(|file| {
        [".rs", ".md", ".toml", ".html", ".sh", ".py"].iter().any(|ending| file.0.ends_with(ending))
            || ["tests/run", ".ci/run"].contains(&file.0.as_str())
    });
    none(&complaints(texts.collect(), |_, text| {
        places.iter().find(|place| text.contains(**place)).map(|place| format!("names {place}"))
    }));
}

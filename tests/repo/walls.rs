//! The walls between the rooms: who may depend on what, and who translates.
use crate::tree;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Packages of the workspace and of crates.io, by name, and the names they are built with: those of their own tests and
/// benches left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // What other platforms need was never fetched on a machine that only ran `tests/run`.
        .args(["--filter-platform", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs its own tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let names: BTreeMap<&str, &str> =
        array(&metadata["packages"]).map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in array(&metadata["resolve"]["nodes"]) {
        // Two versions of a crate share a name; for a wall that is no difference.
        let of_this = all.entry(names[text(&node["id"])].to_owned()).or_default();
        for dependency in array(&node["deps"]) {
            let built_with = array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
            if built_with {
                of_this.insert(names[text(&dependency["pkg"])].to_owned());
            }
        }
    }
    all
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("cargo metadata has a list here").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata has a text here")
}

/// All that `package` is built with when it alone is built, directly or through others, and by which way. Another room of
/// the workspace may have a crate that both use built with more.
fn reached(package: &str) -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "depth", "--format", " {p}"])
        .args(["--locked", "--offline", "--target", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs its own tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut ways, mut way) = (BTreeMap::new(), Vec::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.split(' ');
        let depth: usize = words.next().and_then(|depth| depth.parse().ok()).expect("a line begins with its depth");
        let name = words.next().expect("the name of a package");
        way.truncate(depth);
        way.push(name.to_owned());
        if depth > 0 {
            ways.entry(name.to_owned()).or_insert_with(|| way.join(" > "));
        }
    }
    ways
}

fn not_reached(package: &str, forbidden: &[&str]) {
    let ways = reached(package);
    assert!(ways.len() > 5, "{package} reaches {ways:?}: this rule looks at nothing");
    let through: Vec<&String> = forbidden.iter().filter_map(|name| ways.get(*name)).collect();
    assert!(through.is_empty(), "a wall is broken: {through:#?}");
}

#[test]
fn the_tariff_reaches_no_socket_file_database_or_runtime() {
    not_reached(
        "policy",
        &[
            "logstore",
            "octroi",
            "tokio",
            "mio",
            "socket2",
            "hyper",
            "http",
            "rustls",
            "sqlx",
            "libsqlite3-sys",
            "memmap2",
            "tempfile",
            "rand",
            "getrandom",
            "tracing",
            "futures-util",
            "async-trait",
        ],
    );
}

#[test]
fn the_register_knows_nothing_of_http_nor_of_the_tariff() {
    not_reached(
        "logstore",
        &["policy", "octroi", "hyper", "hyper-util", "http", "http-body", "httparse", "h2", "rustls"],
    );
}

#[test]
fn the_gate_speaks_no_sql_itself() {
    let own = &dependencies()["octroi"];
    assert!(own.contains("logstore") && own.contains("policy"), "the gate depends on both other rooms");
    for driver in ["sqlx", "sqlx-core", "sqlx-sqlite", "libsqlite3-sys", "rusqlite"] {
        assert!(!own.contains(driver), "proxy/ depends on {driver}: SQL belongs to logstore/");
    }
}

#[test]
fn nothing_that_is_shipped_depends_on_the_tests() {
    let ways = reached("octroi");
    for tool in ["harness", "rcgen", "proptest", "criterion"] {
        assert!(!ways.contains_key(tool), "the gate would be built with {}", ways[tool]);
    }
}

#[test]
fn one_file_translates_between_tariff_and_register() {
    let both: Vec<String> = tree::files(".rs")
        .into_iter()
        .filter(|file| file.0.starts_with("proxy/src/"))
        .filter(|file| {
            let text = code(&file.text());
            speaks_of_verdicts(&text) && speaks_of_records(&text)
        })
        .map(|file| file.0)
        .collect();
    assert_eq!(both, ["proxy/src/record.rs"], "what the tariff decided becomes what the register keeps in one file");
}

/// Types of the tariff that a record is made from.
fn speaks_of_verdicts(code: &str) -> bool {
    names(code, "policy", &["Decision", "Action", "InForce", "verdict"])
}

/// Types of the register that hold a verdict.
fn speaks_of_records(code: &str) -> bool {
    names(code, "logstore", &["Entry", "Verdict", "Action", "record"])
}

/// Whether the code names one of these items of a crate, by path or in a `use`.
fn names(code: &str, room: &str, items: &[&str]) -> bool {
    let path = format!("{room}::");
    code.match_indices(&path).any(|(at, _)| {
        let rest = &code[at + path.len()..];
        // `use policy::{Decision, Target};` or `policy::Decision`: up to where the path or the list ends.
        let end = if rest.starts_with('{') {
            rest.find('}')
        } else {
            rest.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c))
        };
        let named = &rest[..end.unwrap_or(rest.len())];
        named.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| items.contains(&word))
    })
}

/// The text without its comments, so that documentation may name both rooms.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_sees_paths_and_lists() {
    assert!(names("use policy::{Charter, Decision};", "policy", &["Decision"]));
    assert!(names("fn f(d: &policy::verdict::Decision) {}", "policy", &["Decision"]));
    assert!(!names("use policy::Target; struct Decision;", "policy", &["Decision"]));
    assert!(!names("use policy::{Charter}; use other::Decision;", "policy", &["Decision"]));
}

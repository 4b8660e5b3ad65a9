//! What the benches read: a UT1 folder, or a small one made up; and hosts to look up in it.

use policy::Target;
use policy::index::Kind;
use policy::lists::{Compiler, FileReport, Format, ut1_file};
use std::path::Path;

/// One file of the folder.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) source: String,
    pub(crate) kind: Kind,
    pub(crate) text: Vec<u8>,
}

/// All files with entries of the folder in `OCTROI_UT1`; folders that are links are aliases, and left out.
pub(crate) fn files() -> Vec<File> {
    let Some(root) = std::env::var_os("OCTROI_UT1") else {
        return made_up();
    };
    let mut files = Vec::new();
    let folders = std::fs::read_dir(Path::new(&root)).expect("OCTROI_UT1 names a folder that can be read");
    for folder in folders.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        for file in std::fs::read_dir(folder.path()).into_iter().flatten().filter_map(Result::ok) {
            let path = file.path().to_string_lossy().into_owned();
            if let Some(ut1) = ut1_file(&path)
                && let (Some(kind), Ok(text)) = (ut1.kind, std::fs::read(&path))
            {
                files.push(File { path, source: format!("ut1:{}", ut1.folder), kind, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn made_up() -> Vec<File> {
    let mut random = Random(7);
    let names: String = (0..100_000).map(|_| format!("{}.example\n", random.word())).collect();
    vec![File { path: "adult/domains".into(), source: "ut1:adult".into(), kind: Kind::Domains, text: names.into() }]
}

/// Reads all files, resting by `rest`.
pub(crate) fn compiler(files: &[File], rest: fn(), mut each: impl FnMut(FileReport)) -> Compiler {
    let mut compiler = Compiler::at_pace(rest);
    for file in files {
        each(compiler.file(&file.source, file.kind, Format::Ut1, &file.path, &file.text));
    }
    compiler
}

/// Names of what is looked up, and targets: listed names bare and under a subdomain, made-up names, and all mixed.
pub(crate) fn mixes(files: &[File]) -> Vec<(&'static str, Vec<Target>)> {
    const EACH: usize = 50_000;
    let mut random = Random(42);
    let domains: Vec<&File> = files.iter().filter(|file| file.kind == Kind::Domains && !file.text.is_empty()).collect();
    let total: usize = domains.iter().map(|file| file.text.len()).sum();
    let mut listed = || {
        // Any byte of all text, and the line it stands in.
        let mut at = random.below(total);
        let file = domains.iter().find(|file| {
            let inside = at < file.text.len();
            if !inside {
                at -= file.text.len();
            }
            inside
        });
        let text = &file.expect("`at` is below the length of all").text;
        let start = text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let line = text[start..].split(|b| *b == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line).trim().to_owned()
    };
    let listed: Vec<String> = (0..EACH).map(|_| listed()).collect();
    let mut random = Random(43);
    let under: Vec<String> =
        (0..EACH).map(|i| format!("{}.{}", ["www", "cdn3", "m", "img-static"][i % 4], listed[EACH - 1 - i])).collect();
    let endings = ["com", "fr", "net", "org", "co.uk", "de", "io", "cloudfront.net", "googleusercontent.com"];
    let unlisted: Vec<String> = (0..2 * EACH)
        .map(|i| match i % 3 {
            0 => format!("www.{}.{}", random.word(), endings[random.below(endings.len())]),
            1 => format!("{}-{}.{}", random.word(), random.word(), endings[random.below(endings.len())]),
            _ => format!("{}.{}.{}", random.word(), random.word(), endings[random.below(endings.len())]),
        })
        .collect();
    let mut mixed: Vec<&String> = listed.iter().chain(&under).chain(&unlisted).collect();
    for i in (1..mixed.len()).rev() {
        mixed.swap(i, random.below(i + 1));
    }
    // Some list lines are no names; half are tunnels, half plain requests with a path.
    let targets = |hosts: Vec<&String>| -> Vec<Target> {
        let target = |(i, host): (usize, &String)| match i % 2 {
            0 => Target::of_host(host).ok(),
            _ => Target::of_url(&format!("http://{host}/assets/img/logo.png?v=20261123")).ok(),
        };
        hosts.into_iter().enumerate().filter_map(target).collect()
    };
    vec![
        ("listed", targets(listed.iter().collect())),
        ("under a listed name", targets(under.iter().collect())),
        ("not listed", targets(unlisted.iter().collect())),
        ("mixed", targets(mixed)),
    ]
}

/// Splitmix64: the same names in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Four to eleven letters that can be pronounced.
    fn word(&mut self) -> String {
        let syllables = 2 + self.below(3);
        (0..syllables)
            .map(|_| ["ma", "ti", "lo", "ser", "vi", "pan", "go", "bel", "cu", "dor", "xy", "net"][self.below(12)])
            .collect()
    }
}

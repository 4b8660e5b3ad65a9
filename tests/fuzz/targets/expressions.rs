//! Keywords and regular expressions of a list: compiled together they find what each finds alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::index::Kind;
use policy::lists::{Compiler, Format};
use policy::{Index, Target};
use std::collections::BTreeSet;
use std::sync::Arc;

// Expressions, then behind a byte of nought the URLs asked, a line each.
fuzz_target!(|bytes: &[u8]| {
    // Compiling takes most of the time: a few small ones meet each other as well as many.
    let (text, asked) = bytes.split_at(bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()));
    let text: Vec<&[u8]> = text.split(|b| *b == b'\n').map(|line| &line[..line.len().min(60)]).take(6).collect();
    let text = text.join(&b'\n');
    let asked = String::from_utf8_lossy(asked);
    let mut compiler = Compiler::default();
    let report = compiler.file("ut1:words", Kind::Expressions, Format::Ut1, "f", &text);
    let mut kept = Vec::new();
    // UTF-16 is refused as a whole.
    if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
        return;
    }
    let unmarked = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
    for line in unmarked.split(|b| matches!(b, b'\n' | b'\r')).map(<[u8]>::trim_ascii) {
        // Whether a line is good is for it alone to say.
        let alone = Compiler::default().file("x", Kind::Expressions, Format::Ut1, "f", line);
        if alone.kept == 1 {
            kept.push(std::str::from_utf8(line).expect("what is kept is ASCII"));
        }
    }
    assert_eq!(report.kept, kept.len() as u64, "{report:?}");
    let mut written = Vec::new();
    if compiler.write(&mut written, &mut |_| {}).is_err() {
        return;
    }
    let index = Index::open(Arc::new(written)).expect("what was just written can be read");
    let regexes: Vec<_> = kept
        .iter()
        .map(|text| {
            let regex = regex::bytes::RegexBuilder::new(text).case_insensitive(true).unicode(false).build();
            (*text, regex.unwrap_or_else(|why| panic!("{text:?} is kept, and {why}")))
        })
        .collect();
    for line in asked.trim_start_matches('\0').lines().take(8) {
        for target in [Target::of_host(line), Target::of_url(line)].into_iter().flatten() {
            // The query's normal form is tried by `lists`.
            if target.path_and_query().contains('?') {
                continue;
            }
            let whole = format!("{}{}", target.host(), target.path());
            let mut hits = Vec::new();
            index.hits(&target, &mut hits);
            let found: BTreeSet<String> = hits.into_iter().map(|hit| index.entry(&target, hit)).collect();
            let matching = regexes.iter().filter(|(_, regex)| regex.is_match(whole.as_bytes()));
            let alone: BTreeSet<String> = matching.map(|(text, _)| (*text).to_owned()).collect();
            assert_eq!(found, alone, "left: together; right: one by one; in {whole:?}");
        }
    }
});

//! What reading a file gives and notes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use super::*;

/// The messages and labels that reading `text` gives.
fn read(text: &str, with: impl FnOnce(&Table<'_>)) -> Vec<String> {
    let source = Source { name: "octroi.toml".into(), text: text.into() };
    let document = Document::parse(&source);
    let root = document.root();
    with(&root);
    root.end();
    match document.finish() {
        Ok(warnings) => warnings.into_iter().map(|problem| problem.message).collect(),
        Err(found) => {
            found.problems.into_iter().map(|problem| format!("{}: {}", problem.message, problem.label)).collect()
        }
    }
}

#[test]
fn values_are_read_with_their_place() {
    let text = "a = \"x\"\nn = 0x10\nd = \"1h30m\"\nl = [\"p\", \"q\"]\nnet = [\"10.0.0.0/8\", \"::1\"]\n\
                ports = [80, \"1024-65535\"]\nb = \"64KB\"\nb2 = 12\nyes = true\n[t.u]\nk = 'v'\n[[row]]\nk = 1\n[[row]]\nk = 2\n";
    let none = read(text, |root| {
        let a = root.string("a").unwrap();
        assert_eq!((*a, &text[a.span.clone()]), ("x", "\"x\""));
        assert_eq!(*root.integer("n", 0..=16).unwrap(), 16);
        assert_eq!(*root.duration("d").unwrap(), Duration::from_secs(5400));
        let list: Vec<_> = root.strings("l").unwrap().into_iter().map(|item| item.value).collect();
        assert_eq!(list, ["p", "q"]);
        assert_eq!(root.networks("net").unwrap()[1].to_string(), "::1/128");
        assert_eq!(root.ports("ports").unwrap()[1].value, 1024..=65535);
        assert_eq!((*root.size("b").unwrap(), *root.size("b2").unwrap()), (64_000, 12));
        assert!(*root.boolean("yes").unwrap());
        for (name, table) in root.named_tables("t") {
            assert_eq!((*name, *table.string("k").unwrap()), ("u", "v"));
            table.end();
        }
        let rows = root.tables("row").unwrap();
        let rows: Vec<_> = rows.iter().map(|row| *row.integer("k", 0..=9).unwrap()).collect();
        assert_eq!(rows, [1, 2]);
    });
    assert_eq!(none, Vec::<String>::new());
}

#[test]
fn every_problem_of_a_file_comes_in_one_run_and_in_order() {
    let found = read(
        "locale = \"de\"\nretention = \"long\"\nnet = [\"10.0.0.5/24\", 7]\nports = [0, \"9-8\", \"+80\"]\nnumber = 70\ntitel = 1\nwhat = 2\n",
        |root| {
            root.word("locale", &[("fr", 0), ("en", 1)]);
            root.duration("retention");
            root.networks("net");
            root.ports("ports");
            root.integer("number", 1..=60);
            root.string("title");
            root.required_string("absent");
        },
    );
    assert_eq!(
        found,
        [
            "the file has no `absent`: add `absent = …`",
            "`de` is not a valid value of `locale`: expected `fr`, `en`",
            "`retention` is \"long\": expected a duration such as \"30s\", \"5m\" or \"24h\"",
            "`10.0.0.5/24` is not a valid network: its network is `10.0.0.0/24`; a single address is `10.0.0.5`",
            "`net` holds a number: expected a text in quotes",
            "`0` is not a valid port: a port from 1 to 65535, or a range such as \"8000-8100\"",
            "`\"9-8\"` is not a valid port: a port from 1 to 65535, or a range such as \"8000-8100\"",
            "`\"+80\"` is not a valid port: a port from 1 to 65535, or a range such as \"8000-8100\"",
            "`number` is 70: expected a whole number from 1 to 60",
            "unknown key `titel`: nearest: `title`",
            "unknown key `what`: known here: `locale`, `retention`, `net`, `ports`, `number`, `title`, `absent`",
        ]
    );
}

#[test]
fn syntax_errors_come_with_the_rest_and_absence_proves_nothing_then() {
    let found = read("a = yes\nlocale = 3\nlocale = 4\n[t\n", |root| {
        root.string("a");
        root.string("locale");
        root.required_string("title");
    });
    assert_eq!(
        found,
        [
            "string values must be quoted: expected literal string",
            "`locale` is 3: expected a text in quotes",
            "duplicate key: this is not TOML",
            "unknown key `t`: known here: `a`, `locale`, `title`",
            "unclosed table: expected `]`",
        ]
    );
}

#[test]
fn a_word_of_a_later_version_is_refused_by_name() {
    let found = read("safe_search = true\n", |root| root.not_yet(&["safe_search", "inspect"]));
    assert_eq!(found, ["`safe_search` is not supported yet: this version does not do it; remove the line"]);
}

#[test]
fn a_key_that_would_be_refused_is_not_offered() {
    let found = read("inspet = 1\n", |root| {
        root.string("title");
        root.not_yet(&["inspect"]);
    });
    assert_eq!(found, ["unknown key `inspet`: known here: `title`"]);
    let found = read("anything = 1\n", |root| root.not_yet(&["inspect"]));
    assert_eq!(found, ["unknown key `anything`: this version reads nothing here; remove the line"]);
}

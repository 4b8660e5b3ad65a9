//! `octroi user import`: the accounts of a file, all of them or none. What is wrong is said of every line at once.

use super::super::{Answer, Wrong, plural};
use super::still;
use crate::access;
use crate::accounts;
use crate::accounts::file::{self, Change, ChangeError, Table};
use crate::accounts::kept;
use crate::accounts::rule::{self, Name, Rule};
use crate::cli::{ImportUsers, UserFile};
use crate::config::{Config, Method};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Bytes of a file: some hundred thousand accounts.
const LONGEST: u64 = 16 << 20;
/// Characters of a name that are shown of one that is none.
const SHOWN: usize = 40;
/// Problems that are told one by one.
const TOLD: usize = 50;
/// The words of a header, in English and as a spreadsheet in French has them.
const NAMES: [&str; 3] = ["name", "nom", "compte"];
const PASSWORDS: [&str; 3] = ["password", "mot de passe", "mot_de_passe"];
const HASHES: [&str; 2] = ["hash", "empreinte"];

/// One line that says an account.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: u64,
    name: String,
    secret: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Secret {
    Password(String),
    Hash(String),
}

/// What is wrong with a line: what, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    number: u64,
    what: String,
}

/// Opens the accounts of a file.
pub(super) fn import(config: &Config, asked: &ImportUsers) -> Result<Answer, Wrong> {
    let file = asked.file.display().to_string();
    let text = read(&asked.file).map_err(|why| Wrong(format!("{file}: {why}")))?;
    let table = file::read(&file::path(&config.data_dir)).map_err(Wrong::because)?;
    let (lines, mut problems) = lines(&text, asked.format);
    if lines.is_empty() && problems.is_empty() {
        return Err(Wrong(format!("{file}: no account stands in it; a CSV file begins with `name,password`")));
    }
    let accounts = judged(&config.identity.basic.rule, &table, lines, &mut problems);
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.number);
        let told = problems.iter().take(TOLD);
        let mut said: Vec<_> = told.map(|Problem { number, what }| format!("{file}:{number}: {what}")).collect();
        said.extend(problems.len().checked_sub(TOLD + 1).map(|more| format!("and {} more", more + 1)));
        said.push("no account was opened: correct these lines and import the whole file again".to_owned());
        return Err(Wrong(said.join("\n")));
    }
    let (count, must_change) = (accounts.len() as u64, !asked.keep_passwords);
    let changes = accounts.into_iter().map(|(name, secret)| {
        let hash = match secret {
            Secret::Hash(hash) => hash,
            Secret::Password(password) => accounts::hash(&password).map_err(Wrong::because)?,
        };
        Ok((name, Change::Add { hash, must_change }))
    });
    let changes = changes.collect::<Result<Vec<_>, Wrong>>()?;
    let people = access::people(config)?;
    for (name, _) in changes.iter().filter(|(name, _)| people.roles(name.as_str()).next().is_some()) {
        still::suspend(config, name, "opened")?;
    }
    match file::change_all(&config.data_dir, changes) {
        Ok(()) => {}
        Err(ChangeError::File(why)) => return Err(Wrong::because(why)),
        Err(ChangeError::Exists | ChangeError::Unknown | ChangeError::Disabled) => {
            return Err(Wrong(
                "an account of the file was opened meanwhile; none was opened: import it again".to_owned(),
            ));
        }
    }
    let opened = plural(count, "account is open", "accounts are open");
    eprintln!("{opened}{}", if must_change { "; each holder has to choose another password first" } else { "" });
    if !config.identity.methods.contains(&Method::Basic) {
        eprintln!("nobody is asked for a password yet: `[identity] methods` does not name `basic`");
    }
    Ok(Answer::Done)
}

fn read(file: &Path) -> Result<String, String> {
    let opened: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(|why| why.to_string())?),
    };
    let mut bytes = Vec::new();
    opened.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it is longer than {} MiB: import it in parts", LONGEST >> 20));
    }
    String::from_utf8(bytes).map_err(|why| {
        let before = why.as_bytes().get(..why.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not UTF-8: save the file as \"CSV UTF-8\", and import it again")
    })
}

/// The accounts of a file, and what is no account.
fn lines(text: &str, format: Option<UserFile>) -> (Vec<Line>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    match format {
        Some(UserFile::Csv) => csv(text, first),
        Some(UserFile::Htpasswd) => htpasswd(text),
        None if !first.contains(':') || header(first, separator(first)).is_ok() => csv(text, first),
        None => htpasswd(text),
    }
}

/// What spreadsheets put between columns, which depends on their language.
fn separator(header: &str) -> u8 {
    if header.contains(';') && !header.contains(',') { b';' } else { b',' }
}

/// Which column is the name, which the secret, and whether that is a hash.
fn header(line: &str, separator: u8) -> Result<(usize, usize, bool), String> {
    let words: Vec<String> =
        line.split(char::from(separator)).map(|word| word.trim().trim_matches('"').to_lowercase()).collect();
    let place = |known: &[&str]| words.iter().position(|word| known.contains(&word.as_str()));
    let expected = "expected `name,password` or `name,hash`";
    let name = place(&NAMES).ok_or(format!("this header has no column `name`: {expected}"))?;
    match (place(&PASSWORDS), place(&HASHES)) {
        _ if words.len() > 2 => Err(format!("this header has other columns: {expected}, and nothing else")),
        (Some(secret), None) => Ok((name, secret, false)),
        (None, Some(secret)) => Ok((name, secret, true)),
        _ => Err(format!("this header has no column `password` or `hash`: {expected}")),
    }
}

fn csv(text: &str, first: &str) -> (Vec<Line>, Vec<Problem>) {
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    let separator = separator(first);
    let (name, secret, hashed) = match header(first, separator) {
        Ok(columns) => columns,
        Err(what) => return (lines, vec![Problem { number: 1, what }]),
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(why) => {
                let number = why.position().map_or(1, csv::Position::line);
                problems
                    .push(Problem { number, what: "this line cannot be read as CSV: see to its quotes".to_owned() });
                continue;
            }
        };
        let number = record.position().map_or(1, csv::Position::line);
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let (Some(name), Some(value), 2) = (record.get(name), record.get(secret), record.len()) else {
            let what = format!(
                "{} where the header has 2: put quotes around a value that holds `{}`, and two for each of its own",
                plural(record.len() as u64, "column", "columns"),
                char::from(separator)
            );
            problems.push(Problem { number, what });
            continue;
        };
        let secret = if hashed { Secret::Hash(value.trim().to_owned()) } else { Secret::Password(value.to_owned()) };
        lines.push(Line { number, name: name.trim().to_owned(), secret });
    }
    (lines, problems)
}

/// `name:hash`, a line each; what stands behind a second colon is not read (`htpasswd` knows none, others write comments).
fn htpasswd(text: &str) -> (Vec<Line>, Vec<Problem>) {
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()).map(|(number, line)| (number, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(':') {
            Some((name, hash)) => {
                let hash = hash.split(':').next().unwrap_or_default().to_owned();
                lines.push(Line { number, name: name.to_owned(), secret: Secret::Hash(hash) });
            }
            None => {
                let what = "this line is not `name:hash`, as `htpasswd -B` writes it".to_owned();
                problems.push(Problem { number, what });
            }
        }
    }
    (lines, problems)
}

/// The accounts that can be opened; what speaks against the others is added to the problems.
fn judged(rule: &Rule, table: &Table, lines: Vec<Line>, problems: &mut Vec<Problem>) -> Vec<(Name, Secret)> {
    let mut seen: HashMap<Name, u64> = HashMap::new();
    let mut good = Vec::new();
    for Line { number, name: written, secret } in lines {
        let mut problem = |what: String| problems.push(Problem { number, what });
        let name = match Name::parse(&written) {
            Ok(name) => name,
            Err(why) => {
                problem(format!("`{}`: {why}", shown(&written)));
                continue;
            }
        };
        if let Some(first) = seen.get(&name) {
            problem(format!("`{name}` stands on line {first} already: keep one of the two"));
            continue;
        }
        seen.insert(name.clone(), number);
        match table.accounts.get(name.as_str()) {
            Some(account) if account.disabled => {
                problem(format!("`{name}` is disabled: take the line out; `octroi user add {name}` reopens it"));
                continue;
            }
            Some(_) => {
                problem(format!("`{name}` has an account: take the line out; `octroi user passwd {name}` changes it"));
                continue;
            }
            None => {}
        }
        let weakness = match &secret {
            Secret::Password(password) => rule::judge(rule, &name, password).err().map(|why| why.to_string()),
            Secret::Hash(hash) => kept::judge(hash).err().map(|why| why.to_string()),
        };
        match weakness {
            Some(why) => problem(format!("`{name}`: {why}")),
            None => good.push((name, secret)),
        }
    }
    good
}

/// What somebody wrote, short, and nothing of it hidden or turned round.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    let end = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{end}", cut.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged_of(text: &str) -> (Vec<(String, Secret)>, Vec<String>) {
        let (lines, mut problems) = lines(text, None);
        let accounts = judged(&Rule::default(), &Table::default(), lines, &mut problems);
        let said = problems.into_iter().map(|Problem { number, what }| format!("{number}: {what}")).collect();
        (accounts.into_iter().map(|(name, secret)| (name.to_string(), secret)).collect(), said)
    }

    fn password(text: &str) -> Secret {
        Secret::Password(text.to_owned())
    }

    #[test]
    fn a_spreadsheet_is_read_as_it_is_written() {
        for text in [
            "name,password\na.martin,Cheval-Correct-4-Agrafe\n\"P.Dupont\",\"Deux, \"\"trois\"\" Poissons 4\"\n",
            "\u{feff}nom;mot de passe\r\na.martin;Cheval-Correct-4-Agrafe\r\nP.Dupont;\"Deux, \"\"trois\"\" Poissons 4\"\r\n;\r\n",
            "Password,Name\nCheval-Correct-4-Agrafe, a.martin\n\"Deux, \"\"trois\"\" Poissons 4\",p.dupont",
        ] {
            let expected = [
                ("a.martin".to_owned(), password("Cheval-Correct-4-Agrafe")),
                ("p.dupont".to_owned(), password("Deux, \"trois\" Poissons 4")),
            ];
            assert_eq!(judged_of(text), (expected.to_vec(), vec![]), "{text:?}");
        }
    }

    #[test]
    fn htpasswd_is_told_from_csv() {
        let hash = "$2y$05$pBDHjxnHe9WkbaGWe8n0MOoFvzGMwSqQxbrnHYDNvsIDRfUYhuAVS";
        let (accounts, problems) = judged_of(&format!("# ours\na.martin:{hash}\np.dupont:$apr1$x$y\nnonsense\n"));
        assert_eq!(accounts, [("a.martin".to_owned(), Secret::Hash(hash.to_owned()))]);
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("4: ") && problems[1].contains("htpasswd -B"), "{problems:?}");
        let (accounts, problems) = judged_of(&format!("name,hash\na.martin,{hash}\n"));
        assert_eq!((accounts.len(), problems.len()), (1, 0));
    }

    #[test]
    fn every_line_says_what_is_wrong_with_it_and_what_to_do() {
        let long = "a".repeat(300);
        for (line, said) in [
            (format!("{long},Cheval-Correct-4-Agrafe"), "1 to 64 letters"),
            ("a.\u{202e}nitram,Cheval-Correct-4-Agrafe".to_owned(), "`a.\\u{202e}nitram`"),
            ("a.martin,motdepasse".to_owned(), "would try"),
            ("a.martin,Cheval,Correct-4".to_owned(), "3 columns where the header has 2"),
            ("a.martin".to_owned(), "1 column where"),
            ("a.martin,".to_owned(), "empty"),
            ("élodie,Cheval-Correct-4-Agrafe".to_owned(), "without accents"),
            ("a b,Cheval-Correct-4-Agrafe".to_owned(), "not a valid account's name"),
        ] {
            let (_, problems) = judged_of(&format!("name,password\n{line}\n"));
            assert!(
                problems.len() == 1 && problems[0].starts_with("2: ") && problems[0].contains(said),
                "{problems:?}"
            );
            assert!(problems[0].len() < 400 && !problems[0].contains('\u{202e}'), "{problems:?}");
        }
        let twice = "name,password\na.martin,Cheval-Correct-4-Agrafe\nA.Martin,Cheval-Correct-4-Agrafe\n";
        assert_eq!(judged_of(twice).1, ["3: `a.martin` stands on line 2 already: keep one of the two"]);
        for (header, said) in [("user,password", "no column `name`"), ("name,email", "no column `password`")] {
            assert!(judged_of(&format!("{header}\nx,y\n")).1[0].contains(said), "{header}");
        }
    }
}

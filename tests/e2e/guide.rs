//! The guide keeps its word: its examples are good, its mistakes are told as it says, its commands exist.
//!
//! In its pages a block whose first line is `# octroi.toml`, `# charter.toml` or `# lists/…` is that file, whole. With
//! `: refused` behind the name the file is a mistake, and the `text` block that follows is what `octroi check` says of it.
use crate::commands::commands_of;
use crate::identity::{PASSWORD, with_password};
use crate::imports::{bring, line};
use crate::requests::today;
use harness::{Authority, Setup};
use jiff::ToSpan;
use jiff::civil::Date;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A page in both languages.
struct Page {
    name: &'static str,
    en: &'static str,
    fr: &'static str,
}

const PAGES: &[Page] = &[
    Page {
        name: "installation",
        en: include_str!("../../docs/guide/en/installation.md"),
        fr: include_str!("../../docs/guide/fr/installation.md"),
    },
    Page {
        name: "configuration",
        en: include_str!("../../docs/guide/en/configuration.md"),
        fr: include_str!("../../docs/guide/fr/configuration.md"),
    },
    Page {
        name: "charter",
        en: include_str!("../../docs/guide/en/charter.md"),
        fr: include_str!("../../docs/guide/fr/charte.md"),
    },
    Page {
        name: "lists",
        en: include_str!("../../docs/guide/en/lists.md"),
        fr: include_str!("../../docs/guide/fr/listes.md"),
    },
    Page {
        name: "register",
        en: include_str!("../../docs/guide/en/register.md"),
        fr: include_str!("../../docs/guide/fr/registre.md"),
    },
    Page {
        name: "wire",
        en: include_str!("../../docs/guide/en/wire.md"),
        fr: include_str!("../../docs/guide/fr/protocole.md"),
    },
    Page {
        name: "active-directory",
        en: include_str!("../../docs/guide/en/active-directory.md"),
        fr: include_str!("../../docs/guide/fr/active-directory.md"),
    },
    Page {
        name: "roles",
        en: include_str!("../../docs/guide/en/roles.md"),
        fr: include_str!("../../docs/guide/fr/habilitations.md"),
    },
    Page {
        name: "accounts",
        en: include_str!("../../docs/guide/en/accounts.md"),
        fr: include_str!("../../docs/guide/fr/comptes.md"),
    },
    Page {
        name: "rights",
        en: include_str!("../../docs/guide/en/rights.md"),
        fr: include_str!("../../docs/guide/fr/rights.md"),
    },
    Page {
        name: "holds",
        en: include_str!("../../docs/guide/en/holds.md"),
        fr: include_str!("../../docs/guide/fr/gels.md"),
    },
    Page {
        name: "requisitions",
        en: include_str!("../../docs/guide/en/requisitions.md"),
        fr: include_str!("../../docs/guide/fr/requisitions.md"),
    },
];

/// Pages whose commands are run one after the other, as somebody does who follows them.
const WALKS: [&str; 2] = ["rights", "requisitions"];

/// The page, what stands between double quotes left out: that is in the reader's language.
fn unspoken(page: &str) -> Vec<Vec<String>> {
    let unspoken = |line: &str| line.split('"').step_by(2).collect::<Vec<_>>().join("…");
    commands_of(&page.lines().map(unspoken).collect::<Vec<_>>().join("\n"))
}

/// The dates of these words, moved so that the last of them is today.
fn moved_to_today(commands: &mut [Vec<String>]) {
    let dates = || commands.iter().flatten().filter_map(|word| word.parse::<Date>().ok());
    let Some(last) = dates().max() else { return };
    let days = (today() - last).get_days();
    for word in commands.iter_mut().flatten() {
        if let Ok(date) = word.parse::<Date>() {
            *word = date.saturating_add(days.days()).to_string();
        }
    }
}

#[test]
fn who_follows_a_walk_of_the_guide_gets_to_its_end() {
    for Page { name, en, fr } in PAGES.iter().filter(|page| WALKS.contains(&page.name)) {
        for page in [en, fr] {
            let gate = Setup::new().prepare();
            // Somebody whose visits the walk is about, for some weeks.
            let lines: String = (36..=60).rev().map(|age| line(age, &format!("h{age}.test"), "/")).collect();
            bring(&gate, &lines);
            let mut commands = commands_of(page);
            moved_to_today(&mut commands);
            assert!(commands.len() > 3, "{name}: this rule looks at nothing");
            for command in commands {
                let words: Vec<&str> = command.iter().map(String::as_str).collect();
                gate.say(&words);
            }
        }
    }
}

#[test]
fn who_follows_the_page_on_accounts_has_them() {
    for Page { en, fr, .. } in PAGES.iter().filter(|page| page.name == "accounts") {
        for page in [en, fr] {
            let gate = Setup::new().config("[identity]\nmethods = [\"basic\"]").prepare();
            let csv = blocks(page).into_iter().find(|block| block.language == "csv").expect("a file of accounts");
            gate.write("accounts.csv", csv.text);
            let mut htpasswd = Command::new("htpasswd");
            htpasswd.args(["-cbB", "htpasswd", "m.girard", PASSWORD]).current_dir(gate.folder());
            assert!(htpasswd.output().expect("tests/run installs it").status.success());
            let commands = commands_of(page);
            assert!(commands.len() > 5, "this rule looks at nothing");
            for command in commands {
                let words: Vec<&str> = command.iter().map(String::as_str).collect();
                let done = with_password(&gate, &words, PASSWORD);
                assert!(done.status.success(), "octroi {}: {done:?}", command.join(" "));
            }
            let listed = gate.say(&["user", "list"]);
            for name in ["a.martin", "p.dupont", "j.petit", "m.girard"] {
                assert!(listed.contains(name), "{listed}");
            }
        }
    }
}

/// A fenced block.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

impl Block {
    /// The file that the block is, and whether it is a mistake on purpose.
    pub(crate) fn file(&self) -> Option<(&str, bool)> {
        let title = self.text.lines().next()?.strip_prefix("# ")?;
        let (name, refused) = title.strip_suffix(": refused").map_or((title, false), |name| (name, true));
        (name.starts_with("lists/") || ["octroi.toml", "charter.toml"].contains(&name)).then_some((name, refused))
    }
}

pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some(Block { language: language.to_owned(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// A keytab with an AES key of `HTTP/proxy.ad.pme.test`.
fn keytab() -> Vec<u8> {
    let text = |text: &[u8]| [&[0, u8::try_from(text.len()).expect("short")][..], text].concat();
    let name = [text(b"AD.PME.TEST"), text(b"HTTP"), text(b"proxy.ad.pme.test")].concat();
    // Two components; type of name, time, version, AES256, the key.
    let record = [&[0, 2][..], &name, &[0, 0, 0, 1], &[0; 4], &[1], &[0, 18], &text(&[7; 32])].concat();
    [&[5, 2, 0, 0, 0, u8::try_from(record.len()).expect("short")][..], &record].concat()
}

/// Checks the files of a page, each beside the lists that the page shows, and returns how many there are.
fn check_files(page: &str) -> usize {
    let blocks = blocks(page);
    let gate = Setup::new().prepare();
    // What an example names beside the configuration itself.
    let authority = Authority::new();
    gate.certify(&authority);
    gate.write("http.keytab", keytab());
    for domain in ["domain-authority.pem", "autorite-du-domaine.pem"] {
        gate.write(domain, authority.pem());
    }
    for password in ["directory.password", "annuaire.password"] {
        gate.write(password, "of nobody\n");
    }
    for secret in ["http.keytab", "directory.password", "annuaire.password"] {
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(gate.path(secret), private).expect("the file is ours");
    }
    let mut checked = 0;
    for block in &blocks {
        match block.file() {
            Some((name, _)) if name.starts_with("lists/") => gate.write(name, &block.text),
            None if block.language == "toml" => panic!("which file is this?\n{}", block.text),
            _ => {}
        }
    }
    for (place, block) in blocks.iter().enumerate() {
        let Some((name, refused)) = block.file().filter(|(name, _)| !name.starts_with("lists/")) else { continue };
        // Beside it stands nothing but the lists: an example that leans on another is not whole.
        gate.write("octroi.toml", "");
        if gate.path("charter.toml").exists() {
            fs::remove_file(gate.path("charter.toml")).expect("the folder is writable");
        }
        // A check keeps the lists it compiled: not in the folder of a gate that this machine may have.
        gate.write(name, block.text.replace("/var/lib/octroi", "data"));
        let output = gate.octroi(&["check"]);
        let said = String::from_utf8_lossy(&output.stderr).replace(&format!("{}/", gate.folder().display()), "");
        if refused {
            let shown = blocks.get(place + 1).filter(|shown| shown.language == "text");
            let shown = shown.unwrap_or_else(|| panic!("{name} is refused, and the guide does not show how"));
            assert!(!output.status.success(), "not refused:\n{}", block.text);
            assert_eq!(lines(&said), lines(&shown.text), "of\n{}", block.text);
        } else {
            let good = output.status.success() && !said.contains("Warning");
            assert!(good, "{said}of {name}:\n{}", block.text);
        }
        checked += 1;
    }
    checked
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_file_the_guide_shows_is_as_good_as_it_says() {
    for Page { name, en, fr } in PAGES {
        let (in_english, in_french) = (check_files(en), check_files(fr));
        assert!(in_english > 0, "no example in {name}: this rule looks at nothing");
        assert_eq!(in_english, in_french, "{name} has other examples in the other language");
    }
}

#[test]
fn the_commands_of_the_guide_are_understood() {
    let gate = Setup::new().prepare();
    for Page { name, en, fr } in PAGES {
        let commands = commands_of(en);
        assert!(!commands.is_empty(), "no command in {name}: this rule looks at nothing");
        assert_eq!(unspoken(en), unspoken(fr), "{name} has other commands in the other language");
        for command in commands {
            let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
            assert_eq!(gate.octroi(&words).status.code(), Some(0), "{name}: octroi {}", command.join(" "));
        }
    }
}

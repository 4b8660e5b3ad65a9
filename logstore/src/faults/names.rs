//! Names of every awkward kind come back as they were: from the journal, an open day, a sealed one, by search.

use super::{DAY, HOUR, MIDNIGHT, World, as_opened, entry, settle_down};
use crate::{Entry, HostFilter, Outcome, Search, search};

fn awkward() -> Vec<String> {
    let mut names: Vec<String> = [
        "o'brien",
        "\"x\"; DROP TABLE batch; --",
        "%_\\",
        "../../etc/passwd",
        "a/b\\c",
        "\u{202e}txt.exe\u{2066}",
        "a\0b",
        "\0",
        "a\nb\r\n\tc",
        "=cmd|'/c calc'!A1",
        "@SUM(1)",
        "{\"entry\":{}}",
        "\",\"signature\":\"",
        "名前.例え",
        "e\u{301}",
        "é",
        "\u{feff}",
        "\u{10ffff}",
        " ",
        "",
        "NULL",
    ]
    .map(str::to_owned)
    .into();
    names.push("é".repeat(300));
    names.push("x".repeat(300));
    names.push("y".repeat(70_000));
    names
}

#[tokio::test]
async fn awkward_names_go_through_everything() {
    let world = World::new(MIDNIGHT + 12 * HOUR);
    let register = world.start().await;
    let names = awkward();
    let mut expected = Vec::new();
    for (number, name) in (0..).zip(&names) {
        let user = Some(name.as_str().into());
        let path = Some(format!("/{name}?{name}").into());
        let mut entry = Entry { user, path, ..entry(world.now() + number as i64, name, number) };
        entry.verdict.rule = Some(name.as_str().into());
        entry.verdict.category = Some(name.as_str().into());
        entry.verdict.charter = name.as_str().into();
        let owed = register.open(entry.clone()).await.unwrap();
        let tls = format!("tls-{name}");
        owed.decided_again(entry.verdict.clone(), Some(&tls));
        let mut record = as_opened(owed.id(), &entry);
        (record.tls_name, record.outcome, record.closed_at) =
            (Some(tls), Some(Outcome::Refused), Some(world.now().max(entry.opened_at)));
        expected.push(record);
        owed.settle(Outcome::Refused);
    }
    // From the journal alone, as after a crash.
    let copy = tempfile::tempdir().unwrap();
    register.flush().await.unwrap();
    crate::writer::copy_for_tests(&world.dir, copy.path());
    let copied = World::at(copy.path().to_path_buf(), world.now());
    assert_eq!(copied.start().await.finish().await, 0);
    assert_eq!(copied.all().await, expected);
    assert_eq!(world.all().await, expected);
    world.set(MIDNIGHT + DAY + 3 * HOUR);
    settle_down(&register).await;
    assert_eq!(register.finish().await, 0);
    world.holds().await;
    assert!(crate::seal::seals(&world.register(), &world.keys().public()).unwrap().contains_key("2026-11-23"));
    assert_eq!(world.all().await.len(), expected.len());
    for (name, record) in names.iter().zip(&expected) {
        for query in [
            Search { user: Some(name.clone()), ..Search::default() },
            Search { host: Some(HostFilter::Exactly(name.clone())), ..Search::default() },
            Search { host: Some(HostFilter::Exactly(format!("tls-{name}"))), ..Search::default() },
            Search { id: Some(record.id), ..Search::default() },
        ] {
            let found = search(&world.register(), &world.keys(), &query).await.unwrap();
            assert_eq!(found, std::slice::from_ref(record), "{name:?}");
        }
    }
}

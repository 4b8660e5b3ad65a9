//! Keys: made once, kept apart, lost loudly, replaced and destroyed for good.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use std::os::unix::fs::PermissionsExt;

fn open(dir: &Path) -> Result<Keys, StartError> {
    let register = dir.join("register");
    make_folder(&register).unwrap();
    Keys::open(&dir.join("keys"), &register)
}

fn day(number: i64) -> Day {
    Day::of(number * 86_400_000_000)
}

fn mode(file: &Path) -> u32 {
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_once_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let key = first.make_day(day(1)).unwrap();
    let again = open(dir.path()).unwrap();
    assert_eq!(first.public(), again.public());
    let hidden = key.cipher.hide("place", b"text");
    let same = again.day(day(1), &key.name).unwrap();
    assert_eq!(same.cipher.open("place", &mut hidden.clone()), Ok(&b"text"[..]));
    for file in ["keys/master", "keys/seal.key", &format!("keys/days/{}.{}", day(1), key.name.as_str())] {
        assert_eq!(mode(&dir.path().join(file)), 0o600, "{file}");
    }
    assert_eq!((mode(&dir.path().join("keys")), mode(&dir.path().join("keys/days"))), (0o700, 0o700));
    let published = std::fs::read_to_string(dir.path().join("register/seal.pub")).unwrap();
    assert_eq!(PublicKey::of_pem(&published), Some(first.public()));
}

#[test]
fn a_lost_key_is_said_and_never_replaced() {
    for name in ["master", "seal.key"] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        let file = dir.path().join("keys").join(name);
        std::fs::remove_file(&file).unwrap();
        let error = open(dir.path()).err().unwrap().to_string();
        assert!(error.contains(&file.display().to_string()) && error.contains("safe copy"), "{error}");
        assert!(!file.exists());
        std::fs::write(&file, b"short").unwrap();
        let error = open(dir.path()).err().unwrap().to_string();
        assert!(error.ends_with("a key has 32 bytes, this file 5"), "{error}");
    }
}

#[test]
fn another_signing_key_is_told_from_the_one_the_register_began_with() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    std::fs::write(dir.path().join("keys/seal.key"), [9; KEY]).unwrap();
    let error = open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("another signing key"), "{error}");
}

#[test]
fn another_master_key_opens_no_day_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path()).unwrap();
    let name = keys.make_day(day(1)).unwrap().name;
    std::fs::write(dir.path().join("keys/master"), [9; KEY]).unwrap();
    let error = keys.day(day(1), &name).err().unwrap().to_string();
    assert!(error.contains("does not open under the master key"), "{error}");
}

#[test]
fn a_destroyed_key_is_gone_with_its_day_alone() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path()).unwrap();
    let (one, two) = (keys.make_day(day(1)).unwrap().name, keys.make_day(day(2)).unwrap().name);
    assert_eq!(keys.destroy(day(1), None).unwrap(), 1);
    let error = keys.day(day(1), &one).err().unwrap().to_string();
    assert!(error.contains("the key of 1970-01-02 is not there"), "{error}");
    assert!(keys.day(day(2), &two).is_ok());
    assert_eq!(keys.destroy(day(1), None).unwrap(), 0);
}

#[test]
fn a_replaced_master_key_opens_every_day_and_the_old_one_none() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path()).unwrap();
    let old = std::fs::read(dir.path().join("keys/master")).unwrap();
    let names: Vec<KeyName> = (0..5).map(|number| keys.make_day(day(number)).unwrap().name).collect();
    let before = keys.master_name().unwrap();
    assert_eq!(keys.replace_master().unwrap(), 5);
    assert_ne!(keys.master_name().unwrap(), before);
    for (number, name) in (0..).zip(&names) {
        keys.day(day(number), name).unwrap();
    }
    std::fs::write(dir.path().join("keys/master"), old).unwrap();
    assert!((0..).zip(&names).all(|(number, name)| keys.day(day(number), name).is_err()));
}

#[test]
fn a_replacement_that_was_cut_opens_everything_and_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path()).unwrap();
    let names: Vec<KeyName> = (0..4).map(|number| keys.make_day(day(number)).unwrap().name).collect();
    // Cut after two days: the new master stands beside the old, two keys are hidden under it.
    let old = std::fs::read(dir.path().join("keys/master")).unwrap();
    let kept: Vec<(PathBuf, Vec<u8>)> = (2..4)
        .map(|number| {
            let file = keys.file(day(number), &names[number as usize]);
            let bytes = std::fs::read(&file).unwrap();
            (file, bytes)
        })
        .collect();
    keys.replace_master().unwrap();
    std::fs::rename(dir.path().join("keys/master"), dir.path().join("keys/master.new")).unwrap();
    std::fs::write(dir.path().join("keys/master"), old).unwrap();
    kept.into_iter().for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
    let keys = open(dir.path()).unwrap();
    for (number, name) in (0..).zip(&names) {
        keys.day(day(number), name).unwrap();
    }
    let made = keys.make_day(day(9)).unwrap().name;
    assert_eq!(keys.replace_master().unwrap(), 5);
    assert!(!dir.path().join("keys/master.new").exists());
    for (number, name) in (0..).zip(&names).chain([(9, &made)]) {
        keys.day(day(number), name).unwrap();
    }
}

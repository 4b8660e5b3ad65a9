//! The files of the register: whose they are, who may read them, where the keys stand, what was left over.

use super::holder::Holder;
use crate::commands::doctor::sheet::Sheet;
use crate::config::Config;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A draft that nobody has touched for so long is nobody's.
const OLD: Duration = Duration::from_secs(3600);

pub(super) fn examine(config: &Config, holder: &Holder, sheet: &mut Sheet) {
    let (data, register, keys) = (&config.data_dir, config.register_dir(), config.keys_dir());
    let below = [below(&register), below(&keys)].concat();
    private(&[data, &register, &register.join("journal"), &keys, &keys.join("days")], &keys, &below, sheet);
    owners(&register, &below, sheet);
    place(data, &keys, sheet);
    leftovers(&register, &keys, holder, &below, sheet);
}

/// Files and folders below a folder; links are not followed.
fn below(folder: &Path) -> Vec<(PathBuf, Metadata)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            found.push((entry.path(), metadata));
        }
    }
    found
}

fn is_open(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o077 != 0
}

/// Nobody else enters the folders, nor reads a key.
fn private(folders: &[&Path], keys: &Path, below: &[(PathBuf, Metadata)], sheet: &mut Sheet) {
    let open = folders.iter().find(|folder| std::fs::metadata(folder).is_ok_and(|metadata| is_open(&metadata)));
    let readable = below.iter().find(|(path, metadata)| path.starts_with(keys) && is_open(metadata));
    let found =
        open.map(|folder| folder.display().to_string()).or(readable.map(|(path, _)| path.display().to_string()));
    match found {
        None => sheet.good((
            "les dossiers du registre et des clés sont fermés aux autres comptes",
            "the folders of register and keys are closed to other accounts",
        )),
        Some(path) => sheet.bad(
            (&format!("{path} est ouvert à d’autres comptes"), &format!("{path} is open to other accounts")),
            (&format!("lancez `chmod -R go= {path}`"), &format!("run `chmod -R go= {path}`")),
        ),
    }
}

/// All belongs to one account.
fn owners(register: &Path, below: &[(PathBuf, Metadata)], sheet: &mut Sheet) {
    let Ok(owner) = std::fs::metadata(register).map(|metadata| metadata.uid()) else { return };
    let others: Vec<&PathBuf> =
        below.iter().filter(|(_, metadata)| metadata.uid() != owner).map(|(path, _)| path).collect();
    match others.first() {
        None => sheet.good(("tout appartient à un même compte", "everything belongs to one account")),
        Some(first) => {
            let (count, first) = (others.len(), first.display());
            sheet.bad(
                (
                    &format!(
                        "fichiers ou dossiers d’un autre compte que le registre : {count}, dont {first} ; la \
                         passerelle ne \
                         pourra peut-être pas les écrire"
                    ),
                    &format!(
                        "files or folders of another account than the register: {count}, {first} among them; the gate \
                         may not be \
                         able to write them"
                    ),
                ),
                (
                    &format!(
                        "rendez-les au compte de la passerelle (`chown`, uid {owner}) et lancez les commandes \
                              sous ce compte"
                    ),
                    &format!("give them to the gate's account (`chown`, uid {owner}) and run the commands under it"),
                ),
            );
        }
    }
}

/// The keys are where no copy of the records takes them along.
fn place(data: &Path, keys: &Path, sheet: &mut Sheet) {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (data, keys) = (whole(data), whole(keys));
    let shown = keys.display();
    if keys.starts_with(&data) {
        sheet.warning(
            (
                &format!("les clés ({shown}) sont dans le dossier de données : une sauvegarde de l’un prend l’autre"),
                &format!("the keys ({shown}) are inside the data folder: a backup of the one takes the other"),
            ),
            (
                "arrêtez la passerelle, déplacez le dossier des clés ailleurs et nommez-le dans `[log] keys`",
                "stop the gate, move the folder of keys elsewhere, and name it in `[log] keys`",
            ),
        );
    } else if keys.parent() == data.parent() {
        let parent = keys.parent().unwrap_or(Path::new("/")).display();
        sheet.warning(
            (
                &format!("les clés ({shown}) sont à côté des données : une sauvegarde de {parent} prend les deux"),
                &format!("the keys ({shown}) are beside the data: a backup of {parent} takes both"),
            ),
            (
                "excluez ce dossier de la sauvegarde des données et gardez `master`, `seal.key` et `pseudonyms` en lieu \
                 sûr, ou nommez un autre dossier dans `[log] keys`",
                "leave that folder out of the backup of the data and keep `master`, `seal.key` and `pseudonyms` in a safe \
                 place, or name another folder in `[log] keys`",
            ),
        );
    } else {
        sheet.good((
            &format!("les clés ({shown}) sont à part des données"),
            &format!("the keys ({shown}) are apart from the data"),
        ));
    }
}

/// What a cut left lying about.
fn leftovers(register: &Path, keys: &Path, holder: &Holder, below: &[(PathBuf, Metadata)], sheet: &mut Sheet) {
    let old = |metadata: &Metadata| metadata.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD));
    let is_draft = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".sealing") || name == "converting" || (path.starts_with(keys) && name.contains(".new-"))
    };
    let drafts = below.iter().filter(|(path, metadata)| is_draft(path) && (old(metadata) || !holder.is_held()));
    if let Some((path, _)) = drafts.into_iter().next() {
        let path = path.display();
        sheet.warning(
            (
                &format!("un brouillon est resté d’une opération interrompue : {path}"),
                &format!("a draft was left of something that was cut: {path}"),
            ),
            (
                "redémarrez la passerelle, qui reprend l’opération ; s’il reste ensuite, supprimez-le",
                "start the gate again, which takes it up; if it still stays, delete it",
            ),
        );
    }
    if keys.join("master.new").exists() {
        sheet.warning(
            ("un changement de clé maîtresse a été interrompu", "a replacement of the master key was cut"),
            (
                "relancez `octroi log rekey` : il reprend où il en était",
                "run `octroi log rekey` again: it goes on where it was",
            ),
        );
    }
    let damaged = below
        .iter()
        .filter(|(path, _)| path.starts_with(register) && path.extension().is_some_and(|end| end == "damaged"));
    let damaged: Vec<&PathBuf> = damaged.map(|(path, _)| path).collect();
    if let Some(first) = damaged.first() {
        let (count, first) = (damaged.len(), first.display());
        sheet.warning(
            (
                &format!(
                    "segments du journal mis de côté, abîmés : {count}, dont {first} ; des enregistrements y \
                          sont perdus"
                ),
                &format!(
                    "segments of the journal put aside as damaged: {count}, {first} among them; records in them \
                          are lost"
                ),
            ),
            (
                "contrôlez le disque et notez l’incident ; la passerelle les efface avec les jours qu’ils couvrent",
                "check the disk and note the incident; the gate erases them with the days they cover",
            ),
        );
    }
}

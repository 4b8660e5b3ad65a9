//! The directory's part: each of its servers, somebody in it, the groups that the charter names.

use super::sheet::Sheet;
use crate::config::{Config, Ldap, Server};
use crate::directory::{Directory, Found, Trouble, Wanted};
use policy::Charter;
use std::sync::Arc;

/// Looks at the directory; and at somebody in it, if a name is given.
pub(super) fn examine(config: &Config, user: Option<&str>, sheet: &mut Sheet) {
    let Some(settings) = &config.identity.ldap else {
        sheet.good((
            "aucun annuaire n’est nommé : les groupes sont ceux de la charte et des tickets",
            "no directory is named: groups are those of the charter and of tickets",
        ));
        return;
    };
    let charter = match config.charter() {
        Ok(loaded) => loaded.charter,
        Err(why) => {
            let remedy = ("lancez `octroi check`", "run `octroi check`");
            sheet.bad_because(("la charte ne se lit pas", "the charter cannot be read"), why, remedy);
            return;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // What the running gate keeps is neither read nor written: the directory itself is asked.
    let nowhere = config.data_dir.join("nothing-is-kept-here");
    let directory = Directory::new(settings, &config.dns, &nowhere);
    match (runtime, directory) {
        (Ok(runtime), Ok(directory)) => {
            runtime.block_on(look(settings, &Arc::new(directory), &charter, user, sheet));
        }
        (Err(why), _) => {
            sheet.bad_because(("rien ne peut être demandé", "nothing can be asked"), why, ("réessayez", "try again"));
        }
        (_, Err(why)) => {
            let remedy = ("corrigez `ca_file`", "mend `ca_file`");
            sheet.bad_because(("l’annuaire ne peut pas être interrogé", "the directory cannot be asked"), why, remedy);
        }
    }
}

async fn look(settings: &Ldap, directory: &Arc<Directory>, charter: &Charter, user: Option<&str>, sheet: &mut Sheet) {
    let mut reached = false;
    for server in &settings.servers {
        match directory.greet(server).await {
            Ok(()) => {
                reached = true;
                sheet.good((
                    &format!("{server} répond, sous TLS, et accepte la passerelle"),
                    &format!("{server} answers, under TLS, and lets the gate in"),
                ));
            }
            Err(trouble) => unhelpful(server, &trouble, sheet),
        }
    }
    if !reached {
        return;
    }
    let wanted = Arc::new(Wanted::new(charter.directory_groups()));
    groups(directory, &wanted, sheet).await;
    if let Some(user) = user {
        somebody(directory, &wanted, user, sheet).await;
    }
}

fn unhelpful(server: &Server, trouble: &Trouble, sheet: &mut Sheet) {
    let remedy = match trouble {
        Trouble::Unreachable(_) => (
            "vérifiez le nom, le port et le pare-feu ; si le certificat est en cause, nommez dans `ca_file` l’autorité qui l’a signé",
            "check name, port and firewall; if it is the certificate, name in `ca_file` the authority that signed it",
        ),
        Trouble::Slow => (
            "voyez si le serveur est chargé, ou allongez `timeout`",
            "see whether the server is busy, or lengthen `timeout`",
        ),
        Trouble::Bind(_) => (
            "vérifiez `bind_dn` et la première ligne de `bind_password_file` ; dans Active Directory, « 52e » est un mauvais mot de \
             passe, « 533 » un compte désactivé, « 532 » un mot de passe expiré",
            "check `bind_dn` and the first line of `bind_password_file`; in Active Directory, “52e” is a wrong password, “533” a \
             disabled account, “532” an expired password",
        ),
        Trouble::Odd | Trouble::Refused(_) | Trouble::TooMany | Trouble::Limited => (
            "vérifiez que `url` et `base` désignent bien cet annuaire",
            "check that `url` and `base` are those of this directory",
        ),
    };
    let what = (&*format!("{server} n’aide pas"), &*format!("{server} does not help"));
    sheet.bad_because(what, trouble, remedy);
}

async fn groups(directory: &Directory, wanted: &Wanted, sheet: &mut Sheet) {
    match directory.missing(wanted).await {
        Ok(missing) if missing.is_empty() => {
            sheet.good((
                "l’annuaire connaît tous les groupes que nomme la charte",
                "the directory knows all groups that the charter names",
            ));
        }
        Ok(missing) => {
            for name in missing {
                sheet.bad(
                    (
                        &format!("la charte nomme un groupe que l’annuaire ne connaît pas : {name}"),
                        &format!("the charter names a group that the directory does not know: {name}"),
                    ),
                    (
                        "écrivez dans `directory` son nom distinctif, tel que l’annuaire l’affiche (`distinguishedName`)",
                        "write its distinguished name into `directory`, as the directory shows it (`distinguishedName`)",
                    ),
                );
            }
        }
        Err(trouble) => {
            let remedy = ("vérifiez `base` et les droits de `bind_dn`", "check `base` and what `bind_dn` may read");
            sheet.bad_because(("les groupes ne se lisent pas", "groups cannot be read"), trouble, remedy);
        }
    }
}

async fn somebody(directory: &Arc<Directory>, wanted: &Arc<Wanted>, user: &str, sheet: &mut Sheet) {
    match directory.person(wanted, user).await {
        Found::Known(person) => {
            let groups: Vec<&str> = person.groups.iter().map(AsRef::as_ref).collect();
            let (french, english) = match groups.is_empty() {
                true => (
                    "aucun des groupes que nomme la charte".to_owned(),
                    "none of the groups that the charter names".to_owned(),
                ),
                false => (groups.join(" ; "), groups.join("; ")),
            };
            sheet.good((
                &format!("{user} est le compte {}, dans {french}", person.account),
                &format!("{user} is the account {}, in {english}", person.account),
            ));
        }
        Found::Refused => sheet.bad(
            (
                &format!("{user} n’est personne, plusieurs, ou un compte fermé"),
                &format!("{user} is nobody, several, or a closed account"),
            ),
            (
                "vérifiez `base` et `user_filter` ; le compte doit être ouvert et n’avoir pas expiré",
                "check `base` and `user_filter`; the account must be open and not have expired",
            ),
        ),
        Found::Away | Found::Throttled => {
            sheet.bad(
                (&format!("rien n’est dit de {user}"), &format!("nothing is said of {user}")),
                (
                    "réduisez `group_filter` si ce compte a trop de groupes ; sinon voyez le journal de l’annuaire",
                    "narrow `group_filter` if that account has too many groups; otherwise see the directory's log",
                ),
            );
        }
    }
}

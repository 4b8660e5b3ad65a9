//! The part of Kerberos: library, keytab, the service and its name, the clock; what a browser needs to find a ticket.

mod names;

use super::sheet::Sheet;
use crate::config::Config;
use crate::config::negotiate::names as is_of;
use crate::config::read::kerberos::{keys, kinds, principals};
use crate::files;
use crate::kerberos::clock::{ask, centres};
use crate::kerberos::{self, keytab::Entry};
use std::fs;
use std::net::ToSocketAddrs;

/// Beyond this many seconds Kerberos refuses (RFC 4120 §1.3), and this many are half the way there.
const REFUSED: i64 = 300;
const CLOSE: i64 = 120;
/// Where the system says which realm has which servers, unless `KRB5_CONFIG` names another file.
const SYSTEM: &str = "/etc/krb5.conf";
/// The port of a key distribution centre (RFC 4120 §7.2.1).
const PORT: u16 = 88;

/// Looks at what tickets need; says nothing of whose they are.
pub(super) fn examine(config: &Config, sheet: &mut Sheet) {
    let negotiate = &config.identity.negotiate;
    if !config.identity.takes_tickets() {
        sheet.good((
            "aucun ticket n’est demandé : `[identity] methods` ne nomme pas `negotiate`",
            "no ticket is asked for: `[identity] methods` does not name `negotiate`",
        ));
        if negotiate.keytab.as_os_str().is_empty() {
            return;
        }
    }
    if let Err(why) = kerberos::is_there() {
        sheet.bad_because(
            ("la bibliothèque Kerberos du système manque", "the Kerberos library of the system is missing"),
            why,
            ("installez-la : `apt-get install libgssapi-krb5-2`", "install it: `apt-get install libgssapi-krb5-2`"),
        );
    }
    let Some(keys) = keytab(config, sheet) else { return };
    service(config, &keys, sheet);
    for host in negotiate.hosts() {
        name(config, host, sheet);
    }
    reached(config, sheet);
    let mut realms: Vec<&str> = keys.iter().filter_map(|key| Some(key.principal.rsplit_once('@')?.1)).collect();
    realms.sort_unstable();
    realms.dedup();
    for realm in realms {
        clock(realm, sheet);
    }
}

/// The keytab: readable, closed to others, with keys that are still accepted.
fn keytab(config: &Config, sheet: &mut Sheet) -> Option<Vec<Entry>> {
    let path = &config.identity.negotiate.keytab;
    let keys = match keys(path) {
        Ok(keys) => keys,
        Err((what, label)) => {
            sheet.bad_because(
                ("le fichier de clés (keytab) ne convient pas", "the keytab is no good"),
                format!("{what}: {label}"),
                (
                    "créez-le sur le contrôleur de domaine (`ktpass` ou `samba-tool domain exportkeytab`), copiez-le en binaire, donnez-le \
                     au compte de la passerelle et lancez `chmod 600`",
                    "make it on the domain controller (`ktpass` or `samba-tool domain exportkeytab`), copy it as a binary file, give it to \
                     the account of the gate, and run `chmod 600`",
                ),
            );
            return None;
        }
    };
    if files::open_to_others(path).is_some() {
        sheet.bad(
            (
                "tous les comptes de cette machine peuvent lire le fichier de clés, et se faire passer pour la passerelle",
                "every account of this machine can read the keytab, and pass for the gate",
            ),
            ("lancez `chmod 600` sur ce fichier, et changez la clé", "run `chmod 600` on it, and change the key"),
        );
    }
    if !keys.iter().any(Entry::is_strong) {
        let kinds = kinds(&keys);
        sheet.bad(
            (
                &format!("le fichier de clés n’a aucune clé AES, seulement {kinds} : les contrôleurs de domaine n’en donnent plus de ticket"),
                &format!("the keytab has no AES key, only {kinds}: domain controllers give no tickets for it any more"),
            ),
            (
                "cochez AES 256 sur le compte de service, changez son mot de passe, puis refaites le fichier avec `/crypto AES256-SHA1`",
                "tick AES 256 on the service's account, change its password, then make the file anew with `/crypto AES256-SHA1`",
            ),
        );
        return Some(keys);
    }
    match kerberos::try_keytab(path) {
        Ok(()) => {
            let newest = keys.iter().map(|key| key.version).max().unwrap_or_default();
            let (kinds, whose) = (kinds(&keys), principals(&keys));
            sheet.good((
                &format!("le fichier de clés se lit : {whose} ({kinds}, version {newest})"),
                &format!("the keytab can be read: {whose} ({kinds}, version {newest})"),
            ));
        }
        Err(why) => sheet.bad_because(
            ("la bibliothèque Kerberos refuse le fichier de clés", "the Kerberos library refuses the keytab"),
            why,
            ("refaites ce fichier sur le contrôleur de domaine", "make the file anew on the domain controller"),
        ),
    }
    Some(keys)
}

/// Whether each service has a key, and one is named at all.
fn service(config: &Config, keys: &[Entry], sheet: &mut Sheet) {
    let negotiate = &config.identity.negotiate;
    if negotiate.services.is_empty() {
        sheet.warning(
            (
                "aucun service n’est nommé : tout ticket pour une clé du fichier est admis, et le fichier PAC nomme la passerelle comme \
                 le navigateur l’a trouvée, peut-être par une adresse",
                "no service is named: a ticket for any key of the file does, and the PAC file names the gate as the browser found it, \
                 perhaps by an address",
            ),
            (
                "écrivez `[identity.negotiate] service = \"HTTP/NOM.COMPLET\"`, du nom que portent les tickets",
                "write `[identity.negotiate] service = \"HTTP/FULL.NAME\"`, by the name that tickets bear",
            ),
        );
    }
    for service in &negotiate.services {
        let of_it = || keys.iter().filter(|key| is_of(service, &key.principal));
        if of_it().any(Entry::is_strong) {
            let versions = of_it().map(|key| key.version.to_string()).collect::<std::collections::BTreeSet<_>>();
            let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
            sheet.good((
                &format!("`{service}` a sa clé AES (version {versions})"),
                &format!("`{service}` has its AES key (version {versions})"),
            ));
        } else {
            let there = principals(keys);
            sheet.bad(
                (
                    &format!("`{service}` n’a pas de clé AES dans le fichier, qui a celles de {there}"),
                    &format!("`{service}` has no AES key in the file, which has those of {there}"),
                ),
                (
                    "corrigez `service`, ou ajoutez ce nom au compte (`setspn -S`) et refaites le fichier",
                    "correct `service`, or add the name to the account (`setspn -S`) and make the file anew",
                ),
            );
        }
        if !service.starts_with("HTTP/") && !service.starts_with("http/") {
            sheet.bad(
                (
                    &format!("`{service}` n’est pas un service que les navigateurs demandent"),
                    &format!("`{service}` is no service that browsers ask for"),
                ),
                ("nommez-le `HTTP/…`, même par TLS", "call it `HTTP/…`, by TLS as well"),
            );
        }
    }
}

/// Whether the name of a service leads here, by itself, and back.
fn name(config: &Config, host: &str, sheet: &mut Sheet) {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return sheet.bad(
            (
                &format!(
                    "le service nomme une adresse ({host}) : les navigateurs n’ont pas de ticket pour une adresse"
                ),
                &format!("the service names an address ({host}): browsers have no ticket for an address"),
            ),
            ("nommez la passerelle par son nom complet", "name the gate by its full name"),
        );
    }
    let known = match names::ask(&config.dns, host) {
        Ok(known) => known,
        Err(why) => {
            return sheet.warning_because(
                (
                    &format!("les serveurs de noms ne répondent pas sur {host}"),
                    &format!("name servers do not answer about {host}"),
                ),
                why,
                ("vérifiez `[dns] servers` ou /etc/resolv.conf", "check `[dns] servers` or /etc/resolv.conf"),
            );
        }
    };
    if let Some(alias) = &known.alias {
        sheet.bad(
            (
                &format!("{host} est un alias (CNAME) de {alias} : les navigateurs demandent un ticket pour {alias}"),
                &format!("{host} is an alias (CNAME) of {alias}: browsers ask for a ticket for {alias}"),
            ),
            ("remplacez l’alias par un enregistrement A", "replace the alias by an A record"),
        );
    }
    if known.addresses.is_empty() {
        return sheet.bad(
            (&format!("{host} ne mène à aucune adresse"), &format!("{host} leads to no address")),
            ("créez un enregistrement A dans le DNS du domaine", "make an A record in the DNS of the domain"),
        );
    }
    let list = known.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if known.addresses.iter().all(|address| !names::is_ours(*address)) {
        sheet.warning(
            (
                &format!("{host} mène à {list}, qui n’est pas une adresse de cette machine"),
                &format!("{host} leads to {list}, which is no address of this machine"),
            ),
            (
                "corrigez l’enregistrement A, sauf si un répartiteur de charge est devant",
                "correct the A record, unless a load balancer stands in front",
            ),
        );
    } else if known.alias.is_none() {
        sheet.good((&format!("{host} mène ici ({list})"), &format!("{host} leads here ({list})")));
    }
    for (address, other) in &known.others {
        sheet.warning(
            (
                &format!("l’adresse {address} s’appelle {other} dans la zone inverse, non {host}"),
                &format!("the address {address} is called {other} in the reverse zone, not {host}"),
            ),
            (
                "corrigez l’enregistrement PTR : des postes Linux demandent un ticket pour ce nom",
                "correct the PTR record: Linux clients ask for a ticket for that name",
            ),
        );
    }
}

/// Whether the PAC file can name the gate.
fn reached(config: &Config, sheet: &mut Sheet) {
    let listen = &config.listen;
    let mut sockets = listen.proxy.iter().chain(listen.proxy_tls.iter().map(|secure| &secure.address));
    let by_itself = config.identity.negotiate.hosts().any(|host| host.ends_with(".localhost"));
    if sockets.all(|socket| socket.ip().is_loopback()) && !by_itself {
        sheet.warning(
            (
                "la passerelle n’écoute que sur cette machine : le fichier PAC nomme une adresse, pour laquelle il n’y a pas de ticket",
                "the gate listens on this machine alone: the PAC file names an address, for which there is no ticket",
            ),
            (
                "écoutez sur une adresse du réseau : `[listen] proxy = [\"0.0.0.0:3128\"]`",
                "listen on an address of the network: `[listen] proxy = [\"0.0.0.0:3128\"]`",
            ),
        );
    }
}

/// Compares the clock with that of who gives the tickets.
fn clock(realm: &str, sheet: &mut Sheet) {
    let file = std::env::var("KRB5_CONFIG").unwrap_or_else(|_| SYSTEM.to_owned());
    let mut servers = centres(&fs::read_to_string(file).unwrap_or_default(), realm);
    // Domain controllers answer to the name of their domain.
    servers.push(realm.to_lowercase());
    let mut last = String::new();
    for server in &servers {
        let with_port = if server.contains(':') { server.clone() } else { format!("{server}:{PORT}") };
        let answer = with_port.to_socket_addrs().and_then(|mut addresses| {
            let address = addresses.next().ok_or_else(|| std::io::Error::other("no address"))?;
            ask(address, realm)
        });
        match answer {
            Ok((theirs, ours)) => return compared(server, ours.as_second() - theirs.as_second(), sheet),
            Err(why) => last = format!("{server}: {why}"),
        }
    }
    sheet.warning_because(
        (
            &format!("aucun contrôleur du domaine {realm} ne dit l’heure qu’il a"),
            &format!("no controller of the domain {realm} tells its time"),
        ),
        last,
        (
            "vérifiez l’horloge vous-même : au-delà de cinq minutes d’écart, tout ticket est refusé",
            "check the clock yourself: beyond five minutes of difference every ticket is refused",
        ),
    );
}

fn compared(server: &str, ahead: i64, sheet: &mut Sheet) {
    let off = ahead.abs();
    let (french, english) = if ahead < 0 { ("en retard", "behind") } else { ("en avance", "ahead of") };
    let french = format!("l’horloge est {french} de {off} s sur celle de {server}");
    let english = format!("the clock is {off} s {english} that of {server}");
    let remedy = (
        "réglez-la sur le contrôleur de domaine (chrony ou systemd-timesyncd) : au-delà de cinq minutes, tout ticket est refusé",
        "have it follow the domain controller (chrony or systemd-timesyncd): beyond five minutes every ticket is refused",
    );
    match off {
        0..CLOSE => sheet.good((&french, &english)),
        CLOSE..REFUSED => sheet.warning((&french, &english), remedy),
        _ => sheet.bad((&french, &english), remedy),
    }
}

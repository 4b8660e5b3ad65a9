//! `octroi doctor kerberos`: keytab, service, names, clock; what is wrong, and what to do, in both languages.
use super::{SERVICE, asking};
use harness::dns::Reply;
use harness::services::Kdc;
use harness::{Dns, Gate, Setup};

/// What the doctor says of tickets, and its exit status; with the realm's configuration, in English.
fn doctor(gate: &Gate, kdc: &Kdc) -> (String, Option<i32>) {
    let mut command = gate.command(&["doctor", "kerberos"]);
    let output = command.envs(kdc.environment("none")).output().expect("the binary can be started");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn the_doctor_says_what_is_wrong_with_tickets_and_what_to_do() {
    let kdc = Kdc::start();
    let keytab = kdc.keytab(SERVICE);
    let english = "locale = \"en\"\n";
    let good = asking(&keytab, &format!("\"{SERVICE}\"")).config(english).prepare();
    let (said, code) = doctor(&good, &kdc);
    for told in [
        "the keytab can be read: HTTP/gate.localhost@PME.TEST (AES256",
        "has its AES key",
        "leads here",
        "the clock is 0 s",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert_eq!((code, said.contains("→")), (Some(0), false), "{said}");
    // The clock of this machine is not that of the domain.
    let mut command = good.command(&["doctor", "kerberos"]);
    command.envs(kdc.environment("none")).env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1");
    let late = command.env("FAKETIME", "-10m").env("DONT_FAKE_MONOTONIC", "1").output().expect("it runs");
    let said = String::from_utf8_lossy(&late.stdout).into_owned();
    assert!(said.contains(" s behind that of 127.0.0.1") && said.contains("follow the domain controller"), "{said}");
    assert_eq!(late.status.code(), Some(1));
    // A key of the old kind, a file others can read, no service named.
    kdc.admin(&format!("ktadd -e rc4-hmac:normal -k {} {SERVICE}", kdc.path("old.keytab").display()));
    let old = asking(&kdc.path("old.keytab"), &format!("\"{SERVICE}\"")).prepare();
    let (said, code) = doctor(&old, &kdc);
    assert!(said.contains("n’a aucune clé AES, seulement RC4") && said.contains("/crypto AES256-SHA1"), "{said}");
    assert_eq!(code, Some(1));
    let open = asking(&keytab, "\"\"").prepare();
    open.write("open.keytab", std::fs::read(&keytab).expect("a keytab"));
    let open = asking(&open.path("open.keytab"), "\"\"").config(english).prepare();
    let (said, _) = doctor(&open, &kdc);
    assert!(said.contains("no service is named"), "{said}");
    let (said, code) = doctor(&asking(&kdc.path("none.keytab"), "\"\"").config(english).prepare(), &kdc);
    assert!(said.contains("the keytab is no good") && said.contains("No such file"), "{said}");
    assert_eq!(code, Some(1));
    let (said, code) = doctor(&Setup::new().prepare(), &kdc);
    assert!(said.contains("aucun ticket n’est demandé"), "{said}");
    assert_eq!(code, Some(0));
    // Without being asked for, it is looked at where tickets are.
    assert!(String::from_utf8_lossy(&good.octroi(&["doctor"]).stdout).contains("Kerberos"));
}

#[test]
fn the_doctor_knows_what_the_name_servers_say_of_the_gate() {
    let kdc = Kdc::start();
    let keytab = kdc.keytab("HTTP/proxy.pme.test");
    let dns = Dns::new();
    let servers = format!("locale = \"en\"\n[dns]\nservers = [\"{}\"]", dns.address());
    let gate = asking(&keytab, "\"HTTP/proxy.pme.test\"").config(&servers).prepare();
    let local: std::net::IpAddr = "127.0.0.1".parse().expect("an address");
    let elsewhere = "192.0.2.7".parse().expect("an address");
    let said = |reply: Reply| {
        dns.reply("proxy.pme.test", reply);
        doctor(&gate, &kdc).0
    };
    assert!(said(Reply::NoName(0)).contains("leads to no address"));
    assert!(said(Reply::Failure).contains("name servers do not answer"));
    assert!(said(Reply::Addresses(vec![local], 0)).contains("proxy.pme.test leads here (127.0.0.1)"));
    assert!(said(Reply::Addresses(vec![elsewhere], 0)).contains("no address of this machine"));
    let alias = said(Reply::Alias("srv01.pme.test".into(), vec![local], 0));
    assert!(alias.contains("is an alias (CNAME) of srv01.pme.test") && alias.contains("A record"), "{alias}");
    dns.reply("7.2.0.192.in-addr.arpa", Reply::Pointer("srv01.pme.test".into(), 0));
    let reverse = said(Reply::Addresses(vec![elsewhere], 0));
    assert!(reverse.contains("is called srv01.pme.test in the reverse zone"), "{reverse}");
    dns.reply("7.2.0.192.in-addr.arpa", Reply::Pointer("proxy.pme.test".into(), 0));
    assert!(!said(Reply::Addresses(vec![elsewhere], 0)).contains("reverse"));
    // Sockets of this machine alone: no browser elsewhere finds a name in the PAC file.
    assert!(said(Reply::Addresses(vec![local], 0)).contains("the PAC file names an address"));
}

//! The directory: who somebody is by name and password, in which groups; slow, gone, lying ones; OpenLDAP and Active Directory.
use crate::export::{entry, words};
use harness::services::samba::{self, Samba};
use harness::services::slapd::{self, Slapd};
use harness::{Answer, Authority, Curl, Gate, LIMIT, Origin, Setup, setup, wait};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const PASSWORD: &str = slapd::PASSWORD;

/// A charter that lets one group alone go to `blocked.test`.
fn for_group(directory: &str) -> String {
    let rule = setup::CHARTER
        .replace("categories = [\"interdit\"]", "categories = [\"interdit\"]\nexcept_groups = [\"choisis\"]");
    format!("{rule}\n[groups.choisis]\ndirectory = [{directory:?}]\n")
}

/// A gate that asks OpenLDAP at these addresses.
fn asking(urls: &[String], more: &str) -> Setup {
    Setup::new().config(&format!(
        r#"
        [identity]
        methods = ["basic"]
        [identity.basic]
        source = "ldap"
        [identity.ldap]
        url = {urls:?}
        base = "{}"
        bind_dn = "{}"
        bind_password_file = "reader.password"
        user_filter = "(&(objectClass=inetOrgPerson)(uid={{user}}))"
        group_filter = "(&(objectClass=groupOfNames)(member={{dn}}))"
        ca_file = "ca.pem"
        {more}
        "#,
        slapd::BASE,
        slapd::READER,
    ))
}

/// The same, started; it believes that authority.
fn started(setup: Setup, authority: &Authority) -> Gate {
    let mut gate = setup.prepare();
    gate.write("ca.pem", authority.pem());
    gate.write("reader.password", PASSWORD);
    gate.start();
    gate
}

fn ldaps(slapd: &Slapd) -> String {
    format!("ldaps://127.0.0.1:{}", slapd.ldaps())
}

fn status(gate: &Gate, name: &str, password: &str, url: &str) -> u16 {
    Curl::through(gate).as_user(name, password).get(url).status
}

fn metric(gate: &Gate, name: &str) -> String {
    let page = gate.page("/metrics").text();
    let start = format!("{name} ");
    page.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or("nothing").to_owned()
}

#[test]
fn a_name_and_its_password_are_the_directorys_by_ldaps_and_by_starttls() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    for address in [ldaps(&slapd), format!("ldap://127.0.0.1:{}", slapd.ldap())] {
        let gate = started(asking(&[address], ""), &authority);
        for (name, password) in [
            ("a.martin", "wrong"),
            ("a.martin", ""),
            ("", ""),
            ("nobody", PASSWORD),
            ("*", PASSWORD),
            ("*)(uid=*", PASSWORD),
            ("a.martin)(objectClass=*", PASSWORD),
            ("a.martin\\", PASSWORD),
            ("octroi", PASSWORD),
            ("uid=a.martin,ou=personnes,dc=pme,dc=test", PASSWORD),
        ] {
            assert_eq!(status(&gate, name, password, &url), 407, "{name:?} {password:?}");
        }
        assert_eq!(gate.log().len(), 0, "nobody was let in");
        assert_eq!(status(&gate, "A.Martin", PASSWORD, &url), 200);
        assert_eq!(status(&gate, "équipe.été", PASSWORD, &url), 200);
        let mut users: Vec<_> = gate.log_of(2).into_iter().filter_map(|record| record.user).collect();
        users.sort();
        assert_eq!(users, ["a.martin", "équipe.été"]);
        assert_eq!(metric(&gate, "octroi_directory_up"), "1");
    }
}

#[test]
fn groups_in_groups_decide_by_whatever_spelling_and_changed_ones_from_the_next_look_on() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("for some"));
    let url = origin.url("blocked.test", "/");
    let charter = for_group("CN=commerce, ou=Groupes, dc=pme, dc=test");
    let gate = started(asking(&[ldaps(&slapd)], "refresh = \"1s\"").charter(&charter), &authority);
    assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 200, "in Commerce through Ventes");
    assert_eq!(status(&gate, "p.dupont", PASSWORD, &url), 403);
    slapd.change(&format!(
        "dn: cn=Ventes,ou=groupes,{base}\nchangetype: modify\nadd: member\nmember: uid=p.dupont,ou=personnes,{base}\n",
        base = slapd::BASE
    ));
    wait::until("what has changed is known", LIMIT, || {
        (status(&gate, "p.dupont", PASSWORD, &url) == 200).then_some(())
    });
}

#[test]
fn a_directory_that_is_gone_leaves_those_who_are_known_and_says_so() {
    let authority = Authority::new();
    let mut slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("for some"));
    let url = origin.url("blocked.test", "/");
    let charter = for_group("cn=Commerce,ou=groupes,dc=pme,dc=test");
    let gate = started(asking(&[ldaps(&slapd)], "refresh = \"1s\"").charter(&charter), &authority);
    assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 200);
    slapd.stop();
    // What was said is older than it is believed unasked, soon; it counts, as nobody can be asked.
    wait::until("the directory was asked in vain", LIMIT, || {
        assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 200);
        (metric(&gate, "octroi_directory_up") == "0").then_some(())
    });
    let newcomer = Curl::through(&gate).as_user("p.dupont", PASSWORD).get(&origin.url("allowed.test", "/"));
    assert_eq!((newcomer.status, newcomer.field("proxy-authenticate")), (503, None), "{}", newcomer.text());
    assert!(newcomer.text().contains("annuaire") && newcomer.field("retry-after").is_some(), "{}", newcomer.text());
    assert_eq!(status(&gate, "a.martin", "wrong", &url), 503, "nor is another password believed");
    let ready = gate.page("/readyz").text();
    assert!(ready.contains("the directory does not help since"), "{ready}");
    assert!(gate.say(&["status"]).contains("the directory does not help since"));
    assert_eq!(gate.printed().matches("the directory does not help").count(), 1, "{}", gate.printed());
    slapd.resume();
    wait::until("the directory is asked again", LIMIT, || {
        (status(&gate, "p.dupont", PASSWORD, &url) == 403).then_some(())
    });
    assert!(!gate.page("/readyz").text().contains("directory"));
    assert!(!gate.printed().contains("a.martin"), "{}", gate.printed());
}

#[test]
fn nothing_that_was_said_counts_longer_than_configured() {
    let authority = Authority::new();
    let mut slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let gate = started(asking(&[ldaps(&slapd)], "refresh = \"1s\"\naway_for = \"0s\""), &authority);
    assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 200);
    slapd.stop();
    wait::until("a.martin is not known any more", LIMIT, || {
        (status(&gate, "a.martin", PASSWORD, &url) == 503).then_some(())
    });
}

#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let origin = Origin::http(|_| Answer::ok("never"));
    let url = origin.url("allowed.test", "/");
    for (signed, names) in [(&other, ["127.0.0.1"]), (&authority, ["elsewhere.test"])] {
        let slapd = Slapd::start(signed, &names);
        for address in [ldaps(&slapd), format!("ldap://127.0.0.1:{}", slapd.ldap())] {
            let gate = started(asking(&[address], ""), &authority);
            assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 503);
            assert!(gate.page("/readyz").text().contains("its certificate"), "{}", gate.page("/readyz").text());
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_server_that_never_answers_is_passed_over_and_holds_nobody_up() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    // Its queue takes connections, and nobody is behind it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("ldap://{}", silent.local_addr().expect("an address"));
    let dead = format!("ldaps://127.0.0.1:{}", harness::ports::free());
    let gate = started(asking(&[silent.clone(), dead, ldaps(&slapd)], "timeout = \"2s\""), &authority);
    assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 200, "the third server helps");
    let begun = Instant::now();
    assert_eq!(status(&gate, "p.dupont", PASSWORD, &url), 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "the first is not waited for each time");

    // Alone, it has those who are not known wait, and nobody else.
    let gate = started(asking(&[silent], "timeout = \"3s\""), &authority);
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| status(&gate, "a.martin", PASSWORD, &url));
        let begun = Instant::now();
        assert_eq!(Curl::through(&gate).get(&url).status, 407);
        assert_eq!(gate.page("/readyz").status(), 200);
        assert!(begun.elapsed() < Duration::from_secs(3), "the others are answered at once");
        waiting.join().expect("answered")
    });
    assert_eq!(waiting, 503);
}

#[test]
fn passwords_tried_again_and_again_do_not_reach_the_directory() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("never"));
    let url = origin.url("allowed.test", "/");
    let gate = started(asking(&[ldaps(&slapd)], ""), &authority);
    for guess in 0..40 {
        assert_eq!(status(&gate, "a.martin", &format!("guess {}", guess % 8), &url), 407);
    }
    let asked: u32 = metric(&gate, "octroi_directory_questions_total").parse().expect("a number");
    assert!(asked < 10, "{asked} questions: a directory locks accounts out that are guessed at");
    assert!(gate.printed().contains("too many wrong passwords"), "{}", gate.printed());
    assert_eq!(status(&gate, "p.dupont", PASSWORD, &url), 200, "others are not held up");
}

#[test]
fn ten_thousand_groups_are_read_and_one_more_lets_nobody_in() {
    let authority = Authority::new();
    let mut slapd = Slapd::start(&authority, &["127.0.0.1"]);
    slapd.stop();
    let mut ldif = String::new();
    for number in 0..10_001 {
        // a.martin is in Ventes and Commerce besides.
        let also =
            if number < 9_998 { format!("member: uid=a.martin,ou=personnes,{}\n", slapd::BASE) } else { String::new() };
        let _ = write!(
            ldif,
            "dn: cn=g{number},ou=groupes,{base}\nobjectClass: groupOfNames\ncn: g{number}\n\
             member: uid=équipe.été,ou=personnes,{base}\n{also}\n",
            base = slapd::BASE
        );
    }
    slapd.load(&ldif);
    slapd.resume();
    let origin = Origin::http(|_| Answer::ok("for some"));
    let url = origin.url("blocked.test", "/");
    let charter = for_group("cn=Commerce,ou=groupes,dc=pme,dc=test");
    let gate = started(asking(&[ldaps(&slapd)], "timeout = \"30s\"").charter(&charter), &authority);
    assert_eq!(status(&gate, "a.martin", PASSWORD, &url), 200, "{}", gate.printed());
    assert_eq!(status(&gate, "équipe.été", PASSWORD, &origin.url("allowed.test", "/")), 503);
    assert!(gate.printed().contains("more than 10000 groups"), "{}", gate.printed());
    assert_eq!(status(&gate, "p.dupont", PASSWORD, &url), 403);
}

/// A gate that asks Active Directory.
fn asking_domain(samba: &Samba, more: &str) -> Setup {
    Setup::new().config(&format!(
        r#"
        [identity]
        methods = ["basic"]
        [identity.basic]
        source = "ldap"
        [identity.ldap]
        url = "ldaps://{controller}"
        base = "{base}"
        bind_dn = "svc-octroi@ad.pme.test"
        bind_password_file = "reader.password"
        ca_file = "ca.pem"
        {more}
        [dns.hosts]
        "{controller}" = ["{address}"]
        "#,
        controller = samba::CONTROLLER,
        base = samba::BASE,
        address = samba.address(),
    ))
}

#[test]
fn active_directory_knows_people_their_nested_groups_and_closed_accounts() {
    let authority = Authority::new();
    let samba = Samba::start(&authority);
    let origin = Origin::http(|_| Answer::ok("for some"));
    let url = origin.url("blocked.test", "/");
    let (reseau, tous) = ("CN=Réseau,OU=Groupes,DC=ad,DC=pme,DC=test", "CN=Domain Users,CN=Users,DC=ad,DC=pme,DC=test");
    let rule = "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))";
    for (more, charter, martin, dupont) in [
        (String::new(), for_group(reseau), 200, 403),
        // The primary group, which no group has as a member.
        (String::new(), for_group(tous), 200, 200),
        (format!("group_filter = \"{rule}\""), for_group(reseau), 200, 403),
        (
            String::new(),
            setup::CHARTER
                .replace("categories = [\"interdit\"]", "categories = [\"interdit\"]\nexcept_users = [\"p.dupont\"]"),
            403,
            200,
        ),
    ] {
        let gate = started(asking_domain(&samba, &more).charter(&charter), &authority);
        assert_eq!(status(&gate, "a.martin", PASSWORD, &url), martin, "{more} {charter}");
        assert_eq!(status(&gate, "PME\\p.dupont", PASSWORD, &url), dupont, "{more} {charter}");
        let mut users: Vec<_> = gate.log_of(2).into_iter().filter_map(|record| record.user).collect();
        users.sort();
        assert_eq!(users, ["a.martin@AD.PME.TEST", "p.dupont@AD.PME.TEST"], "as their tickets say");
    }
    let gate = started(asking_domain(&samba, ""), &authority);
    for (name, password) in
        [("ancien", PASSWORD), ("interim", PASSWORD), ("a.martin", "wrong"), ("*", PASSWORD), ("dupont", PASSWORD)]
    {
        assert_eq!(status(&gate, name, password, &url), 407, "{name}");
    }
    assert_eq!(status(&gate, "Équipe.Été@ad.pme.test", PASSWORD, &origin.url("allowed.test", "/")), 200);
}

#[test]
fn a_ticket_is_in_the_groups_of_the_charter_also_after_a_restart_without_the_directory() {
    let authority = Authority::new();
    let mut samba = Samba::start(&authority);
    let origin = Origin::http(|_| Answer::ok("for some"));
    let url = origin.url("blocked.test", "/");
    let tickets = format!(
        "[identity]\nmethods = [\"negotiate\"]\n[identity.negotiate]\nkeytab = \"{}\"\nservice = [\"HTTP/gate.localhost\", \"{}\"]",
        samba.keytab().display(),
        // One account, one key: a ticket for either is read by the first of them.
        format_args!("HTTP/{}", samba::PROXY)
    );
    let charter = for_group("CN=Commerce,OU=Groupes,DC=ad,DC=pme,DC=test");
    let mut gate = started(asking_domain(&samba, "").config(&tickets).charter(&charter), &authority);
    samba.log_in("a.martin");
    let through = |gate: &Gate| {
        let proxy = format!("http://gate.localhost:{}", gate.proxy().port());
        Curl::direct().args(["--proxy", &proxy, "--noproxy", ""]).with_ticket(samba.environment()).get(&url).status
    };
    assert_eq!(through(&gate), 200, "{}", gate.printed());
    gate.terminate();
    gate.wait();
    let kept = std::fs::read_to_string(gate.path("data/directory.json")).expect("what is known is kept");
    assert!(kept.contains("CN=Commerce") && !kept.contains(PASSWORD), "{kept}");
    let environment = samba.environment();
    samba.stop();
    gate.start();
    let proxy = format!("http://gate.localhost:{}", gate.proxy().port());
    let again = Curl::direct().args(["--proxy", &proxy, "--noproxy", ""]).with_ticket(environment).get(&url);
    assert_eq!(again.status, 200, "{}", gate.printed());
    assert_eq!(gate.log_of(2)[0].user.as_deref(), Some("a.martin@AD.PME.TEST"));
}

#[test]
fn the_doctor_says_what_is_wrong_with_the_directory_and_what_to_do() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let charter = for_group("cn=Commerce,ou=groupes,dc=pme,dc=test")
        + "\n[groups.autres]\ndirectory = [\"cn=Absent,ou=groupes,dc=pme,dc=test\"]\n";
    let dead = format!("ldaps://127.0.0.1:{}", harness::ports::free());
    let gate = asking(&[ldaps(&slapd), dead], "").config("locale = \"en\"").charter(&charter).prepare();
    gate.write("ca.pem", authority.pem());
    gate.write("reader.password", PASSWORD);
    let said = |user: &str| {
        let output = gate.octroi(&["doctor", "directory", "--user", user]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = said("a.martin");
    assert_eq!(code, Some(1), "{told}");
    for part in [
        "lets the gate in",
        "does not help",
        "Connection refused",
        "cn=absent",
        "a.martin is the account a.martin, in cn=commerce",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(said("nobody").1.contains("nobody is nobody, several, or a closed account"));
    gate.write("reader.password", "wrong");
    let (_, told) = said("a.martin");
    assert!(told.contains("check `bind_dn`"), "{told}");
}

#[test]
fn what_is_kept_of_somebody_is_in_their_answer() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority, &["127.0.0.1"]);
    let origin = Origin::http(|_| Answer::ok("hello"));
    let charter = for_group("cn=Commerce,ou=groupes,dc=pme,dc=test");
    let mut gate = started(asking(&[ldaps(&slapd)], "").charter(&charter), &authority);
    assert_eq!(status(&gate, "a.martin", PASSWORD, &origin.url("allowed.test", "/")), 200);
    gate.log_of(1);
    gate.terminate();
    gate.wait();
    let path = gate.path("data/directory.json");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).expect("kept"));
    assert_eq!(mode & 0o777, 0o600);
    gate.say(&["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out", "--json"]);
    let account = entry(&gate.path("out/DD-1.zip"), "account.json");
    assert!(account.contains("\"directory\"") && account.contains("cn=commerce,ou=groupes"), "{account}");
    let report = words(&entry(&gate.path("out/DD-1.zip"), "report.html"));
    assert!(report.contains("cn=commerce,ou=groupes"), "{report}");
}

#[test]
fn the_guides_examples_are_good() {
    let pages = [
        include_str!("../../docs/guide/en/active-directory.md"),
        include_str!("../../docs/guide/fr/active-directory.md"),
    ];
    for page in pages {
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let mut seen = 0;
        for block in blocks.filter(|block| block.contains("[identity.ldap]")) {
            let gate = Setup::new().prepare();
            gate.write("octroi.toml", block);
            for name in ["domain-authority.pem", "autorite-du-domaine.pem"] {
                gate.write(name, Authority::new().pem());
            }
            for name in ["directory.password", "annuaire.password"] {
                gate.write(name, PASSWORD);
            }
            let checked = gate.octroi(&["check"]);
            assert!(checked.status.success(), "{block}\n{}", String::from_utf8_lossy(&checked.stderr));
            seen += 1;
        }
        assert_eq!(seen, 2);
    }
}

//! The configuration as an administrator writes it: every key of the documented file, and files with problems beside
//! the exact report that each must give.

use super::*;
use crate::pages::Language;
use policy::{Problem, Problems, Source};

/// Every key with its default, as the documentation shows it.
const DEFAULTS: &str = include_str!("defaults.toml");

fn read(text: &str) -> (Config, Result<Vec<Problem>, Problems>) {
    read::config(&Source { name: "octroi.toml".to_owned(), text: text.to_owned() }, Path::new(""))
}

fn good(text: &str) -> Config {
    let (config, outcome) = read(text);
    match outcome {
        Ok(_) => config,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

fn refused(text: &str) -> String {
    read(text).1.expect_err("a problem").render(false)
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let (documented, warnings) = read(DEFAULTS);
    assert_eq!(warnings, Ok(Vec::new()));
    assert_eq!(format!("{documented:?}"), format!("{:?}", good("")));
    assert_eq!(documented.log.retention_days, 365);
    assert_eq!(documented.locale, Language::French);
}

#[test]
fn an_unknown_key_is_refused_in_every_table() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let mut tables = 0;
    for (n, line) in lines.iter().enumerate().filter(|(n, line)| *n == 0 || line.starts_with('[')) {
        // Before the first line, or after a table's header.
        let at = if line.starts_with('[') { n + 1 } else { n };
        let mut injected = lines.clone();
        injected.insert(at, "unheard_of = 1");
        let report = refused(&injected.join("\n"));
        assert!(report.contains("unheard_of") && report.contains(&format!("octroi.toml:{}:1", at + 1)), "{report}");
        tables += 1;
    }
    assert_eq!(tables, 20);
}

#[test]
fn a_misspelt_key_finds_its_nearest() {
    assert!(refused("[log]\nretention_day = 30\n").contains("nearest: `retention_days`"));
    assert!(refused("[limts]\n").contains("nearest: `limits`"));
}

#[test]
fn what_would_be_refused_is_not_offered() {
    for (text, offered) in [
        ("nonsense_everywhere = 1\n", "known here"),
        ("[identity]\nmethods = [\"kerberos_of_old\"]\n", "expected `negotiate`, `basic`, `address`"),
        ("[identity]\nnonsense_everywhere = 1\n", "known here"),
        ("[inspection]\nmode = \"nonsense\"\n", "expected `off`"),
        ("[antivirus]\nnonsense = 1\n", "this version reads nothing here"),
    ] {
        let report = refused(text);
        // What the file itself says stands in quotes or brackets; what is offered, in backticks.
        for later in ["inspection", "antivirus", "portal", "selected"] {
            assert!(!report.contains(&format!("`{later}`")), "{later}: {report}");
        }
        assert!(report.contains(offered), "{report}");
    }
}

#[test]
fn networks_that_hold_everything_are_warned_of() {
    for (table, key) in [("clients", "allow"), ("destinations", "allow_private")] {
        for network in ["0.0.0.0/0", "::/0"] {
            let warnings = read(&format!("[{table}]\n{key} = [\"{network}\"]\n")).1.expect("accepted");
            assert_eq!(warnings.len(), 1, "{table} {network}");
        }
    }
    assert_eq!(read("[destinations]\nallow_private = [\"10.0.0.0/8\"]\n").1, Ok(Vec::new()));
}

#[test]
fn defaults_are_listened_on_as_what_is_written() {
    let tls = "[[listen.proxy_tls]]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\naddress = ";
    for (text, key) in [
        (format!("{tls}\"127.0.0.1:3128\"\n"), "proxy"),
        (format!("{tls}\"0.0.0.0:3180\"\n"), "console"),
        ("[listen]\nproxy = [\"127.0.0.1:3180\"]\n".to_owned(), "console"),
        ("[listen]\nconsole = \"127.0.0.1:3128\"\n".to_owned(), "proxy"),
    ] {
        let report = refused(&text);
        assert!(report.contains(&format!("is taken: `{key}` is 127.0.0.1:31")), "{report}");
    }
    good(&format!("[listen]\nproxy = []\n{tls}\"127.0.0.1:3128\"\n"));
}

#[test]
fn values_are_types() {
    let config = good(
        r#"
        locale = "en"
        time_zone = "America/Montreal"
        [listen]
        proxy = ["[::1]:3128", "127.0.0.1:0"]
        [destinations]
        connect_ports = [443, "8000-8100"]
        allow_private = ["10.0.0.5", "10.1.0.0/16"]
        ech = "block"
        [dns]
        servers = ["10.0.0.2", "[::1]:5353"]
        hosts = { "Intranet.Example." = ["10.0.0.5", "::ffff:10.0.0.6"] }
        [identity]
        methods = ["basic", "address"]
        [identity.address]
        names = { "10.0.0.12" = "poste-accueil" }
        [log]
        retention_days = 180
        purposes = ["rights"]
        durability = "power"
        [limits]
        header_bytes = "16KiB"
        idle_timeout = "1m30s"
        bandwidth = "100Mbit/s"
        "#,
    );
    assert_eq!(config.listen.proxy.len(), 2);
    assert!(config.destinations.connect_ports.contains(8050) && !config.destinations.connect_ports.contains(80));
    assert!(config.destinations.allow_private.contains("10.1.2.3".parse().expect("an address")));
    assert_eq!((config.destinations.ech, good("").destinations.ech), (Ech::Block, Ech::Allow));
    assert_eq!(config.dns.servers[0].port(), 53);
    let expected: Vec<IpAddr> = ["10.0.0.5", "10.0.0.6"].map(|text| text.parse().expect("an address")).into();
    assert_eq!(config.dns.hosts["intranet.example"], expected);
    assert_eq!(config.identity.methods, [Method::Basic, Method::Address]);
    assert!(config.identity.names.get(&"10.0.0.12".parse().expect("an address")).is_some());
    assert_eq!((config.log.purposes.as_slice(), config.log.durability), (&[Purpose::Rights][..], Durability::Power));
    assert_eq!((config.limits.header_bytes, config.limits.idle_timeout), (16384, Duration::from_secs(90)));
    assert_eq!(config.limits.bandwidth.map(|rate| rate.bytes_per_second()), Some(12_500_000));
}

#[test]
fn names_take_two_persons_once_a_role_is_given_or_from_the_beginning() {
    assert_eq!(
        good("").roles,
        Roles { required: Required::Granted, open_for: Duration::from_secs(8 * 3600), alarm: vec![] }
    );
    let config = good(
        "[roles]\nrequired = \"always\"\nopen_for = \"30m\"\n[legal]\ncse_consulted = \"2026-10-01\"\npersons_informed = \"\"\n",
    );
    assert_eq!(config.roles, Roles { required: Required::Always, open_for: Duration::from_secs(1800), alarm: vec![] });
    assert_eq!((config.legal.cse_consulted, config.legal.persons_informed), ("2026-10-01".parse().ok(), None));
    for (text, told) in [
        ("[roles]\nrequired = \"never\"\n", "expected `granted`, `always`"),
        ("[roles]\nopen_for = \"9h\"\n", "expected 1m to 8h"),
        ("[roles]\nopen_for = \"1s\"\n", "expected 1m to 8h"),
        ("[roles]\nalarm = [\"nobody\"]\n", "`nobody` is not a valid e-mail address"),
        ("[roles]\nrequire = \"always\"\n", "nearest: `required`"),
        ("[legal]\ncse_consulted = \"soon\"\n", "`cse_consulted` is not a date"),
        ("[legal]\npersons_informed = \"2026-02-30\"\n", "`persons_informed` is not a date"),
        ("[legal]\nprocessor = 1\n", "processor"),
        ("[legal]\ntransfers = \"one\\ntwo\"\n", "`transfers` is no text for a letter"),
    ] {
        let report = refused(text);
        assert!(report.contains(told) && report.contains("octroi.toml:2:"), "{report}");
    }
}

#[test]
fn a_letter_has_the_address_line_by_line_and_is_dated_from_its_town() {
    assert_eq!(good("").organisation.unstated(), ["name", "address", "contact", "dpo"]);
    let organisation = |address: &str| good(&format!("[organisation]\naddress = {address}\n")).organisation;
    let stated = organisation("\"\"\"\n  12 rue de la République\n\n69002 Lyon\n\"\"\"");
    assert_eq!(stated.address, ["12 rue de la République", "69002 Lyon"]);
    assert_eq!((stated.town(), stated.unstated().contains(&"address")), ("Lyon", false));
    let towns = [
        ("3 place de Fontenoy\\n75334 Paris Cedex 07", "Paris"),
        ("59000 Lille\\nFrance", "Lille"),
        ("Rue de la Loi 1, 1000 Bruxelles", ""),
        (" \\n ", ""),
    ];
    for (address, town) in towns {
        assert_eq!(organisation(&format!("\"{address}\"")).town(), town, "{address}");
    }
    for wrong in [format!("\"{}\"", "x\\n".repeat(9)), format!("\"{}\"", "x".repeat(101)), "\"a\\u0007b\"".to_owned()] {
        let report = refused(&format!("[organisation]\naddress = {wrong}\n"));
        assert!(report.contains("`address` is no postal address") && report.contains("octroi.toml:2:"), "{report}");
    }
}

#[test]
fn who_has_the_data_is_unknown_until_somebody_states_it_law_9_c() {
    let legal = good("").legal;
    assert_eq!(legal.unstated(), ["processor", "hosting", "transfers"]);
    let legal = good("[legal]\nprocessor = \"none\"\nhosting = \"own\"\ntransfers = \" \"\n").legal;
    assert_eq!((&legal.processor, &legal.hosting, &legal.transfers), (&Stated::None, &Stated::None, &Stated::Unknown));
    assert_eq!(legal.unstated(), ["transfers"]);
    let legal =
        good("[legal]\nprocessor = \"Exemple SARL, maintenance\"\nhosting = \"none\"\ntransfers = \"none\"\n").legal;
    assert_eq!((legal.processor, legal.hosting), (Stated::Is("Exemple SARL, maintenance".to_owned()), Stated::None));
}

#[test]
fn a_gate_may_listen_by_tls_alone() {
    let tls = "{ address = \"[::]:3129\", certificate = \"/etc/c.pem\", key = \"k.pem\" }";
    let config = good(&format!("[listen]\nproxy = []\nproxy_tls = [{tls}]\n"));
    assert_eq!((config.listen.proxy.len(), config.listen.proxy_tls.len()), (0, 1));
    let ProxyTls { address, certificate, key } = &config.listen.proxy_tls[0];
    assert_eq!(address.port(), 3129);
    assert_eq!((certificate.as_path(), key.as_path()), (Path::new("/etc/c.pem"), Path::new("k.pem")));
    for (text, told) in [
        ("proxy = []\n".to_owned(), "the gate listens nowhere"),
        (format!("proxy_tls = [{tls}]\nconsole = \"[::1]:3129\"\n"), "cannot both be listened on"),
        (format!("proxy_tls = [{tls}, {tls}]\n"), "cannot both be listened on"),
        (format!("proxy_tls = [{}]\n", tls.replace("3129", "x")), "not a valid address to listen on"),
        (format!("proxy_tls = [{}]\n", tls.replace(", key = \"k.pem\"", "")), "key"),
        (format!("proxy_tls = [{}]\n", tls.replace("key", "kye")), "nearest: `key`"),
    ] {
        let report = refused(&format!("[listen]\n{text}"));
        assert!(report.contains(told), "{report}");
    }
}

#[test]
fn what_leaves_the_register_is_off_until_asked_for() {
    assert_eq!(good("").log.forward, Forward::default());
    assert_eq!(good("").log.anchor, Anchor::default());
    let config = good(
        r#"
        [log.forward]
        syslog = "tls://SIEM.example"
        json = true
        [log.anchor]
        syslog = "tcp://siem.example:514"
        mail = "seals@example.test"
        smtp = "smtps://mail.example"
        mail_from = "gate@example.test"
        timestamp = "http://tsa.example/stamp?policy=1"
        "#,
    );
    let Forward { syslog, json, names, .. } = config.log.forward;
    assert_eq!(
        (syslog.map(|server| server.to_string()).as_deref(), json, names),
        (Some("tls://siem.example:6514"), true, false)
    );
    let Anchor { syslog, mail, timestamp, .. } = config.log.anchor;
    assert_eq!(syslog.map(|server| (server.port, server.secure)), Some((514, false)));
    assert_eq!(mail.map(|mail| mail.server.to_string()).as_deref(), Some("smtps://mail.example:465"));
    assert_eq!(timestamp.map(|uri| uri.to_string()).as_deref(), Some("http://tsa.example/stamp?policy=1"));
    // Without records to hide, nothing is said of an unencrypted way.
    let warnings = |text: &str| read(text).1.expect("accepted").len();
    assert_eq!(warnings("[log.anchor]\nsyslog = \"tcp://siem.example:514\"\n"), 0);
    assert_eq!(warnings("[log.forward]\nsyslog = \"tcp://127.0.0.1:514\"\n"), 0);
    for address in ["tsa.example", "https://me:secret@tsa.example/"] {
        assert!(refused(&format!("[log.anchor]\ntimestamp = \"{address}\"\n")).contains("time-stamp authority"));
    }
}

#[test]
fn a_parent_proxy_has_a_scheme_a_place_and_perhaps_a_name() {
    assert_eq!(good("").upstream, Upstream::default());
    let parent = |text: &str| good(&format!("[upstream]\nparent = \"{text}\"\n")).upstream.parent.expect("a parent");
    for (text, server, speaks) in [
        ("http://Proxy.Example:8080/", "http://proxy.example:8080", Speaks::Http),
        ("https://proxy.example", "https://proxy.example:443", Speaks::Http),
        ("socks5://[::1]", "socks5://[::1]:1080", Speaks::Socks),
    ] {
        let parent = parent(text);
        assert_eq!((parent.server.to_string().as_str(), parent.speaks, parent.credentials), (server, speaks, None));
    }
    let credentials = parent("http://m%40il:p%3a:ss@127.0.0.1:8080").credentials.expect("credentials");
    assert_eq!((credentials.user.as_str(), credentials.password.told()), ("m@il", "p::ss"));
    let direct = good("[upstream]\nparent = \"http://p:1\"\ndirect = [\"Exemple.fr\", \"10.0.0.0/8\", \"::1\"]\n");
    for host in ["www.exemple.fr", "10.9.9.9", "::1"] {
        assert!(direct.upstream.direct.covers(&policy::Target::of_host(host).expect("a host")), "{host}");
    }
}

#[test]
fn the_password_of_a_parent_is_in_no_report() {
    for (line, told) in [
        ("parent = \"http://me:hush@proxy.example\"", "it has no port"),
        ("parent = \"ftp://me:hush@proxy.example:21\"", "scheme is not known"),
        ("parent = \"http://:hush@proxy.example:8080\"", "no name"),
        ("parent = \"http://me:hush%zz@proxy.example:8080\"", "bad escape"),
        ("parent = \"http://m%3ae:hush@proxy.example:8080\"", "colon"),
        ("parent = \"http://me:hush@proxy.example:8080\" oops", "octroi.toml:2"),
        ("parent = \"http://me:hush@proxy.example:8080", "octroi.toml:2"),
        ("parent = \"http://me:hush@127.0.0.1:3128\"", "this gate itself"),
        ("parent = \"http://me:hush@proxy.example:8080\"\nunheard_of = 1", "unheard_of"),
    ] {
        let report = refused(&format!("[upstream]\n{line}\n"));
        assert!(report.contains(told) && !report.contains("hush"), "{report}");
    }
    assert!(!format!("{:?}", good("[upstream]\nparent = \"http://me:hush@127.0.0.1:1\"\n")).contains("hush"));
}

#[test]
fn retention_follows_the_law() {
    let log = |line: &str| read(&format!("[log]\n{line}\n")).1;
    let warnings = |line: &str| log(line).expect("accepted").len();
    assert_eq!(warnings("retention_days = 180"), 0);
    assert_eq!(warnings("retention_days = 365"), 0);
    assert_eq!(warnings("retention_days = 179"), 1);
    assert_eq!(warnings("retention_days = 1"), 1);
    assert_eq!(warnings("retention_days = 1095\nretention_reason = \"long investigations\""), 1);
    for refused in ["0", "1096", "366", "366\nretention_reason = \" \"", "-1", "\"365\""] {
        assert!(log(&format!("retention_days = {refused}")).is_err(), "{refused}");
    }
}

#[test]
fn acts_are_kept_as_long_as_records_at_least() {
    let days = |line: &str| {
        read(&format!("[log]\n{line}\n")).1.is_ok().then(|| good(&format!("[log]\n{line}\n")).log.audit_days)
    };
    assert_eq!(days("retention_days = 30"), Some(365));
    assert_eq!(days("retention_days = 800\nretention_reason = \"long investigations\""), Some(800));
    assert_eq!(days("audit_days = 365\nretention_days = 200"), Some(365));
    assert_eq!(days("audit_days = 1095\naudit_reason = \"internal control\""), Some(1095));
    for refused in
        ["audit_days = 364", "audit_days = 1095", "audit_days = 1096\naudit_reason = \"x\"", "audit_days = 0"]
    {
        assert_eq!(days(refused), None, "{refused}");
    }
}

#[test]
fn what_comes_later_is_known_and_refused() {
    for (table, line) in [
        ("identity", "methods = [\"portal\"]"),
        ("inspection", "mode = \"block-page\""),
        ("inspection", "mode = \"selected\""),
        ("antivirus", "icap = \"icap://127.0.0.1:1344/avscan\""),
        ("log", "central = \"postgres://db.example/octroi\""),
    ] {
        let report = refused(&format!("[{table}]\n{line}\n"));
        assert!(report.contains("not supported yet"), "{report}");
        assert_eq!(report.matches("Error:").count(), 1, "{report}");
    }
}

#[test]
fn a_directory_is_asked_by_whole_settings_only() {
    let ldap =
        |lines: &str| format!("[identity.ldap]\nurl = \"ldaps://dc1.example\"\nbase = \"DC=example\"\n{lines}\n");
    let settings = good(&ldap("")).identity.ldap.expect("a directory");
    assert_eq!(settings.servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ldaps://dc1.example:636"]);
    assert!(settings.default_groups && settings.reader.is_none());
    for (text, said) in [
        ("[identity.basic]\nsource = \"ldap\"\n".to_owned(), "and none is named"),
        ("[identity.ldap]\nurl = \"ldaps://dc1.example\"\n".to_owned(), "not where to search in it"),
        (
            "[identity.ldap]\nurl = \"http://dc1.example\"\nbase = \"DC=example\"\n".to_owned(),
            "is not a valid directory",
        ),
        (ldap("bind_dn = \"cn=x\""), "has no password"),
        (ldap("bind_password_file = \"nowhere\""), "is nobody's password"),
        (ldap("bind_dn = \"cn=x\"\nbind_password_file = \"nowhere\""), "cannot be read"),
        (ldap("user_filter = \"(uid=a.martin)\""), "finds the same for everybody"),
        (ldap("user_filter = \"(uid={user}\""), "is not a filter"),
        (ldap("group_filter = \"(member=x)\""), "finds the same for everybody"),
        (ldap("ca_file = \"nowhere\""), "cannot be read"),
        (ldap("timeout = \"2m\""), "out of bounds"),
        (ldap("away_for = \"31d\""), "out of bounds"),
    ] {
        let report = refused(&text);
        assert!(report.contains(said), "{said}: {report}");
        assert_eq!(report.matches("Error:").count(), 1, "{report}");
    }
}

/// Each `problems/NAME.toml` gives exactly the report of `problems/NAME.txt`. With `UPDATE_GOLDEN=1` the reports are
/// written anew, to be read before they are committed.
#[test]
fn problems_are_reported_word_for_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/problems");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let (cases, reports): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.extension().is_some_and(|extension| extension == "toml"));
    let expected: Vec<PathBuf> = cases.iter().map(|case| case.with_extension("txt")).collect();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    assert!(update || reports == expected, "a report stands without its case, or a case without its report");
    assert!(!cases.is_empty());
    for case in cases {
        let text = std::fs::read_to_string(&case).expect("read");
        let report = match read(&text).1 {
            Err(problems) => problems.render(false),
            Ok(problems) => {
                let source = Source { name: "octroi.toml".to_owned(), text: parent::covered(&text) };
                Problems { source, problems }.render(false)
            }
        };
        let golden = case.with_extension("txt");
        if update {
            std::fs::write(&golden, &report).expect("written");
        }
        assert_eq!(report, std::fs::read_to_string(&golden).expect("read"), "{}", case.display());
    }
}

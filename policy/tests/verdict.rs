//! What can be asked of a decision: rule, article, category, evidence, schedule, reason.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use jiff::tz::TimeZone;
use policy::index::Kind;
use policy::lists::{Compiler, Format};
use policy::{Action, Charter, InForce, Index, Query, Source, Target};
use std::sync::Arc;

const CHARTER: &str = r#"
version = "7"
[lists.ut1]
format = "ut1"
source = "ut1.tar.gz"
[categories.presse]
domains = ["presse.example"]
[categories.sexe]
label = { fr = "Contenu pornographique", en = "Pornography" }
lists = ["ut1:porn", "ut1:mixed_adult"]
domains = ["cabaret.example"]
urls = ["presse.example/adultes"]
[categories.jeux]
lists = ["ut1:gamse"]
[groups.direction]
users = ["P.Dupont"]
directory = ["CN=Direction,DC=autoconcept,DC=fr"]
[groups.atelier]
networks = ["10.0.8.0/24"]
[schedules.nuit]
hours = ["22:00-06:00"]
[schedules.jour]
hours = ["06:00-22:00"]
[[rule]]
id = "contenus-interdits"
article = "3"
action = "block"
categories = ["sexe"]
schedules = ["nuit", "jour"]
reason = { fr = "Interdit.", en = "Forbidden." }
[[rule]]
id = "sites"
action = "block"
domains = ["ailleurs.example"]
categories = ["jeux"]
[[rule]]
id = "presse"
action = "allow"
bandwidth = "16Mbit/s"
categories = ["presse"]
"#;

fn in_force() -> InForce {
    let mut compiler = Compiler::default();
    compiler.file("ut1:adult", Kind::Domains, Format::Ut1, "adult/domains", b"youporn.com\nexample.com\n");
    compiler.file("ut1:mixed_adult", Kind::Urls, Format::Ut1, "mixed_adult/urls", b"example.com/x/y\n");
    compiler.file("ut1:games", Kind::Domains, Format::Ut1, "games/domains", b"jeux.example\n");
    compiler.alias("ut1:porn", "ut1:adult");
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).unwrap();
    let source = Source { name: "charter.toml".into(), text: CHARTER.into() };
    let (charter, warnings) = Charter::parse(source, &TimeZone::get("Europe/Paris").unwrap()).unwrap();
    assert_eq!(warnings, []);
    InForce::new(charter, Index::open(Arc::new(bytes)).unwrap())
}

fn query(target: &Target) -> Query<'_> {
    Query {
        target,
        method: "GET",
        user: None,
        groups: &[],
        client: "10.0.8.1".parse().unwrap(),
        at: "2026-11-23T12:00:00Z".parse().unwrap(),
    }
}

/// The evidence for a URL.
fn evidence(in_force: &InForce, url: &str) -> Option<String> {
    let target = Target::of_url(url).unwrap();
    in_force.evidence(&query(&target), &in_force.decide(&query(&target)))
}

#[test]
fn a_decision_names_all_that_led_to_it() {
    let in_force = in_force();
    let target = Target::of_url("https://www.youporn.com/").unwrap();
    let decision = in_force.decide(&query(&target));
    assert_eq!(decision.action, Action::Block);
    assert_eq!(in_force.rule(&decision), Some("contenus-interdits"));
    assert_eq!(in_force.article(&decision), Some("3"));
    assert_eq!(in_force.category(&decision), Some("sexe"));
    assert_eq!(in_force.category_label(&decision).unwrap().fr, "Contenu pornographique");
    assert_eq!(in_force.reason(&decision).unwrap().en, "Forbidden.");
    assert_eq!(in_force.schedule(&decision), Some("jour"));
}

#[test]
fn evidence_names_list_kind_and_the_most_specific_entry() {
    let in_force = in_force();
    let of = |url| evidence(&in_force, url);
    assert_eq!(of("https://www.youporn.com/").unwrap(), "ut1:adult domains youporn.com");
    assert_eq!(of("http://example.com/x/y/z").unwrap(), "ut1:mixed_adult urls example.com/x/y");
    assert_eq!(of("https://le.cabaret.example/").unwrap(), "charter:sexe domains cabaret.example");
    assert_eq!(of("http://presse.example/adultes/1").unwrap(), "charter:sexe urls presse.example/adultes");
    assert_eq!(of("https://presse.example/").unwrap(), "charter:presse domains presse.example");
    assert_eq!(of("https://ailleurs.example/").unwrap(), "charter:sites domains ailleurs.example");
    assert_eq!(of("https://nulle-part.example/"), None);
}

#[test]
fn a_rule_that_matches_by_a_name_of_its_own_has_no_category() {
    let in_force = in_force();
    let target = Target::of_url("https://ailleurs.example/").unwrap();
    let decision = in_force.decide(&query(&target));
    assert_eq!(in_force.rule(&decision), Some("sites"));
    assert_eq!((in_force.category(&decision), in_force.category_label(&decision)), (None, None));
    assert_eq!(
        (in_force.article(&decision), in_force.reason(&decision), in_force.schedule(&decision)),
        (None, None, None)
    );
}

#[test]
fn a_decision_brings_the_bandwidth_of_its_rule() {
    let in_force = in_force();
    let of = |url| {
        let target = Target::of_url(url).unwrap();
        in_force.decide(&query(&target)).bandwidth.map(|rate| rate.to_string())
    };
    assert_eq!(of("https://presse.example/").as_deref(), Some("2MB/s"));
    assert_eq!(of("https://www.youporn.com/"), None);
    assert_eq!(of("https://nulle-part.example/"), None);
}

#[test]
fn what_no_rule_decides_names_nothing() {
    let in_force = in_force();
    let target = Target::of_url("https://nulle-part.example/").unwrap();
    let decision = in_force.decide(&query(&target));
    assert_eq!(decision.action, Action::Allow);
    assert_eq!((in_force.rule(&decision), in_force.category(&decision)), (None, None));
}

#[test]
fn the_groups_of_a_client_come_from_accounts_addresses_and_the_directory() {
    let in_force = in_force();
    let target = Target::of_url("https://nulle-part.example/").unwrap();
    let query = query(&target);
    assert_eq!(in_force.groups(&query), ["atelier"]);
    assert_eq!(in_force.groups(&Query { user: Some("p.dupont"), ..query }), ["direction", "atelier"]);
    let named = Query { groups: &["cn=direction,dc=AUTOCONCEPT,dc=fr"], client: "10.9.9.9".parse().unwrap(), ..query };
    assert_eq!(in_force.groups(&named), ["direction"]);
}

#[test]
fn what_is_refused_is_told_by_article_and_label() {
    let in_force = in_force();
    let refused = in_force.charter().refused();
    let told: Vec<_> = refused.iter().map(|(article, what)| (*article, what.fr.as_str())).collect();
    assert_eq!(told, [(Some("3"), "Contenu pornographique"), (None, "jeux")]);
}

#[test]
fn a_list_that_the_index_has_not_is_said_with_the_nearest() {
    assert_eq!(in_force().missing_lists(), [("ut1:gamse".to_owned(), Some("ut1:games".to_owned()))]);
}

#[test]
fn a_charter_is_told_apart_by_version_and_text() {
    let zone = TimeZone::UTC;
    let identity = |text: &str| {
        let source = Source { name: "charter.toml".into(), text: text.into() };
        Charter::parse(source, &zone).unwrap().0.identity().to_owned()
    };
    // printf 'version = "7"\n' | sha256sum
    assert_eq!(identity("version = \"7\"\n"), "7@ca1751021411");
    assert_ne!(identity("version = \"7\"\n"), identity("version = \"7\"\n# \n"));
}

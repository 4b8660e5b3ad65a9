//! The rules that are found are those that asking one after the other finds: random charters and questions, decided
//! anew from what the charter says in the plainest way.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use jiff::{Timestamp, tz::TimeZone};
use policy::index::Kind;
use policy::lists::{Compiler, Format};
use policy::{Action, Charter, InForce, Index, Query, Source, Target};
use proptest::prelude::*;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

const HOSTS: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];
const USERS: [&str; 4] = ["Anna", "BEN", "chloé", "d.e"];
const NETWORKS: [&str; 6] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "2001:db8::/32", "0.0.0.0/0"];
const CLIENTS: [&str; 6] = ["10.1.2.3", "10.1.9.9", "192.0.2.1", "::ffff:10.1.2.4", "2001:db8::1", "2001:db9::1"];
const NAMES: [&str; 2] = ["CN=Staff", "cn=guests"];
const CATEGORIES: usize = 4;
const GROUPS: usize = 3;

/// Places in one of the lists above that are added, and that are removed.
type Signed = (Vec<usize>, Vec<usize>);

#[derive(Debug, Clone)]
struct Category {
    own: Signed,
    /// What a downloaded list holds and excepts.
    listed: Signed,
}

#[derive(Debug, Clone)]
struct Group {
    users: Signed,
    networks: Signed,
    directory: Signed,
}

#[derive(Debug, Clone)]
struct Rule {
    categories: Signed,
    domains: Signed,
    users: Signed,
    groups: Signed,
    networks: Signed,
    methods: bool,
    /// Or whatever no category has.
    uncategorised: bool,
}

#[derive(Debug, Clone)]
struct Model {
    categories: Vec<Category>,
    groups: Vec<Group>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Asked {
    host: usize,
    user: Option<String>,
    groups: Vec<String>,
    client: usize,
    method: &'static str,
}

/// Few of many, mostly none; what is both added and removed is only added.
fn signed(of: usize) -> impl Strategy<Value = Signed> {
    let side = || prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(0..of, 1..3)];
    (side(), side(), 0..3).prop_map(|(mut adds, removes, rare): (Vec<usize>, Vec<usize>, i32)| {
        adds.sort_unstable();
        adds.dedup();
        let removes = removes.into_iter().filter(|place| rare == 0 && !adds.contains(place)).collect();
        (adds, removes)
    })
}

fn model() -> impl Strategy<Value = Model> {
    let category = (signed(HOSTS.len()), signed(HOSTS.len())).prop_map(|(own, listed)| Category { own, listed });
    let group = (signed(USERS.len()), signed(NETWORKS.len()), signed(NAMES.len()))
        .prop_map(|(users, networks, directory)| Group { users, networks, directory });
    let who = (signed(USERS.len()), signed(GROUPS), signed(NETWORKS.len()));
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let rule = (signed(CATEGORIES), signed(HOSTS.len()), who, flags).prop_map(
        |(categories, domains, (users, groups, networks), (methods, uncategorised))| Rule {
            categories,
            domains,
            users,
            groups,
            networks,
            methods,
            uncategorised,
        },
    );
    let categories = prop::collection::vec(category, CATEGORIES);
    let groups = prop::collection::vec(group, GROUPS);
    (categories, groups, prop::collection::vec(rule, 0..30)).prop_map(|(categories, groups, rules)| Model {
        categories,
        groups,
        rules,
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let case = (0..USERS.len(), 0..3).prop_map(|(user, case)| match case {
        0 => USERS[user].to_uppercase(),
        1 => USERS[user].to_lowercase(),
        _ => USERS[user].to_owned(),
    });
    let name = prop::sample::select(vec!["cn=STAFF", "CN=guests", "G1", "g2", "else"]).prop_map(str::to_owned);
    let method = prop::sample::select(vec!["GET", "POST"]);
    (0..HOSTS.len(), prop::option::of(case), prop::collection::vec(name, 0..2), 0..CLIENTS.len(), method)
        .prop_map(|(host, user, groups, client, method)| Asked { host, user, groups, client, method })
}

impl Model {
    fn text(&self) -> String {
        let mut text = "version = \"1\"\n[lists.ut1]\nformat = \"ut1\"\nsource = \"ut1\"\n".to_owned();
        for (place, category) in self.categories.iter().enumerate() {
            let domains = written(&category.own, |host| HOSTS[host].to_owned());
            writeln!(text, "[categories.c{place}]\nlists = [\"ut1:c{place}\"]\ndomains = {domains}").unwrap();
        }
        for (place, group) in self.groups.iter().enumerate() {
            writeln!(text, "[groups.g{place}]\nusers = {}", written(&group.users, |user| USERS[user].to_owned()))
                .unwrap();
            writeln!(text, "networks = {}", written(&group.networks, |net| NETWORKS[net].to_owned())).unwrap();
            writeln!(text, "directory = {}", written(&group.directory, |name| NAMES[name].to_owned())).unwrap();
        }
        for (place, rule) in self.rules.iter().enumerate() {
            writeln!(text, "[[rule]]\nid = \"r{place}\"\naction = \"block\"").unwrap();
            writeln!(text, "categories = {}", written(&rule.categories, |category| format!("c{category}"))).unwrap();
            // What a list removes may as well stand in its exceptions.
            let (adds, removes) = &rule.domains;
            let names = |places: &[usize]| format!("{:?}", places.iter().map(|host| HOSTS[*host]).collect::<Vec<_>>());
            writeln!(text, "domains = {}\nexcept_domains = {}", names(adds), names(removes)).unwrap();
            if rule.uncategorised {
                writeln!(text, "uncategorised = true").unwrap();
            }
            writeln!(text, "users = {}", written(&rule.users, |user| USERS[user].to_owned())).unwrap();
            writeln!(text, "groups = {}", written(&rule.groups, |group| format!("g{group}"))).unwrap();
            writeln!(text, "networks = {}", written(&rule.networks, |net| NETWORKS[net].to_owned())).unwrap();
            if rule.methods {
                writeln!(text, "methods = [\"POST\"]").unwrap();
            }
        }
        text
    }

    fn in_force(&self) -> InForce {
        let mut compiler = Compiler::default();
        for (place, category) in self.categories.iter().enumerate() {
            let (adds, removes) = &category.listed;
            let adds = adds.iter().map(|&host| format!("{}\n", HOSTS[host]));
            let lines: String = adds.chain(removes.iter().map(|&host| format!("!{}\n", HOSTS[host]))).collect();
            compiler.file(&format!("ut1:c{place}"), Kind::Domains, Format::Ut1, "f", lines.as_bytes());
        }
        let mut bytes = Vec::new();
        compiler.write(&mut bytes, &mut |_| {}).unwrap();
        let source = Source { name: "charter.toml".into(), text: self.text() };
        let (charter, _) = Charter::parse(source, &TimeZone::UTC).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        InForce::new(charter, Index::open(Arc::new(bytes)).unwrap())
    }

    /// The first rule that holds, and the first of its categories by which it does.
    fn decides(&self, asked: &Asked) -> Option<(usize, Option<usize>)> {
        let holds = |list: &Signed, is: &dyn Fn(usize) -> bool| {
            (list.0.iter().any(|place| is(*place)), list.1.iter().any(|place| is(*place)))
        };
        let is_user =
            |user: usize| asked.user.as_ref().is_some_and(|asked| asked.to_lowercase() == USERS[user].to_lowercase());
        let client: IpAddr = CLIENTS[asked.client].parse::<IpAddr>().unwrap().to_canonical();
        let is_within = |network: usize| NETWORKS[network].parse::<ipnet::IpNet>().unwrap().contains(&client);
        let is_named = |name: &str| asked.groups.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        let is_host = |host: usize| host == asked.host;
        let in_group = |group: usize| {
            let Group { users, networks, directory } = &self.groups[group];
            let (users, networks) = (holds(users, &is_user), holds(networks, &is_within));
            let directory = holds(directory, &|name| is_named(NAMES[name]));
            (users.0 || networks.0 || directory.0 || is_named(&format!("g{group}")))
                && !(users.1 || networks.1 || directory.1)
        };
        let in_category = |category: usize| {
            let Category { own, listed } = &self.categories[category];
            let (own, listed) = (holds(own, &is_host), holds(listed, &is_host));
            !own.1 && (own.0 || listed.0 && !listed.1)
        };
        self.rules.iter().enumerate().find_map(|(place, rule)| {
            let (categories, domains) = (holds(&rule.categories, &in_category), holds(&rule.domains, &is_host));
            let anything = rule.categories.0.is_empty() && rule.domains.0.is_empty() && !rule.uncategorised;
            let unknown = rule.uncategorised && !(0..CATEGORIES).any(in_category);
            let what = (anything || unknown || categories.0 || domains.0) && !categories.1 && !domains.1;
            let (users, groups) = (holds(&rule.users, &is_user), holds(&rule.groups, &in_group));
            let networks = holds(&rule.networks, &is_within);
            let anyone = rule.users.0.is_empty() && rule.groups.0.is_empty() && rule.networks.0.is_empty();
            let who = (anyone || users.0 || groups.0 || networks.0) && !(users.1 || groups.1 || networks.1);
            let category = rule.categories.0.iter().copied().find(|category| in_category(*category));
            (what && who && (!rule.methods || asked.method == "POST")).then_some((place, category))
        })
    }
}

fn written((adds, removes): &Signed, text: impl Fn(usize) -> String) -> String {
    let adds = adds.iter().map(|&place| text(place));
    let all: Vec<String> = adds.chain(removes.iter().map(|&place| format!("!{}", text(place)))).collect();
    format!("{all:?}")
}

fn query<'a>(target: &'a Target, groups: &'a [&'a str]) -> Query<'a> {
    let client = IpAddr::from([192, 0, 2, 1]);
    Query { target, method: "GET", user: None, groups, client, at: Timestamp::UNIX_EPOCH }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_rule_found_is_the_first_that_holds(model in model(), asked in prop::collection::vec(asked(), 20)) {
        let in_force = model.in_force();
        for asked in &asked {
            let target = Target::of_host(HOSTS[asked.host]).unwrap();
            let groups: Vec<&str> = asked.groups.iter().map(String::as_str).collect();
            let client = CLIENTS[asked.client].parse().unwrap();
            let query = Query { user: asked.user.as_deref(), client, method: asked.method, ..query(&target, &groups) };
            let decision = in_force.decide(&query);
            let (rule, category) = model.decides(asked).unzip();
            let expected = (rule.map(|rule| format!("r{rule}")), category.flatten().map(|place| format!("c{place}")));
            let found = (in_force.rule(&decision), in_force.category(&decision));
            prop_assert_eq!(found, (expected.0.as_deref(), expected.1.as_deref()), "{:?}\n{}", asked, model.text());
        }
    }
}

/// A thousand rules with names of their own, beside 256 categories.
#[test]
fn a_thousand_rules_with_names_of_their_own_decide_each_on_its_own() {
    let mut text = "default = \"allow\"\n".to_owned();
    for place in 0..256 {
        writeln!(text, "[categories.c{place}]\ndomains = [\"c{place}.example\"]").unwrap();
    }
    for place in 0..1000 {
        writeln!(text, "[[rule]]\nid = \"r{place}\"\naction = \"block\"\ndomains = [\"r{place}.example\"]").unwrap();
    }
    let all: Vec<String> = (0..256).map(|place| format!("c{place}")).collect();
    writeln!(text, "[[rule]]\nid = \"all\"\naction = \"block\"\ncategories = {all:?}").unwrap();
    let source = Source { name: "charter.toml".into(), text };
    let (charter, warnings) = Charter::parse(source, &TimeZone::UTC).unwrap();
    assert_eq!(warnings, []);
    let in_force = InForce::new(charter, Index::empty());
    let decided = |host: String| {
        let target = Target::of_host(&host).unwrap();
        let decision = in_force.decide(&query(&target, &[]));
        let own = |text: Option<&str>| text.map(str::to_owned);
        (decision.action, own(in_force.rule(&decision)), own(in_force.category(&decision)))
    };
    for place in 0..1000 {
        assert_eq!(decided(format!("www.r{place}.example")), (Action::Block, Some(format!("r{place}")), None));
    }
    for place in 0..256 {
        let expected = (Action::Block, Some("all".to_owned()), Some(format!("c{place}")));
        assert_eq!(decided(format!("c{place}.example")), expected);
    }
    assert_eq!(decided("elsewhere.example".to_owned()), (Action::Allow, None, None));
}

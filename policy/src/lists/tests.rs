//! Lines of every sort, good and bad.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use crate::{Index, Target};
use std::sync::Arc;

fn read(kind: Kind, format: Format, text: &[u8]) -> (FileReport, Index) {
    let mut compiler = Compiler::default();
    let report = compiler.file("l:c", kind, format, "f", text);
    (report, written(compiler))
}

fn written(compiler: Compiler) -> Index {
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).unwrap();
    Index::open(Arc::new(bytes)).unwrap()
}

/// The entries that cover a host or URL, exceptions with `!` in front.
fn covering(index: &Index, asked: &str) -> Vec<String> {
    let target = if asked.contains("://") { Target::of_url(asked) } else { Target::of_host(asked) }.unwrap();
    let mut hits = Vec::new();
    index.hits(&target, &mut hits);
    let mut entries = Vec::new();
    for hit in hits {
        for source in index.set(hit.set) {
            let mark = if index.sources()[usize::from(source.0)].removes { "!" } else { "" };
            entries.push(format!("{mark}{}", index.entry(&target, hit)));
        }
    }
    entries
}

fn reasons(report: &FileReport) -> Vec<(u64, &str)> {
    report.examples.iter().map(|bad| (bad.line, bad.why.as_str())).collect()
}

#[test]
fn ut1_files_by_path() {
    let adult = |kind| Some(Ut1File { folder: "adult".into(), kind });
    assert_eq!(ut1_file("adult/domains"), adult(Some(Kind::Domains)));
    assert_eq!(ut1_file("./blacklists/adult/urls"), adult(Some(Kind::Urls)));
    assert_eq!(ut1_file("/srv/ut1/adult/expressions"), adult(Some(Kind::Expressions)));
    assert_eq!(ut1_file("blacklists/adult/usage"), adult(None));
    for path in
        ["domains", "blacklists/README", "adult/very_restrictive_expression", "adult/", "../domains", "/domains"]
    {
        assert_eq!(ut1_file(path), None, "{path}");
    }
}

#[test]
fn names_in_all_their_dress() {
    let text = b"\xEF\xBB\xBFfirst.example\r\n\r\n# comment\n  *.Second.Example.  # why\n.third.example\nb\xC3\xBCcher.example\n\
        !good.first.example\n! better.first.example\n1.2.3.4\n2001:DB8::1\n[2001:db8::2]\nlast_one.example";
    let (report, index) = read(Kind::Domains, Format::Domains, text);
    assert_eq!((report.kept, report.bad), (10, 0), "{report:?}");
    for name in ["first.example", "second.example", "third.example", "xn--bcher-kva.example", "last_one.example"] {
        assert_eq!(covering(&index, name), [name]);
        assert_eq!(covering(&index, &format!("a.b.{name}")), [name]);
        assert_eq!(covering(&index, &format!("x{name}")), [""; 0]);
    }
    assert_eq!(covering(&index, "good.first.example"), ["first.example", "!good.first.example"]);
    assert_eq!(covering(&index, "a.better.first.example"), ["first.example", "!better.first.example"]);
    assert_eq!(covering(&index, "0x01020304"), ["1.2.3.4"]);
    assert_eq!(covering(&index, "2001:db8:0::1"), ["2001:db8::1"]);
    assert_eq!(covering(&index, "2001:db8::2"), ["2001:db8::2"]);
    assert_eq!(index.sources().len(), 2);
    assert_eq!((index.sources()[0].entries, index.sources()[1].entries, index.entries()), (8, 2, 10));
    assert_eq!(index.source("l:c").and_then(|source| index.exceptions(source)), Some(SourceId(1)));
}

#[test]
fn bad_names_are_counted_and_the_first_shown() {
    let text =
        "ok.example\na..b\ncom\nexample.com/dir\n1.2.3.256\nhost:port\nbad one.example\n*.\nsee http://x\n10.0.0.0/8";
    let (report, index) = read(Kind::Domains, Format::Ut1, text.as_bytes());
    assert_eq!((report.kept, report.bad, index.entries()), (1, 9, 1));
    assert_eq!(
        reasons(&report),
        [
            (2, "the host has an empty label: two dots in a row, or one in front"),
            (3, "a top-level name would cover everything under it"),
            (4, "a path: URLs belong into `urls`"),
            (5, "the host ends in a number but is not an IPv4 address"),
            (6, "the host holds ':', which no host name may"),
        ]
    );
    assert_eq!(report.examples[2].text, "example.com/dir");
}

#[test]
fn older_encodings_are_read_and_junk_is_bad_lines() {
    let text = b"caf\xE9.example\n\x89PNG\x1a\0\nok.example\rother.example\r";
    let (report, index) = read(Kind::Domains, Format::Domains, text);
    assert_eq!((report.kept, report.bad), (3, 1), "{report:?}");
    assert_eq!(report.examples[0].text, "\u{fffd}PNG\\u{1a}\\u{0}");
    assert_eq!(covering(&index, "www.caf\u{e9}.example"), ["xn--caf-dma.example"]);
    assert_eq!(covering(&index, "other.example"), ["other.example"]);
    let (_, index) = read(Kind::Urls, Format::Ut1, b"a.example/caf\xE9\n");
    assert_eq!(covering(&index, "http://a.example/caf%e9"), ["a.example/caf%E9"]);
    let endless = [vec![b'x'; 1 << 20], b"\nok.example\n".to_vec()].concat();
    let (report, _) = read(Kind::Domains, Format::Domains, &endless);
    assert_eq!((report.kept, reasons(&report)), (1, vec![(1, "it is longer than 16384 bytes")]));
    let long = "a ".repeat(4000);
    let (report, _) = read(Kind::Domains, Format::Domains, long.as_bytes());
    assert!(report.examples[0].text.len() < 100);
}

#[test]
fn only_the_charter_may_list_a_name_without_a_dot() {
    let mut compiler = Compiler::default();
    assert_eq!(compiler.file("d", Kind::Domains, Format::Domains, "f", b"zip").kept, 0);
    assert_eq!(compiler.own("own", Kind::Domains, "charter.toml", b"zip\nintranet").kept, 2);
    let index = written(compiler);
    assert_eq!(covering(&index, "any.zip"), ["zip"]);
    assert_eq!(covering(&index, "anyzip"), [""; 0]);
}

#[test]
fn an_address_is_not_a_suffix() {
    let (_, index) = read(Kind::Domains, Format::Domains, b"2.3.4.5\n3.4\n");
    assert_eq!(covering(&index, "2.3.4.5"), ["2.3.4.5"]);
    assert_eq!(covering(&index, "3.4"), ["3.0.0.4"]);
    assert_eq!(covering(&index, "1.2.3.4"), [""; 0]);
    assert_eq!(covering(&index, "5.4.3.2"), [""; 0]);
}

#[test]
fn ports_of_others_are_left_away_and_our_own_are_refused() {
    let (_, index) = read(Kind::Domains, Format::Ut1, b"a.example:8080\n1.2.3.4:81\n[2001:db8::1]:82\n2001:db8::83\n");
    for host in ["a.example", "1.2.3.4", "2001:db8::1", "2001:db8::83"] {
        assert_eq!(covering(&index, host), [host]);
    }
    let (_, index) = read(Kind::Urls, Format::Ut1, b"1.2.3.4:8080/m\n");
    assert_eq!(covering(&index, "http://1.2.3.4/m"), ["1.2.3.4/m"]);
    assert_eq!(covering(&index, "http://1.2.3.4:8080/m"), ["1.2.3.4/m"]);
    let mut compiler = Compiler::default();
    for (kind, entry) in [(Kind::Domains, "a.example:80"), (Kind::Urls, "a.example:8080/x")] {
        assert_eq!(compiler.own("own", kind, "charter.toml", entry.as_bytes()).bad, 1, "{entry}");
    }
}

#[test]
fn adblock_rules_that_a_proxy_can_keep() {
    let text = "[Adblock Plus 2.0]\n! a comment\n||ads.example^\n||Track.example^$important,all\n@@||fine.ads.example^\n\
        ||site.example/banner/\n|https://www.page.example/dir\n@@||site.example/banner/ok\n\n";
    let (report, index) = read(Kind::Domains, Format::Adblock, text.as_bytes());
    assert_eq!((report.kept, report.bad), (6, 0), "{report:?}");
    assert_eq!(covering(&index, "x.ads.example"), ["ads.example"]);
    assert_eq!(covering(&index, "fine.ads.example"), ["ads.example", "!fine.ads.example"]);
    assert_eq!(covering(&index, "track.example"), ["track.example"]);
    assert_eq!(covering(&index, "http://site.example/banner/1.gif"), ["site.example/banner/"]);
    assert_eq!(covering(&index, "http://site.example/banner/ok"), ["site.example/banner/", "!site.example/banner/ok"]);
    assert_eq!(covering(&index, "http://site.example/"), [""; 0]);
    assert_eq!(covering(&index, "http://page.example/dir/x"), ["page.example/dir"]);
}

#[test]
fn adblock_rules_that_it_cannot_say_why() {
    for (rule, why) in [
        ("example.com##.ad", "it hides or changes a part of a page, which a proxy does not see"),
        ("###banner", "it hides or changes a part of a page, which a proxy does not see"),
        ("/ads[0-9]+/", "a regular expression"),
        ("||a.example^$third-party", "the option `third-party` asks what a proxy does not see"),
        ("||a.example^$important,domain=b.example", "the option `domain` asks what a proxy does not see"),
        ("||a.example^$~script", "the option `script` asks what a proxy does not see"),
        ("||*.example^", "a wildcard"),
        ("&ad_box=", "a piece of an address, which may stand anywhere in it"),
        ("-banner-300x250.", "a piece of an address, which may stand anywhere in it"),
        ("|http:", "a piece of an address, which may stand anywhere in it"),
        ("||exam", "the beginning of a name; `||name^` is the whole"),
        ("||a.example^path^", "a separator within the address"),
        ("||com^", "a top-level name would cover everything under it"),
        ("||", "the beginning of a name; `||name^` is the whole"),
    ] {
        let (report, _) = read(Kind::Domains, Format::Adblock, rule.as_bytes());
        assert_eq!(reasons(&report), [(1, why)], "{rule}");
    }
    let (report, _) = read(Kind::Domains, Format::Adblock, b"a.example##x\nb.example##y\n&ad=\n");
    assert_eq!(report.reasons.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
}

const ZONE: &str = "$TTL 300\n\
    rpz.test. IN SOA localhost. root.localhost. (\n  2026112401 ; serial\n  3600 600\n  86400 300 )\n  IN NS localhost.\n\
    bad.example CNAME .\n*.bad.example 300 IN CNAME .\nNodata.example\tCNAME\t*.\ndrop.example.rpz.test. CNAME rpz-drop.\n\
    good.bad.example CNAME rpz-passthru.\nnowhere.example A 0.0.0.0\n  AAAA ::\n";

#[test]
fn a_response_policy_zone() {
    let (report, index) = read(Kind::Domains, Format::Rpz, ZONE.as_bytes());
    assert_eq!((report.kept, report.bad), (7, 0), "{report:?}");
    for name in ["bad.example", "nodata.example", "drop.example", "nowhere.example"] {
        assert_eq!(covering(&index, &format!("www.{name}")), [name]);
    }
    assert_eq!(covering(&index, "good.bad.example"), ["bad.example", "!good.bad.example"]);
}

#[test]
fn records_that_a_proxy_cannot_keep_say_why() {
    for (record, why) in [
        (
            "www.google.com CNAME forcesafesearch.google.com.",
            "it leads elsewhere, where a proxy refuses or lets through",
        ),
        ("a.example A 10.0.0.1", "it leads elsewhere, where a proxy refuses or lets through"),
        ("32.4.3.2.1.rpz-ip CNAME .", "a trigger by `rpz-ip`, which a proxy does not look at"),
        ("ns.example.rpz-nsdname CNAME .", "a trigger by `rpz-nsdname`, which a proxy does not look at"),
        ("a.example CNAME rpz-tcp-only.", "`rpz-tcp-only` is for resolvers"),
        ("a.example.other. CNAME .", "the zone's name is not known: neither $ORIGIN nor SOA says it"),
        ("$ORIGIN rpz.test.\na.example. CNAME .", "its owner is outside the zone"),
        ("$INCLUDE other", "a directive that is not understood"),
        ("a.example", "no record: it has an owner, a type and a value"),
        ("a.example CNAME", "no record: its value is missing"),
        ("@ CNAME .", "its owner is the zone itself"),
        ("a.example MX 10 mail.", "a record of another type"),
        ("a.example A nowhere", "its value is no address"),
        ("a..b CNAME .", "the host has an empty label: two dots in a row, or one in front"),
    ] {
        let (report, _) = read(Kind::Domains, Format::Rpz, record.as_bytes());
        assert_eq!(report.examples.iter().map(|bad| bad.why.as_str()).collect::<Vec<_>>(), [why], "{record}");
    }
}

#[test]
fn what_a_publisher_says_of_its_categories() {
    let white = ut1_usage(b"white\nchild\n");
    assert!(white.is_white() && !white.withdrawn && white.remarks.is_empty());
    assert!(!ut1_usage(b"white\nblack\n").is_white());
    let remarked = ut1_usage(b"#\tThis list is no longer maintained.\n#\nblack\nphishing\n");
    assert_eq!((remarked.black, remarked.remarks), (true, vec!["This list is no longer maintained.".to_owned()]));
    for words in ["# DO NOT USE\nblack", "ne pas utiliser !", "black\n#don't use it"] {
        assert!(ut1_usage(words.as_bytes()).withdrawn, "{words}");
    }
    assert!(is_withdrawn("DO_NOT_USE") && is_withdrawn("ne-pas-utiliser") && !is_withdrawn("do_use"));
    let all = ut1_usages(
        b"#\tNAME : name of tar blacklist\nNAME:\tliste_bu\nDEFAULT_TYPE: white\nDESC FR: Une liste tr\xE8s locale\n\
        NAME:   old\nDEFAULT_TYPE: black\nDESC EN: Do not use.\n",
    );
    assert_eq!(all.keys().collect::<Vec<_>>(), ["liste_bu", "old"]);
    assert!(all["liste_bu"].is_white() && !all["liste_bu"].withdrawn && all["old"].withdrawn);
}

#[test]
fn a_source_that_is_left_out_leaves_the_others_as_they_are() {
    let mut compiler = Compiler::default();
    for (source, text) in [("ut1:old", "both.example\nold.example"), ("ut1:adult", "both.example\nx.example")] {
        compiler.file(source, Kind::Domains, Format::Ut1, "f", text.as_bytes());
        compiler.file(source, Kind::Urls, Format::Ut1, "f", b"u.example/x");
        compiler.file(source, Kind::Expressions, Format::Ut1, "f", b"word");
    }
    compiler.file("ut1:old", Kind::Expressions, Format::Ut1, "f", b"other");
    compiler.alias("ut1:older", "ut1:old");
    compiler.leave_out("ut1:old");
    let index = written(compiler);
    assert_eq!(index.names(), ["ut1:adult"]);
    assert_eq!(index.entries(), 4);
    assert_eq!(covering(&index, "old.example"), [""; 0]);
    assert_eq!(covering(&index, "both.example"), ["both.example"]);
    assert_eq!(covering(&index, "http://u.example/x?word"), ["u.example/x", "word"]);
    assert_eq!(covering(&index, "http://other.example/other"), [""; 0]);
}

#[test]
fn hosts_files() {
    let text = "127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\nfe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n\
        0.0.0.0 ads.example Tracker.Example # both\n:: six.example\n0.0.0.0\nads2.example\n10.0.0.7 printer.example\n\
        0.0.0.0 good.example ba..d also.example\n0.0.0.0 com\n";
    let (report, index) = read(Kind::Domains, Format::Hosts, text.as_bytes());
    assert_eq!((report.kept, report.bad), (2, 4), "{report:?}");
    assert_eq!(
        reasons(&report),
        [
            (8, "it does not begin with an address"),
            (9, "`10.0.0.7` is where a host is, not a way to block it"),
            (10, "the host has an empty label: two dots in a row, or one in front"),
            (11, "a top-level name would cover everything under it"),
        ]
    );
    for name in ["ads.example", "tracker.example", "six.example", "good.example", "also.example"] {
        assert_eq!(covering(&index, name), [name]);
    }
    assert_eq!(covering(&index, "printer.example"), [""; 0]);
}

#[test]
fn urls_end_at_boundaries() {
    let text = "example.com/dir\nwww.example.org/a/\nsite.example\nq.example/f?id=1\np.example/find?q=\n\
        e.example/x.php?\nHTTPS://Up.example/%7Ea/./b\n!example.com/dir/fine\n1.2.3.4/x\n";
    let (report, index) = read(Kind::Urls, Format::Ut1, text.as_bytes());
    assert_eq!((report.kept, report.bad), (9, 0), "{report:?}");
    for (url, entries) in [
        ("http://example.com/dir", &["example.com/dir"][..]),
        ("http://www.example.com/dir/x", &["example.com/dir"]),
        ("http://example.com/dir?x", &["example.com/dir"]),
        ("http://example.com//dir/../dir/x", &["example.com/dir"]),
        ("http://example.com/%64ir", &["example.com/dir"]),
        ("http://example.com:8080/dir", &["example.com/dir"]),
        ("http://example.com/dir/fine/x", &["example.com/dir", "!example.com/dir/fine"]),
        ("http://example.com/direct", &[]),
        ("http://example.com/Dir", &[]),
        ("http://example.com/", &[]),
        ("http://sub.example.com/dir", &[]),
        ("example.com", &[]),
        ("http://example.org/a/", &["example.org/a/"]),
        ("http://example.org/a/b", &["example.org/a/"]),
        ("http://example.org/a", &[]),
        ("http://site.example/any", &["site.example/"]),
        ("www.site.example", &["site.example/"]),
        ("x.site.example", &[]),
        ("http://q.example/f?id=1", &["q.example/f?id=1"]),
        ("http://q.example/f?id=1&p=2", &["q.example/f?id=1"]),
        ("http://q.example/f?id=12", &[]),
        ("http://p.example/find?q=any", &["p.example/find?q="]),
        ("http://e.example/x.php?any", &["e.example/x.php"]),
        ("https://up.example/~a/b", &["up.example/~a/b"]),
        ("http://16909060/x", &["1.2.3.4/x"]),
    ] {
        assert_eq!(covering(&index, url), entries, "{url}");
    }
    let (report, _) = read(Kind::Urls, Format::Ut1, b"ftp://a.example/\na b\n/x\n");
    assert_eq!(report.bad, 3);
}

#[test]
fn expressions_are_words_or_patterns() {
    let text = "# comment\n(/banner/|/event.ng/)\nsexe|porno\n^[0-9.]+/search\\?q=[0-9]+$\nCasino\n";
    let (report, index) = read(Kind::Expressions, Format::Ut1, text.as_bytes());
    assert_eq!((report.kept, report.bad), (4, 0), "{report:?}");
    for (url, entries) in [
        ("http://a.example/banner/x.gif", &["(/banner/|/event.ng/)"][..]),
        ("http://a.example/./BANNER/x.gif", &["(/banner/|/event.ng/)"]),
        ("http://1.2.3.4/search?q=5", &["^[0-9.]+/search\\?q=[0-9]+$"]),
        ("http://1.2.3.4/search?q=5a", &[]),
        ("sexe-et-porno.example", &["sexe|porno"]),
        ("super-CASINO.example", &["Casino"]),
        ("a.example", &[]),
    ] {
        assert_eq!(covering(&index, url), entries, "{url}");
    }
}

#[test]
fn expressions_that_cannot_be_kept_say_why() {
    let text = "(?=ahead)x\n(a\na*\n\u{e9}t\u{e9}\n(a{500}){500}\nfine\n";
    let (report, index) = read(Kind::Expressions, Format::Ut1, text.as_bytes());
    assert_eq!((report.kept, report.bad, index.entries()), (1, 5, 1));
    assert_eq!(
        reasons(&report),
        [
            (1, "look-around, including look-ahead and look-behind, is not supported"),
            (2, "unclosed group"),
            (3, "it matches everything"),
            (4, "only ASCII is matched: write other characters as URLs escape them"),
            (5, "it is too large once compiled"),
        ]
    );
}

#[test]
fn aliases_and_categories() {
    let mut compiler = Compiler::default();
    compiler.file("ut1:adult", Kind::Domains, Format::Ut1, "adult/domains", b"both.example\nboth.example\nx.example");
    compiler.file("ut1:empty", Kind::Domains, Format::Ut1, "empty/domains", b"");
    compiler.file("ut1:other", Kind::Domains, Format::Ut1, "other/domains", b"both.example");
    for (alias, source) in [
        ("ut1:porn", "ut1:adult"),
        ("ut1:sexe", "ut1:porn"),
        ("ut1:other", "ut1:adult"),
        ("ut1:lost", "ut1:nowhere"),
        ("ut1:round", "ut1:about"),
        ("ut1:about", "ut1:round"),
    ] {
        compiler.alias(alias, source);
    }
    assert_eq!(compiler.entries(), 4);
    let index = written(compiler);
    assert_eq!(index.names(), ["ut1:adult", "ut1:empty", "ut1:other", "ut1:porn", "ut1:sexe"]);
    assert_eq!((index.source("ut1:sexe"), index.source("ut1:other")), (Some(SourceId(0)), Some(SourceId(2))));
    assert_eq!((index.source("ut1:lost"), index.exceptions(SourceId(0))), (None, None));
    let entries: Vec<u64> = index.sources().iter().map(|source| source.entries).collect();
    assert_eq!((entries, index.entries()), (vec![2, 0, 1], 3));
    let mut hits = Vec::new();
    index.hits(&Target::of_host("both.example").unwrap(), &mut hits);
    assert_eq!(index.set(hits[0].set), [SourceId(0), SourceId(2)]);
    assert!(index.sets() >= 2);
}

#[test]
fn work_rests_often_and_comes_out_the_same() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static RESTS: AtomicU32 = AtomicU32::new(0);
    let rest = || {
        RESTS.fetch_add(1, Ordering::Relaxed);
    };
    let rested = || RESTS.swap(0, Ordering::Relaxed);
    let text: String = (0..20_000).map(|n| format!("name-{}.example\n", n * 7919 % 20_000)).collect();
    let written = |mut compiler: Compiler| {
        compiler.file("ut1:adult", Kind::Domains, Format::Ut1, "adult/domains", text.as_bytes());
        let read = rested();
        let mut bytes = Vec::new();
        compiler.write(&mut bytes, &mut |_| {}).unwrap();
        (bytes, read, rested())
    };
    let (bytes, read, sorted) = written(Compiler::at_pace(rest));
    assert!(read >= 50 && sorted >= 50, "{read} and {sorted} rests");
    assert_eq!((bytes.clone(), 0, 0), written(Compiler::default()));
    let index = Index::open_at_pace(Arc::new(bytes), rest).unwrap();
    assert_eq!(index.entries(), 20_000);
}

#[test]
fn a_text_that_cannot_be_read_to_its_end_leaves_what_came_before() {
    struct Torn;
    impl io::Read for Torn {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("torn"))
        }
    }
    let mut compiler = Compiler::default();
    let mut text = io::BufReader::new(io::Read::chain(&b"a.example\nb.exam"[..], Torn));
    let (report, outcome) = compiler.stream("ut1:adult", Kind::Domains, Format::Ut1, "adult/domains", &mut text);
    assert_eq!((report.kept, report.bad), (1, 0), "half a name is none");
    assert_eq!(outcome.unwrap_err().to_string(), "torn");
}

//! Spellings and what becomes of them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use proptest::prelude::*;

fn host(url: &str) -> String {
    Target::of_url(url).unwrap_or_else(|error| panic!("{url}: {error}")).host().to_owned()
}

fn refusal(url: &str) -> TargetError {
    Target::of_url(url).expect_err(url)
}

#[test]
fn one_name_in_many_spellings() {
    for url in [
        "http://bücher.example/",
        "HTTP://BÜCHER.EXAMPLE",
        "http://xn--bcher-kva.example",
        "http://XN--BCHER-KVA.example./",
        "http://b%C3%BCcher.example:80/",
        "http://b%c3%bccher%2Eexample:/",
        "http://bu\u{308}cher\u{3002}example\u{3002}",
        "http://ｂüｃｈｅｒ．example",
        "http://bücher.example.:80",
    ] {
        assert_eq!(host(url), "xn--bcher-kva.example", "{url}");
    }
}

#[test]
fn one_ipv4_address_in_many_spellings() {
    let expected = Target::of_url("http://192.168.2.1/").unwrap();
    assert_eq!(expected.ip(), Some("192.168.2.1".parse().unwrap()));
    for url in [
        "http://192.168.2.1.",
        "http://192.168.513",
        "http://192.11010561",
        "http://3232236033",
        "http://0xC0A80201",
        "http://0xc0.0xa8.0x2.0x1",
        "http://0300.0250.02.01",
        "http://0300.168.0x201",
        "http://１９２．１６８．２．１/",
        "http://192%2E168%2E2%2E1/",
        "http://192.168.%32.1/",
        "http://[::ffff:192.168.2.1]/",
        "http://[::FFFF:C0A8:201]:80/",
        "http://[0:0:0:0:0:ffff:c0a8:0201]/",
    ] {
        assert_eq!(Target::of_url(url).as_ref(), Ok(&expected), "{url}");
    }
    assert_eq!(host("http://0x/"), "0.0.0.0");
    assert_eq!(host("http://0/"), "0.0.0.0");
    assert_eq!(host("http://4294967295/"), "255.255.255.255");
}

#[test]
fn what_ends_in_a_number_is_an_address_or_nothing() {
    for url in [
        "http://1.2.3.256",
        "http://1.2.3.4.5",
        "http://256.1",
        "http://4294967296",
        "http://99999999999999999999",
        "http://1.2.09",
        "http://example.1",
        "http://example.0x1",
        "http://1..2",
        "http://1.2.3.+4",
        "http://foo.0x",
    ] {
        let error = refusal(url);
        assert!(matches!(error, TargetError::Ipv4 | TargetError::HostCharacter('+')), "{url}: {error:?}");
    }
    assert_eq!(host("http://1.2.3.4a"), "1.2.3.4a");
    assert_eq!(host("http://0xg.example"), "0xg.example");
}

#[test]
fn ipv6() {
    let target = Target::of_url("https://[2001:DB8:0:0::0:1]:8443/x").unwrap();
    assert_eq!((target.host(), target.port()), ("2001:db8::1", 8443));
    assert_eq!(target.authority(), "[2001:db8::1]:8443");
    assert_eq!(Target::of_authority("[::1]:443").unwrap().authority(), "[::1]");
    assert_eq!(Target::of_host("::1").unwrap(), Target::of_authority("[::1]:443").unwrap());
    assert_eq!(refusal("http://[fe80::1%eth0]/"), TargetError::Zone);
    assert_eq!(refusal("http://[fe80::1%25eth0]/"), TargetError::Zone);
    for url in ["http://::1/", "http://[::1/", "http://[::1]x/", "http://[1.2.3.4]/", "http://[]/", "http://[::g]/"] {
        assert_eq!(refusal(url), TargetError::Ipv6, "{url}");
    }
}

#[test]
fn refused_hosts() {
    let long_label = format!("http://{}.example", "a".repeat(64));
    let long_name = format!("http://{}example", "abcdefghi.".repeat(25));
    for (url, error) in [
        ("http://", TargetError::NoHost),
        ("http:///path", TargetError::NoHost),
        ("http://:80/", TargetError::NoHost),
        ("http://./", TargetError::NoHost),
        ("http://a..b/", TargetError::EmptyLabel),
        ("http://.a/", TargetError::EmptyLabel),
        ("http://a../", TargetError::EmptyLabel),
        ("http://user@host/", TargetError::UserInfo),
        ("http://good.example:80@evil.example/", TargetError::UserInfo),
        ("http://good.example\\@evil.example/", TargetError::UserInfo),
        ("http://good.example\\.evil.example/", TargetError::HostCharacter('\\')),
        ("http://a b/", TargetError::HostCharacter(' ')),
        ("http://a%00b/", TargetError::HostCharacter('\0')),
        ("http://a%2Fb/", TargetError::HostCharacter('/')),
        ("http://a%40b/", TargetError::HostCharacter('@')),
        ("http://a%3A80/", TargetError::HostCharacter(':')),
        ("http://a%2540b/", TargetError::HostCharacter('%')),
        ("http://a\tb/", TargetError::HostCharacter('\t')),
        ("http://a*b/", TargetError::HostCharacter('*')),
        ("http://a%zz/", TargetError::HostEscape),
        ("http://a%4/", TargetError::HostEscape),
        ("http://a%FF/", TargetError::HostEscape),
        ("http://xn--a/", TargetError::Idna),
        ("http://a\u{2100}b/", TargetError::Idna),
        (&long_label, TargetError::LabelTooLong),
        (&long_name, TargetError::NameTooLong),
        ("http://a:0/", TargetError::Port),
        ("http://a:65536/", TargetError::Port),
        ("http://a:+80/", TargetError::Port),
        ("http://a:8 0/", TargetError::Port),
        ("http://a:80:90/", TargetError::Port),
        ("ftp://a/", TargetError::Scheme("ftp".into())),
        ("/path", TargetError::NotAbsolute),
        ("a.example:80", TargetError::NotAbsolute),
        ("/x?u=http://a/", TargetError::NotAbsolute),
        ("://a/", TargetError::NotAbsolute),
        ("http://a/b c", TargetError::UrlByte(b' ')),
        ("http://a/b\rc", TargetError::UrlByte(b'\r')),
        ("http://a/?b\0", TargetError::UrlByte(0)),
    ] {
        assert_eq!(refusal(url), error, "{url:?}");
        assert!(error.to_string().len() > 10);
    }
}

#[test]
fn names_of_the_wild_are_accepted() {
    for name in ["_dmarc.example", "a_b.example", "r3---sn-x.example", "-a-.example", "localhost", "a.b.c.d.e.f"] {
        assert_eq!(host(&format!("http://{name}/")), name);
    }
    let longest = format!("{}abc", "abcdefghi.".repeat(25));
    assert_eq!(host(&format!("http://{longest}./")), longest);
}

#[test]
fn authority_needs_a_port() {
    let target = Target::of_authority("WWW.Example.COM.:8443").unwrap();
    assert_eq!((target.scheme(), target.host(), target.port()), (Scheme::Https, "www.example.com", 8443));
    assert_eq!((target.path(), target.path_and_query(), target.locator()), ("", "", ""));
    assert_eq!(target.authority(), "www.example.com:8443");
    assert_eq!(Target::of_authority("example.com:00443").unwrap().authority(), "example.com");
    assert_eq!(Target::of_authority("example.com"), Err(TargetError::MissingPort));
    assert_eq!(Target::of_authority("example.com:"), Err(TargetError::MissingPort));
    assert_eq!(Target::of_authority("u@example.com:443"), Err(TargetError::UserInfo));
    assert_eq!(Target::of_authority("example.com/x:443"), Err(TargetError::HostCharacter('/')));
    assert_eq!(Target::of_authority("https://example.com:443"), Err(TargetError::Port));
    assert_eq!(Target::of_authority(""), Err(TargetError::MissingPort));
}

#[test]
fn another_name_for_the_same_destination() {
    let target = Target::of_url("https://a.example:8443/x/../y?q").unwrap().under_name("B.long.example").unwrap();
    assert_eq!(target, Target::of_url("https://b.long.example:8443/x/../y?q").unwrap());
    assert_eq!(target.under_name("b..c"), Err(TargetError::EmptyLabel));
}

#[test]
fn paths() {
    for (asked, kept, path, locator) in [
        ("", "/", "/", "/"),
        ("?q", "/?q", "/", "/?q"),
        ("/#f", "/", "/", "/"),
        ("/a?b#f?g", "/a?b", "/a", "/a?b"),
        ("/a/./b/../c", "/a/./b/../c", "/a/c", "/a/c"),
        ("/a/%2e%2E/c", "/a/%2e%2E/c", "/c", "/c"),
        ("/../../a", "/../../a", "/a", "/a"),
        ("/a/..", "/a/..", "/", "/"),
        ("/a/b/..", "/a/b/..", "/a/", "/a/"),
        ("/a/.", "/a/.", "/a/", "/a/"),
        ("//a///b//", "//a///b//", "/a/b/", "/a/b/"),
        ("/...", "/...", "/...", "/..."),
        ("/.a", "/.a", "/.a", "/.a"),
        ("/%7Ea%2fb%c3%a9", "/%7Ea%2fb%c3%a9", "/~a/b%C3%A9", "/~a/b%C3%A9"),
        ("/x%2f..%5Csecret", "/x%2f..%5Csecret", "/secret", "/secret"),
        ("/été", "/%C3%A9t%C3%A9", "/%C3%A9t%C3%A9", "/%C3%A9t%C3%A9"),
        ("/a\\b|c", "/a\\b|c", "/a/b%7Cc", "/a/b%7Cc"),
        ("/100%", "/100%", "/100%25", "/100%25"),
        ("/%%32%35", "/%%32%35", "/%2525", "/%2525"),
        ("/A?x=../%41|&y=//", "/A?x=../%41|&y=//", "/A", "/A?x=../A%7C&y=//"),
    ] {
        let target = Target::of_url(&format!("http://h.example{asked}")).unwrap();
        assert_eq!(target.path_and_query(), kept, "{asked}");
        assert_eq!(target.path(), path, "{asked}");
        assert_eq!(target.locator(), locator, "{asked}");
        assert_eq!(target.host_and_locator(), format!("h.example{locator}"), "{asked}");
    }
}

/// Servers that merge slashes first and servers that merge them last would each serve another document.
#[test]
fn a_path_that_leads_to_two_places_is_no_target() {
    for path in ["/secret//..", "/secret/x/..//..", "/a%2f/..", "/a//%2e%2E/b", "/a/\\..", "//.."] {
        let told = Target::of_url(&format!("http://h.example{path}"));
        if path == "//.." {
            assert!(told.is_ok(), "{path} leads to / either way");
        } else {
            assert_eq!(told, Err(TargetError::AmbiguousPath), "{path}");
        }
    }
    assert_eq!(Target::of_url("http://h.example//dir/../dir/x").unwrap().path(), "/dir/x");
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "/", "//", ".", "..", "%2e", "%2E", "a", "B", "é", "%c3", "%41", "%", "%2", "?", "&", "=", "%2f", "|", "~",
            "\\",
        ]),
        0..12,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(host in "[a-zA-ZäßÇ０-９0-9_-]{1,8}(\\.[a-zA-Zé0-9]{1,6}){0,3}\\.?", path in any_path()) {
        if let Ok(once) = Target::of_url(&format!("http://{host}/{path}")) {
            let url = format!("{}://{}{}", once.scheme().as_str(), once.authority(), once.locator());
            let twice = Target::of_url(&url).unwrap();
            prop_assert_eq!(once.host(), twice.host());
            prop_assert_eq!(once.ip(), twice.ip());
            prop_assert_eq!(once.path(), twice.path());
            prop_assert_eq!(once.locator(), twice.locator());
            prop_assert_eq!(twice.path_and_query(), twice.locator());
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_the_address(address: u32, radices in prop::array::uniform4(0..3usize), parts in 1..=4usize, dot: bool) {
        let spell = |number: u32, radix: usize| match radix {
            0 => number.to_string(),
            1 => format!("0{number:o}"),
            _ => format!("0x{number:X}"),
        };
        let bytes = address.to_be_bytes();
        let mut spelt: Vec<String> = (0..parts - 1).map(|i| spell(bytes[i].into(), radices[i])).collect();
        let last = if parts == 1 { address } else { address & (u32::MAX >> (8 * (parts - 1))) };
        spelt.push(spell(last, radices[3]));
        let host = format!("{}{}", spelt.join("."), if dot { "." } else { "" });
        let expected = std::net::Ipv4Addr::from(address);
        let target = Target::of_authority(&format!("{host}:443")).unwrap();
        prop_assert_eq!(target.host(), expected.to_string());
        prop_assert_eq!(Target::of_host(&format!("::ffff:{expected}")).unwrap().ip(), Some(expected.into()));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,40}") {
        let _ = (Target::of_url(&text), Target::of_authority(&text), Target::of_host(&text), Target::of_url(&format!("http://{text}")));
    }

    #[test]
    fn a_host_in_normal_form_is_a_host(text in "[ -~é。０]{1,20}") {
        if let Ok(target) = Target::of_host(&text) {
            let again = Target::of_host(target.host()).unwrap();
            prop_assert_eq!(again, target);
        }
    }
}

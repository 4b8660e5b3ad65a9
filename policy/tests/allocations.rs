//! A decision that lets through allocates nothing: not for who asks, nor for what is listed, nor among a thousand rules.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(unsafe_code, reason = "only an allocator sees what is allocated")]
use jiff::{Timestamp, tz::TimeZone};
use policy::index::Kind;
use policy::lists::{Compiler, Format};
use policy::{Action, Charter, InForce, Index, Query, Source, Target};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is the system allocator's, with the arguments it was given.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and no test runs on it.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A thousand rules, two hundred groups, sixty categories.
fn in_force() -> InForce {
    let mut text = "[lists.ut1]\nformat = \"ut1\"\nsource = \"ut1\"\n".to_owned();
    for place in 0..60 {
        writeln!(text, "[categories.c{place}]\nlists = [\"ut1:c{place}\"]").unwrap();
    }
    for place in 0..200 {
        writeln!(text, "[groups.g{place}]\nusers = [\"u{place}\"]\ndirectory = [\"CN=G{place},DC=test\"]").unwrap();
    }
    for place in 0..1000 {
        let what = match place % 4 {
            0 => format!("categories = [\"c{}\"]", place % 59),
            1 => format!("domains = [\"d{place}.example\"]"),
            2 => "media_types = [\"video/*\"]\nmin_size = \"1GB\"".to_owned(),
            _ => "extensions = [\"exe\"]\nmethods = [\"POST\"]".to_owned(),
        };
        let group = place % 199;
        writeln!(text, "[[rule]]\nid = \"r{place}\"\naction = \"block\"\ngroups = [\"g{group}\"]\n{what}").unwrap();
    }
    text += "[[rule]]\nid = \"webmail\"\naction = \"allow\"\ncategories = [\"c59\"]\n";
    let mut compiler = Compiler::default();
    for place in 0..60 {
        let lines = format!("l{place}.example\nshared.example\n");
        compiler.file(&format!("ut1:c{place}"), Kind::Domains, Format::Ut1, "f", lines.as_bytes());
    }
    compiler.file("ut1:c59", Kind::Expressions, Format::Ut1, "f", b"casino|roulette\n");
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).unwrap();
    let source = Source { name: "charter.toml".into(), text };
    let (charter, _) = Charter::parse(source, &TimeZone::UTC).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    InForce::new(charter, Index::open(Arc::new(bytes)).unwrap())
}

#[test]
fn what_is_let_through_costs_no_allocation() {
    let in_force = in_force();
    let directory = ["CN=G199,DC=test", "CN=G7,DC=test", "CN=Elsewhere,DC=test"];
    let asked = [
        ("unlisted, by tunnel", Target::of_host("www.elsewhere.example").unwrap(), "CONNECT", None, &directory[..0]),
        (
            "unlisted, by URL",
            Target::of_url("http://www.a.example/x/y.html?q=1").unwrap(),
            "GET",
            None,
            &directory[..0],
        ),
        ("somebody in groups", Target::of_host("a.example").unwrap(), "CONNECT", Some("U7"), &directory[..]),
        ("allowed by a list", Target::of_host("www.l59.example").unwrap(), "CONNECT", Some("u199"), &directory[..]),
        ("an address", Target::of_host("192.0.2.1").unwrap(), "CONNECT", Some("u8"), &directory[..]),
    ];
    for (what, target, method, user, groups) in &asked {
        let client = [10, 0, 0, 1].into();
        let query = Query { target, method, user: *user, groups, client, at: Timestamp::UNIX_EPOCH };
        // The first time, regular expressions make room for themselves.
        assert_eq!(in_force.decide(&query).action, Action::Allow, "{what}");
        let before = ALLOCATIONS.get();
        let decision = in_force.decide(&query);
        let after = ALLOCATIONS.get();
        assert_eq!(after - before, 0, "{what}: {decision:?}");
    }
}

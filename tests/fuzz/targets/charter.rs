//! A charter from any text: every problem points into the text and can be shown; what is accepted decides.
#![no_main]

use fuzz::{decided, index, query};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use policy::{Charter, InForce, Problem, Problems, Query, Source, Target};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Source { name: "charter.toml".into(), text };
    match Charter::parse(source.clone(), &TimeZone::UTC) {
        Err(problems) => {
            assert_eq!(problems.source, source);
            assert!(problems.problems.iter().any(|problem| !problem.warning), "refused, and nothing is wrong");
            shown(&problems);
        }
        Ok((charter, warnings)) => {
            assert!(warnings.iter().all(|warning| warning.warning));
            shown(&Problems { source: source.clone(), problems: warnings });
            let again = Charter::parse(source, &TimeZone::UTC).expect("it was just read").0;
            assert_eq!(charter.identity(), again.identity());
            decides(&InForce::new(charter, index()), &InForce::new(again, index()));
        }
    }
});

/// Problems point into the text, and the report says each of them.
fn shown(problems: &Problems) {
    let report = problems.render(false);
    for Problem { message, span, also, .. } in &problems.problems {
        for span in also.iter().map(|(span, _)| span).chain([span]) {
            let length = problems.source.text.len();
            assert!(span.start <= span.end && span.end <= length, "{message}: {span:?} of {length}");
        }
        assert!(report.contains(message.lines().next().unwrap_or_default().trim()), "{message:?} is not in:\n{report}");
    }
    let _ = problems.render(true);
}

fn decides(in_force: &InForce, again: &InForce) {
    let charter = in_force.charter();
    let _ = (charter.refused(), in_force.missing_lists(), charter.rules(), charter.knows_group("direction"));
    assert_eq!(in_force.expectations().len(), again.expectations().len());
    for url in ["http://www.listed.example/", "https://b.example/a/b/c?q=1", "http://127.0.0.1:8080/a", "http://[::1]/"]
    {
        let target = Target::of_url(url).expect("a good URL");
        assert_eq!(decided(in_force, &target), decided(again, &target));
        let summer = jiff::Timestamp::constant(1_785_000_000, 0);
        let groups = &["direction", "CN=Direction,DC=example"];
        let client = std::net::Ipv6Addr::LOCALHOST.into();
        for other in [
            Query { user: None, client, ..query(&target) },
            Query { method: "POST", groups, at: summer, ..query(&target) },
        ] {
            let decision = in_force.decide(&other);
            assert_eq!(decision, again.decide(&other));
            // What decided has a name: the rule, or the default.
            assert!(in_force.rule(&decision).is_some() || in_force.evidence(&other, &decision).is_none());
            let _ = (in_force.reason(&decision), in_force.schedule(&decision), in_force.groups(&other));
        }
    }
}

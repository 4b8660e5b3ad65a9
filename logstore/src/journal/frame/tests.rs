//! Frames: written, torn, damaged, hidden.

use super::*;
use proptest::prelude::*;

/// Nothing is hidden.
const CLEAR: Form<'static> = Form::Clear;

fn sample() -> (Entry, Ending) {
    let verdict = Verdict {
        action: Action::Warn,
        rule: Some("r".into()),
        article: None,
        category: Some("jeux".into()),
        charter: "2026-11".into(),
    };
    let entry = Entry {
        opened_at: 7,
        user: None,
        auth: Auth::Negotiate,
        client_ip: [10, 0, 0, 1].into(),
        method: "GET".into(),
        scheme: "http",
        host: Some("a.example".into()),
        port: 80,
        path: Some("x".repeat(300).into()),
        masked: None,
        verdict: verdict.clone(),
    };
    let ending = Ending {
        closed_at: 9,
        destination_ip: Some([0xfe80, 0, 0, 0, 0, 0, 0, 1].into()),
        status: Some(0),
        bytes_sent: 1,
        bytes_received: u64::MAX,
        outcome: Outcome::Continued,
        later: Some(Box::new(Later { verdict, tls_name: Some("b.example".into()) })),
    };
    (entry, ending)
}

/// Three frames, where each ends, and what each says.
fn written() -> (Vec<u8>, Vec<usize>, Vec<Frame>) {
    let (entry, ending) = sample();
    let (mut bytes, mut ends) = (Vec::new(), vec![]);
    opened(&mut bytes, 1, &entry);
    ends.push(bytes.len());
    settled(&mut bytes, 1, 7, &ending);
    ends.push(bytes.len());
    padding(&mut bytes, 20);
    ends.push(bytes.len());
    let frames = vec![
        Frame::Opened(Box::new(Row::opened(1, "".into(), &entry))),
        Frame::Settled { id: 1, opened_at: 7, ending },
        Frame::Padding,
    ];
    (bytes, ends, frames)
}

#[test]
fn frames_read_back_as_they_were_written() {
    let (bytes, _, frames) = written();
    let scan = scan(&bytes, CLEAR);
    assert_eq!((scan.frames, scan.torn, scan.damaged), (frames, 0, vec![]));
}

#[test]
fn a_tail_torn_anywhere_costs_the_last_frame_alone() {
    let (bytes, ends, frames) = written();
    for cut in 0..bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let good = ends[..whole].last().copied().unwrap_or(0);
        let scan = scan(&bytes[..cut], CLEAR);
        assert_eq!(scan.frames, frames[..whole]);
        assert_eq!((scan.torn, scan.damaged), ((cut - good) as u64, vec![]));
    }
}

#[test]
fn frames_that_were_hidden_together_open_together_or_not_at_all() {
    let (clear, ends, frames) = written();
    let hide = |text: &mut [u8]| {
        text.iter_mut().for_each(|byte| *byte ^= 0x55);
        [7; TAG]
    };
    let reveal = |count: u32, hidden: &[u8]| {
        let (text, tag) = hidden.split_last_chunk::<TAG>()?;
        (*tag == [7; TAG] && count == 3).then(|| text.iter().map(|byte| byte ^ 0x55).collect())
    };
    assert_eq!((whole(&clear, 1), whole(&clear, ends[1]), whole(&clear, usize::MAX)), (ends[0], ends[1], clear.len()));
    let mut bytes = Vec::new();
    hidden(&mut bytes, 3, &clear, hide);
    assert_eq!(scan(&bytes, Form::Hidden(&reveal)).frames, frames);
    assert_eq!(scan(&bytes, CLEAR).frames, []);
    let one = bytes.len();
    opened(&mut bytes, 2, &sample().0);
    let clear = scan(&bytes, CLEAR);
    assert_eq!((clear.frames.len(), clear.damaged.first()), (1, Some(&(0..one))));
    // What stands in the clear among what is hidden is nobody's.
    let hidden = scan(&bytes, Form::Hidden(&reveal));
    assert_eq!((hidden.frames.len(), hidden.torn), (3, (bytes.len() - one) as u64));
}

proptest! {
    #[test]
    fn a_damaged_byte_costs_its_frame_alone(at in 0_usize..1000, flip in 1_u8..) {
        let (mut bytes, ends, frames) = written();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let hit = ends.iter().position(|end| at < *end).unwrap_or(0);
        let mut left = frames;
        left.remove(hit);
        prop_assert_eq!(scan(&bytes, CLEAR).frames, left);
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_scanned(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let scan = scan(&bytes, CLEAR);
        prop_assert!(scan.frames.is_empty() && scan.torn == bytes.len() as u64);
    }
}

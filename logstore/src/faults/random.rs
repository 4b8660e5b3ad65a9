//! Killed at any instant, again and again, while days begin, are sealed and purged.

use super::script::take_up;
use super::{HOUR, MIDNIGHT, Said, World, is_long, start_child};
use serde_json::json;

/// Half of the children die at the passing of some point, half at some instant of work.
#[tokio::test]
async fn killed_at_random_nothing_is_lost() {
    let rounds = if is_long() { 1000 } else { 50 };
    let world = World::new(MIDNIGHT + 20 * HOUR);
    let mut said = Said::default();
    let mut lot = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..rounds {
        lot ^= lot << 13;
        lot ^= lot >> 7;
        lot ^= lot << 17;
        let mut part = json!({ "dir": world.dir, "now": world.now(), "script": "busy", "seed": lot >> 1 });
        let (at_a_point, how_far) = (lot >> 8 & 1 == 0, lot >> 16 & 0xff);
        if at_a_point {
            part["passing"] = json!(1 + how_far);
        }
        let mut child = start_child(&part, None);
        if !at_a_point {
            let began = std::time::Instant::now();
            let said = world.dir.join("said");
            // So many bytes written down: so far at least.
            while std::fs::metadata(&said).map_or(0, |data| data.len()) < how_far * 400 {
                assert!(began.elapsed() < super::LIMIT && child.try_wait().unwrap().is_none(), "round {round}");
                std::thread::yield_now();
            }
            child.kill().unwrap();
        }
        let ended = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&ended.stdout);
        assert!(!ended.status.success() && ended.status.code().is_none(), "round {round}: {text}");
        take_up(&world, &mut said).await;
    }
    let purged = crate::chain::text(&crate::retention::certificates_file(&world.register())).unwrap();
    assert!(purged.lines().count() > 3, "{} rounds reach several purges", rounds);
}

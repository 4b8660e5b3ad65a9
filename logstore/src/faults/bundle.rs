//! A bundle whose disk fills, or whose process is killed, leaves nothing under its name, and nothing at all once the next begins.

use super::disk::Disk;
use super::script::import;
use super::{DAY, World, names, start_child};
use crate::bundle::tests::{head, options};
use crate::bundle::{Bundle, BundleError, Encryption, Made, verify};
use crate::{Search, visit_proven};
use serde_json::json;
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

fn folder(world: &World) -> PathBuf {
    world.disk().join("out")
}

/// Takes everything out of the register.
pub(super) async fn make(world: &World) -> Result<Made, BundleError> {
    let keys = world.keys();
    let mut bundle = Bundle::begin(&folder(world).join("a.zip"), options(Encryption::None), head(), &keys)?;
    bundle.add_file("letter.html", "text/html", "La lettre", &[b'x'; 9000])?;
    let (register, everything, mut failed) = (world.register(), [Search::default()], None);
    let visit = visit_proven(&register, &keys, &everything, |day| match bundle.add_day(&day) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    assert!(visit.await.unwrap().is_empty());
    failed.map_or_else(|| bundle.finish(), Err)
}

fn holds(world: &World) {
    let report = verify(&folder(world).join("a.zip"), Some(&world.keys().public()), None).unwrap();
    assert_eq!((report.days, report.records, report.proved), (3, 3000, 3000));
}

#[tokio::test]
async fn a_bundle_that_finds_no_room_leaves_nothing() {
    let world = World::new(20_012 * DAY);
    let disk = Disk::of(&world);
    import(&world, 1000).await;
    std::fs::create_dir(folder(&world)).unwrap();
    let mut failed = 0;
    for left in (0..60).step_by(4) {
        disk.fill(left);
        let made = make(&world).await;
        disk.room();
        match made {
            Err(error) => {
                assert!(error.to_string().contains(folder(&world).to_str().unwrap()), "{error}");
                assert!(error.to_string().contains("os error"), "{error}");
                assert_eq!(names(&folder(&world)), [""; 0], "{left} pages: {error}");
                failed += 1;
            }
            Ok(_) => {
                holds(&world);
                std::fs::remove_file(folder(&world).join("a.zip")).unwrap();
            }
        }
    }
    assert!(failed > 5, "{failed}");
    make(&world).await.unwrap();
    holds(&world);
}

#[tokio::test]
async fn a_bundle_that_is_cut_is_not_there_and_the_next_tidies_up() {
    for (point, passing) in [
        ("bundle spool made", 1),
        ("bundle begun", 1),
        ("bundle half written", 2),
        ("bundle not signed", 1),
        ("bundle whole", 1),
        ("bundle named", 1),
    ] {
        let world = World::new(20_012 * DAY);
        import(&world, 1000).await;
        std::fs::create_dir(folder(&world)).unwrap();
        let part =
            json!({ "dir": world.dir, "now": world.now(), "script": "bundle", "point": point, "passing": passing });
        let ended = start_child(&part, None).wait_with_output().unwrap();
        assert_eq!(ended.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&ended.stdout));
        if point == "bundle named" {
            holds(&world);
            assert!(matches!(make(&world).await, Err(BundleError::Exists(_))));
        } else {
            let left = names(&folder(&world));
            assert!(
                left.len() == 1 && left[0].starts_with(".octroi-") && left[0].ends_with(".draft"),
                "{point}: {left:?}"
            );
            make(&world).await.unwrap();
            holds(&world);
        }
        assert_eq!(names(&folder(&world)), ["a.zip"], "{point}");
    }
}

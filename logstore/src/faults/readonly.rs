//! A disk that turns read-only while the register is kept: openings are refused with the file and the reason.

use super::disk::{make_read_only, unmount};
use super::full::until;
use super::{Client, HOUR, MIDNIGHT, Said, World};
use crate::Health;

#[tokio::test]
async fn a_read_only_disk_stops_openings_until_it_is_writable_again() {
    let mut world = World::new(MIDNIGHT + 12 * HOUR);
    // A segment for each write: what is open stays writable.
    world.tuning.segment_bytes = 1;
    let register = world.start().await;
    let mut client = Client { world: &world, register: register.clone(), task: 0, number: 0 };
    for _ in 0..5 {
        client.page().await;
    }
    register.flush().await.unwrap();
    let folder = std::fs::canonicalize(world.register()).unwrap();
    let aside = world.dir.join("aside");
    let mounted = make_read_only(&folder);
    if !mounted {
        eprintln!("nothing can be mounted here: the journal's folder is taken away instead");
        std::fs::rename(folder.join("journal"), &aside).unwrap();
    }
    let refused = client.try_open().await.err().unwrap().why;
    let reason = if mounted { "Read-only file system" } else { "No such file" };
    assert!(refused.contains(".journal: ") && refused.contains(reason), "{refused}");
    assert!(matches!(register.health(), Health::Unwritable { .. }));
    if mounted {
        unmount(&folder);
    } else {
        std::fs::rename(&aside, folder.join("journal")).unwrap();
    }
    until("a journal that is written again", || matches!(register.health(), Health::Writable)).await;
    client.page().await;
    register.flush().await.unwrap();
    assert_eq!(register.finish().await, 0);
    let mut said = Said::default();
    said.read(&world.dir);
    said.check(&world).await;
    world.holds().await;
}

//! What a bridge may believe that starts again: killed before it had asked for anything, or given an older
//! index, or an older state folder.

use std::path::{Path, PathBuf};

use footbridge::config::Config;
use m365_sim::{Hold, Kind, Tenant};

use super::bench::{
    BOB, MINUTE, away, files, id_of, named, nameless, outbox, pass, queueing, received, reports,
    settle, submit, until_empty,
};
use crate::world::{ADA, World};

const ALIAS: &str = "a.lovelace@contoso.example";
const INDEX: [&str; 3] = ["index.db", "index.db-wal", "index.db-shm"];

/// A world whose bridge is cut short when it is stopped.
async fn mortal() -> World {
    let adjust = |config: &mut Config| {
        queueing(config);
        config.limits.drain = std::time::Duration::ZERO;
    };
    let prepare = |tenant: &Tenant| tenant.alias(ADA, ALIAS);
    let world = World::adjusted(Tenant::builder().user(ADA), prepare, adjust).await;
    world.ready().await;
    world
}

/// The bridge dies; something happens to the mailbox's folder; it lives again.
async fn die(world: &mut World, hold: Option<Hold>, change: impl FnOnce(&Path)) {
    world.stop().await;
    drop(hold);
    change(&mailbox(world));
    world.start().await;
    world.ready().await;
}

fn mailbox(world: &World) -> PathBuf {
    outbox(world).parent().unwrap().to_owned()
}

/// A copy of some of a mailbox's files, as a backup has it.
struct Backup(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Backup {
    fn of_index(world: &World) -> Self {
        let paths = INDEX.map(|name| mailbox(world).join(name));
        // What is shared among processes is made anew.
        Self(paths.map(|path| (path.clone(), std::fs::read(path).ok())).into())
    }

    fn of_folder(world: &World) -> Self {
        let Self(mut kept) = Self::of_index(world);
        for name in files(world) {
            let path = outbox(world).join(name);
            kept.push((path.clone(), std::fs::read(path).ok()));
        }
        Self(kept)
    }

    fn put_back(self) {
        for (path, content) in self.0 {
            let _ = std::fs::remove_file(&path);
            match content {
                Some(content) if path.extension().unwrap() != "db-shm" => {
                    std::fs::write(path, content).unwrap();
                }
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn what_was_killed_before_anything_was_asked_goes_out_at_once() {
    let mut world = mortal().await;
    away(&world);
    let message = String::from_utf8(named(1)).unwrap().replace(ADA, ALIAS);
    let mut smtp = world.smtp().await;
    id_of(&smtp.submit(ALIAS, &[BOB], message.as_bytes()).await);
    settle(&world).await;
    world.tenant.faults().clear();
    // Its sender is asked about.
    let hold = world.tenant.hold_before(Kind::User);
    world.advance(5 * MINUTE);
    hold.arrived(1).await;
    die(&mut world, Some(hold), |_| {}).await;
    pass(&world, MINUTE).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

#[tokio::test]
async fn a_look_that_was_cut_off_does_not_begin_the_wait_anew() {
    let mut world = mortal().await;
    away(&world);
    id_of(&submit(&world, named(1)).await);
    settle(&world).await;
    world.tenant.faults().clear();
    let lose = |mailbox: &Path| {
        INDEX.iter().for_each(|name| drop(std::fs::remove_file(mailbox.join(name))));
    };
    die(&mut world, None, lose).await;
    settle(&world).await;
    let hold = world.tenant.hold_before(Kind::ListMessages);
    world.advance(20 * MINUTE);
    hold.arrived(1).await;
    die(&mut world, Some(hold), |_| {}).await;
    for _ in 0..8 {
        assert_eq!(received(&world, 1), 0, "what was cut off may show itself late");
        pass(&world, MINUTE).await;
    }
    for _ in 0..8 {
        pass(&world, MINUTE).await;
    }
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

#[tokio::test]
async fn an_older_index_that_is_put_back_sends_nothing_again() {
    for kind in [Kind::CreateMime, Kind::Send] {
        for is_tried in [false, true] {
            for is_done in [false, true] {
                let case = format!("{kind:?}, tried before: {is_tried}, done: {is_done}");
                let mut world = mortal().await;
                let mut backup = Backup::of_index(&world);
                away(&world);
                id_of(&submit(&world, named(1)).await);
                settle(&world).await;
                if is_tried {
                    backup = Backup::of_index(&world);
                }
                world.tenant.faults().clear();
                let hold = match is_done {
                    false => world.tenant.hold_before(kind),
                    true => world.tenant.hold(kind),
                };
                world.advance(5 * MINUTE);
                hold.arrived(1).await;
                die(&mut world, Some(hold), |_| backup.put_back()).await;
                until_empty(&world).await;
                // A draft that was made late is removed when nobody can wait for it any more.
                pass(&world, 45 * MINUTE).await;
                assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{case}");
                assert!(world.ada().items("Drafts").is_empty(), "{case}: a draft is left");
            }
        }
    }
}

#[tokio::test]
async fn a_state_folder_that_is_put_back_sends_nothing_again_that_the_bridge_has_named() {
    let mut world = mortal().await;
    away(&world);
    id_of(&submit(&world, nameless(1)).await);
    settle(&world).await;
    let backup = Backup::of_folder(&world);
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
    assert!(files(&world).is_empty());
    die(&mut world, None, |_| backup.put_back()).await;
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

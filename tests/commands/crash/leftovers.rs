//! What a kill may leave in the state folder is never taken for what it was to become.

use std::fs;
use std::path::PathBuf;

use crate::client::logs_in;
use crate::world::{ADA, World};

/// Of a file that was being written: nothing yet, a part, something of another time.
const PARTS: [&[u8]; 3] =
    [b"", b"FBVAULT1\x00\x01", b"[[connection]]\naddress = \"eve@contoso.exa"];

/// Each file that is replaced whole, as it stands before its last step.
fn drafts(world: &World) -> Vec<PathBuf> {
    let vault = fs::read_dir(world.state().join("vault")).unwrap();
    let sealed = vault.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_none());
    let mailbox = world.state().join("mail").join(ADA);
    vec![
        sealed.unwrap().with_extension("new"),
        world.state().join("connections.toml.new"),
        world.state().join("last-used.json.new"),
        mailbox.join("owner.new"),
        mailbox.join("uidvalidity.new"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn half_written_files_and_old_locks_are_never_read() {
    let world = World::new().await;
    let added = world.add(&[]).await;
    let password = added["password"].as_str().unwrap();
    for part in PARTS {
        let mut serving = world.start(&["serve", "--json"]);
        let ready = serving.json().await;
        assert!(logs_in(ready["imap"][0].as_str().unwrap(), ADA, password).await);
        serving.kill();
        let drafts = drafts(&world);
        for draft in &drafts {
            fs::write(draft, part).unwrap();
        }
        world.run(&["connection", "show", ADA]).await.done();
        world.run(&["connection", "ping", ADA]).await.done();
        world.add(&["--replace"]).await;
        world.run(&["connection", "ping", ADA]).await.done();
        assert!(!drafts[0].exists() && !drafts[1].exists(), "the next writing takes their place");
    }
    world.run(&["connection", "remove", ADA]).await.done();
    world.add(&[]).await;
    world.run(&["connection", "ping", ADA]).await.done();
}

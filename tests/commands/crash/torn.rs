//! Killed in the middle of writing a file, exactly there: the system ends a process whose file grows
//! past a limit, after it has written as much as fits.

use std::fs;
use std::process::Command;

use crate::client::logs_in;
use crate::process::Process;
use crate::world::{ADA, CLIENT, SCOPES, World};

/// In blocks of 512 octets: not one octet of any file, then always a little more.
const LIMITS: [u32; 4] = [0, 1, 2, 64];
/// Makes the list of connections longer than the shorter limits.
const LABEL: &str = "a label that takes up its room in the list of connections, as do the others";

#[tokio::test(flavor = "multi_thread")]
async fn no_command_leaves_half_a_file_that_is_read() {
    let world = World::new().await;
    let added = world.add(&[]).await;
    let password = added["password"].as_str().unwrap();
    for _ in 0..4 {
        world.run(&["password", "add", ADA, "--label", LABEL]).await.done();
    }
    let list = world.state().join("connections.toml");
    assert!(fs::metadata(&list).unwrap().len() > 1024);
    let token = world.folder.path().join("token").display().to_string();
    fs::write(&token, world.tenant.grant(ADA, CLIENT, SCOPES)).unwrap();
    // The bridge first, for it makes a mailbox's folder.
    let commands: [&[&str]; 4] = [
        &["serve", "--json"],
        &["connection", "ping", ADA],
        &["connection", "add", ADA, "--replace", "--refresh-token-file", &token],
        &["password", "add", ADA, "--label", LABEL],
    ];
    let mut killed = 0;
    for (command, limit) in commands.iter().flat_map(|command| LIMITS.map(|limit| (command, limit)))
    {
        let before = fs::read(&list).unwrap();
        let mut process = limited(&world, limit, command);
        if command[0] == "serve" && process.logs_before_its_end("access token refreshed").await {
            process.terminate();
        }
        let was_killed = process.end().await.code.is_none();
        killed += u32::from(was_killed);
        println!("{command:?} with {limit} blocks: killed: {was_killed}");
        assert!(!was_killed || fs::read(&list).unwrap() == before, "half a change was taken over");
        world.run(&["connection", "show", ADA]).await.done();
        world.run(&["connection", "ping", ADA]).await.done();
        let mut serving = world.start(&["serve", "--json"]);
        let ready = serving.json().await;
        assert!(logs_in(ready["imap"][0].as_str().unwrap(), ADA, password).await);
    }
    assert!(killed >= 8, "only {killed} were killed");
}

fn limited(world: &World, limit: u32, arguments: &[&str]) -> Process {
    let program = world.command(world.folder.path(), arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -f \"$0\" && exec \"$@\"", &limit.to_string()]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.env_clear().env("FOOTBRIDGE_LOG", "trace");
    Process::start(&mut shell)
}

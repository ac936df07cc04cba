//! COMPRESS=DEFLATE (RFC 4978).

use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, mail};

use super::{trust, world};

async fn compressed(world: &World) -> ImapClient {
    let mut imap = world.selected("INBOX").await;
    imap.compress().await;
    imap
}

async fn with_mail() -> World {
    World::with(|tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")))).await
}

/// Hard to compress: no run of it comes twice.
fn noise(octets: usize) -> Vec<u8> {
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcdefghijklmnopqrstuvwxyz012345"[(state >> 27) as usize]
    };
    (0..octets).map(|at| if at % 70 == 0 { b'\n' } else { next() }).collect()
}

fn large() -> Vec<u8> {
    let body = String::from_utf8(noise(2_000_000)).unwrap().replace('\n', "\r\n");
    [mail("Large"), body.into_bytes(), b"\r\n".repeat(200_000)].concat()
}

#[tokio::test]
async fn a_whole_conversation_travels_compressed() {
    let world = with_mail().await;
    let mut imap = world.stranger().await;
    assert!(!imap.greeting.contains("COMPRESS"), "{}", imap.greeting);
    imap.command("COMPRESS DEFLATE").await.bad();
    let login = imap.command(&format!("LOGIN {ADA} {}", world.password)).await.ok();
    assert!(login.code("CAPABILITY").contains("COMPRESS=DEFLATE"), "{login}");
    imap.command("COMPRESS LZMA").await.bad();
    imap.compress().await;
    imap.command("COMPRESS DEFLATE").await.no("COMPRESSIONACTIVE").silent();
    imap.command("SELECT INBOX").await.ok().expect("* 1 EXISTS");
    assert_eq!(imap.message(1).await, mail("One"));
    let large = large();
    imap.append("INBOX", &large).await.ok();
    assert_eq!(imap.message(2).await, large);
    imap.command("LOGOUT").await.ok();
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn it_is_smaller_on_the_way() {
    let world = World::with(|tenant| {
        let letter = [mail("Dull"), b"All work and no play.\r\n".repeat(20_000)].concat();
        tenant.person(ADA).inbox().deliver(letter);
    })
    .await;
    let mut imap = compressed(&world).await;
    let before = imap.octets();
    assert!(imap.message(1).await.len() > 460_000);
    let octets = imap.octets() - before;
    assert!(octets < 20_000, "{octets} octets");
}

#[tokio::test]
async fn it_goes_inside_tls() {
    let world = world().await;
    let mut imap = world.stranger().await.start_tls(&trust(&world)).await;
    imap.command(&format!("LOGIN {ADA} {}", world.password)).await.ok();
    imap.command("SELECT INBOX").await.ok();
    imap.compress().await;
    assert_eq!(imap.message(1).await, mail("One"));
    imap.command("STARTTLS").await.bad();
}

#[tokio::test]
async fn idling_for_long_does_no_harm() {
    let world = with_mail().await;
    let mut imap = compressed(&world).await;
    assert_eq!(imap.message(1).await, mail("One"));
    for count in 2..5 {
        let tag = imap.idle().await;
        world.look_later().await;
        world.ada().inbox().deliver(mail("More"));
        world.tick().await;
        assert_eq!(imap.text().await, format!("* {count} EXISTS"));
        imap.done(&tag).await.ok();
        assert_eq!(imap.message(count).await, mail("More"));
    }
}

#[tokio::test]
async fn words_behind_the_command_end_the_conversation() {
    let world = with_mail().await;
    let mut imap = world.imap().await;
    imap.send(b"a COMPRESS DEFLATE\r\nb NOOP\r\n").await;
    assert!(imap.text().await.starts_with("* BYE "));
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn what_cannot_be_inflated_ends_the_connection() {
    let world = with_mail().await;
    let mut imap = compressed(&world).await;
    // 11: a kind of block that there is none of.
    imap.send_raw(&[0xFF; 64]).await;
    assert!(imap.is_closed().await);
    world.imap().await.command("NOOP").await.ok();
}

/// 8 MB of one letter come as some 40 kB; a line may have 64 KiB and no more is ever held.
#[tokio::test]
async fn a_bomb_goes_off_at_the_limit_of_a_line() {
    let world = with_mail().await;
    let mut imap = compressed(&world).await;
    let mut deflate = Compress::new(Compression::fast(), false);
    let (mut bomb, piece) = (Vec::with_capacity(1 << 20), vec![b'a'; 1 << 20]);
    for _ in 0..8 {
        deflate.compress_vec(&piece, &mut bomb, FlushCompress::None).unwrap();
    }
    deflate.compress_vec(&[], &mut bomb, FlushCompress::Sync).unwrap();
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    imap.send_raw(&bomb).await;
    assert!(imap.text().await.starts_with("* BAD "));
    assert!(imap.text().await.starts_with("* BYE "));
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn silence_is_counted_as_ever() {
    let world = with_mail().await;
    let mut imap = compressed(&world).await;
    world
        .while_time_passes(async {
            assert!(imap.text().await.starts_with("* BYE "));
            assert!(imap.is_closed().await);
        })
        .await;
    let half_an_hour = Duration::from_secs(30 * 60);
    let passed = world.clock.now().0 - crate::world::START;
    assert!(passed >= i64::try_from(half_an_hour.as_secs()).unwrap(), "{passed} s");
}

//! What a session reads of a message that another session is only just filing or copying.

use m365_sim::Kind;

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, mail};

/// Exchange would make other bytes of this: other boundaries, other encodings.
const REPORT: &[u8] = b"From: Ada <ada@contoso.example>\r\nTo: bob@elsewhere.example\r\nSubject: Read: Hello\r\n\
    Message-ID: <report@contoso.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=odd\r\n\r\n\
    --odd\r\nContent-Type: text/plain\r\n\r\nThe message was displayed.\r\n--odd\r\n\
    Content-Type: text/x-odd\r\n\r\nReporting-UA: desk\r\n--odd--\r\n";

/// What `reader` reads of a message while `writes` waits for the service's answer to a request of this kind. A bystander reads
/// the folder's first message meanwhile: that was there before and need not wait.
async fn read_meanwhile(
    world: &World,
    (kind, writes): (Kind, impl Future<Output = ()>),
    (reader, bystander): (&mut ImapClient, &mut ImapClient),
    uid: u32,
) -> Vec<u8> {
    let hold = world.tenant.hold(kind);
    let reads = async {
        hold.arrived(1).await;
        world.tick().await;
        reader.command("NOOP").await.ok();
        assert!(reader.uids().await.contains(&uid), "the session knows of the message");
        let reading = reader.message(uid);
        tokio::pin!(reading);
        tokio::select! {
            biased;
            _ = &mut reading => panic!("read before its bytes were recorded"),
            first = bystander.message(1) => assert_eq!(first, mail("Earlier")),
        }
        hold.release();
        reading.await
    };
    tokio::join!(writes, reads).1
}

#[tokio::test]
async fn whoever_reads_a_message_while_it_is_filed_gets_the_bytes_that_were_filed() {
    let world = with_mail("Inbox").await;
    let mut writer = world.imap().await;
    let (mut reader, mut bystander) =
        (world.selected("INBOX").await, world.selected("INBOX").await);
    let writes = async { drop(writer.append("INBOX (\\Seen)", REPORT).await.ok()) };
    let sessions = (&mut reader, &mut bystander);
    let read = read_meanwhile(&world, (Kind::CreateJson, writes), sessions, 2).await;
    assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(REPORT));
    assert_eq!(bystander.message(2).await, REPORT);
}

#[tokio::test]
async fn whoever_reads_a_copy_while_it_is_made_gets_the_bytes_of_the_original() {
    let world = with_mail("Work").await;
    let mut writer = world.imap().await;
    writer.append("INBOX (\\Seen)", REPORT).await.ok();
    writer.command("SELECT INBOX").await.ok();
    let (mut reader, mut bystander) = (world.selected("Work").await, world.selected("Work").await);
    let writes = async { drop(writer.command("COPY 1 Work").await.ok()) };
    let sessions = (&mut reader, &mut bystander);
    let read = read_meanwhile(&world, (Kind::Copy, writes), sessions, 2).await;
    assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(REPORT));
}

async fn with_mail(folder: &str) -> World {
    World::with(|tenant| drop(tenant.person(ADA).folder(folder).deliver(mail("Earlier")))).await
}

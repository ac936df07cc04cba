//! Groups of commands in one go (RFC 2920), cut by the network wherever it likes.

use footbridge::config::Config;
use m365_sim::{Switches, Tenant};

use super::{BOB, MESSAGE};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World};

/// A bridge without limits in time: these tests send more in a minute than a person does.
async fn hasty() -> World {
    let adjust = |config: &mut Config| {
        config.submission.messages_per_minute = 10_000;
        config.submission.recipients_per_day = 100_000;
    };
    let mut switches = Switches::default();
    switches.sending.messages_per_minute = 10_000;
    let builder = Tenant::builder().user(ADA).switches(switches);
    World::adjusted(builder, |_| {}, adjust).await
}

/// One of many that differ.
fn message(number: usize) -> String {
    let text = String::from_utf8(MESSAGE.to_vec()).unwrap().replace(".\r\n", "x\r\n");
    text.replace("<1@", &format!("<{number:04}@"))
}

/// Sends a group in two pieces, the second once the bridge had time for the first, and compares
/// the beginnings of the replies, in their order.
async fn say(world: &World, group: &[u8], cut: usize, expected: &[&str]) {
    let mut smtp = world.smtp().await;
    smtp.send(&group[..cut]).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    smtp.send(&group[cut..]).await;
    for code in expected {
        let reply = smtp.reply().await;
        assert!(reply.starts_with(code), "cut at {cut}: {reply}, not {code}");
    }
    assert_eq!(smtp.rest().await, "", "cut at {cut}");
}

#[tokio::test]
async fn replies_to_a_group_with_chunks_stay_in_order_wherever_it_is_cut() {
    let world = hasty().await;
    let group = |message: &str| {
        let (first, second) = message.split_at(100);
        format!(
            "MAIL FROM:<{ADA}>\r\nRCPT TO:<nobody>\r\nRCPT TO:<{BOB}>\r\n\
             BDAT {}\r\n{first}BDAT {}\r\n{second}BDAT 0 LAST\r\nNOOP\r\nQUIT\r\n",
            first.len(),
            second.len()
        )
    };
    let expected = [
        "250 2.1.0 ",
        "501 5.1.3 ",
        "250 2.1.5 ",
        "250 2.0.0 100 octets received",
        "250 2.0.0 ",
        "250 2.0.0 Ok: taken by Microsoft 365 as ",
        "250 2.0.0 OK",
        "221 2.0.0 ",
    ];
    for cut in 0..=group(&message(0)).len() {
        let message = message(cut);
        say(&world, group(&message).as_bytes(), cut, &expected).await;
        let sent = world.tenant.sent_to(BOB);
        assert_eq!(sent.len(), cut + 1);
        assert!(sent[cut].mime == message.as_bytes(), "cut at {cut}: the message was changed");
    }
}

#[tokio::test]
async fn a_group_behind_a_refusal_is_answered_to_its_end_wherever_it_is_cut() {
    let world = hasty().await;
    let group = format!(
        "MAIL FROM:<{ADA}> SIZE=999999999999\r\nRCPT TO:<{BOB}>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\n\
         NOOP\r\nQUIT\r\n"
    );
    let expected = ["552 5.3.4 ", "503 ", "503 ", "503 ", "250 ", "221 "];
    for cut in 0..=group.len() {
        say(&world, group.as_bytes(), cut, &expected).await;
    }
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn commands_behind_the_end_of_data_wait_for_its_answer_wherever_they_are_cut() {
    let world = hasty().await;
    let group = |number| format!("{}.\r\nMAIL FROM:<{ADA}>\r\nRSET\r\nQUIT\r\n", message(number));
    for cut in 0..=group(0).len() {
        let group = group(cut);
        let mut smtp = world.smtp().await;
        smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
        assert!(smtp.command("DATA").await.starts_with("354 "));
        smtp.send(&group.as_bytes()[..cut]).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        smtp.send(&group.as_bytes()[cut..]).await;
        for code in ["250 2.0.0 Ok: ", "250 2.1.0 ", "250 2.0.0 Reset", "221 "] {
            let reply = smtp.reply().await;
            assert!(reply.starts_with(code), "cut at {cut}: {reply}, not {code}");
        }
        assert_eq!(world.tenant.sent_to(BOB).len(), cut + 1);
    }
}

#[tokio::test]
async fn a_whole_conversation_may_come_in_one_go() {
    let world = World::new().await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    use base64::Engine as _;
    let token = format!("\0{ADA}\0{}", world.password);
    let token = base64::prelude::BASE64_STANDARD.encode(token);
    let message = message(1);
    let group = format!(
        "EHLO me\r\nAUTH PLAIN {token}\r\nMAIL FROM:<{ADA}>\r\nRCPT TO:<{BOB}>\r\nBDAT {} LAST\r\n{message}QUIT\r\n",
        message.len()
    );
    smtp.send(group.as_bytes()).await;
    for code in ["250-", "235 ", "250 2.1.0 ", "250 2.1.5 ", "250 2.0.0 Ok: ", "221 "] {
        let reply = smtp.reply().await;
        assert!(reply.starts_with(code), "{reply}, not {code}");
    }
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

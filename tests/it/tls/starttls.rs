//! STARTTLS in both protocols: before, on the edge, and after.

use crate::imap_client::ImapClient;
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World, mail};

use super::{trust, with_tls, world, world_of};

fn login(world: &World) -> String {
    format!("LOGIN {ADA} {}", world.password)
}

#[tokio::test]
async fn no_password_is_taken_before_tls() {
    let world = world().await;
    let mut imap = world.stranger().await;
    assert!(imap.greeting.contains(" STARTTLS LOGINDISABLED]"), "{}", imap.greeting);
    assert!(!imap.greeting.contains("AUTH="), "{}", imap.greeting);
    imap.command(&login(&world)).await.no("PRIVACYREQUIRED").silent();
    imap.command("AUTHENTICATE PLAIN").await.no("PRIVACYREQUIRED").silent();
    imap.command("AUTHENTICATE PLAIN AGFkYQBwdw==").await.no("PRIVACYREQUIRED").silent();
    imap.command("CAPABILITY").await.ok().lacks("AUTH=");

    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    let ehlo = smtp.command("EHLO me").await;
    assert!(ehlo.contains("\n250 STARTTLS") && !ehlo.contains("AUTH"), "{ehlo}");
    for command in ["AUTH PLAIN", "AUTH PLAIN AGFkYQBwdw==", "AUTH LOGIN"] {
        let reply = smtp.command(command).await;
        assert!(reply.starts_with("538 5.7.11 "), "{command}: {reply}");
    }
    let reply = smtp.command(&format!("MAIL FROM:<{ADA}>")).await;
    assert!(reply.starts_with("530 5.7.0 "), "{reply}");
}

#[tokio::test]
async fn an_imap_session_goes_on_under_tls() {
    let world = world().await;
    let imap = world.stranger().await;
    let mut imap = imap.start_tls(&trust(&world)).await;
    let capabilities = imap.command("CAPABILITY").await.ok();
    assert!(capabilities.to_string().contains("AUTH=PLAIN AUTH=LOGIN"), "{capabilities}");
    capabilities.lacks("STARTTLS").lacks("LOGINDISABLED");
    imap.command("STARTTLS").await.bad();
    imap.command(&login(&world)).await.ok();
    imap.command("STARTTLS").await.bad();
    imap.command("SELECT INBOX").await.ok().expect("* 1 EXISTS");
    assert_eq!(imap.message(1).await, mail("One"));
    let large = [mail("Large"), vec![b'x'; 1_000_000], b"\r\n".to_vec()].concat();
    imap.append("INBOX", &large).await.ok();
    assert_eq!(imap.message(2).await, large);
    imap.command("LOGOUT").await.ok();
    assert!(imap.is_closed().await);
}

#[tokio::test]
async fn an_smtp_session_begins_anew_under_tls() {
    let world = world().await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    assert!(smtp.command("EHLO me").await.starts_with("250"));
    let mut smtp = smtp.start_tls(&trust(&world)).await;
    let forgotten = smtp.command("AUTH PLAIN").await;
    assert!(forgotten.starts_with("503 5.5.1 "), "{forgotten}");
    let ehlo = smtp.command("EHLO me").await;
    assert!(ehlo.contains("AUTH PLAIN LOGIN") && !ehlo.contains("STARTTLS"), "{ehlo}");
    let again = smtp.command("STARTTLS").await;
    assert!(again.starts_with("503 5.5.1 "), "{again}");
    smtp.log_in(ADA, &world.password).await;
    let letter = String::from_utf8(mail("Letter")).unwrap().replace("bob@elsewhere.example", ADA);
    let reply = smtp.submit(ADA, &[ADA], letter.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    assert_eq!(world.ada().items("Sent Items").len(), 1);
}

/// CVE-2011-0411: what someone adds to the packet that holds STARTTLS would be taken for the
/// client's own words under TLS.
#[tokio::test]
async fn words_slipped_in_behind_starttls_end_the_conversation() {
    let world = world().await;
    let mut imap = world.stranger().await;
    imap.send(b"a STARTTLS\r\nb NOOP\r\n").await;
    assert!(imap.text().await.starts_with("* BYE "));
    assert!(imap.is_closed().await);
    // Half a command is enough: its rest would come from the client.
    let mut imap = world.stranger().await;
    imap.send(b"a STARTTLS\r\nb LOGIN eve ").await;
    assert!(imap.text().await.starts_with("* BYE "));
    assert!(imap.is_closed().await);

    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    smtp.send(b"EHLO me\r\nSTARTTLS\r\nEHLO eve\r\n").await;
    assert!(smtp.reply().await.starts_with("250"));
    let reply = smtp.reply().await;
    assert!(reply.starts_with("421 4.7.0 "), "{reply}");
    assert_eq!(smtp.reply().await, "");
    // Neither is a message, whatever its octets are counted as.
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    smtp.send(b"EHLO me\r\nBDAT 10\r\nSTARTTLS\r\nSTARTTLS\r\nBDAT 6 LAST\r\nQUIT\r\n").await;
    assert!(smtp.reply().await.starts_with("250"));
    assert!(smtp.reply().await.starts_with("503 5.5.1 "));
    let reply = smtp.reply().await;
    assert!(reply.starts_with("421 4.7.0 "), "{reply}");
    assert_eq!(smtp.reply().await, "");
}

#[tokio::test]
async fn words_in_the_place_of_a_handshake_are_not_read_as_commands() {
    let world = world().await;
    let mut imap = world.stranger().await;
    imap.command("STARTTLS").await.ok();
    imap.send(b"b NOOP\r\n").await;
    // A TLS alert may come; words may not.
    let rest = imap.rest().await;
    assert!(!rest.contains("b OK"), "{rest:?}");

    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    assert!(smtp.command("STARTTLS").await.starts_with("220 "));
    smtp.send(b"NOOP\r\n").await;
    let rest = smtp.rest().await;
    assert!(!rest.contains("250"), "{rest:?}");
    // No one else has noticed.
    ImapClient::connect(world.imap_address()).await.start_tls(&trust(&world)).await;
}

#[tokio::test]
async fn where_plain_text_is_allowed_tls_is_only_offered() {
    let world = world_of(|config| {
        with_tls(config);
        config.imap.allow_plaintext = true;
        config.smtp.allow_plaintext = true;
    })
    .await;
    let mut imap = world.stranger().await;
    assert!(imap.greeting.contains(" STARTTLS AUTH=PLAIN AUTH=LOGIN]"), "{}", imap.greeting);
    imap.command(&login(&world)).await.ok();
    imap.command("STARTTLS").await.bad();
    let mut imap = world.stranger().await.start_tls(&trust(&world)).await;
    imap.command(&login(&world)).await.ok();

    let mut smtp = world.smtp().await;
    let late = smtp.command("STARTTLS").await;
    assert!(late.starts_with("503 5.5.1 "), "{late}");
    let smtp = SmtpClient::connect(world.smtp_address()).await;
    smtp.start_tls(&trust(&world)).await.log_in(ADA, &world.password).await;
}

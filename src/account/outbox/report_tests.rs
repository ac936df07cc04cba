use std::net::Ipv4Addr;

use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;
use crate::mailbox::{Reports, Returned};
use crate::store::queue::Routing;
use crate::store::{Digest, Naming, QueueId};

const NOW: Timestamp = Timestamp(1_795_428_000);

fn address(text: &str) -> Address {
    Address::new(text).unwrap()
}

fn recipient(text: &str, reports: Option<Vec<ReportOn>>, original: Option<&str>) -> Recipient {
    let (reports, original) = (reports.map(Reports), original.map(Into::into));
    Recipient { address: address(text), reports, original }
}

fn entry(recipients: Vec<Recipient>) -> Entry {
    Entry {
        id: QueueId::new(NOW),
        accepted: NOW,
        envelope: Envelope {
            sender: Some(address("ada@a.test")),
            recipients,
            id: Some("QQ\r\nBcc: eve@x.test".into()),
            returned: Some(Returned::Headers),
            ..Envelope::default()
        },
        login: "ada@a.test".to_owned(),
        client: Ipv4Addr::LOCALHOST.into(),
        profile: None,
        size: 10,
        message_id: "<1@a.test>\r\nX: y".to_owned(),
        naming: Naming::Client,
        key: Digest([1; 32]),
        received: Digest([2; 32]),
        staged: Digest([3; 32]),
        routing: Routing {
            save_to_sent: true,
            messages_per_minute: 30,
            recipients_per_day: 10_000,
            unchecked: Vec::new(),
            follows: None,
        },
    }
}

fn written(entry: &Entry, returned: &[u8], extent: Extent) -> String {
    let why = Words { code: 550, status: "5.7.1".into(), text: "No such right".into() };
    let mailbox = address("ada@a.test");
    let report = Report {
        entry,
        mailbox: &mailbox,
        why: &why,
        tried: Some(NOW),
        made: NOW,
        in_doubt: false,
    };
    let bytes = report.write((returned, extent)).unwrap();
    assert_eq!(bytes, report.write((returned, extent)).unwrap(), "the same whenever it is made");
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_report_has_the_three_parts_of_the_rfc_and_its_fields() {
    let failure = Some(vec![ReportOn::Failure]);
    let never = Some(vec![]);
    let success = Some(vec![ReportOn::Success]);
    let entry = entry(vec![
        recipient("b@x.test", failure, Some("rfc822;first@x.test")),
        recipient("c@x.test", None, Some("rfc822;x@x.test\r\nAction: delivered")),
        recipient("never@x.test", never, None),
        recipient("success@x.test", success, None),
        recipient("grüße@x.test", None, None),
    ]);
    let text = written(&entry, b"Subject: Scan\r\n", Extent::Headers);
    let report = MessageParser::new().parse(&text).unwrap();
    let kind = report.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    let kinds: Vec<_> = report.parts[0]
        .sub_parts()
        .unwrap()
        .iter()
        .map(|part| {
            let kind = report.parts[*part as usize].content_type().unwrap();
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
        })
        .collect();
    assert_eq!(kinds, ["text/plain", "message/delivery-status", "text/rfc822-headers"]);
    assert!(text.contains("\r\nAuto-Submitted: auto-replied\r\n"), "{text}");
    assert!(text.contains("\r\nIn-Reply-To: <1@a.test>X: y\r\n"), "{text}");
    let date = "Mon, 23 Nov 2026 10:00:00 +0000";
    let common = format!(
        "Action: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: smtp; 550 5.7.1 No such right\r\n\
         Last-Attempt-Date: {date}\r\n"
    );
    let status = format!(
        "Content-Type: message/delivery-status\r\n\r\n\
         Original-Envelope-Id: QQBcc: eve@x.test\r\nReporting-MTA: dns; footbridge\r\n\
         Arrival-Date: {date}\r\n\r\n\
         Original-Recipient: rfc822;first@x.test\r\nFinal-Recipient: rfc822; b@x.test\r\n{common}\r\n\
         Final-Recipient: rfc822; c@x.test\r\n{common}\r\n\
         Final-Recipient: utf-8; gr\\x{{FC}}\\x{{DF}}e@x.test\r\n{common}"
    );
    assert!(text.contains(&status), "{text}");
    for absent in ["never@x.test", "success@x.test"] {
        assert!(!text.contains(absent), "{text}");
    }
}

#[test]
fn a_whole_message_comes_back_unencoded() {
    let entry = entry(vec![recipient("b@x.test", None, None)]);
    let message = "Subject: Scan\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n.\r\n";
    let text = written(&entry, message.as_bytes(), Extent::Whole);
    let whole =
        format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{message}");
    assert!(text.contains(&whole), "{text}");
}

#[test]
fn who_was_meant_first_comes_back_in_any_script_and_in_ascii() {
    let entry = entry(vec![
        recipient("j@x.test", None, Some("utf-8;j\u{f6}rg+a=b\\@x.test")),
        recipient("k@x.test", None, Some("UTF-8;k@x.test")),
        recipient("l@x.test", None, Some("utf-8;l\u{f6}\r\nAction: delivered")),
        recipient("m@x.test", None, Some("rfc822;m\u{f6}@x.test")),
    ]);
    let text = written(&entry, b"Subject: Scan\r\n", Extent::Headers);
    let found: Vec<&str> =
        text.lines().filter(|line| line.starts_with("Original-Recipient")).collect();
    let expected = [
        r"Original-Recipient: utf-8;j\x{F6}rg\x{2B}a\x{3D}b\x{5C}@x.test",
        "Original-Recipient: UTF-8;k@x.test",
    ];
    assert_eq!(found, expected);
}

//! Tests of the header edits.

use proptest::prelude::*;

use super::*;
use crate::config::submission::RecipientsElsewhere;

const TOP: &str =
    "Message-ID: <1@a.test>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nFrom: ada@a.test\r\n";

fn envelope(recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|text| Address::new(text).unwrap().into()).collect();
    Envelope { sender: Address::new("ada@a.test"), recipients, ..Envelope::default() }
}

pub(in crate::account::submit) fn circumstances(envelope: Envelope) -> Circumstances {
    let peer = "192.0.2.7".parse().unwrap();
    Circumstances {
        message_id: "<made@a.test>".to_owned(),
        date: Timestamp(1_795_428_000),
        sender: Address::new("ada@a.test").unwrap(),
        envelope,
        author: Author::default(),
        rules: Arc::default(),
        origin: Origin {
            login: "ada@a.test".into(),
            profile: None,
            peer,
            hello: "client.test".into(),
            protocol: "ESMTPA",
        },
    }
}

fn edited(message: &str, recipients: &[&str]) -> Outcome<String> {
    edited_by(message, recipients, Rules::default())
}

fn edited_by(message: &str, recipients: &[&str], rules: Rules) -> Outcome<String> {
    let header = Header::read(message.as_bytes())?;
    let known = Circumstances { rules: Arc::new(rules), ..circumstances(envelope(recipients)) };
    let edit = edit(&header, &known)?;
    let mut text = String::from_utf8(edit.header).unwrap();
    text.push_str(&message[edit.replaces..]);
    Ok(text)
}

fn refusal(message: &str, recipients: &[&str]) -> Kind {
    edited(message, recipients).unwrap_err().kind().clone()
}

#[test]
fn a_complete_message_goes_out_as_it_came() {
    let message = format!("{TOP}To: B <b@x.test>\r\ncc: c@x.test\r\n\r\nHi\r\n");
    assert_eq!(edited(&message, &["b@x.test", "C@X.TEST"]).unwrap(), message);
}

#[test]
fn who_stands_in_no_header_is_put_into_bcc() {
    let message = format!("{TOP}To: b@x.test\r\n\r\nHi\r\n");
    let expected = format!("{TOP}To: b@x.test\r\nBcc: <c@x.test>,\r\n <d@x.test>\r\n\r\nHi\r\n");
    assert_eq!(edited(&message, &["c@x.test", "b@x.test", "d@x.test"]).unwrap(), expected);
}

#[test]
fn a_bcc_that_already_says_so_stays_as_it_is() {
    let message = format!("{TOP}Bcc: C <c@x.test>\r\nTo: b@x.test\r\n\r\nHi\r\n");
    assert_eq!(edited(&message, &["c@x.test", "b@x.test"]).unwrap(), message);
}

#[test]
fn a_bcc_that_says_something_else_is_rebuilt() {
    let top = format!("{TOP}To: b@x.test\r\n");
    let message =
        format!("{top}Bcc: c@x.test,\r\n\tstranger@y.test\r\nbcc: d@x.test\r\n\r\nHi\r\n");
    let expected = format!("{top}Bcc: <c@x.test>\r\n\r\nHi\r\n");
    assert_eq!(edited(&message, &["c@x.test", "b@x.test"]).unwrap(), expected);
    assert_eq!(edited(&message, &["b@x.test"]).unwrap(), format!("{top}\r\nHi\r\n"));
}

#[test]
fn what_a_message_must_have_is_added_at_the_top() {
    let expected = "Message-ID: <made@a.test>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
                    From: ada@a.test\r\nSubject: x\r\nBcc: <b@x.test>\r\n\r\nHi\r\n";
    assert_eq!(edited("Subject: x\r\n\r\nHi\r\n", &["b@x.test"]).unwrap(), expected);
    let empty = "Date: \r\nSubject: x\r\nMessage-Id:\r\n\r\nHi\r\n";
    assert_eq!(edited(empty, &["b@x.test"]).unwrap(), expected);
}

#[test]
fn a_body_without_a_header_stays_a_body() {
    let sent = edited("Paper jam\r\nBcc: not@a.header\r\n", &["b@x.test"]).unwrap();
    assert!(
        sent.ends_with("\r\nBcc: <b@x.test>\r\n\r\nPaper jam\r\nBcc: not@a.header\r\n"),
        "{sent}"
    );
    let empty = edited("\r\n", &["b@x.test"]).unwrap();
    assert!(empty.ends_with("Bcc: <b@x.test>\r\n\r\n"), "{empty}");
}

#[test]
fn nobody_outside_of_the_envelope_is_mailed() {
    let message = format!("{TOP}To: b@x.test, other@x.test\r\n\r\nHi\r\n");
    assert_eq!(refusal(&message, &["b@x.test"]), Kind::Unacceptable(Flaw::Elsewhere));
    let second = format!("{TOP}To: b@x.test\r\nTo: other@x.test\r\n\r\nHi\r\n");
    assert_eq!(refusal(&second, &["b@x.test"]), Kind::Unacceptable(Flaw::Elsewhere));
    let unclear = format!("{TOP}To: b@x.test other@x.test\r\n\r\nHi\r\n");
    assert_eq!(refusal(&unclear, &["b@x.test"]), Kind::Unacceptable(Flaw::Recipients));
    assert_eq!(refusal(&message, &[]), Kind::Unacceptable(Flaw::NoRecipients));
}

#[test]
fn two_fields_of_a_name_become_one_since_some_readers_take_only_one() {
    let message = format!(
        "{TOP}To: B <b@x.test>,\r\nSubject: x\r\nTo:\r\nTO: \"C, D\" <c@x.test>\r\nCc: root\r\n\
         Cc: d@x.test (D)\r\n\r\nHi\r\n"
    );
    let expected = format!(
        "{TOP}To: B <b@x.test>,\r\n \"C, D\" <c@x.test>\r\nSubject: x\r\nCc: d@x.test (D)\r\n\
         Bcc: <e@x.test>\r\n\r\nHi\r\n"
    );
    let everyone = ["b@x.test", "c@x.test", "d@x.test", "e@x.test"];
    assert_eq!(edited(&message, &everyone).unwrap(), expected);
    let nobody = format!("{TOP}To: root\r\nTo: a:;\r\n\r\nHi\r\n");
    let expected = format!("{TOP}To: root\r\nBcc: <b@x.test>\r\n\r\nHi\r\n");
    assert_eq!(edited(&nobody, &["b@x.test"]).unwrap(), expected);
    let stranger = format!("{TOP}To: o@x.test\r\nTo: b@x.test\r\nTo: c@x.test, o@x.test\r\n\r\n");
    let expected = format!("{TOP}To: b@x.test,\r\n c@x.test\r\n\r\n");
    assert_eq!(left_out(&stranger, &["b@x.test", "c@x.test"]), expected);
    let expected = format!("{TOP}To: undisclosed-recipients:;\r\nBcc: <z@x.test>\r\n\r\n");
    assert_eq!(left_out(&stranger, &["z@x.test"]), expected);
}

#[test]
fn recipients_of_a_message_that_was_resent_are_hidden_as_well() {
    let message = format!("{TOP}To: b@x.test\r\nresent-bcc: S <c@x.test>\r\n\r\nHi\r\n");
    let expected = format!("{TOP}To: b@x.test\r\nBcc: <c@x.test>\r\n\r\nHi\r\n");
    assert_eq!(edited(&message, &["b@x.test", "c@x.test"]).unwrap(), expected);
}

#[test]
fn a_message_id_is_kept_as_it_stands_and_known_whole() {
    for (field, known) in [
        (" <a b@c>", "<a b@c>"),
        (" bare", "bare"),
        ("\r\n\t<x@c>", "<x@c>"),
        (" (c) <x@c>", "(c) <x@c>"),
    ] {
        let top = TOP.replace(" <1@a.test>", field);
        let message = format!("{top}To: b@x.test\r\n\r\nHi\r\n");
        let header = Header::read(message.as_bytes()).unwrap();
        let edit = edit(&header, &circumstances(envelope(&["b@x.test"]))).unwrap();
        assert_eq!((edit.message_id.as_str(), edit.header.as_slice()), (known, header.bytes()));
    }
}

#[test]
fn a_group_without_members_and_a_local_name_are_no_recipients() {
    let message = format!("{TOP}To: undisclosed-recipients:;\r\nCc: root\r\n\r\nHi\r\n");
    let sent = edited(&message, &["b@x.test"]).unwrap();
    assert!(sent.contains("Cc: root\r\nBcc: <b@x.test>\r\n\r\n"), "{sent}");
}

#[test]
fn a_recipient_that_would_become_two_in_a_header_is_refused() {
    let message = format!("{TOP}\r\nHi\r\n");
    for recipient in ["a@b.test,c@d.test", "a,b@c.test", "a@b.test(c)@d.test"] {
        assert_eq!(refusal(&message, &[recipient]), Kind::RecipientRefused, "{recipient}");
    }
}

fn left_out(message: &str, recipients: &[&str]) -> String {
    let rules = Rules { recipients_elsewhere: RecipientsElsewhere::LeaveOut, ..Rules::default() };
    edited_by(message, recipients, rules).unwrap()
}

#[test]
fn who_is_not_in_the_envelope_is_left_out_where_the_rules_say_so() {
    let message = format!(
        "{TOP}to: B <b@x.test>, Other <o@x.test>,\r\n c@x.test\r\nCc: p@x.test\r\n\r\nHi\r\n"
    );
    let expected = format!("{TOP}to: B <b@x.test>,\r\n c@x.test\r\n\r\nHi\r\n");
    assert_eq!(left_out(&message, &["b@x.test", "c@x.test"]), expected);
    let nobody = format!("{TOP}to: undisclosed-recipients:;\r\nBcc: <z@x.test>\r\n\r\nHi\r\n");
    assert_eq!(left_out(&message, &["z@x.test"]), nobody);
    let everyone = ["b@x.test", "o@x.test", "c@x.test", "p@x.test"];
    assert_eq!(left_out(&message, &everyone), message);
}

#[test]
fn a_group_that_is_partly_meant_keeps_those_who_are() {
    let message = format!("{TOP}To: Team: A <a@x.test>, b@x.test;, root\r\n\r\nHi\r\n");
    assert_eq!(left_out(&message, &["a@x.test"]), format!("{TOP}To: A <a@x.test>\r\n\r\nHi\r\n"));
}

#[test]
fn a_return_path_that_was_handed_in_goes_and_received_fields_stay() {
    let rest = "Received: by a\r\nTo: b@x.test\r\n\r\nHi\r\n";
    let message = format!("Return-Path: <x@y.test>\r\n{TOP}{rest}");
    assert_eq!(edited(&message, &["b@x.test"]).unwrap(), format!("{TOP}{rest}"));
}

#[test]
fn a_trace_field_is_added_above_all_others_where_the_rules_say_so() {
    let message = format!("{TOP}To: b@x.test\r\n\r\nHi\r\n");
    let rules = Rules { add_received: true, ..Rules::default() };
    let expected = "Received: from client.test ([192.0.2.7])\r\n\tby footbridge with ESMTPA;\r\n\t\
                    Mon, 23 Nov 2026 10:00:00 +0000\r\n";
    let sent = edited_by(&message, &["b@x.test"], rules).unwrap();
    assert_eq!(sent, format!("{expected}{message}"));
}

#[test]
fn a_recipient_beyond_ascii_is_named_with_a_domain_that_every_server_knows() {
    let message = format!("{TOP}To: J <jörg@bücher.test>\r\n\r\nHi\r\n");
    let sent = edited(&message, &["jörg@xn--bcher-kva.test", "a@bücher.test"]).unwrap();
    let expected =
        format!("{TOP}To: J <jörg@bücher.test>\r\nBcc: <a@xn--bcher-kva.test>\r\n\r\nHi\r\n");
    assert_eq!(sent, expected);
}

proptest! {
    #[test]
    fn no_recipient_can_add_a_line_or_another_recipient(text in "\\PC{1,40}@\\PC{1,20}") {
        let Some(address) = Address::new(&text) else { return Ok(()) };
        let header = Header::read(TOP.as_bytes()).unwrap();
        let envelope = Envelope { recipients: vec![address.clone().into()], ..Envelope::default() };
        let Ok(edit) = edit(&header, &circumstances(envelope)) else { return Ok(()) };
        let added = String::from_utf8(edit.header).unwrap();
        let added = added.strip_prefix(TOP).unwrap();
        let value = added.strip_prefix("Bcc: ").unwrap().strip_suffix("\r\n").unwrap();
        prop_assert!(!value.contains(['\r', '\n']));
        prop_assert_eq!(addresses(value.as_bytes()).unwrap(), [canonical(address.as_str()).unwrap()]);
    }

    #[test]
    fn any_clean_recipients_are_named_by_bcc_and_by_nothing_else(
        locals in proptest::collection::hash_set("[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}", 1..8)
    ) {
        let texts: Vec<String> = locals.iter().map(|local| format!("{local}@x.test")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let message = format!("{TOP}\r\nHi\r\n");
        let sent = edited(&message, &texts).unwrap();
        let header = Header::read(sent.as_bytes()).unwrap();
        let named = addresses(header.values("Bcc").next().unwrap()).unwrap();
        let wanted: Vec<Address> = envelope(&texts).addresses().cloned().collect();
        prop_assert_eq!(named, wanted);
        prop_assert_eq!(sent.replace(std::str::from_utf8(&header.bytes()[TOP.len()..]).unwrap(), ""), message);
    }

    #[test]
    fn the_header_that_goes_out_is_the_one_that_came_but_for_the_documented_changes(
        fields in proptest::collection::vec("(Subject|X-A|bcc|Bcc|Received): [a-z ]{0,10}\r\n( [a-z]{1,8}\r\n)?", 0..8)
    ) {
        let message = format!("{TOP}{}\r\nbody\r\n", fields.concat());
        let sent = edited(&message, &["b@x.test"]).unwrap();
        let kept: String = fields.iter().filter(|field| !field.to_lowercase().starts_with("bcc")).cloned().collect();
        prop_assert_eq!(sent, format!("{TOP}{kept}Bcc: <b@x.test>\r\n\r\nbody\r\n"));
    }

    #[test]
    fn the_scanner_never_panics(value in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = addresses(&value);
        let _ = Header::read(&value[..]);
    }
}

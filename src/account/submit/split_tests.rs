use super::*;
use crate::mime::Scanner;

/// What is left, and the bodies of what goes.
fn parted(message: &str, limit: u64) -> Result<(String, Vec<String>), Flaw> {
    let mut scanner = Scanner::new();
    scanner.feed(message.as_bytes());
    let division = split(&scanner.finish(), limit)?.expect("it is too large");
    let octets = |range: &Range<u64>| {
        &message[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    };
    let skeleton = division.skeleton.iter().map(|piece| match piece {
        Piece::Kept(range) => octets(range),
        Piece::Written(text) => std::str::from_utf8(text).unwrap(),
    });
    let parts = division.parts.iter().map(|leaf| octets(&leaf.body).to_owned());
    Ok((skeleton.collect(), parts.collect()))
}

fn part(kind: &str, body: &str) -> String {
    format!("--b\r\nContent-Type: {kind}\r\n\r\n{body}\r\n")
}

const TOP: &str = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n";

fn large(letter: &str) -> String {
    letter.repeat(1_000)
}

#[test]
fn the_largest_part_goes_and_all_else_stays_byte_for_byte() {
    let text = part("text/plain", "Hello");
    let small = part("image/png", "small");
    for place in 0..3 {
        let mut parts = vec![text.clone(), small.clone()];
        parts.insert(place, part("application/pdf", &large("x")));
        let message = format!("{TOP}{}--b--\r\nepilogue\r\n", parts.concat());
        let (skeleton, gone) = parted(&message, 500).unwrap();
        assert_eq!(skeleton, format!("{TOP}{text}{small}--b--\r\nepilogue\r\n"), "place {place}");
        assert_eq!(gone, [large("x")]);
    }
}

#[test]
fn as_few_parts_as_possible_go_and_they_keep_their_order() {
    let parts = ["a", "b", "c", "d"].map(|letter| {
        let times = if matches!(letter, "b" | "d") { 2_000 } else { 100 };
        part("application/pdf", &letter.repeat(times))
    });
    let message = format!("{TOP}{}--b--\r\n", parts.concat());
    let (skeleton, gone) = parted(&message, 600).unwrap();
    assert_eq!(gone, ["b".repeat(2_000), "d".repeat(2_000)]);
    assert_eq!(skeleton, format!("{TOP}{}{}--b--\r\n", parts[0], parts[2]));
    let (_, gone) = parted(&message, 3_000).unwrap();
    assert_eq!(gone.len(), 1);
}

#[test]
fn a_multipart_that_loses_everything_keeps_an_empty_part() {
    let message = format!("{TOP}{}--b--\r\n", part("application/pdf", &large("x")));
    let (skeleton, _) = parted(&message, 500).unwrap();
    assert_eq!(skeleton, format!("{TOP}--b\r\n\r\n\r\n--b--\r\n"));
    let mut scanner = Scanner::new();
    scanner.feed(skeleton.as_bytes());
    let outline = scanner.finish();
    assert_eq!((outline.parts.len(), outline.parts[1].body.is_empty()), (2, true));
}

#[test]
fn images_of_a_text_and_files_of_a_form_can_go_but_no_form_and_no_text_with_images() {
    let related = |text: &str, image: &str| {
        format!(
            "--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\n{text}\r\n\
             --c\r\nContent-Type: image/png\r\nContent-ID: <i>\r\n\r\n{image}\r\n--c--\r\n"
        )
    };
    let forms = |second: &str| {
        let top = TOP.replace("mixed", "alternative");
        format!("{top}{}{second}--b--\r\n", part("text/plain", "Hello"))
    };
    let (skeleton, gone) = parted(&forms(&related("<p>", &large("i"))), 600).unwrap();
    assert_eq!(gone, [large("i")]);
    assert!(skeleton.contains("text/html") && skeleton.ends_with("<p>\r\n--c--\r\n--b--\r\n"));
    assert_eq!(parted(&forms(&related(&large("<p>"), "i")), 600), Err(Flaw::Indivisible));
    assert_eq!(parted(&forms(&part("text/html", &large("<p>"))), 600), Err(Flaw::Indivisible));
    let mixed = related("<p>", &large("i")).replace("related", "mixed");
    assert_eq!(parted(&forms(&mixed), 600).unwrap().1, [large("i")]);
    let mixed = related(&large("<p>"), "i").replace("related", "mixed");
    assert_eq!(parted(&forms(&mixed), 600), Err(Flaw::Indivisible));
}

#[test]
fn what_is_signed_or_encrypted_stays_whole_unless_it_is_in_a_message_inside() {
    for kind in [
        "multipart/signed",
        "Multipart/Encrypted",
        "application/x-pkcs7-mime; name=a",
        "multipart/signed (x)",
    ] {
        let message = format!(
            "Content-Type: {kind}; boundary=b\r\n\r\n--b\r\n\r\n{}\r\n--b--\r\n",
            large("x")
        );
        assert_eq!(parted(&message, 500), Err(Flaw::Sealed), "{kind}");
        let inside = format!(
            "{TOP}{}--b--\r\n",
            part(&format!("{kind}; boundary=c"), &message.replace("--b", "--c"))
        );
        assert_eq!(parted(&inside, 500), Err(Flaw::Sealed), "{kind}");
        let forwarded = format!(
            "{TOP}{}--b--\r\n",
            part("message/rfc822", &message.replace("=b", "=c").replace("--b", "--c"))
        );
        assert_eq!(parted(&forwarded, 500).unwrap().1.len(), 1, "{kind}");
    }
}

#[test]
fn a_scanned_page_becomes_the_file_of_an_empty_text() {
    let message = format!(
        "Subject: Scan\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf;\r\n name=\"a.pdf\"\r\n\
         X-Device: 7\r\n\tfloor 2\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        large("QUJD")
    );
    let (skeleton, gone) = parted(&message, 500).unwrap();
    assert_eq!(skeleton, "Subject: Scan\r\nMIME-Version: 1.0\r\nX-Device: 7\r\n\tfloor 2\r\n\r\n");
    assert_eq!(gone, [format!("{}\r\n", large("QUJD"))]);
    let broken = format!("Content-Type: multipart/mixed\r\n\r\n{}", large("x"));
    assert_eq!(parted(&broken, 500), Err(Flaw::Immovable));
    let header = format!("Subject: {}\r\n\r\n{}", large("s"), large("x"));
    assert_eq!(parted(&header, 500), Err(Flaw::Immovable));
    let unknown = format!("Content-Transfer-Encoding: x-uuencode\r\n\r\n{}", large("x"));
    assert_eq!(parted(&unknown, 500), Err(Flaw::Encoding));
    let twice = format!("Content-Type: a/b\r\nContent-type: a/b\r\n\r\n{}", large("x"));
    assert_eq!(parted(&twice, 500), Err(Flaw::Ambiguous));
}

#[test]
fn a_report_keeps_its_parts_and_a_digest_gives_messages() {
    let report = TOP.replace("mixed", "report; report-type=delivery-status");
    let message = format!("{report}{}--b--\r\n", part("message/rfc822", &large("x")));
    assert_eq!(parted(&message, 500), Err(Flaw::Immovable));
    let digest = format!(
        "{}--b\r\n\r\nSubject: in\r\n\r\n{}\r\n--b--\r\n",
        TOP.replace("mixed", "digest"),
        large("x")
    );
    let mut scanner = Scanner::new();
    scanner.feed(digest.as_bytes());
    let division = split(&scanner.finish(), 500).unwrap().unwrap();
    assert_eq!(division.parts[0].fields, b"Content-Type: message/rfc822\r\n\r\n");
}

#[test]
fn the_reason_is_that_of_the_largest_part_that_has_to_stay() {
    let unknown = |letter: &str| {
        format!("--b\r\nContent-Transfer-Encoding: foo\r\n\r\n{}\r\n", large(letter))
    };
    let twice = part("image/png\r\nContent-Type: image/gif", &large("y").repeat(2));
    let message = |parts: &[&str]| format!("{TOP}{}--b--\r\n", parts.concat());
    assert_eq!(parted(&message(&[&unknown("x"), &twice]), 500), Err(Flaw::Ambiguous));
    assert_eq!(parted(&message(&[&unknown("x")]), 500), Err(Flaw::Encoding));
    let pdf = part("application/pdf", &large("x"));
    let (skeleton, gone) = parted(&message(&[&unknown("x"), &pdf, &twice]), 4_000).unwrap();
    assert_eq!((skeleton, gone), (message(&[&unknown("x"), &twice]), vec![large("x")]));
    let preamble = message(&[&unknown("x")]).replace("preamble", &"p".repeat(5_000));
    assert_eq!(parted(&preamble, 2_000), Err(Flaw::Immovable));
}

#[test]
fn what_breaks_off_is_ended_in_the_skeleton() {
    let (text, pdf) = (part("text/plain", "Hello"), part("application/pdf", &large("x")));
    for (message, left) in [
        (format!("{TOP}{text}{pdf}"), format!("{TOP}{}\r\n--b--\r\n", text.trim_end())),
        (format!("{TOP}{pdf}{text}"), format!("{TOP}{text}\r\n--b--\r\n")),
        (format!("{TOP}{pdf}{text}--b"), format!("{TOP}{text}--b\r\n--b--\r\n")),
        (format!("{TOP}{pdf}{text}--b--"), format!("{TOP}{text}--b--")),
        (format!("{TOP}{pdf}"), format!("{TOP}--b\r\n\r\n\r\n--b--\r\n")),
    ] {
        assert_eq!(parted(&message, 500).unwrap().0, left, "{}", message.len());
    }
    let inner = "--b\r\nContent-Type: multipart/related; boundary=\"c c\"\r\n\r\n";
    let image = part("image/png", &large("i")).replace("--b", "--c c");
    let html = part("text/html", "<p>").replace("--b", "--c c");
    let (skeleton, gone) = parted(&format!("{TOP}{inner}{html}{image}"), 500).unwrap();
    assert_eq!(skeleton, format!("{TOP}{inner}{}\r\n--c c--\r\n--b--\r\n", html.trim_end()));
    assert_eq!(gone, [large("i") + "\r\n"]);
    // The delimiter of what is around it ends it as well.
    let ended = format!("{TOP}{inner}{html}{image}--b--\r\n");
    assert!(parted(&ended, 500).unwrap().0.ends_with("<p>\r\n--b--\r\n"));
}

/// Whatever goes: the skeleton is well-formed for our own reader, fits, and together they are the message.
#[test]
fn every_awkward_message_comes_apart_without_loss_or_not_at_all() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut divided = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "eml") {
            continue;
        }
        let message = std::fs::read(&path).unwrap();
        let mut scanner = Scanner::new();
        scanner.feed(&message);
        let outline = scanner.finish();
        for limit in [200, 1_000, 5_000, 50_000] {
            let Ok(Some(division)) = split(&outline, limit) else { continue };
            divided += 1;
            let size: u64 = division.skeleton.iter().map(Piece::len).sum();
            assert!(size <= limit, "{}", path.display());
            let mut skeleton = Vec::new();
            for piece in &division.skeleton {
                match piece {
                    Piece::Kept(range) => skeleton.extend_from_slice(
                        &message[usize::try_from(range.start).unwrap()
                            ..usize::try_from(range.end).unwrap()],
                    ),
                    Piece::Written(octets) => skeleton.extend_from_slice(octets),
                }
            }
            let mut scanner = Scanner::new();
            scanner.feed(&skeleton);
            let left = scanner.finish();
            let leaves = |outline: &Outline| {
                let is_leaf = |part: &&Part| !matches!(part.content, Content::Multipart(_));
                let octets = outline
                    .parts
                    .iter()
                    .filter(is_leaf)
                    .map(|part| part.body.end - part.body.start);
                octets.sum::<u64>()
            };
            let inner = |leaf: &Leaf| {
                // A message inside is a part of the outline as well.
                let within = |part: &&Part| {
                    part.header.start >= leaf.body.start
                        && part.body.end <= leaf.body.end
                        && !matches!(part.content, Content::Multipart(_))
                };
                let nested =
                    outline.parts.iter().filter(within).map(|part| part.body.end - part.body.start);
                (leaf.body.end - leaf.body.start) + nested.sum::<u64>()
            };
            let gone: u64 = division.parts.iter().map(inner).sum();
            assert_eq!(leaves(&left) + gone, leaves(&outline), "{} at {limit}", path.display());
        }
    }
    assert!(divided > 20, "{divided}");
}

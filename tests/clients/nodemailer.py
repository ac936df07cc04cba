"""nodemailer: what programs in JavaScript send with."""

import email
import email.policy
import hashlib
import json

from harness import HERE, Bridge, check, equal, run, scenario
from secured import secured
from witness import one_copy

CLIENT = HERE / "nodemailer_client" / "client.mjs"
BOB = "bob@elsewhere.example"
CAROL = "carol@elsewhere.example"
DAVE = "dave@elsewhere.example"
# Above one request to Microsoft, so that it goes in pieces.
LARGE_OCTETS = 6_000_000
# Below the thirty that a mailbox sends a minute.
MANY = 20


def sent(bridge, *messages, address=None, **more):
    """What the server answered to each message."""
    host, port = address or bridge.smtp
    told = {"host": host, "port": port, "user": bridge.user, "password": bridge.password, "messages": messages, **more}
    orders = bridge.home / "orders.json"
    orders.write_text(json.dumps(told))
    done = run(["node", CLIENT, orders], directory=CLIENT.parent)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    equal(len(answers), len(messages), "answers")
    return answers


def taken(answers):
    for answer in answers:
        check(answer["response"].startswith("250 2.0.0 "), f"not taken: {answer}")


def received(bridge, recipient):
    mails = [mail["mime"].encode() for mail in bridge.tenant.sent(recipient)]
    return [email.message_from_bytes(octets, policy=email.policy.default) for octets in mails]


def letter(bridge, subject, **more):
    return {"from": {"name": "Ada", "address": bridge.user}, "to": BOB, "subject": subject, "text": "Hello.", **more}


@scenario("sends text and HTML in every script, with blind copies that stay blind")
def sends():
    with Bridge() as bridge:
        subject = "Größe, 日本語 and an emoji 🦀"
        more = {"cc": CAROL, "bcc": DAVE, "html": "<p>Zażółć</p>", "text": "Zażółć\n.\n..\n", "headers": {"X-JIRA-FingerPrint": "abc"}}
        taken(sent(bridge, letter(bridge, subject, **more)))
        for recipient in (BOB, CAROL, DAVE):
            (mail,) = received(bridge, recipient)
            equal(mail["Subject"], subject, f"the subject that reached {recipient}")
            equal((mail["Bcc"], mail["X-JIRA-FingerPrint"]), (None, "abc"), f"Bcc and a field at {recipient}")
            equal(mail.get_body(("html",)).get_content().strip(), "<p>Zażółć</p>", f"the HTML at {recipient}")
            text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
            equal(text.rstrip("\n"), "Zażółć\n.\n..", f"the text at {recipient}")


@scenario("logs in by LOGIN as by PLAIN")
def logs_in():
    with Bridge() as bridge:
        for number, method in enumerate(["PLAIN", "LOGIN"], 1):
            taken(sent(bridge, letter(bridge, method), method=method))
            equal(len(received(bridge, BOB)), number, "messages that reached bob")


@scenario("sends by STARTTLS and by TLS, and nothing where it cannot have it")
def sends_under_tls():
    with secured() as bridge:
        for number, (tls, address) in enumerate([("starttls", bridge.smtp), ("implicit", bridge.smtp_tls)], 1):
            taken(sent(bridge, letter(bridge, tls), address=address, tls=tls, ca=str(bridge.ca)))
            equal([mail["Subject"] for mail in received(bridge, BOB)][number - 1 :], [tls], f"what reached bob by {tls}")
            (answer,) = sent(bridge, letter(bridge, tls), address=address, tls=tls)
            check("certificate" in answer["response"], f"another's CA: {answer}")
        (answer,) = sent(bridge, letter(bridge, "In plain text"))
        check("accepted" not in answer, f"taken without TLS: {answer}")
        equal(len(bridge.tenant.sent()), 2, "messages that left")
    with Bridge() as bridge:
        (answer,) = sent(bridge, letter(bridge, "No TLS"), tls="starttls")
        check("accepted" not in answer, f"taken without TLS: {answer}")
        equal(bridge.tenant.sent(), [], "mail that left")


@scenario("asks for SMTPUTF8 by itself where an address needs it")
def sends_beyond_ascii():
    with Bridge() as bridge:
        jörg = {"name": "Jörg Größe", "address": "jörg@elsewhere.example"}
        taken(sent(bridge, letter(bridge, "Grüße, 日本語", to=[jörg, BOB])))
        for recipient in (jörg["address"], BOB):
            (mail,) = received(bridge, recipient)
            equal(mail["Subject"], "Grüße, 日本語", f"the subject that reached {recipient}")
        equal(len(bridge.tenant.sent()), 2, "deliveries")


@scenario("sends twenty messages over a pool of five connections, each once")
def sends_many():
    with Bridge() as bridge:
        wanted = sorted(f"Letter {number}" for number in range(MANY))
        taken(sent(bridge, *[letter(bridge, subject, text=f"This is {subject}.") for subject in wanted], pool=5))
        got = {mail["Subject"]: mail.get_content().strip() for mail in received(bridge, BOB)}
        equal(got, {subject: f"This is {subject}." for subject in wanted}, "what reached bob")
        equal(len(bridge.tenant.sent()), MANY, "messages that left")
        one_copy(bridge, *wanted)


@scenario("sends large attachments, pictures in the text and odd file names whole")
def sends_large():
    with Bridge() as bridge:
        large = bridge.home / "large.bin"
        large.write_bytes(hashlib.shake_256(b"large").digest(LARGE_OCTETS))
        picture = bridge.home / "picture.png"
        picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
        attachments = [
            {"filename": "Grüße & Co; \"1\".bin", "path": str(large)},
            {"filename": "picture.png", "path": str(picture), "cid": "picture@client.example"},
            {"filename": "inner.eml", "contentType": "message/rfc822", "content": "Subject: inner\r\n\r\nInner text\r\n"},
        ]
        more = {"html": '<img src="cid:picture@client.example">', "attachments": attachments}
        taken(sent(bridge, letter(bridge, "All of it", **more)))
        (mail,) = received(bridge, BOB)
        found = {part.get_filename(): part for part in mail.walk() if part.get_filename()}
        equal(set(found), {"Grüße & Co; \"1\".bin", "picture.png", "inner.eml"}, "files that reached bob")
        equal(found["Grüße & Co; \"1\".bin"].get_payload(decode=True), large.read_bytes(), "the large file")
        equal(found["picture.png"].get_payload(decode=True), picture.read_bytes(), "the picture")
        equal(found["picture.png"]["Content-ID"], "<picture@client.example>", "the picture's id")
        equal(mail.get_body(("html",)).get_content().strip(), more["html"], "the HTML that shows it")
        check("Inner text" in str(found["inner.eml"]), "the message inside has lost its text")
        one_copy(bridge, "All of it")


@scenario("is told what is wrong, and nothing leaves")
def is_refused():
    with Bridge() as bridge:
        (answer,) = sent(bridge, {**letter(bridge, "Forged"), "from": "eve@elsewhere.example"})
        equal(answer["code"], 550, f"a foreign sender: {answer}")
        (answer,) = sent(bridge, letter(bridge, "Elsewhere", envelope={"from": bridge.user, "to": [CAROL]}))
        equal(answer["code"], 554, f"a header that names others: {answer}")
        (answer,) = sent(bridge, letter(bridge, "Nobody"), password="wrong")
        equal(answer["code"], 535, f"a wrong password: {answer}")
        equal(bridge.tenant.sent(), [], "mail that left")

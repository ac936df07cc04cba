"""Python's smtplib: the answers of submission, one by one."""

import email.message
import email.utils
import smtplib
import socket

from harness import Bridge, check, equal, message, scenario, until
from witness import calm, everyone, files, mime, noise, one_copy, only, reached, switches, text, throttle

BOB = "bob@elsewhere.example"
CAROL = "carol@elsewhere.example"
# What is taken as long as nobody has set or shown less: 150 MiB.
LARGEST = 157_286_400
LARGE_OCTETS = 10_000_000
# Below the wait that the throttled tenant asks for, so that the bridge does not sit it out.
IMPATIENT = {"FOOTBRIDGE__LIMITS__PATIENCE": "1s"}
THROTTLED_SECONDS = 3


def connected(bridge, *, login=True):
    smtp = smtplib.SMTP(*bridge.smtp, local_hostname="client.example", timeout=60)
    smtp.ehlo()
    if login:
        smtp.login(bridge.user, bridge.password)
        # Only now the size is that of the account.
        smtp.ehlo()
    return smtp


def letter(bridge, subject, to=BOB, **more):
    return message(subject, sender=bridge.user, to=to, **more)


def refusal(ask):
    try:
        ask()
    except smtplib.SMTPRecipientsRefused as refused:
        return next(iter(refused.recipients.values()))
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code, refused.smtp_error
    return None


def refused_with(ask, code, enhanced, what):
    answer = refusal(ask)
    check(answer, f"not refused: {what}")
    equal((answer[0], answer[1].split()[0]), (code, enhanced), f"{what}: {answer}")


@scenario("says what it can do, and only that")
def capabilities():
    with Bridge() as bridge, connected(bridge, login=False) as smtp:
        wanted = {
            "pipelining", "size", "8bitmime", "smtputf8", "chunking", "binarymime", "enhancedstatuscodes", "dsn",
            "limits", "help", "auth",
        }  # fmt: skip
        equal(set(smtp.esmtp_features), wanted, "extensions")
        equal(set(smtp.esmtp_features["auth"].split()), {"PLAIN", "LOGIN"}, "mechanisms")
        equal(smtp.esmtp_features["limits"], "RCPTMAX=500", "limits")
        equal(smtp.esmtp_features["size"], str(LARGEST), "octets of a message")
        equal(smtp.docmd("AUTH CRAM-MD5")[0], 504, "a mechanism that is not offered")
        smtp.login(bridge.user, bridge.password)


@scenario("sends several messages in one session, each once")
def several():
    with Bridge() as bridge, connected(bridge) as smtp:
        before = len(bridge.tenant.items("Sent Items"))
        for number in range(3):
            smtp.sendmail(bridge.user, [BOB, CAROL], letter(bridge, f"Letter {number}", to=f"{BOB}, {CAROL}"))
        smtp.rset()
        smtp.noop()
        for recipient in (BOB, CAROL):
            got = [mail["mime"] for mail in bridge.tenant.sent(recipient)]
            wanted = [letter(bridge, f"Letter {number}", to=f"{BOB}, {CAROL}").decode() for number in range(3)]
            equal(got, wanted, f"what reached {recipient}")
        equal(len(bridge.tenant.items("Sent Items")), before + 3, "copies in Sent Items")


@scenario("wishes about reports and an address in UTF-8 are taken")
def wishes():
    with Bridge() as bridge, connected(bridge) as smtp:
        jörg = "jörg@elsewhere.example"
        octets = letter(bridge, "In UTF-8", to=f"Jörg <{jörg}>")
        options = ["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=QQ+2B314159"]
        smtp.sendmail(bridge.user, [jörg], octets, options, ["NOTIFY=SUCCESS,FAILURE", "ORCPT=utf-8;j\\x{F6}rg@x.example"])
        equal([mail["mime"] for mail in bridge.tenant.sent(jörg)], [octets.decode()], "what reached jörg")


@scenario("send_message writes to people and about things beyond ASCII, in UTF-8")
def beyond_ascii():
    with Bridge() as bridge, connected(bridge) as smtp:
        jörg = "jörg@elsewhere.example"
        mail = written(bridge, "Grüße, 日本語 🦀", "Zażółć\n", to=f"Jörg Größe <{jörg}>, Bob <{BOB}>")
        equal(smtp.send_message(mail), {}, "refused recipients")
        for recipient in (jörg, BOB):
            (octets,) = reached(bridge, recipient)
            check(f"To: Jörg Größe <{jörg}>, Bob <{BOB}>\r\n".encode() in octets, f"no To as it was written in {octets}")
            got = only(bridge, recipient)
            equal((got["Subject"], text(got)), ("Grüße, 日本語 🦀", "Zażółć"), f"the subject and the text of {recipient}")
        equal(len(bridge.tenant.sent()), 2, "deliveries")


@scenario("send_message brings a file of 10 MB over byte for byte")
def large():
    with Bridge() as bridge, connected(bridge) as smtp:
        content = noise("smtplib", LARGE_OCTETS)
        mail = written(bridge, "Größe", "Im Anhang.\n", to=f"{BOB}, {CAROL}")
        mail.add_attachment(content, maintype="application", subtype="zip", filename="Bericht äöü.zip")
        equal(smtp.send_message(mail), {}, "refused recipients")
        for recipient in (BOB, CAROL):
            got = only(bridge, recipient)
            equal((got["Subject"], got["X-Report"], got["Message-ID"]), ("Größe", "daily", mail["Message-ID"]), "fields")
            equal(text(got), "Im Anhang.", f"the text that reached {recipient}")
            check(files(got) == {"Bericht äöü.zip": content}, f"the file that reached {recipient} is another")
        equal(everyone(bridge), [BOB, CAROL], "who was reached")
        one_copy(bridge, "Größe")


def written(bridge, subject, content, to):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["X-Report"] = f"Ada <{bridge.user}>", to, subject, "daily"
    mail["Date"], mail["Message-ID"] = email.utils.localtime(), email.utils.make_msgid(domain="client.example")
    mail.set_content(content)
    return mail


@scenario("a message in chunks is the one that DATA brings")
def chunks():
    with Bridge() as bridge, connected(bridge) as smtp:
        octets = letter(bridge, "In chunks", body=".\r\n..two dots\r\n" + "x" * 100_000 + "\r\n")
        equal(smtp.mail(bridge.user)[0], 250, "MAIL")
        equal(smtp.rcpt(BOB)[0], 250, "RCPT")
        for at in range(0, len(octets), 33_333):
            chunk = octets[at : at + 33_333]
            smtp.send(b"BDAT %d\r\n" % len(chunk) + chunk)
            equal(smtp.getreply()[0], 250, f"the chunk at {at}")
        equal(smtp.docmd("BDAT 0 LAST")[0], 250, "the last chunk")
        smtp.sendmail(bridge.user, [CAROL], letter(bridge, "By DATA", to=CAROL))
        equal([mail["mime"] for mail in bridge.tenant.sent(BOB)], [octets.decode()], "what reached bob")


@scenario("a recipient named in no header is a blind copy")
def blind_copy():
    with Bridge() as bridge, connected(bridge) as smtp:
        smtp.sendmail(bridge.user, [BOB, CAROL], letter(bridge, "Quietly"))
        equal(sorted(mail["to"] for mail in bridge.tenant.sent()), [BOB, CAROL], "who was reached")
        equal({mail["mime"] for mail in bridge.tenant.sent()}, {letter(bridge, "Quietly").decode()}, "what they got")


@scenario("nobody gets mail whom the client did not name as a recipient")
def header_recipients():
    with Bridge() as bridge, connected(bridge) as smtp:
        octets = letter(bridge, "Not to Carol", to=f"{BOB}, {CAROL}")
        answer = refusal(lambda: smtp.sendmail(bridge.user, [BOB], octets))
        check(answer and 500 <= answer[0] < 600, f"not refused: {answer}")
        equal(bridge.tenant.sent(), [], "mail that left")
        smtp.noop()


@scenario("refuses what it cannot do, and the session goes on")
def refusals():
    with Bridge() as bridge, connected(bridge) as smtp:
        limit = int(smtp.esmtp_features["size"])
        refused_with(lambda: smtp.sendmail("someone@else.example", BOB, letter(bridge, "x")), 550, b"5.7.1", "a foreign sender")
        smtp.rset()
        code, text = smtp.docmd("MAIL", f"FROM:<{bridge.user}> SIZE={limit + 1}")
        equal((code, text.split()[0]), (552, b"5.3.4"), "a declared size over the limit")
        code, _ = smtp.docmd("DATA")
        equal(code, 503, "DATA without recipients")
        smtp.rset()
        code, _ = smtp.docmd("NONSENSE")
        equal(code // 100, 5, "an unknown command")
        code, _ = smtp.docmd("RCPT", f"TO:<{BOB}>")
        equal(code, 503, "RCPT before MAIL")
        smtp.sendmail(bridge.user, BOB, letter(bridge, "After all that"))
        equal(len(bridge.tenant.sent(BOB)), 1, "messages that reached bob")


@scenario("reads a message over the limit to its end and refuses it for good")
def too_large():
    with Bridge(environment={"FOOTBRIDGE__LIMITS__MESSAGE_BYTES": "5 MiB"}) as bridge, connected(bridge) as smtp:
        limit = int(smtp.esmtp_features.pop("size"))  # so that smtplib does not declare it
        equal(limit, 5 << 20, "the size that is offered")
        octets = of_size(bridge, limit + 1)
        refused_with(lambda: smtp.sendmail(bridge.user, BOB, octets), 552, b"5.3.4", "one octet over the limit")
        equal(bridge.tenant.sent(), [], "mail that left")
        octets = of_size(bridge, limit)
        smtp.sendmail(bridge.user, BOB, octets)
        equal(files(only(bridge, BOB)), files(email.message_from_bytes(octets)), "files that reached bob")


@scenario("a message of exactly the size that is offered is taken, also if the bridge has to complete its header")
def exactly_the_limit():
    with Bridge(environment={"FOOTBRIDGE__LIMITS__MESSAGE_BYTES": "50 KiB"}) as bridge, connected(bridge) as smtp:
        bare = f"From: {bridge.user}\r\nTo: {BOB}\r\nSubject: Exactly\r\n\r\n".encode()
        octets = bare + b"x" * (int(smtp.esmtp_features["size"]) - len(bare) - 2) + b"\r\n"
        smtp.sendmail(bridge.user, BOB, octets)
        check(reached(bridge, BOB)[0].endswith(octets), "bob has something else")


def of_size(bridge, octets):
    """A message of exactly so many octets, most of them a file."""
    content = noise("huge", (octets - 1_000) // 78 * 57)

    def padded(padding):
        return mime(bridge.user, BOB, "Huge", "huge.pdf", content, f"X-Pad: {'x' * padding}\r\n")

    return padded(octets - len(padded(0)))


@scenario("what the tenant finds too large is not uploaded again, and the next session is told before")
def too_large_for_the_tenant():
    with Bridge() as bridge, connected(bridge) as smtp:
        switches(bridge.tenant, sending={"message_bytes": 4_000_000})
        octets = of_size(bridge, 5_000_000)
        refused_with(lambda: smtp.sendmail(bridge.user, BOB, octets), 552, b"5.3.4", "a message that the tenant does not take")
        bridge.tenant.forget_journal()
        refused_with(lambda: smtp.sendmail(bridge.user, BOB, octets), 552, b"5.3.4", "the same once more")
        equal(bridge.tenant.writes(), [], "what the second one made the bridge write")
        smtp.sendmail(bridge.user, BOB, of_size(bridge, 3_500_000))
        equal(len(reached(bridge, BOB)), 1, "messages that reached bob")
        one_copy(bridge, "Huge")
        with connected(bridge) as later:
            equal(later.esmtp_features["size"], str(len(octets) - 1), "the size that is offered now")
            code, said = later.docmd("MAIL", f"FROM:<{bridge.user}> SIZE={len(octets)}")
            equal((code, said.split()[0]), (552, b"5.3.4"), "the same size announced")


@scenario("answers 4yz while Microsoft throttles, and what it then takes leaves once")
def throttled():
    with Bridge(environment=IMPATIENT) as bridge, connected(bridge) as smtp:
        octets = letter(bridge, "Patience")
        throttle(bridge.tenant, THROTTLED_SECONDS)
        refused_with(lambda: smtp.sendmail(bridge.user, BOB, octets), 451, b"4.4.5", "while Microsoft throttles")
        equal(bridge.tenant.sent(), [], "mail that left")
        calm(bridge.tenant)
        until("the message is taken", lambda: is_taken(lambda: smtp.sendmail(bridge.user, BOB, octets)))
        equal(reached(bridge, BOB), [octets], "what reached bob")
        one_copy(bridge, "Patience")


def is_taken(ask):
    """Whether it is taken now; as long as it is not, the answer must be that it may be later."""
    answer = refusal(ask)
    check(answer is None or answer[0] // 100 == 4, f"refused for good: {answer}")
    return answer is None


@scenario("a pipelined client gets its replies in order")
def pipelined():
    with Bridge() as bridge, connected(bridge) as smtp:
        lines = [f"MAIL FROM:<{bridge.user}>", f"RCPT TO:<{BOB}>", "RCPT TO:<>", f"RCPT TO:<{CAROL}>", "DATA"]
        smtp.send("".join(f"{line}\r\n" for line in lines))
        codes = [smtp.getreply()[0] for _ in lines]
        equal([codes[0], codes[1], codes[2] // 100, codes[3], codes[4]], [250, 250, 5, 250, 354], "replies")
        smtp.send(letter(bridge, "In a pipe", to=f"{BOB}, {CAROL}") + b".\r\nNOOP\r\nQUIT\r\n")
        equal([smtp.getreply()[0] for _ in range(3)], [250, 250, 221], "replies after the message")
        smtp.close()
        equal(sorted(mail["to"] for mail in bridge.tenant.sent()), [BOB, CAROL], "who was reached")


@scenario("a client that vanishes in the middle of a message sends nothing")
def vanishing():
    with Bridge() as bridge:
        smtp = connected(bridge)
        smtp.mail(bridge.user)
        smtp.rcpt(BOB)
        equal(smtp.docmd("DATA")[0], 354, "DATA")
        smtp.send(letter(bridge, "Half"))
        smtp.sock.shutdown(socket.SHUT_RDWR)
        smtp.close()
        with connected(bridge) as again:
            again.sendmail(bridge.user, BOB, letter(bridge, "Whole"))
        equal([("Whole" in mail["mime"]) for mail in bridge.tenant.sent()], [True], "mail that left")

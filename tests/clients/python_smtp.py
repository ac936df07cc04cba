"""Python's smtplib: the answers of submission, one by one."""

import smtplib
import socket

from harness import Bridge, check, equal, message, scenario

BOB = "bob@elsewhere.example"
CAROL = "carol@elsewhere.example"


def connected(bridge, *, login=True):
    smtp = smtplib.SMTP(*bridge.smtp, local_hostname="client.example", timeout=60)
    smtp.ehlo()
    if login:
        smtp.login(bridge.user, bridge.password)
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
        wanted = {"pipelining", "size", "8bitmime", "enhancedstatuscodes", "auth"}
        equal(set(smtp.esmtp_features) & wanted, wanted, "extensions")
        equal(set(smtp.esmtp_features["auth"].split()), {"PLAIN", "LOGIN"}, "mechanisms")
        for absent in ("starttls", "chunking", "smtputf8", "dsn"):
            check(absent not in smtp.esmtp_features, f"{absent} is offered")


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
    with Bridge() as bridge, connected(bridge) as smtp:
        limit = int(smtp.esmtp_features.pop("size"))  # so that smtplib does not declare it
        body = "0123456789" * 7 + "\r\n"
        octets = letter(bridge, "Huge", body=body * (limit // len(body) + 1000))
        refused_with(lambda: smtp.sendmail(bridge.user, BOB, octets), 552, b"5.3.4", "a message over the limit")
        equal(bridge.tenant.sent(), [], "mail that left")
        smtp.noop()


@scenario("answers 4yz while Microsoft throttles, and what it then takes leaves once")
def throttled():
    with Bridge() as bridge, connected(bridge) as smtp:
        refusal_of_work = {"fault": "status", "code": 429, "error_code": "ApplicationThrottled", "retry_after": {"seconds": 300}}
        kinds = ["create_mime", "send", "send_mail"]
        rule = {"kinds": kinds, "skip": 0, "times": None, "answer": refusal_of_work}
        bridge.tenant.control("POST", "faults", body=rule)
        answer = refusal(lambda: smtp.sendmail(bridge.user, BOB, letter(bridge, "Patience")))
        check(answer and 400 <= answer[0] < 500, f"not put off: {answer}")
        equal(bridge.tenant.sent(), [], "mail that left")


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

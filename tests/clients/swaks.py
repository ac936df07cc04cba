"""swaks: what testers send with, and a device with nothing but HELO."""

from harness import Bridge, check, equal, message, run, scenario
from secured import secured
from witness import everyone, files, noise, one_copy, only, reached, text

BOB = "bob@elsewhere.example"
JÖRG = "jörg@elsewhere.example"
# swaks' exit codes
RECIPIENT_REFUSED, DATA_REFUSED, NO_LOGIN = 24, 26, 28
# A wrong password costs a delay, and swaks tries each mechanism it knows.
REFUSED_SECONDS = 60
LARGE_OCTETS = 10_000_000
SCANNER = {
    "FOOTBRIDGE__NETWORKS__PRINTERS": "127.0.0.1",
    "FOOTBRIDGE__DEVICE__SCANNER__NETWORKS": "printers",
    "FOOTBRIDGE__DEVICE__SCANNER__LOGIN": "network",
    "FOOTBRIDGE__DEVICE__SCANNER__CONNECTION": "ada@contoso.example",
    "FOOTBRIDGE__DEVICE__SCANNER__ESMTP": "false",
    "FOOTBRIDGE__DEVICE__SCANNER__REWRITE_FROM": "root@* -> own",
}


def swaks(bridge, *arguments, octets=None, address=None, sender=None, to=BOB, login=("PLAIN",), status=0):
    """What it says. `login` is a mechanism and perhaps a password; None does not log in."""
    host, port = address or bridge.smtp
    command = ["swaks", "--server", host, "--port", port, "--timeout", "60", "--from", sender or bridge.user, "--to", to]
    if login is not None:
        mechanism, password, *_ = *login, bridge.password
        command += ["--auth", mechanism, "--auth-user", bridge.user, "--auth-password", password]
    if octets is not None:
        data = bridge.home / "data.eml"
        data.write_bytes(octets)
        command += ["--data", f"@{data}"]
    done = run([*command, *arguments], status=status, seconds=REFUSED_SECONDS)
    return done.stdout.decode() + done.stderr.decode()


def letter(bridge, subject, **more):
    return message(subject, sender=bridge.user, **{"to": BOB, **more})


def arrived(bridge, octets, what, to=BOB):
    """It is what bob got last. swaks itself ends data with one more line end."""
    found = reached(bridge, to)[-1]
    check(found.removesuffix(b"\r\n") == octets or found == octets, f"{what}: {found[:2000]!r}, not {octets[:2000]!r}")


@scenario("sends with AUTH PLAIN, AUTH LOGIN and whatever is best, one by one and in a pipeline")
def sends():
    with Bridge() as bridge:
        wanted = []
        for mechanism in ("PLAIN", "LOGIN", "ANY"):
            for more in ([], ["--pipeline"]):
                octets = letter(bridge, f"By swaks {mechanism} {more}")
                said = swaks(bridge, *more, octets=octets, login=(mechanism,))
                check("<-  250 2.0.0 Ok" in said and "<-  221 2.0.0" in said, f"not taken\n{said}")
                arrived(bridge, octets, f"what reached bob with {mechanism} {more}")
                wanted.append(octets)
        equal(len(bridge.tenant.sent()), len(wanted), "messages that left")


@scenario("sends by STARTTLS and by TLS with every AUTH, and is not let in before TLS")
def under_tls():
    with secured() as bridge:
        sent = 0
        for address, way in ((bridge.smtp, "--tls"), (bridge.smtp_tls, "--tls-on-connect")):
            for mechanism in ("PLAIN", "LOGIN"):
                for more in ([], ["--pipeline"]):
                    octets = letter(bridge, f"{way} {mechanism} {more}")
                    trusting = [way, "--tls-verify", "--tls-ca-path", bridge.ca, *more]
                    said = swaks(bridge, *trusting, octets=octets, address=address, login=(mechanism,))
                    # It marks what came encrypted.
                    check("<~  235 2.7.0" in said and "<~  250 2.0.0 Ok" in said, f"not under TLS\n{said}")
                    arrived(bridge, octets, f"what reached bob by {way} with {mechanism} {more}")
                    sent += 1
        for mechanism in ("PLAIN", "LOGIN"):
            said = swaks(bridge, login=(mechanism,), status=NO_LOGIN)
            check("did not advertise authentication" in said, f"AUTH before TLS\n{said}")
        equal(len(bridge.tenant.sent()), sent, "messages that left")


@scenario("finds no AUTH but PLAIN and LOGIN: CRAM-MD5 and CRAM-SHA1 are not tried")
def other_mechanisms():
    with Bridge() as bridge:
        for mechanism in ("CRAM-MD5", "CRAM-SHA1"):
            said = swaks(bridge, login=(mechanism,), status=NO_LOGIN)
            check("requested type not available" in said, f"{mechanism} was tried\n{said}")
        equal(bridge.tenant.sent(), [], "mail that left")


@scenario("writes to an address beyond ASCII with SMTPUTF8, and only with it")
def beyond_ascii():
    with Bridge() as bridge:
        octets = letter(bridge, "Grüße, 日本語 🦀", to=f"Jörg Größe <{JÖRG}>", body="Zażółć\r\n")
        # This swaks has no option for it, but sends the sender as it is told: what it puts behind the parameters, a closing
        # bracket, is part of the ENVID (xtext, RFC 3461 §4).
        sender = f"{bridge.user}> SMTPUTF8 BODY=8BITMIME ENVID=swaks"
        for more in ([], ["--pipeline"]):
            said = swaks(bridge, *more, octets=octets, sender=sender, to=JÖRG)
            check("SMTPUTF8 BODY=8BITMIME" in said and "<-  250 2.0.0 Ok" in said, f"not taken\n{said}")
            arrived(bridge, octets, "what reached jörg", JÖRG)
        said = swaks(bridge, octets=octets, to=JÖRG, status=RECIPIENT_REFUSED)
        check("553 5.6.7" in said, f"no 553 5.6.7 in\n{said}")
        equal([mail["to"] for mail in bridge.tenant.sent()], [JÖRG, JÖRG], "mail that left")


@scenario("sends dots, 8 bits and lines of 998, 999 and 100,000 octets unchanged")
def long_lines():
    with Bridge() as bridge:
        more = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        more += f"X-Long: {'x' * 990}\r\nX-Longer: {'y' * 5_000}\r\n"
        lines = ["é" * 499, "é" * 499 + "x", ".", "..", "." * 998, "." * 999, "z" * 100_000, "\0\t ", "Ünï¢ødé € "]
        octets = letter(bridge, "Lines", more=more, body="".join(f"{line}\r\n" for line in lines))
        swaks(bridge, "--suppress-data", octets=octets)
        arrived(bridge, octets, "what reached bob")
        equal(len(bridge.tenant.sent()), 1, "messages that left")


@scenario("sends a file of 10 MB, which arrives byte for byte")
def large():
    with Bridge() as bridge:
        content = noise("swaks", LARGE_OCTETS)
        path = bridge.home / "scan.pdf"
        path.write_bytes(content)
        attached = ["--attach-type", "application/pdf", "--attach-name", "scan.pdf", "--attach", f"@{path}"]
        more = ["--h-Subject", "Ten megabytes", "--h-X-Scanner", "third floor", "--body", "One page.", "--suppress-data"]
        said = swaks(bridge, *more, *attached)
        check("<-  250 2.0.0 Ok" in said, f"not taken\n{said}")
        mail = only(bridge, BOB)
        equal((mail["Subject"], mail["X-Scanner"]), ("Ten megabytes", "third floor"), "fields")
        equal(text(mail), "One page.", "the text")
        check(files(mail) == {"scan.pdf": content}, "the file that reached bob is another")
        equal(everyone(bridge), [BOB], "who was reached")
        one_copy(bridge, "Ten megabytes")


@scenario("as a device that knows only HELO it needs no login, falls back from EHLO, and its sender is replaced")
def device():
    with Bridge(environment=SCANNER) as bridge:
        for protocol in ("ESMTP", "SMTP"):
            octets = message(f"By {protocol}", sender="root@RNP002673", to=BOB)
            sending = ["--protocol", protocol, "--helo", "RNP002673"]
            said = swaks(bridge, *sending, octets=octets, sender="root@RNP002673", login=None)
            check(("<** 502 " in said) == (protocol == "ESMTP"), f"EHLO\n{said}")
            check(" -> HELO RNP002673\n<-  250 " in said and "<-  250 2.0.0 Ok" in said, f"not taken after HELO\n{said}")
            arrived(bridge, octets.replace(b"root@RNP002673", bridge.user.encode()), f"what reached bob by {protocol}")
        said = swaks(bridge, octets=octets, sender="eve@else.example", login=None, status=None)
        check("550 5.7.1" in said, f"no 550 5.7.1 in\n{said}")
        equal(len(bridge.tenant.sent()), 2, "messages that left")


@scenario("is refused with a wrong password, without a login, and with another's sender, and nothing leaves")
def refused():
    with Bridge() as bridge:
        for mechanism in ("PLAIN", "LOGIN"):
            said = swaks(bridge, login=(mechanism, "wrong"), status=NO_LOGIN)
            check("535 5.7.8" in said, f"no 535 5.7.8 in\n{said}")
        for more in ([], ["--protocol", "SMTP"], ["--pipeline"]):
            said = swaks(bridge, *more, login=None, status=None)
            check("<** 530 5.7.0" in said and "<-  354" not in said, f"no 530 5.7.0 in\n{said}")
        octets = message("Forged", sender="eve@else.example", to=BOB)
        said = swaks(bridge, octets=octets, status=DATA_REFUSED)
        check("<** 550 5.7.1" in said, f"no 550 5.7.1 in\n{said}")
        equal(bridge.tenant.sent(), [], "mail that left")

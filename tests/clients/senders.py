"""msmtp and swaks: what scripts, cron jobs and testers send with."""

from harness import Bridge, check, crlf, equal, message, run, scenario

AUTHENTICATION_FAILED = 28  # swaks' exit code
BOB = "bob@elsewhere.example"
# A wrong password costs a delay, and swaks tries each mechanism it knows.
REFUSED_SECONDS = 60


def msmtp(bridge, octets, *recipients, mechanism="plain", more=()):
    host, port = bridge.smtp
    secret = bridge.home / "password"
    secret.write_text(bridge.password)
    settings = [
        f"--host={host}", f"--port={port}", "--tls=off", f"--auth={mechanism}", f"--user={bridge.user}",
        f"--passwordeval=cat {secret}", f"--from={bridge.user}", *more,
    ]  # fmt: skip
    return run(["msmtp", "--file=/dev/null", *settings, *recipients], stdin=octets.replace(b"\r\n", b"\n"))


def swaks(bridge, *arguments, octets=None, password=None, mechanism="PLAIN", status=0):
    data = bridge.home / "data.eml"
    data.write_bytes(octets or message("From swaks", sender=bridge.user, to=BOB))
    host, port = bridge.smtp
    command = [
        "swaks", "--server", host, "--port", port, "--timeout", "60", "--auth", mechanism,
        "--auth-user", bridge.user, "--auth-password", password or bridge.password,
        "--from", bridge.user, "--to", BOB, "--data", f"@{data}", *arguments,
    ]  # fmt: skip
    done = run(command, status=status, seconds=REFUSED_SECONDS)
    return done.stdout.decode() + done.stderr.decode()


@scenario("msmtp sends with AUTH PLAIN and with AUTH LOGIN")
def msmtp_sends():
    with Bridge() as bridge:
        for mechanism in ("plain", "login"):
            octets = message(f"By msmtp with {mechanism}", sender=bridge.user, to=BOB, body="Zażółć\r\n.\r\n")
            msmtp(bridge, octets, BOB, mechanism=mechanism)
            reached = [mail["mime"].encode() for mail in bridge.tenant.sent(BOB)]
            equal(reached[-1], octets, f"what reached bob with {mechanism}")
        equal(len(bridge.tenant.sent()), 2, "messages that left")
        check(bridge.tenant.item("By msmtp with plain", "Sent Items"), "no copy in Sent Items")


@scenario("msmtp takes the recipients from the header, Bcc included")
def msmtp_reads_recipients():
    with Bridge() as bridge:
        header = "Cc: Carol <carol@elsewhere.example>\r\nBcc: dave@elsewhere.example\r\n"
        octets = message("To four", sender=bridge.user, to=f"{BOB}, eve@elsewhere.example", more=header)
        msmtp(bridge, octets, more=["--read-recipients"])
        reached = sorted(mail["to"] for mail in bridge.tenant.sent())
        equal(reached, [f"{name}@elsewhere.example" for name in ("bob", "carol", "dave", "eve")], "who was reached")
        told = [mail["to"] for mail in bridge.tenant.sent() if "dave" in mail["mime"]]
        equal(told, [], "recipients who can read of the blind copy")


@scenario("swaks sends with AUTH PLAIN, AUTH LOGIN and in a pipeline")
def swaks_sends():
    with Bridge() as bridge:
        for number, arguments in enumerate([("PLAIN",), ("LOGIN",), ("PLAIN", "--pipeline")], 1):
            mechanism, *more = arguments
            octets = message(f"By swaks {number}", sender=bridge.user, to=BOB)
            swaks(bridge, *more, octets=octets, mechanism=mechanism)
            sent = bridge.tenant.sent(BOB)
            equal(len(sent), number, f"messages that reached bob after {arguments}")
            equal(sent[-1]["mime"].rstrip("\r\n"), octets.decode().rstrip("\r\n"), f"what reached bob with {arguments}")


@scenario("swaks sends an 8-bit body unchanged")
def swaks_eight_bit():
    with Bridge() as bridge:
        more = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        octets = message("Eight bits", sender=bridge.user, to=BOB, more=more, body="Ünï¢ødé €\r\n..two dots\r\n")
        swaks(bridge, octets=octets)
        sent = bridge.tenant.sent(BOB)
        equal(len(sent), 1, "messages that reached bob")
        equal(sent[0]["mime"].rstrip("\r\n"), crlf(octets).decode().rstrip("\r\n"), "what reached bob")


@scenario("swaks is refused with a wrong password, and nothing leaves")
def swaks_wrong_password():
    with Bridge() as bridge:
        for mechanism in ("PLAIN", "LOGIN"):
            said = swaks(bridge, password="wrong", mechanism=mechanism, status=AUTHENTICATION_FAILED)
            check("535 5.7.8" in said, f"no 535 5.7.8 in\n{said}")
        equal(bridge.tenant.sent(), [], "mail that left")


@scenario("swaks is told to log in first")
def swaks_without_login():
    with Bridge() as bridge:
        host, port = bridge.smtp
        command = ["swaks", "--server", host, "--port", port, "--to", BOB, "--from", bridge.user, "--timeout", "60"]
        done = run(command, status=None, seconds=REFUSED_SECONDS)
        check(done.returncode != 0 and b"530 5.7.0" in done.stdout, f"no 530 5.7.0 in\n{done.stdout.decode()}")
        equal(bridge.tenant.sent(), [], "mail that left")

"""msmtp: the sendmail of cron jobs, scripts and small machines. It has no queue: its exit code tells the caller."""

from harness import Bridge, check, equal, message, run, scenario, until
from secured import secured
from witness import calm, everyone, files, mime, noise, one_copy, only, reached, switches, text, throttle

BOB = "bob@elsewhere.example"
# sysexits.h. To msmtp every answer to a message but 250 is EX_UNAVAILABLE; whether it may pass stands in its log alone.
# EX_TEMPFAIL is for a server that cannot be reached.
BAD_SENDER, REFUSED, TEMPORARY, NO_PERMISSION = 65, 69, 75, 77
# Below the wait that the throttled tenant asks for, so that the bridge does not sit it out.
IMPATIENT = {"FOOTBRIDGE__LIMITS__PATIENCE": "1s"}
THROTTLED_SECONDS = 3
LARGE_OCTETS = 4_000_000


def msmtp(bridge, octets, *recipients, address=None, mechanism="plain", password=None, status=0, more=("--tls=off",)):
    host, port = address or bridge.smtp
    secret = bridge.home / "password"
    secret.write_text(password or bridge.password)
    settings = [
        f"--host={host}", f"--port={port}", f"--auth={mechanism}", f"--user={bridge.user}",
        f"--passwordeval=cat {secret}", f"--from={bridge.user}", *more,
    ]  # fmt: skip
    command = ["msmtp", "--file=/dev/null", *settings, *recipients]
    return run(command, stdin=octets.replace(b"\r\n", b"\n"), status=status)


def words(done):
    return done.stderr.decode()


def letter(bridge, subject, **more):
    return message(subject, sender=bridge.user, to=BOB, **more)


@scenario("sends with AUTH PLAIN and with AUTH LOGIN")
def sends():
    with Bridge() as bridge:
        for mechanism in ("plain", "login"):
            octets = letter(bridge, f"By msmtp with {mechanism}", body="Zażółć\r\n.\r\n")
            msmtp(bridge, octets, BOB, mechanism=mechanism)
            equal(reached(bridge, BOB)[-1], octets, f"what reached bob with {mechanism}")
        equal(len(bridge.tenant.sent()), 2, "messages that left")
        one_copy(bridge, "By msmtp with plain", "By msmtp with login")


@scenario("takes the recipients from the header, Bcc included")
def reads_recipients():
    with Bridge() as bridge:
        header = "Cc: Carol <carol@elsewhere.example>\r\nBcc: dave@elsewhere.example\r\n"
        octets = message("To four", sender=bridge.user, to=f"{BOB}, eve@elsewhere.example", more=header)
        msmtp(bridge, octets, more=["--tls=off", "--read-recipients"])
        people = sorted(mail["to"] for mail in bridge.tenant.sent())
        equal(people, [f"{name}@elsewhere.example" for name in ("bob", "carol", "dave", "eve")], "who was reached")
        told = [mail["to"] for mail in bridge.tenant.sent() if "dave" in mail["mime"]]
        equal(told, [], "recipients who can read of the blind copy")


@scenario("sends by STARTTLS and by TLS, finds a way to log in by itself, and trusts nobody else's CA")
def under_tls():
    with secured() as bridge:
        wanted = []
        for address, starttls in ((bridge.smtp, "on"), (bridge.smtp_tls, "off")):
            for mechanism in ("on", "plain", "login"):
                octets = letter(bridge, f"TLS {starttls} {mechanism}")
                trusting = ["--tls=on", f"--tls-starttls={starttls}", f"--tls-trust-file={bridge.ca}"]
                msmtp(bridge, octets, BOB, address=address, mechanism=mechanism, more=trusting)
                wanted.append(octets)
            distrusting = ["--tls=on", f"--tls-starttls={starttls}"]
            said = words(msmtp(bridge, octets, BOB, address=address, status=None, more=distrusting))
            check("certificate" in said, f"nothing about the certificate in\n{said}")
        equal(reached(bridge, BOB), wanted, "what reached bob")


@scenario("a large file goes by STARTTLS and arrives byte for byte")
def large():
    with secured() as bridge:
        content = noise("backup", LARGE_OCTETS)
        octets = mime(bridge.user, BOB, "Backup", "backup.tar", content, "X-Cron-Env: <HOME=/root>\r\n")
        msmtp(bridge, octets, BOB, more=["--tls=on", f"--tls-trust-file={bridge.ca}"])
        mail = only(bridge, BOB)
        equal((mail["Subject"], mail["X-Cron-Env"], text(mail)), ("Backup", "<HOME=/root>", "Zażółć"), "fields and text")
        check(files(mail) == {"backup.tar": content}, "the file that reached bob is another")
        equal(everyone(bridge), [BOB], "who was reached")
        one_copy(bridge, "Backup")


@scenario("logs a 4yz while Microsoft throttles, and the caller's next try leaves once")
def put_off():
    with Bridge(environment=IMPATIENT) as bridge:
        octets = letter(bridge, "Patience")
        throttle(bridge.tenant, THROTTLED_SECONDS)
        equal(logged(bridge, octets), (REFUSED, "451 4.4.5"), "while Microsoft throttles")
        equal(bridge.tenant.sent(), [], "mail that left")
        calm(bridge.tenant)
        until("the message is taken", lambda: is_taken(bridge, octets))
        equal(reached(bridge, BOB), [octets], "what reached bob")
        one_copy(bridge, "Patience")


def logged(bridge, octets):
    """msmtp's exit code, and the codes of the answer that its log tells of, if it was a refusal."""
    log = bridge.home / "msmtp.log"
    done = msmtp(bridge, octets, BOB, status=None, more=["--tls=off", f"--logfile={log}"]).returncode
    line = log.read_text().splitlines()[-1]
    return done, " ".join(line.partition("smtpmsg='")[2].split()[:2])


def is_taken(bridge, octets):
    """Whether it is taken now; as long as it is not, the answer must be that it may be later."""
    code, answer = logged(bridge, octets)
    check(code == 0 or answer.startswith("451 4."), f"ended with {code} and {answer}")
    return code == 0


@scenario("ends with EX_TEMPFAIL if the bridge is away")
def away():
    with Bridge() as bridge:
        bridge.program.stop()
        said = words(msmtp(bridge, letter(bridge, "Nobody there"), BOB, status=TEMPORARY))
        check("Connection refused" in said, said)


@scenario("is told what will never work by other exit codes, and nothing leaves")
def refused():
    with Bridge() as bridge:
        said = words(msmtp(bridge, letter(bridge, "Forged"), BOB, status=BAD_SENDER, more=["--tls=off", "--from=eve@else.example"]))
        check("550 5.7.1" in said, f"no 550 5.7.1 in\n{said}")
        switches(bridge.tenant, sending={"message_bytes": 1_000})
        said = words(msmtp(bridge, letter(bridge, "Large", body="x" * 70 + "\r\n" * 1_000), BOB, status=REFUSED))
        check("552 5.3.4" in said, f"no 552 5.3.4 in\n{said}")
        said = words(msmtp(bridge, letter(bridge, "Who"), BOB, password="wrong", status=NO_PERMISSION))
        check("535 5.7.8" in said, f"no 535 5.7.8 in\n{said}")
        equal(bridge.tenant.sent(), [], "mail that left")

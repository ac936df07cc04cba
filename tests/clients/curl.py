"""curl: IMAP and SMTP from the command line."""

from harness import Bridge, check, equal, message, run, scenario, until
from secured import secured
from witness import everyone, files, noise, one_copy, only, reached, text

BOB, CAROL, DAVE, JÖRG = (f"{name}@elsewhere.example" for name in ("bob", "carol", "dave", "jörg"))
# curl's exit codes
WEIRD_ANSWER, SEND_ERROR, LOGIN_DENIED = 8, 55, 67
LARGE_OCTETS = 20_000_000


class Curl:
    def __init__(self, bridge):
        self.bridge = bridge
        self.imap_url = "imap://{}:{}".format(*bridge.imap)
        self.smtp_url = "smtp://{}:{}/client.example".format(*bridge.smtp)

    def __call__(self, url, *arguments, password=None, status=0, stream="stdout"):
        login = f"{self.bridge.user}:{password or self.bridge.password}"
        command = ["curl", "--silent", "--show-error", "--max-time", "60", "--user", login, *arguments, url]
        return getattr(run(command, status=status), stream)

    def uid_of(self, subject, folder="INBOX"):
        answer = self(f"{self.imap_url}/{folder}", "--request", f'UID SEARCH SUBJECT "{subject}"')
        words = answer.decode().split()
        equal(words[:2], ["*", "SEARCH"], "the answer to UID SEARCH")
        equal(len(words), 3, f"UIDs of {subject!r}: {words}")
        return words[2]


@scenario("lists the folders with their special uses")
def lists_folders():
    with Bridge() as bridge:
        bridge.tenant.outlook("create_folder", path="Projects/Ponte Vecchio")
        curl = Curl(bridge)

        def with_the_new_folder():
            lines = curl(curl.imap_url).decode().splitlines()
            return lines if any("Projects/Ponte Vecchio" in line for line in lines) else None

        # The bridge looks at the folder tree once in a poll, and may have done so just before.
        listed = until("the nested folder is listed", with_the_new_folder)
        check(any(line.endswith(("INBOX", '"INBOX"')) for line in listed), f"no INBOX in {listed}")
        for use in ("\\Sent", "\\Trash", "\\Drafts", "\\Junk", "\\Archive"):
            equal(sum(use in line for line in listed), 1, f"folders that are {use} in {listed}")


@scenario("reads a message octet for octet, whole and by section")
def reads_a_message():
    with Bridge() as bridge:
        octets = message("For curl", body="Grüße\r\n.\r\n..\r\nEnd without line end", more="X-Odd:  two  blanks \r\n")
        item = bridge.tenant.deliver(octets)
        curl = Curl(bridge)
        uid = curl.uid_of("For curl")
        equal(curl(f"{curl.imap_url}/INBOX;UID={uid}"), octets, "BODY[]")
        equal(bridge.tenant.bytes_of({"immutable_id": item}), octets, "what the tenant serves")
        header, _, body = octets.partition(b"\r\n\r\n")
        equal(curl(f"{curl.imap_url}/INBOX;UID={uid};SECTION=TEXT"), body, "BODY[TEXT]")
        equal(curl(f"{curl.imap_url}/INBOX;UID={uid};SECTION=HEADER"), header + b"\r\n\r\n", "BODY[HEADER]")
        equal(curl(f"{curl.imap_url}/INBOX;UID={uid};SECTION=HEADER.FIELDS%20(X-Odd)"), b"X-Odd:  two  blanks \r\n\r\n", "one field")


@scenario("appends a message to a folder and reads it back")
def appends():
    with Bridge() as bridge:
        curl = Curl(bridge)
        octets = message("Filed by curl", to="list@elsewhere.example")
        path = bridge.home / "filed.eml"
        path.write_bytes(octets)
        curl(f"{curl.imap_url}/Archive", "--upload-file", path)
        item = bridge.tenant.item("Filed by curl", "Archive")
        check(item, "the tenant has nothing in Archive")
        equal((item["is_read"], item["is_draft"]), (True, False), "read (curl says \\Seen) and draft")
        uid = curl.uid_of("Filed by curl", "Archive")
        equal(curl(f"{curl.imap_url}/Archive;UID={uid}"), octets, "what was appended")


@scenario("sends a message to several recipients, named in the header or not")
def sends():
    with Bridge() as bridge:
        curl = Curl(bridge)
        to = f"{BOB}, Carol <{CAROL}>"
        octets = message("Sent by curl", sender=bridge.user, to=to, body=".leading dot\r\nZażółć\r\nend\r\n")
        path = bridge.home / "mail.eml"
        path.write_bytes(octets)
        recipients = [word for address in (BOB, CAROL, DAVE) for word in ("--mail-rcpt", address)]
        curl(curl.smtp_url, "--mail-from", bridge.user, *recipients, "--upload-file", path)
        for recipient in (BOB, CAROL, DAVE):
            equal(reached(bridge, recipient), [octets], f"what reached {recipient}")
        equal(len(bridge.tenant.sent()), 3, "deliveries")
        one_copy(bridge, "Sent by curl")


@scenario("asks for SMTPUTF8 by itself where an address needs it")
def sends_beyond_ascii():
    with Bridge() as bridge:
        curl = Curl(bridge)
        octets = message("Grüße, 日本語", sender=bridge.user, to=f"{JÖRG}, {BOB}", body="Zażółć\r\n")
        path = bridge.home / "mail.eml"
        path.write_bytes(octets)
        recipients = ["--mail-rcpt", JÖRG, "--mail-rcpt", BOB]
        sending = ["--verbose", "--mail-from", bridge.user, *recipients, "--upload-file", path]
        said = curl(curl.smtp_url, *sending, stream="stderr")
        check(b" SMTPUTF8" in said and b"< 250 2.0.0 Ok" in said, said)
        for recipient in (JÖRG, BOB):
            equal(reached(bridge, recipient), [octets], f"what reached {recipient}")
        equal(len(bridge.tenant.sent()), 2, "deliveries")


@scenario("makes a message with a file of 20 MB and sends it by SMTPS, byte for byte")
def sends_large():
    with secured() as bridge:
        content = noise("curl", LARGE_OCTETS)
        path = bridge.home / "disk.img"
        path.write_bytes(content)
        fields = [f"From: Ada <{bridge.user}>", f"To: {BOB}", "Subject: Größe", "X-Backup: nightly"]
        header = [word for field in fields for word in ("--header", field)]
        form = ["--form", "=Der Text dazu.;type=text/plain", "--form", f"file=@{path};encoder=base64"]
        curl = Curl(bridge)
        url = "smtps://{}:{}/client.example".format(*bridge.smtp_tls)
        trusting = ["--cacert", bridge.ca, "--mail-from", bridge.user, "--mail-rcpt", BOB]
        curl(url, *trusting, *header, *form)
        mail = only(bridge, BOB)
        equal((mail["Subject"], mail["X-Backup"], text(mail)), ("Größe", "nightly", "Der Text dazu."), "fields and text")
        check(files(mail) == {"disk.img": content}, "the file that reached bob is another")
        equal(everyone(bridge), [BOB], "who was reached")
        one_copy(bridge, "Größe")


@scenario("is told what is wrong with a message, and nothing leaves")
def sends_refused():
    with Bridge() as bridge:
        curl = Curl(bridge)
        path = bridge.home / "mail.eml"
        path.write_bytes(message("Refused", sender=bridge.user, to=BOB))
        sending = ["--upload-file", path]
        # Carol is not in the header, and bob, who is, would get what was not handed in for him.
        curl(curl.smtp_url, "--mail-from", bridge.user, "--mail-rcpt", CAROL, *sending, status=WEIRD_ANSWER)
        curl(curl.smtp_url, "--mail-from", "", "--mail-rcpt", BOB, *sending, status=SEND_ERROR)
        equal(bridge.tenant.sent(), [], "mail that left")


@scenario("is refused with a wrong password, by IMAP and by SMTP")
def wrong_password():
    with Bridge() as bridge:
        curl = Curl(bridge)
        curl(curl.imap_url, password="wrong", status=LOGIN_DENIED)
        arguments = ["--mail-from", bridge.user, "--mail-rcpt", BOB, "--upload-file", "/dev/null"]
        curl(curl.smtp_url, *arguments, password="wrong", status=LOGIN_DENIED)
        equal(bridge.tenant.sent(), [], "mail that left")

"""curl: IMAP and SMTP from the command line."""

from harness import Bridge, check, crlf, equal, message, run, scenario, until

LOGIN_DENIED = 67


class Curl:
    def __init__(self, bridge):
        self.bridge = bridge
        self.imap_url = "imap://{}:{}".format(*bridge.imap)
        self.smtp_url = "smtp://{}:{}/client.example".format(*bridge.smtp)

    def __call__(self, url, *arguments, password=None, status=0):
        login = f"{self.bridge.user}:{password or self.bridge.password}"
        command = ["curl", "--silent", "--show-error", "--max-time", "60", "--user", login, *arguments, url]
        return run(command, status=status).stdout

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


@scenario("sends a message")
def sends():
    with Bridge() as bridge:
        curl = Curl(bridge)
        octets = message("Sent by curl", sender=bridge.user, to="bob@elsewhere.example", body=".leading dot\r\nend\r\n")
        path = bridge.home / "mail.eml"
        path.write_bytes(octets)
        arguments = ["--mail-from", bridge.user, "--mail-rcpt", "bob@elsewhere.example", "--upload-file", path]
        curl(curl.smtp_url, *arguments)
        sent = bridge.tenant.sent("bob@elsewhere.example")
        equal([mail["mime"] for mail in sent], [crlf(octets).decode()], "what reached bob")


@scenario("is refused with a wrong password, by IMAP and by SMTP")
def wrong_password():
    with Bridge() as bridge:
        curl = Curl(bridge)
        curl(curl.imap_url, password="wrong", status=LOGIN_DENIED)
        arguments = ["--mail-from", bridge.user, "--mail-rcpt", "bob@elsewhere.example", "--upload-file", "/dev/null"]
        curl(curl.smtp_url, *arguments, password="wrong", status=LOGIN_DENIED)
        equal(bridge.tenant.sent(), [], "mail that left")

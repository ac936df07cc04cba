"""mbsync (isync): a Maildir and the mailbox held equal, both ways."""

import re

from harness import Bridge, check, crlf, equal, message, run, scenario, until
from imap_talk import Imap

CONFIGURATION = """
IMAPAccount bridge
Host {host}
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore remote
Account bridge

MaildirStore local
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Remove None
Expunge Both
CopyArrivalDate yes
SyncState *
"""


class Mbsync:
    """A Maildir kept by mbsync, with the files of one bridge."""

    def __init__(self, bridge):
        self.bridge = bridge
        self.home = bridge.home
        self.mail = bridge.home / "mail"
        self.mail.mkdir()
        self.settings = bridge.home / "mbsyncrc"
        self.reach(bridge.imap)
        self.written = 0

    def reach(self, address):
        """The bridge is at this address now."""
        host, port = address
        user, password = self.bridge.user, self.bridge.password
        self.settings.write_text(CONFIGURATION.format(host=host, port=port, user=user, password=password, home=self.home))

    def sync(self):
        done = run(["mbsync", "--config", self.settings, "--all"], environment={"HOME": str(self.home)})
        said = done.stdout.decode() + done.stderr.decode()
        complaints = [line for line in said.splitlines() if re.search(r"error|maildir error|IMAP error", line, re.I)]
        equal(complaints, [], "complaints of mbsync")
        return said

    def files(self, folder="INBOX"):
        """Messages of a Maildir: path by subject."""
        found = {}
        for part in ("new", "cur"):
            place = self.mail / folder / part
            for path in sorted(place.iterdir()) if place.is_dir() else []:
                subject = re.search(rb"^Subject: (.*?)\r?$", path.read_bytes(), re.M)[1].decode()
                check(subject not in found, f"{subject!r} is twice in {folder}")
                found[subject] = path
        return found

    def add(self, octets, folder="INBOX", flags=""):
        """Puts a message into the Maildir as a local mail program would."""
        place = self.mail / folder
        for part in ("new", "cur", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
        self.written += 1
        name = f"17700000{self.written:02}.P1Q{self.written}.desk"
        (place / ("cur" if flags else "new") / (f"{name}:2,{flags}" if flags else name)).write_bytes(
            octets.replace(b"\r\n", b"\n")
        )

    def set_flags(self, subject, flags, folder="INBOX"):
        path = self.files(folder)[subject]
        base = path.name.split(":")[0]
        path.rename(self.mail / folder / "cur" / f"{base}:2,{flags}")

    def flags(self, subject, folder="INBOX"):
        return self.files(folder)[subject].name.partition(":2,")[2]

    def settle(self, what):
        """A second run that must have nothing to do, neither here nor there."""
        before = {str(path): path.read_bytes() for path in self.mail.rglob("*") if "/cur/" in str(path) or "/new/" in str(path)}
        self.bridge.tenant.forget_journal()
        self.sync()
        equal(self.bridge.tenant.writes(), [], f"writes at the tenant in the second run after: {what}")
        after = {str(path): path.read_bytes() for path in self.mail.rglob("*") if "/cur/" in str(path) or "/new/" in str(path)}
        equal(after.keys(), before.keys(), f"files after the second run after: {what}")


def plain(octets):
    """A message as both sides must have it: line ends alike, without the X-TUID line that mbsync adds."""
    return re.sub(rb"^X-TUID: .*\r\n", b"", crlf(octets), count=1, flags=re.M)


@scenario("pulls new mail of every folder, and a second run has nothing to do")
def pulls():
    with Bridge() as bridge:
        tenant, mbsync = bridge.tenant, Mbsync(bridge)
        texts = {f"Number {number}": message(f"Number {number}", body=f"Line {number}\r\n" * number) for number in range(1, 8)}
        for octets in texts.values():
            tenant.deliver(octets)
        tenant.deliver(message("In a project"), folder="Projects/2026")
        tenant.deliver(message("Zażółć"), folder="Zażółć gęślą")

        def every_folder():
            mbsync.sync()
            return "In a project" in mbsync.files("Projects/2026")

        # The bridge looks at the folder tree once in a poll, and may have done so just before.
        until("the new folders come", every_folder)
        for subject, octets in texts.items():
            equal(plain(mbsync.files()[subject].read_bytes()), octets, f"the file of {subject!r}")
        equal(len(mbsync.files()), len(tenant.items()), "messages in INBOX")
        check(any("Zażółć" == subject for place in mbsync.mail.iterdir() for subject in mbsync.files(place.name)), "no Zażółć")
        mbsync.settle("the first pull")


@scenario("pushes new mail, byte for byte, and a second run has nothing to do")
def pushes():
    with Bridge() as bridge:
        tenant, mbsync = bridge.tenant, Mbsync(bridge)
        mbsync.sync()
        unread = message("Unread from the desk", body="Grüße\r\n")
        answered = message("Answered at the desk")
        mbsync.add(unread)
        mbsync.add(answered, flags="RS")
        mbsync.add(message("Into a new folder"), folder="Made at the desk")
        mbsync.sync()
        item = tenant.item("Unread from the desk")
        check(item, "the tenant did not get the unread message")
        equal((item["is_read"], item["is_draft"], item["flag"]), (False, False, "notFlagged"), "read, draft, flag")
        equal(tenant.item("Answered at the desk")["is_read"], True, "read")
        check("Made at the desk" in tenant.folders(), f"the new folder is not among {tenant.folders()}")
        check(tenant.item("Into a new folder", "Made at the desk"), "nothing in the new folder")
        with Imap(bridge) as imap:
            imap.select("INBOX")
            for subject, octets in {"Unread from the desk": unread, "Answered at the desk": answered}.items():
                uid = imap.one_uid("SUBJECT", subject)
                equal(plain(imap.fetch(uid, "BODY.PEEK[]")["BODY[]"]), octets, f"{subject!r} read back")
            flags = imap.fetch(imap.one_uid("SUBJECT", "Answered at the desk"), "FLAGS")["FLAGS"]
            equal({"\\Seen", "\\Answered"} <= set(flags), True, f"flags {flags}")
        mbsync.settle("pushing")


@scenario("carries flags both ways")
def flags():
    with Bridge() as bridge:
        tenant, mbsync = bridge.tenant, Mbsync(bridge)
        ids = {subject: tenant.deliver(message(subject)) for subject in ("Here", "There")}
        mbsync.sync()
        mbsync.set_flags("Here", "FS")
        tenant.outlook("flag", id=ids["There"], status="flagged")
        tenant.outlook("mark_read", id=ids["There"], read=True)

        def both():
            mbsync.sync()
            return mbsync.flags("There") == "FS"

        until("flags set elsewhere reach the Maildir", both)
        item = tenant.item("Here")
        equal((item["flag"], item["is_read"]), ("flagged", True), "flag and read at the tenant")
        mbsync.settle("flags set")
        mbsync.set_flags("Here", "")
        tenant.outlook("flag", id=ids["There"], status="notFlagged")

        def back():
            mbsync.sync()
            return mbsync.flags("There") == "S"

        until("a flag taken off elsewhere reaches the Maildir", back)
        item = tenant.item("Here")
        equal((item["flag"], item["is_read"]), ("notFlagged", False), "flag and read at the tenant")
        mbsync.settle("flags taken off")


@scenario("carries deletions both ways")
def deletions():
    with Bridge() as bridge:
        tenant, mbsync = bridge.tenant, Mbsync(bridge)
        ids = {subject: tenant.deliver(message(subject)) for subject in ("Here", "There", "Stays")}
        mbsync.sync()
        mbsync.set_flags("Here", "ST")
        tenant.outlook("delete", id=ids["There"])

        def gone():
            mbsync.sync()
            return "There" not in mbsync.files()

        until("a deletion elsewhere reaches the Maildir", gone)
        equal(tenant.item("Here"), None, "what the desk deleted, in the tenant's inbox")
        check("Here" not in mbsync.files(), "the Maildir still has what it deleted")
        check(tenant.item("Stays") and "Stays" in mbsync.files(), "an innocent message is gone")
        mbsync.settle("deletions")


@scenario("carries moves both ways without losing or doubling a message")
def moves():
    with Bridge() as bridge:
        tenant, mbsync = bridge.tenant, Mbsync(bridge)
        ids = {subject: tenant.deliver(message(subject)) for subject in ("Here", "There")}
        mbsync.sync()
        path = mbsync.files()["Here"]
        # A move between Maildirs drops mbsync's own U=number (mbsync's manual, "MaildirStore").
        bare = re.sub(r",U=\d+", "", path.name)
        path.rename(mbsync.mail / "Archive" / "cur" / bare)
        tenant.outlook("relocate", id=ids["There"], to="Archive")

        def moved():
            mbsync.sync()
            return "There" in mbsync.files("Archive") and "There" not in mbsync.files()

        until("a move elsewhere reaches the Maildir", moved)
        equal(tenant.item("Here"), None, "the moved message in the tenant's inbox")
        check(tenant.item("Here", "Archive"), "the moved message is not in the tenant's Archive")
        equal(plain(mbsync.files("Archive")["There"].read_bytes()), message("There"), "the moved file")
        mbsync.settle("moves")

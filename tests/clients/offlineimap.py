"""OfflineIMAP: Maildirs and the mailbox held equal, both ways."""

import re

import chores
from harness import Bridge, check, crlf, equal, message, run, scenario, until

CONFIGURATION = """
[general]
accounts = desk
metadata = {home}/offlineimap
maxsyncaccounts = 1
ui = basic

[Account desk]
localrepository = here
remoterepository = there
utf8foldernames = yes

[Repository here]
type = Maildir
localfolders = {home}/mail
sep = /

[Repository there]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
maxconnections = 2
"""


class OfflineImap:
    """Maildirs kept by OfflineIMAP, with the files of one bridge."""

    def __init__(self, bridge):
        self.bridge = bridge
        self.mail = bridge.home / "mail"
        self.mail.mkdir()
        self.settings = bridge.home / "offlineimaprc"
        host, port = bridge.imap
        named = {"host": host, "port": port, "user": bridge.user, "password": bridge.password, "home": bridge.home}
        self.settings.write_text(CONFIGURATION.format(**named))

    def sync(self):
        done = run(["offlineimap", "-o", "-c", self.settings], environment={"HOME": str(self.bridge.home)})
        said = (done.stdout + done.stderr).decode()
        complaints = [line for line in said.splitlines() if re.search(r"ERROR|WARN|Traceback|Exception:", line)]
        equal(complaints, [], f"complaints of OfflineIMAP, which said\n{said[-3000:]}\ncomplaints")
        return said

    def paths(self):
        return sorted(path for part in ("new", "cur") for path in self.mail.glob(f"**/{part}/*"))

    def files(self, folder="INBOX"):
        """Messages of a Maildir: path by subject."""
        found = {}
        for path in (path for path in self.paths() if path.parent.parent == self.mail / folder):
            subject = re.search(rb"^Subject: (.*?)\r?$", path.read_bytes(), re.M)[1].decode()
            check(subject not in found, f"{subject!r} is twice in {folder}")
            found[subject] = path
        return found

    def flags(self, subject, folder="INBOX"):
        return self.files(folder)[subject].name.partition(":2,")[2]

    def set_flags(self, subject, flags):
        path = self.files()[subject]
        path.rename(self.mail / "INBOX" / "cur" / f"{path.name.split(':')[0]}:2,{flags}")

    def add(self, octets, folder, name):
        for part in ("new", "cur", "tmp"):
            (self.mail / folder / part).mkdir(parents=True, exist_ok=True)
        (self.mail / folder / "cur" / f"1770000000_0.1.desk,{name}:2,S").write_bytes(octets.replace(b"\r\n", b"\n"))

    def settle(self, what):
        """A run that must have nothing to do, neither here nor there."""
        before = [(path, path.stat().st_mtime_ns) for path in self.paths()]
        self.bridge.tenant.forget_journal()
        said = self.sync()
        equal(self.bridge.tenant.writes(), [], f"writes at the tenant in the second run after: {what}")
        equal([(path, path.stat().st_mtime_ns) for path in self.paths()], before, f"files after the second run after: {what}")
        deeds = re.findall(r"^ *(?:Copy message|Adding|Deleting|Removing|Creating).*", said, re.M)
        equal(deeds, [], f"what the second run did after: {what}")


def plain(octets):
    """A message without the line by which OfflineIMAP finds what it has filed where UIDPLUS is missing."""
    return re.sub(rb"^X-OfflineIMAP: .*\r\n", b"", crlf(octets), count=1, flags=re.M)


@scenario("pulls every folder byte for byte, and a second run has nothing to do")
def pulls():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, desk = bridge.tenant, OfflineImap(bridge)
        chores.deliver(tenant)
        tenant.deliver(message("Deep"), folder="Projects/2026")
        tenant.deliver(message("Zażółć"), folder="Zażółć gęślą")

        def every_folder():
            desk.sync()
            return "Deep" in desk.files("Projects/2026") and "Zażółć" in desk.files("Zażółć gęślą")

        until("the new folders come", every_folder)
        mine = sorted(crlf(path.read_bytes()) for path in desk.paths())
        theirs = sorted(tenant.bytes_of(item) for folder in tenant.folders() for item in tenant.items(folder))
        equal([chores.digest(octets) for octets in mine], [chores.digest(octets) for octets in theirs], "the files")
        check("Zażółć" in desk.files("Zażółć gęślą"), "no folder of that name")
        desk.settle("the first pull")


@scenario("carries flags, new mail, new folders and deletions both ways, and then has nothing to do")
def both_ways():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, desk = bridge.tenant, OfflineImap(bridge)
        ids = {subject: tenant.deliver(message(subject)) for subject in ("Here", "There", "Gone here", "Gone there")}
        desk.sync()
        desk.set_flags("Here", "FRS")
        tenant.outlook("flag", id=ids["There"], status="flagged")
        tenant.outlook("mark_read", id=ids["There"], read=True)
        desk.files()["Gone here"].unlink()
        tenant.outlook("delete", id=ids["Gone there"])
        filed = message("Filed at the desk", body="Grüße\r\n")
        desk.add(filed, "Archive", "1")
        desk.add(message("In a new folder"), "Made at the desk", "2")

        def carried():
            desk.sync()
            return desk.flags("There") == "FS" and "Gone there" not in desk.files()

        until("what was done elsewhere reaches the Maildir", carried)
        item = tenant.item("Here")
        equal((item["flag"], item["is_read"]), ("flagged", True), "flag and read at the tenant")
        equal(tenant.item("Gone here"), None, "what the desk deleted, in the tenant's inbox")
        item = tenant.item("Filed at the desk", "Archive")
        equal((item["is_read"], item["is_draft"]), (True, False), "the filed message is read, is a draft")
        check(tenant.item("In a new folder", "Made at the desk"), "nothing in the new folder")
        equal(plain(desk.files("Archive")["Filed at the desk"].read_bytes()), filed, "the filed file")
        desk.settle("changes on both sides")
        desk.set_flags("Here", "")
        tenant.outlook("flag", id=ids["There"], status="notFlagged")

        def back():
            desk.sync()
            return desk.flags("There") == "S"

        until("a flag taken off elsewhere reaches the Maildir", back)
        item = tenant.item("Here")
        equal((item["flag"], item["is_read"]), ("notFlagged", False), "flag and read at the tenant")
        desk.settle("flags taken off")

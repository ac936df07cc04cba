"""`footbridge serve` against a tenant of its own: killed at any moment, started again, nothing lost and nothing renumbered."""

import json
import os
import pathlib
import signal
import tempfile

from harness import TARGET, Program, Tenant, check, equal, message, run, scenario, split_address, until
from imap_talk import Imap
from mbsync import Mbsync

SETTINGS = """
state_dir = "{home}/state"
key_file = "{home}/key"

[cloud]
name = "custom"
client_id = "{client_id}"
login = "{url}"
graph = "{url}"

[imap]
listen = ["127.0.0.1:0"]
[smtp]
listen = ["127.0.0.1:0"]
[console]
listen = "127.0.0.1:0"
"""


class Served:
    """m365-sim and `footbridge serve` as two programs; the bridge can die and come back."""

    def __enter__(self):
        self.bridge = self.simulator = None
        try:
            return self.begin()
        except BaseException as error:
            # Nobody calls __exit__ for what never began.
            self.__exit__(type(error), error, None)
            raise

    def begin(self):
        self.folder = tempfile.TemporaryDirectory(prefix="footbridge-clients-")
        self.home = pathlib.Path(self.folder.name)
        (self.home / "tenant").mkdir()
        (self.home / "bridge").mkdir()
        self.simulator = Program([TARGET / "m365-sim", "--listen", "127.0.0.1:0"], self.home / "tenant")
        ready = self.simulator.ready
        person = ready["users"][0]
        self.tenant = Tenant(ready["url"], person["address"])
        key = self.home / "key"
        key.write_bytes(os.urandom(32))
        key.chmod(0o600)
        self.settings = self.home / "footbridge.toml"
        self.settings.write_text(SETTINGS.format(home=self.home, url=ready["url"], client_id=person["client_id"]))
        token = self.home / "token"
        token.write_text(person["refresh_token"])
        command = ["connection", "add", person["address"], "--refresh-token-file", token, "--json"]
        done = run([TARGET / "footbridge", *command, "--config", self.settings])
        made = json.loads(done.stdout)
        self.user, self.password = made["user"], made["password"]
        self.start()
        return self

    def start(self):
        self.bridge = Program([TARGET / "footbridge", "serve", "--json", "--config", self.settings], self.home / "bridge")
        self.imap = split_address(self.bridge.ready["imap"][0])
        self.smtp = split_address(self.bridge.ready["smtp"][0])

    def kill(self):
        """As a power cut for the process: no goodbye, no flush."""
        self.bridge.child.send_signal(signal.SIGKILL)
        self.bridge.child.wait()

    def __exit__(self, kind, error, trace):
        if error is not None and self.bridge:
            error.add_note("the bridge's log ended with\n" + self.bridge.said())
        for program in filter(None, (self.bridge, self.simulator)):
            program.child.kill()
            program.child.wait()
        self.folder.cleanup()


def picture(imap, folder):
    """UIDVALIDITY, and for each UID its bytes and flags."""
    imap.select(folder)
    rows = imap.fetch("1:*", "(FLAGS BODY.PEEK[])")
    return imap.counts(folder)["UIDVALIDITY"], {uid: (row["BODY[]"], set(row["FLAGS"])) for uid, row in rows.items()}


@scenario("after kill -9 every UID names the same bytes with the same flags, and mbsync has nothing to do")
def killed():
    with Served() as served:
        for number in range(5):
            served.tenant.deliver(message(f"Number {number}"))
        with Imap(served) as imap:
            imap.append("Archive", "(\\Seen)", None, message("Appended"))
            imap.select("INBOX")
            imap.ask(f"UID STORE {imap.one_uid('SUBJECT', 'Number 1')} +FLAGS (\\Flagged)")
            before = {folder: picture(imap, folder) for folder in ("INBOX", "Archive")}
        mbsync = Mbsync(served)
        mbsync.sync()
        served.kill()
        served.start()
        mbsync.reach(served.imap)
        with Imap(served) as imap:
            after = {folder: picture(imap, folder) for folder in before}
        equal(after, before, "the folders after the restart")
        served.tenant.forget_journal()
        mbsync.settle("kill -9 and restart")


@scenario("killed between a client's writes, the bridge neither loses nor doubles a message")
def killed_among_writes():
    with Served() as served:
        subjects = [f"Write {number}" for number in range(6)]
        for number, subject in enumerate(subjects):
            with Imap(served) as imap:
                tag = imap._new_tag()
                octets = message(subject)
                served.tenant.forget_journal()
                imap.send(tag + b" APPEND Archive (\\Seen) {%d+}\r\n%s\r\n" % (len(octets), octets))
                answered = number % 2 == 0
                if answered:
                    imap.answer(tag, "OK", "APPEND")
                else:
                    # In the middle: the tenant has seen the first write, the client no answer.
                    until("the first write at the tenant", served.tenant.writes)
                served.kill()
                imap.shutdown()
                imap.logout = lambda: None  # the other end is gone
            served.start()
            with Imap(served) as imap:
                imap.select("Archive")
                found = imap.uids("SUBJECT", subject)
                check(len(found) <= 1, f"{subject!r} is there {len(found)} times")
                check(found or not answered, f"{subject!r} was answered OK and is gone")
                for uid in found:
                    row = imap.fetch(uid, "BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
                    equal(row["BODY[HEADER.FIELDS (SUBJECT)]"], b"Subject: %s\r\n\r\n" % subject.encode(), "the subject")
        inside = [item["subject"] for item in served.tenant.items("Archive") if item["subject"] in subjects]
        equal(sorted(inside), sorted(set(inside)), "messages in the tenant's Archive")
        drafts = [item["subject"] for item in served.tenant.items("Drafts") if item["subject"] in subjects]
        equal(drafts, [], "left in Drafts")

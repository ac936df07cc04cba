"""neomutt with CONDSTORE, QRESYNC and a header cache: it does a person's work, and comes back with what it remembers."""

import email
import email.policy
import re

import chores
from harness import Bridge, check, equal, message, run, scenario
from imap_talk import Imap

SETTINGS = """
set folder = "imap://{host}:{port}/"
set spoolfile = "+INBOX"
set imap_user = "{user}"
set imap_pass = "{password}"
set imap_condstore = yes
set imap_qresync = yes
set ssl_starttls = no
set ssl_force_tls = no
set header_cache = "{home}/headers"
set quit = yes
set mark_old = no
set confirmappend = no
set mail_check_stats = no
set record = "+Sent Items"
set postponed = "+Drafts"
set trash = "+Deleted Items"
set from = "{user}"
set smtp_url = "smtp://{user}@{smtp}/"
set smtp_pass = "{password}"
set smtp_authenticators = "plain"
set edit_headers = no
set send_charset = "us-ascii:utf-8"
set editor = "{home}/editor"
set fast_reply = yes
set include = no
set recall = no
set sort = mailbox-order
set auto_tag = no
set wait_key = no
set delete = yes
set pager = builtin
"""
# What a person types into the editor.
EDITOR = "#!/bin/sh\necho 'Grüße aus dem Editor' >>\"$1\"\n"


class Neomutt:
    """One user of neomutt; each visit is a run of the program in a terminal."""

    def __init__(self, bridge):
        self.home = bridge.home
        (host, port), self.settings = bridge.imap, bridge.home / "neomuttrc"
        (self.home / "headers").mkdir()
        smtp = f"{bridge.smtp[0]}:{bridge.smtp[1]}"
        named = {"host": host, "port": port, "smtp": smtp, "user": bridge.user, "password": bridge.password}
        self.settings.write_text(SETTINGS.format(home=self.home, **named))
        editor = self.home / "editor"
        editor.write_text(EDITOR)
        editor.chmod(0o755)
        self.visits = 0

    def visit(self, keys="<quit>"):
        """What the two said to each other."""
        self.visits += 1
        log = self.home / f"neomutt-{self.visits}.log"
        command = f"neomutt -n -F {self.settings} -d 5 -l {log} -e 'push \"{keys}\"'"
        run(["script", "-qec", command, "/dev/null"], environment={"HOME": str(self.home), "TERM": "xterm"})
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.glob(log.name + "*")))


    def send(self, subject, to, body):
        """One message, as a script sends it."""
        command = ["neomutt", "-n", "-F", self.settings, "-s", subject, "--", to]
        run(command, stdin=body, environment={"HOME": str(self.home)})


def told(said, what):
    """Untagged answers of a kind."""
    return re.findall(rf"< \* ((?:\d+ )?{what} .*)", said)


@scenario("comes back with QRESYNC, hears what it missed, and then nothing")
def returns():
    with Bridge() as bridge:
        tenant, neomutt = bridge.tenant, Neomutt(bridge)
        ids = {subject: tenant.deliver(message(subject)) for subject in ("Stays", "Changes", "Goes")}
        said = neomutt.visit()
        check("ENABLED QRESYNC" in said, "it does not enable QRESYNC")
        equal(len(told(said, "FETCH")), len(tenant.items()), "headers read by the first visit")
        tenant.outlook("flag", id=ids["Changes"], status="flagged")
        tenant.outlook("purge", id=ids["Goes"])
        said = neomutt.visit()
        check(re.search(r"UID FETCH \S+ \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", said), "it does not resynchronise")
        equal(len(told(said, r"VANISHED \(EARLIER\)")), 1, "what it is told to be gone")
        first = told(said, "FETCH")[0]
        check("\\Flagged" in first and "MODSEQ (" in first, f"what it is told to have changed: {first}")
        tenant.forget_journal()
        said = neomutt.visit()
        check("HIGHESTMODSEQ" in said, "it has not opened the folder again")
        equal((told(said, "FETCH"), told(said, "VANISHED")), ([], []), "news after nothing has happened")
        equal(tenant.writes(), [], "writes at the tenant after nothing has happened")


def on(subject, keys):
    """Keys for the message with this word in its subject."""
    return f"<search>~s{subject}<enter>{keys}"


@scenario("reads, flags, answers, saves, copies and deletes, and a second visit has nothing to do")
def ordinary_work():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, neomutt = bridge.tenant, Neomutt(bridge)
        for subject in ("Readme", "Flagme", "Saveme", "Copyme", "Deleteme", "Answerme"):
            tenant.deliver(message(subject))
        keys = on("Readme", "<display-message><exit>") + on("Flagme", "<flag-message>") + on("Saveme", "<save-message>=Archive<enter>")
        keys += on("Copyme", "<copy-message>=Archive<enter>") + on("Deleteme", "<delete-message>")
        keys += on("Answerme", "<reply><send-message>") + "<sync-mailbox><quit>"
        neomutt.visit(keys)
        equal((tenant.item("Readme")["is_read"], tenant.item("Flagme")["flag"]), (True, "flagged"), "read, flag")
        places = {subject: [box for box in ("Inbox", "Archive", "Deleted Items") if tenant.item(subject, box)] for subject in PLACES}
        equal(places, PLACES, "where the messages are")
        equal(tenant.bytes_of(tenant.item("Saveme", "Archive")), message("Saveme"), "what was saved")
        one_reply(tenant)
        with Imap(bridge) as imap:
            imap.select("INBOX")
            check("\\Answered" in imap.flags(imap.one_uid("SUBJECT", "Answerme")), "it is not marked as answered")
        neomutt.visit()
        tenant.forget_journal()
        said = neomutt.visit()
        equal((told(said, "FETCH"), tenant.writes()), ([], []), "headers read and writes at the tenant in the last visit")


PLACES = {"Readme": ["Inbox"], "Saveme": ["Archive"], "Copyme": ["Inbox", "Archive"], "Deleteme": ["Deleted Items"]}


def one_reply(tenant):
    """It was sent once, and the copy that the client files is the one that Microsoft has made."""
    sent = tenant.sent("grace@elsewhere.example")
    equal(len(sent), 1, "messages that reached grace")
    check("Grüße aus dem Editor" in sent[0]["mime"], sent)
    filed = [item["subject"] for item in tenant.items("Sent Items") if item["subject"] == "Re: Answerme"]
    equal(filed, ["Re: Answerme"], "copies in Sent Items")


@scenario("sends from a script and files one copy; postpones and recalls a draft")
def sends_and_postpones():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, neomutt = bridge.tenant, Neomutt(bridge)
        neomutt.send("From a script", "bob@elsewhere.example", "Grüße\n".encode())
        equal(len(tenant.sent("bob@elsewhere.example")), 1, "messages that reached bob")
        filed = [item["is_read"] for item in tenant.items("Sent Items") if item["subject"] == "From a script"]
        equal(filed, [True], "copies in Sent Items that are read")
        drafts = len(tenant.items("Drafts"))
        neomutt.visit("<mail>carol@elsewhere.example<enter>Later<enter><postpone-message><quit>")
        draft = tenant.item("Later", "Drafts")
        check(draft and draft["is_draft"], f"the postponed draft: {draft}")
        check("Grüße aus dem Editor" in decoded(tenant.bytes_of(draft)), "what was typed is not in the draft")
        neomutt.visit("<recall-message><search>Later<enter><select-entry><send-message><quit>")
        equal(len(tenant.sent("carol@elsewhere.example")), 1, "messages that reached carol")
        equal((tenant.item("Later", "Drafts"), len(tenant.items("Drafts"))), (None, drafts), "drafts left")


def decoded(octets):
    return email.message_from_bytes(octets, policy=email.policy.default).get_content()

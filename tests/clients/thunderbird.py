"""Thunderbird's side of the conversation, spoken by a script: its commands in its order, with what it remembers of a folder.

The program itself needs a desktop. It asks by UID, remembers UIDVALIDITY and HIGHESTMODSEQ of each folder, and keeps two
connections: one in IDLE on the inbox, one for everything else.
"""

import re

import chores
from harness import UNTIL_SECONDS, Bridge, check, equal, message, scenario, until
from imap_talk import Imap, fetch_items, parse, quoted
from python_folders import modified_utf7

HEADERS = (
    "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To"
)
# Octets of a message that are asked for at a time.
CHUNK = 20_480


class Folder:
    """What is remembered of one."""

    def __init__(self):
        self.validity = self.modseq = None
        self.flags, self.bodies, self.heads = {}, {}, {}


class Thunderbird(Imap):
    """One connection; `memory` holds folders by name and outlives it."""

    def __init__(self, bridge, memory):
        super().__init__(bridge)
        self.memory = memory
        self.bodies_read = self.heads_read = 0
        untagged, _ = self.ask("capability")
        self.can = {word.upper() for word in untagged[0][0].decode().split()[2:]}
        self.ask('ID ("name" "Thunderbird" "version" "140.5.0")')
        self.utf8 = "UTF8=ACCEPT" in self.can
        if self.utf8:
            self.ask("ENABLE UTF8=ACCEPT")
        self.ask("namespace")

    def named(self, name):
        """A name as it goes over this connection."""
        return quoted(name if self.utf8 else modified_utf7(name)).encode()

    def discover(self):
        """Attributes of every folder by its name on the wire."""
        line = 'list "" "*"' + (" return (special-use subscribed)" if "LIST-EXTENDED" in self.can else "")
        untagged, _ = self.ask(line)
        found = {}
        for response in untagged:
            _, kind, attributes, _, name = parse(response)
            equal(kind, "LIST", "the kind of answer")
            found[name if isinstance(name, str) else name.decode()] = set(attributes)
        self.ask('lsub "" "*"')
        return found

    def visit(self, name):
        """Selects a folder and takes in what is new; `name` is as it is on the wire."""
        untagged, _ = self.ask(f"select {quoted(name)} (CONDSTORE)".encode())
        codes = dict(re.findall(r"\[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)\]", " ".join(str(line[0]) for line in untagged)))
        count = next(int(line[0].split()[1]) for line in untagged if line[0].endswith(b" EXISTS"))
        known = self.memory.setdefault(name, Folder())
        if known.validity not in (None, codes["UIDVALIDITY"]):
            raise AssertionError(f"UIDVALIDITY of {name} has changed")
        if known.modseq != codes["HIGHESTMODSEQ"] or len(known.flags) != count:
            self.take_in(known, count)
        known.validity, known.modseq = codes["UIDVALIDITY"], codes["HIGHESTMODSEQ"]
        return known

    def take_in(self, known, count):
        if known.modseq:
            known.flags.update(self.flags_of(f"UID fetch 1:* (FLAGS) (CHANGEDSINCE {known.modseq})"))
        if len(known.flags) != count:
            # Something is gone, or nothing was known.
            known.flags = self.flags_of("UID fetch 1:* (FLAGS)") if count else {}
        fresh = sorted(set(known.flags) - set(known.heads))
        if fresh:
            items = f"(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({HEADERS})])"
            rows = self.fetch(f"{fresh[0]}:{fresh[-1]}", items)
            known.heads.update({int(uid): int(row["RFC822.SIZE"]) for uid, row in rows.items()})
            self.heads_read += len(rows)
        for uid in fresh:
            known.bodies[uid] = self.whole(uid, known.heads[uid])

    def flags_of(self, line):
        untagged, _ = self.ask(line)
        rows = [row for row in map(fetch_items, untagged) if row]
        return {int(row["UID"]): set(row["FLAGS"]) for row in rows}

    def whole(self, uid, size):
        """A small message at once, a larger one in pieces."""
        self.bodies_read += 1
        if size <= CHUNK:
            return self.fetch(f"{uid}", "(UID RFC822.SIZE BODY.PEEK[])")["BODY[]"]
        starts = range(0, size, CHUNK)
        return b"".join(self.fetch(f"{uid}", f"(UID BODY.PEEK[]<{start}.{CHUNK}>)")[f"BODY[]<{start}>"] for start in starts)

    def put(self, folder, flags, octets):
        """APPEND without a pause; the new UID."""
        _, text = self.ask(b"append %s (%s) {%d+}\r\n%s" % (self.named(folder), flags, len(octets), octets))
        return re.match(r"\[APPENDUID \d+ (\d+)\]", text)[1]


def offline(bridge, memory):
    """Signs in, takes every folder offline and leaves: (headers read, messages read, special folders)."""
    with Thunderbird(bridge, memory) as client:
        folders = client.discover()
        for name, attributes in folders.items():
            if "\\Noselect" not in attributes:
                client.visit(name)
        special = {role: name for name, attributes in folders.items() for role in attributes & set(chores.ROLES)}
        return client.heads_read, client.bodies_read, special


@scenario("takes every folder offline, comes back to fetch only what is new, and then nothing")
def offline_twice():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, memory = bridge.tenant, {}
        ids = chores.deliver(tenant)
        tenant.outlook("create_folder", path="Grüße & Küsse/日本語")
        until("the new folder", lambda: offline(bridge, memory) and len(memory) == len(tenant.folders()))
        everything = [item for folder in tenant.folders() for item in tenant.items(folder)]
        theirs = sorted(chores.digest(tenant.bytes_of(item)) for item in everything)
        mine = sorted(chores.digest(octets) for folder in memory.values() for octets in folder.bodies.values())
        equal(mine, theirs, "what is offline")
        bridge.tenant.forget_journal()
        heads, bodies, special = offline(bridge, memory)
        equal((heads, bodies, special), (0, 0, chores.ROLES), "headers and messages read by the second session, special folders")
        equal(tenant.writes(), [], "writes at the tenant in the second session")
        tenant.outlook("flag", id=ids["Copy me"], status="flagged")
        tenant.outlook("purge", id=ids["Delete me"])
        tenant.deliver(message("Fresh"))
        equal(offline(bridge, memory)[:2], (1, 1), "headers and messages read after one has come and one has gone")
        inbox = memory["INBOX"]
        equal(len(inbox.flags), len(tenant.items()), "messages in the inbox")
        equal(sum("\\Flagged" in flags for flags in inbox.flags.values()), flagged(tenant), "flagged messages")
        equal(offline(bridge, memory)[:2], (0, 0), "headers and messages read by the last session")


def flagged(tenant):
    return sum(item["flag"] == "flagged" for item in tenant.items())


@scenario("reads, tags, moves, archives and deletes, while another connection hears of it in IDLE")
def handles():
    with Bridge(environment=chores.BRISK) as bridge, Thunderbird(bridge, {}) as inbox, Thunderbird(bridge, {}) as client:
        tenant = bridge.tenant
        chores.deliver(tenant)
        inbox.ask("select INBOX (CONDSTORE)")
        idle = inbox._new_tag()
        inbox.send(idle + b" IDLE\r\n")
        check(inbox.read_response()[0].startswith(b"+"), "no continuation")
        client.ask("select INBOX (CONDSTORE)")
        uids = {word: client.one_uid("UNDELETED", "SUBJECT", word) for word in ("Copy", "Delete", "Just")}
        row = client.fetch(uids["Just"], "(UID RFC822.SIZE BODY[])")
        equal(row["BODY[]"], chores.MAIL["Just read me"], "the message that is read")
        client.ask(f"uid store {uids['Just']} +Flags (\\Seen $label1 NonJunk $MDNSent)")
        equal(client.flags(uids["Just"]), {"\\Seen", "$label1", "NonJunk", "$MDNSent"}, "flags and tags")
        client.ask(f"uid store {uids['Just']} -Flags ($label1)")
        client.ask(b"create " + client.named("Archiv/Grüße"))
        client.ask(b"subscribe " + client.named("Archiv/Grüße"))
        client.ask(b"uid move %s %s" % (uids["Just"].encode(), client.named("Archiv/Grüße")))
        client.ask(f'uid copy {uids["Copy"]} "Archive"')
        client.ask(f"uid store {uids['Delete']} +FLAGS (\\Seen \\Deleted)")
        client.ask("expunge")
        moved = tenant.item("Just read me", "Archiv/Grüße")
        equal((tenant.bytes_of(moved), moved["is_read"]), (chores.MAIL["Just read me"], True), "what was moved")
        found = [tenant.item("Just read me"), tenant.item("Delete me")]
        equal((found, bool(tenant.item("Copy me", "Archive"))), ([None, None], True), "what left the inbox, what was copied")
        inbox.sock.settimeout(UNTIL_SECONDS)
        told = []

        def both_gone():
            told.append(inbox.read_response()[0])
            return sum(line.endswith(b" EXPUNGE") for line in told) == 2

        until("the other connection hears of both", both_gone)
        inbox.send(b"DONE\r\n")
        inbox.answer(idle, "OK", "IDLE")
        client.ask("close")


@scenario("files a sent copy once, and saves a draft again and again without doubling it")
def files():
    with Bridge(environment=chores.BRISK) as bridge, Thunderbird(bridge, {}) as client:
        tenant = bridge.tenant
        client.put("Sent Items", b"\\Seen", chores.SENT)
        sent = tenant.item("A letter", "Sent Items")
        equal((sent["is_read"], sent["is_draft"]), (True, False), "the sent copy is read, is a draft")
        client.ask("select Drafts (CONDSTORE)")
        before, last = len(tenant.items("Drafts")), None
        for number in range(3):
            octets = message(f"Letter {number}", body="Grüße\r\n" * (number + 1), sender=bridge.user)
            saved = client.put("Drafts", b"\\Seen \\Draft", octets)
            if last:
                client.ask(f"uid store {last} +FLAGS (\\Seen \\Deleted)")
                client.ask(f"uid expunge {last}")
            last = saved
        equal(client.fetch(last, "(BODY.PEEK[])")["BODY[]"], octets, "the draft")
        equal(len(tenant.items("Drafts")), before + 1, "drafts at the tenant")
        check(tenant.item("Letter 2", "Drafts")["is_draft"], "it is no draft")
        tenant.forget_journal()
        client.ask("noop")
        client.ask('STATUS "Sent Items" (UIDNEXT MESSAGES UNSEEN RECENT)')
        equal(tenant.writes(), [], "writes when there is nothing to do")

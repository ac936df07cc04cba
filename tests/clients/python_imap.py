"""Python's imaplib: messages, from login to IDLE."""

import base64
import hashlib
import imaplib

from harness import UNTIL_SECONDS, Bridge, check, equal, message, scenario, until
from imap_talk import Imap, fetch_items, quoted

PARTED = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n"
    "--edge\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
    "--edge\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n{data}\r\n"
    "--edge--\r\n"
)


def parted(subject):
    """A message with two parts, the second 30 KB of base64."""
    data = base64.encodebytes(hashlib.shake_256(subject.encode()).digest(22_000)).decode().replace("\n", "\r\n")
    head, _, _ = message(subject).partition(b"\r\n\r\n")
    return head + b"\r\n" + PARTED.format(data=data.rstrip()).encode()


@scenario("logs in by LOGIN, by AUTHENTICATE PLAIN with and without initial response, and by AUTHENTICATE LOGIN")
def logins():
    with Bridge() as bridge:
        plain = f"\0{bridge.user}\0{bridge.password}".encode()
        with Imap(bridge, login=False) as imap:
            check({"IMAP4REV1", "SASL-IR", "LITERAL+", "AUTH=PLAIN", "AUTH=LOGIN"} <= set(imap.capabilities), imap.capabilities)
            check("STARTTLS" not in imap.capabilities, "STARTTLS is offered where there is no certificate")
            _, text = imap.ask(f"LOGIN {quoted(bridge.user)} {quoted(bridge.password)}")
            check("[CAPABILITY IMAP4rev1" in text and "UIDPLUS" in text, f"no capabilities in the OK: {text}")
        with Imap(bridge, login=False) as imap:
            imap.authenticate("PLAIN", lambda _: plain)
        with Imap(bridge, login=False) as imap:
            imap.ask(b"AUTHENTICATE PLAIN " + base64.b64encode(plain))
        with Imap(bridge, login=False) as imap:
            answers = iter([bridge.user.encode(), bridge.password.encode()])
            imap.authenticate("LOGIN", lambda _: next(answers))
        with Imap(bridge, login=False) as imap:
            user, password = bridge.user.encode(), bridge.password.encode()
            imap.ask(b"LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (len(user), user, len(password), password))


@scenario("a wrong password and an unknown user get the same answer")
def wrong_logins():
    with Bridge() as bridge, Imap(bridge, login=False) as imap:
        _, one = imap.ask(f"LOGIN {quoted(bridge.user)} wrong", status="NO")
        _, other = imap.ask("LOGIN nobody@contoso.example wrong", status="NO")
        check(one.startswith("[AUTHENTICATIONFAILED]"), one)
        equal(other, one, "the two answers")
        imap.ask("SELECT INBOX", status="BAD")
        imap.login(bridge.user, bridge.password)


@scenario("FETCH answers every item, and reading marks as seen at the tenant unless it is a peek")
def fetches():
    with Bridge() as bridge, Imap(bridge) as imap:
        octets = parted("All items")
        bridge.tenant.deliver(octets, at="2026-03-02T09:20:30Z")
        imap.select("INBOX")
        uid = imap.one_uid("SUBJECT", "All items")
        header, _, body = octets.partition(b"\r\n\r\n")
        header += b"\r\n\r\n"
        row = imap.fetch(uid, "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[])")
        equal(row["RFC822.SIZE"], str(len(octets)), "RFC822.SIZE")
        equal(row["BODY[]"], octets, "BODY[]")
        equal(row["INTERNALDATE"], b" 2-Mar-2026 09:20:30 +0000", "INTERNALDATE")
        equal(row["ENVELOPE"][1], b"All items", "the subject of ENVELOPE")
        equal(row["ENVELOPE"][2], [[b"Grace", None, b"grace", b"elsewhere.example"]], "from of ENVELOPE")
        equal([part[:2] for part in row["BODYSTRUCTURE"][:2]], [[b"text", b"plain"], [b"application", b"octet-stream"]], "parts")
        equal(row["FLAGS"], [], "flags of new mail")
        row = imap.fetch(uid, "(BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2]<10.20>)")
        equal((row["BODY[HEADER]"], row["BODY[TEXT]"]), (header, body), "header and text")
        equal(row["BODY[1]"], "Grüße".encode(), "BODY[1]")
        equal(row["BODY[1.MIME]"].count(b"\r\n"), 3, "lines of BODY[1.MIME]")
        second = body.split(b"base64\r\n\r\n")[1].split(b"\r\n--edge--")[0]
        equal(row["BODY[2]<10>"], second[10:30], "a partial")
        row = imap.fetch(uid, "(RFC822.HEADER BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)] BODY.PEEK[HEADER.FIELDS.NOT (FROM)])")
        equal(row["RFC822.HEADER"], header, "RFC822.HEADER")
        kept = b"".join(line for line in header.splitlines(True) if not line.startswith(b"From:"))
        equal(row["BODY[HEADER.FIELDS.NOT (FROM)]"], kept, "HEADER.FIELDS.NOT")
        equal(bridge.tenant.item("All items")["is_read"], False, "read after peeks only")
        row = imap.fetch(uid, "RFC822")
        equal(row["RFC822"], octets, "RFC822")
        equal((row.get("FLAGS"), imap.flags(uid)), (["\\Seen"], {"\\Seen"}), "flags after reading")
        equal(bridge.tenant.item("All items")["is_read"], True, "read after reading")
        for macro, items in {"ALL": 4, "FAST": 3, "FULL": 5}.items():
            row = imap.fetch(uid, macro)
            equal(len(row) - 2, items, f"items of {macro}: {list(row)}")
        equal(imap.fetch(uid, "BODY.PEEK[7]")["BODY[7]"], None, "a part that is not there")


@scenario("a 16 KiB partial loop puts the message together again")
def partial_loop():
    with Bridge() as bridge, Imap(bridge) as imap:
        octets = parted("In pieces") * 1
        bridge.tenant.deliver(octets)
        imap.select("INBOX")
        uid = imap.one_uid("SUBJECT", "In pieces")
        pieces = []
        while not pieces or pieces[-1]:
            offset = 16_384 * len(pieces)
            pieces.append(imap.fetch(uid, f"BODY.PEEK[]<{offset}.16384>")[f"BODY[]<{offset}>"])
        equal(b"".join(pieces), octets, "the pieces joined")


@scenario("STORE shows and keeps what the tenant has taken")
def stores():
    with Bridge() as bridge, Imap(bridge) as imap:
        bridge.tenant.deliver(message("Flags"))
        imap.select("INBOX")
        uid = imap.one_uid("SUBJECT", "Flags")
        untagged, _ = imap.ask(f"UID STORE {uid} +FLAGS (\\Seen \\Flagged \\Answered Urgent)")
        wanted = {"\\Seen", "\\Flagged", "\\Answered", "Urgent"}
        equal([set(row["FLAGS"]) for row in map(fetch_items, untagged) if row], [wanted], "flags in the answer to STORE")
        item = bridge.tenant.item("Flags")
        equal((item["is_read"], item["flag"], item["categories"]), (True, "flagged", ["Urgent"]), "what the tenant has")
        untagged, _ = imap.ask(f"UID STORE {uid} -FLAGS.SILENT (\\Flagged Urgent)")
        equal(untagged, [], "answers to a silent STORE")
        equal(imap.flags(uid), {"\\Seen", "\\Answered"}, "flags left")
        # Exchange remembers one last verb: replied or forwarded.
        imap.ask(f"UID STORE {uid} FLAGS.SILENT (\\Seen $Forwarded)")
        equal(imap.flags(uid), {"\\Seen", "$Forwarded"}, "flags of a forwarded message")
        imap.ask(f"UID STORE {uid} FLAGS ()")
        equal(imap.flags(uid), set(), "flags after all were taken off")
        item = bridge.tenant.item("Flags")
        equal((item["is_read"], item["flag"], item["categories"]), (False, "notFlagged", []), "what the tenant has")


@scenario("a STORE that the tenant refuses is answered NO and shows nothing")
def refused_store():
    with Bridge() as bridge, Imap(bridge) as imap:
        bridge.tenant.deliver(message("Stubborn"))
        imap.select("INBOX")
        uid = imap.one_uid("SUBJECT", "Stubborn")
        answer = {"fault": "status", "code": 403, "error_code": "ErrorAccessDenied"}
        bridge.tenant.control("POST", "faults", body={"kinds": ["patch"], "skip": 0, "times": None, "answer": answer})
        untagged, text = imap.ask(f"UID STORE {uid} +FLAGS (\\Flagged)", status="NO")
        check(text.startswith("[NOPERM]"), text)
        equal([line for line in untagged if b"FETCH" in line[0]], [], "flags shown")
        equal(imap.flags(uid), set(), "flags afterwards")
        equal(bridge.tenant.item("Stubborn")["flag"], "notFlagged", "the tenant's flag")


@scenario("COPY, MOVE, EXPUNGE and UID EXPUNGE do what they say, and say which UIDs came of it")
def copies_and_moves():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        for subject in ("Copied", "Moved", "Expunged", "Marked only"):
            tenant.deliver(message(subject))
        imap.select("INBOX")
        uids = {subject: imap.one_uid("SUBJECT", subject) for subject in ("Copied", "Moved", "Expunged", "Marked only")}
        before = len(tenant.items())
        _, text = imap.ask(f"UID COPY {uids['Copied']} Archive")
        check(text.startswith("[COPYUID "), text)
        target = text.split("]")[0].split()[-1]
        equal((len(tenant.items()), bool(tenant.item("Copied", "Archive"))), (before, True), "after COPY")
        untagged, _ = imap.ask(f"UID MOVE {uids['Moved']} Archive")
        check(any(b"[COPYUID " in line[0] for line in untagged), f"no COPYUID: {untagged}")
        check(any(line[0].endswith(b" EXPUNGE") for line in untagged), f"no EXPUNGE: {untagged}")
        equal((tenant.item("Moved"), bool(tenant.item("Moved", "Archive"))), (None, True), "after MOVE")
        imap.ask(f"UID STORE {uids['Expunged']},{uids['Marked only']} +FLAGS.SILENT (\\Deleted)")
        check(tenant.item("Expunged"), "gone before EXPUNGE")
        untagged, _ = imap.ask(f"UID EXPUNGE {uids['Expunged']}")
        equal(sum(line[0].endswith(b" EXPUNGE") for line in untagged), 1, "EXPUNGE responses")
        equal((tenant.item("Expunged"), bool(tenant.item("Marked only"))), (None, True), "after UID EXPUNGE")
        imap.ask("EXPUNGE")
        equal(tenant.item("Marked only"), None, "after EXPUNGE")
        _, text = imap.ask(f"UID COPY {uids['Copied']} Nowhere", status="NO")
        check(text.startswith("[TRYCREATE]"), text)
        imap.ask("SELECT Archive")
        equal(imap.fetch(target, "BODY.PEEK[]")["BODY[]"], message("Copied"), "the copy")


@scenario("SEARCH finds by flags, dates, sizes, headers and text in any charset")
def searches():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        encoded = "=?iso-8859-1?Q?Stra=DFenfest?="
        tenant.deliver(message(encoded, body="Alle kommen.\r\n", more="X-Ticket: A-17\r\n"), at="2026-01-05T10:00:00Z")
        small = tenant.deliver(message("Small and seen"), at="2026-02-05T10:00:00Z")
        tenant.outlook("mark_read", id=small, read=True)
        tenant.outlook("flag", id=small, status="flagged")
        tenant.deliver(parted("Large one"), at="2026-02-06T10:00:00Z")
        imap.select("INBOX")
        street, = [imap.one_uid("HEADER", "X-Ticket", "A-17")]
        seen = imap.one_uid("SUBJECT", "Small and seen")
        large = imap.one_uid("SUBJECT", "Large one")
        ours = {street, seen, large}
        for criteria, wanted in {
            "SEEN FLAGGED": {seen},
            "UNSEEN LARGER 20000": {large},
            "NOT SEEN SMALLER 20000 FROM grace": {street},
            "SINCE 1-Feb-2026 BEFORE 6-Feb-2026": {seen},
            "ON 6-Feb-2026": {large},
            "SENTON 2-Mar-2026": ours,
            "OR HEADER X-Ticket 17 LARGER 20000": {street, large},
            f"UID {seen}:{large}": {seen, large},
            'BODY "alle kommen"': {street},
            'TEXT "X-TICKET: a-17"': {street},
            'HEADER X-Ticket ""': {street},
            "KEYWORD Nonesuch": set(),
        }.items():
            equal(set(imap.uids(criteria)) & ours, wanted, criteria)
        for charset in ("UTF-8", "ISO-8859-1"):
            needle = "straßenfest".encode(charset)
            untagged, _ = imap.ask(b"UID SEARCH CHARSET %s SUBJECT {%d+}\r\n%s" % (charset.encode(), len(needle), needle))
            equal(untagged[0][0].decode().split()[2:], [street], f"SEARCH in {charset}")
        _, text = imap.ask("UID SEARCH CHARSET X-NONE SUBJECT x", status="NO")
        check(text.startswith("[BADCHARSET"), text)


@scenario("APPEND keeps bytes, date and flags, and says the UID")
def appends():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        octets = parted("Appended")
        status, data = imap.append("Archive", "(\\Seen \\Flagged)", '"05-Jan-2024 10:11:12 +0100"', octets)
        equal(status, "OK", "APPEND")
        check(data[0].startswith(b"[APPENDUID "), data)
        uid = data[0].split(b"]")[0].split()[-1].decode()
        item = tenant.item("Appended", "Archive")
        found = (item["is_read"], item["flag"], item["is_draft"], item["received"][:19])
        equal(found, (True, "flagged", False, "2024-01-05T09:11:12"), "read, flag, draft, received at the tenant")
        imap.select("Archive")
        row = imap.fetch(uid, "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
        equal(row["BODY[]"], octets, "bytes")
        equal(row["RFC822.SIZE"], str(len(octets)), "size")
        equal(set(row["FLAGS"]), {"\\Seen", "\\Flagged"}, "flags")
        equal(row["INTERNALDATE"], b" 5-Jan-2024 09:11:12 +0000", "INTERNALDATE")
        untagged, _ = imap.ask(b"APPEND Archive {%d+}\r\n%s" % (len(octets), octets.replace(b"Appended", b"Doppeled")))
        check(any(b"EXISTS" in line[0] for line in untagged), f"the open folder does not grow: {untagged}")
        status, _ = imap.append("Drafts", "(\\Draft)", None, message("A draft"))
        equal((status, tenant.item("A draft", "Drafts")["is_draft"]), ("OK", True), "APPEND to Drafts")


@scenario("APPEND refuses a missing folder with TRYCREATE and a giant with TOOBIG before it is read")
def refused_appends():
    with Bridge() as bridge, Imap(bridge) as imap:
        status, data = imap.append("Nowhere", None, None, message("Lost"))
        equal((status, data[0].split()[0]), ("NO", b"[TRYCREATE]"), "APPEND to a missing folder")
        _, text = imap.ask("APPEND INBOX {999999999}", status="NO")
        check(text.startswith("[TOOBIG]"), text)
        imap.ask("NOOP")


@scenario("EXAMINE changes nothing")
def examines():
    with Bridge() as bridge, Imap(bridge) as imap:
        bridge.tenant.deliver(message("Untouched"))
        _, text = imap.ask("EXAMINE INBOX")
        check(text.startswith("[READ-ONLY]"), text)
        uid = imap.one_uid("SUBJECT", "Untouched")
        bridge.tenant.forget_journal()
        imap.fetch(uid, "BODY[]")
        imap.ask(f"UID STORE {uid} +FLAGS (\\Deleted)", status="NO")
        imap.ask("EXPUNGE", status="NO")
        imap.ask("CLOSE")
        equal(bridge.tenant.writes(), [], "writes at the tenant")
        equal(bridge.tenant.item("Untouched")["is_read"], False, "read")
        imap.ask("SELECT INBOX")
        imap.fetch(uid, "BODY[]")
        check(bridge.tenant.writes(), "the journal does not show the write that a SELECT allows")


@scenario("IDLE tells of new mail, of flags and of what is gone")
def idles():
    with Bridge() as bridge, Imap(bridge) as imap:
        read, gone = (bridge.tenant.deliver(message(subject)) for subject in ("Read elsewhere", "Deleted elsewhere"))
        imap.select("INBOX")
        count = len(imap.uids("ALL"))
        tag = imap._new_tag()
        imap.send(tag + b" IDLE\r\n")
        check(imap.read_response()[0].startswith(b"+"), "no continuation")
        imap.sock.settimeout(UNTIL_SECONDS)
        bridge.tenant.outlook("delete", id=gone)
        bridge.tenant.outlook("mark_read", id=read, read=True)
        bridge.tenant.deliver(message("New"))
        told = []

        def all_three():
            told.append(imap.read_response()[0])
            return all(any(word in line for line in told) for word in (b" EXPUNGE", b"\\Seen", b" EXISTS"))

        until("news of the three changes", all_three)
        grown, shrunk = b"* %d EXISTS" % (count + 1), b"* %d EXISTS" % count
        check(grown in told or shrunk in told, f"one gone, one new, and no count that fits: {told}")
        imap.send(b"DONE\r\n")
        imap.answer(tag, "OK", "IDLE")
        imap.one_uid("SUBJECT", "New")


@scenario("two sessions on one folder see each other's changes, and UIDs stay")
def two_sessions():
    with Bridge() as bridge, Imap(bridge) as one, Imap(bridge) as other:
        for number in range(3):
            bridge.tenant.deliver(message(f"Shared {number}"))
        one.select("INBOX")
        other.select("INBOX")
        uids = [one.one_uid("SUBJECT", f"Shared {number}") for number in range(3)]
        one.ask(f"UID STORE {uids[0]} +FLAGS.SILENT (\\Deleted)")
        one.ask(f"UID EXPUNGE {uids[0]}")
        one.ask(f"UID STORE {uids[1]} +FLAGS (\\Flagged)")
        untagged, _ = other.ask("NOOP")
        check(any(line[0].endswith(b"EXPUNGE") for line in untagged), f"no EXPUNGE: {untagged}")
        check(any(b"\\Flagged" in line[0] for line in untagged), f"no flag: {untagged}")
        equal(other.fetch(uids[2], "BODY.PEEK[]")["BODY[]"], message("Shared 2"), "a UID names other bytes")


@scenario("bad input gets BAD and the session goes on, or ends with BYE where it cannot")
def bad_input():
    with Bridge() as bridge, Imap(bridge) as imap:
        for line in ("FROB", "SELECT", "FETCH x FLAGS", "UID FETCH 0 FLAGS", "UID BOGUS 1", "SEARCH BEFORE yesterday", "LOGIN a b"):
            imap.ask(line, status="BAD")
        imap.ask("NOOP")
        imap.send(b"z1 LOGIN {99999999999+}\r\n")
        answers = []
        try:
            while not any(b"BYE" in line[0] or b"BAD" in line[0] for line in answers):
                answers.append(imap.read_response())
        except (imaplib.IMAP4.abort, AssertionError) as ended:
            check(answers, f"closed without a word: {ended}")

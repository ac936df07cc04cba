"""The ordinary work of a program that minds a mailbox. Each client does it in its own way, twice.

What is unread is read, and by its subject moved, copied or deleted; a draft and the copy of a sent message are filed if they
are not there yet. A second run finds nothing unread and both filed: it must read nothing and write nothing.
"""

import hashlib

from harness import UNTIL_SECONDS, check, equal, message, until

# What happens elsewhere is seen after a second instead of fifteen.
BRISK = {"FOOTBRIDGE__SYNC__POLL": "1s"}
BILLS = "Rechnungen/Grüße & 2026"
ROLES = {"\\Archive": "Archive", "\\Drafts": "Drafts", "\\Junk": "Junk Email", "\\Sent": "Sent Items", "\\Trash": "Deleted Items"}
MAIL = {
    "Rechnung für März": message("=?utf-8?Q?Rechnung_f=C3=BCr_M=C3=A4rz?=", body="Zahlbar sofort.\r\n"),
    "Copy me": message("Copy me", body="Line\r\n" * 4000),
    "Delete me": message("Delete me"),
    "Just read me": message("Just read me", body="Grüße\r\n"),
}
DRAFT = message("Half a letter", sender="ada@contoso.example", to="bob@elsewhere.example")
SENT = message("A letter", sender="ada@contoso.example", to="bob@elsewhere.example")


def deliver(tenant):
    return {subject: tenant.deliver(octets) for subject, octets in MAIL.items()}


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def twice(bridge, work):
    """`work()` answers what it read (digest by subject) and what it did (words)."""
    tenant = bridge.tenant
    deliver(tenant)
    read, did = work()
    check(did, "the first run did nothing")
    equal({subject: read.get(subject) for subject in MAIL}, {subject: digest(octets) for subject, octets in MAIL.items()}, "read")
    is_done(tenant)
    rest(bridge, work)


def rest(bridge, work):
    """A run that must find nothing to do."""
    bridge.tenant.forget_journal()
    equal(work(), ({}, []), "what the second run read and did")
    downloads = [entry["path"] for entry in bridge.tenant.journal() if entry["kind"] == "mime"]
    equal((bridge.tenant.writes(), downloads), ([], []), "writes and downloads at the tenant in the second run")


def is_done(tenant):
    """The tenant after the first run."""
    places = {"Rechnung für März": [BILLS], "Copy me": ["Inbox", "Archive"], "Delete me": [], "Just read me": ["Inbox"]}
    for subject, octets in MAIL.items():
        found = {folder: tenant.item(subject, folder) for folder in ("Inbox", "Archive", BILLS)}
        equal([folder for folder, item in found.items() if item], places[subject], f"folders that have {subject!r}")
        for item in filter(None, found.values()):
            equal((item["is_read"], tenant.bytes_of(item)), (True, octets), f"read, and bytes of {subject!r}")
    equal(tenant.item("Copy me")["flag"], "flagged", "flag")
    draft, sent = tenant.item("Half a letter", "Drafts"), tenant.item("A letter", "Sent Items")
    equal((draft["is_draft"], tenant.bytes_of(draft)), (True, DRAFT), "the draft")
    equal((sent["is_draft"], sent["is_read"]), (False, True), "the sent copy is a draft, is read")


def changes_elsewhere(tenant, inbox_flags):
    """What Outlook does to a message is seen by the client, both ways; `inbox_flags(subject)` answers a set."""
    item = tenant.item("Just read me")
    tenant.outlook("flag", id=item["immutable_id"], status="flagged")
    tenant.outlook("mark_read", id=item["immutable_id"], read=False)
    until("the flags set elsewhere", lambda: inbox_flags("Just read me") == {"\\Flagged"})
    tenant.outlook("flag", id=item["immutable_id"], status="notFlagged")
    tenant.outlook("mark_read", id=item["immutable_id"], read=True)
    until("the flags taken back", lambda: inbox_flags("Just read me") == {"\\Seen"})


def hears_of_news(tenant, wait):
    """`wait(seconds)` answers the lines that came while idle."""
    tenant.deliver(message("News"))
    lines = until("EXISTS", lambda: [line for line in wait(UNTIL_SECONDS) if "EXISTS" in line.upper()])
    count = len(tenant.items())
    check(any(str(count) in line for line in lines), f"{count} messages, told: {lines}")

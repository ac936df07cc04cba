"""imap-tools, the Python library: a program that minds a mailbox."""

import email.policy
import sys

import chores
from harness import TARGET, Bridge, check, crlf, equal, message, scenario

# Headers as they came.
UNFOLDED = email.policy.compat32.clone(max_line_length=None)

sys.path.append(str(TARGET.parent / "clients-python"))


def visit(bridge):
    from imap_tools import MailBoxUnencrypted

    host, port = bridge.imap
    return MailBoxUnencrypted(host, port, timeout=60).login(bridge.user, bridge.password)


def special(box):
    """Names of the special folders by attribute."""
    return {flag: found.name for found in box.folder.list() for flag in found.flags if flag in chores.ROLES}


def minds(box):
    """The chores, once."""
    from imap_tools import AND

    read, did = {}, []
    if not box.folder.exists(chores.BILLS):
        box.folder.create(chores.BILLS)
        did.append("create")
    box.folder.set("INBOX")
    for found in list(box.fetch(AND(seen=False), bulk=True)):
        uid, octets = found.uid, crlf(found.obj.as_bytes(policy=UNFOLDED))
        read[found.subject] = chores.digest(octets)
        did.append(f"handle {found.subject}")
        if found.subject.startswith("Rechnung"):
            box.move(uid, chores.BILLS)
        elif found.subject == "Copy me":
            box.flag(uid, "\\Flagged", True)
            box.copy(uid, "Archive")
        elif found.subject == "Delete me":
            box.delete(uid)
    folders = special(box)
    filed = [("\\Drafts", "Half a letter", chores.DRAFT, ["\\Draft", "\\Seen"]), ("\\Sent", "A letter", chores.SENT, ["\\Seen"])]
    for role, subject, octets, flags in filed:
        box.folder.set(folders[role])
        if not box.uids(AND(subject=subject)):
            box.append(octets, folders[role], flag_set=flags)
            did.append("append")
    return read, did


@scenario("minds the mailbox, and a second run has nothing to do")
def minds_twice():
    with Bridge(environment=chores.BRISK) as bridge:
        with visit(bridge) as box:
            equal(special(box), chores.ROLES, "special folders")
            chores.twice(bridge, lambda: minds(box))
            box.folder.set("INBOX")

            def flags(subject):
                found, = box.fetch(f'SUBJECT "{subject}"', mark_seen=False, headers_only=True)
                return set(found.flags) - {"\\Recent"}

            chores.changes_elsewhere(bridge.tenant, flags)
        with visit(bridge) as box:
            chores.rest(bridge, lambda: minds(box))


@scenario("makes, renames and deletes folders, pages, searches and waits in IDLE")
def rest_of_it():
    from imap_tools import AND, OR

    with Bridge(environment=chores.BRISK) as bridge, visit(bridge) as box:
        chores.deliver(bridge.tenant)
        for name in ("Zażółć/gęślą jaźń", "A & B", "日本語"):
            box.folder.create(name)
            box.append(message("Inside"), name)
            equal(box.folder.status(name)["MESSAGES"], 1, f"messages in {name!r}")
            box.folder.subscribe(name, True)
            check(name in [found.name for found in box.folder.list(subscribed_only=True)], f"{name!r} is not subscribed")
            box.folder.rename(name, f"{name} neu")
            check(box.folder.exists(f"{name} neu") and not box.folder.exists(name), f"{name!r} after it was renamed")
            box.folder.delete(f"{name} neu")
            check(not box.folder.exists(f"{name} neu"), f"{name!r} is still there after it was deleted")
        box.folder.set("INBOX")
        found = [mail.subject for mail in box.fetch(AND(subject="für März"), charset="UTF-8", mark_seen=False)]
        equal(found, ["Rechnung für März"], "what is found in UTF-8")
        found = [mail.subject for mail in box.fetch(OR(subject=["Copy me", "Delete me"]), mark_seen=False, reverse=True)]
        equal(sorted(found), ["Copy me", "Delete me"], "what is found by either")
        pages = [[mail.uid for mail in box.fetch(limit=slice(start, start + 3), mark_seen=False, bulk=True)] for start in (0, 3)]
        equal(sum(pages, []), box.uids("ALL")[:6], "two pages")
        with box.idle as idle:
            chores.hears_of_news(bridge.tenant, lambda seconds: [line.decode() for line in idle.poll(timeout=seconds)])

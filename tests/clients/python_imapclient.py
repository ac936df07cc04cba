"""IMAPClient, the Python library: a program that minds a mailbox, its folders, its search and its IDLE."""

import email
import email.header
import email.policy
import sys
from datetime import date

import chores
from harness import TARGET, Bridge, check, equal, message, scenario

sys.path.append(str(TARGET.parent / "clients-python"))


def visit(bridge):
    """Logged in, with everything enabled that may be."""
    from imapclient import IMAPClient

    host, port = bridge.imap
    client = IMAPClient(host, port, ssl=False, timeout=60)
    client.login(bridge.user, bridge.password)
    client.id_({"name": "mailbox minder"})
    wanted = [word for word in ("CONDSTORE", "QRESYNC") if client.has_capability(word)]
    equal([word.decode() for word in client.enable(*wanted)], wanted, "what is enabled")
    return client


def minds(client):
    """The chores, once."""
    names = [name for _, _, name in client.list_folders()]
    read, did = {}, []
    if chores.BILLS not in names:
        client.create_folder(chores.BILLS)
        did.append("create")
    client.select_folder("INBOX")
    for uid in client.search(["UNSEEN"]):
        row = client.fetch([uid], ["FLAGS", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "BODY.PEEK[]"])[uid]
        octets = row[b"BODY[]"]
        equal(row[b"RFC822.SIZE"], len(octets), "RFC822.SIZE")
        subject = str(email.header.make_header(email.header.decode_header(row[b"ENVELOPE"].subject.decode())))
        read[subject] = chores.digest(octets)
        client.add_flags([uid], ["\\Seen"])
        did += handle(client, uid, subject)
    for name, octets, flags in [("\\Drafts", chores.DRAFT, ["\\Draft", "\\Seen"]), ("\\Sent", chores.SENT, ["\\Seen"])]:
        folder = client.find_special_folder(name.encode())
        client.select_folder(folder)
        identity = email.message_from_bytes(octets)["Message-ID"]
        if not client.search(["HEADER", "Message-ID", identity]):
            answer = client.append(folder, octets, flags)
            check(b"APPENDUID" in answer, f"the answer to APPEND: {answer}")
            did.append("append")
    client.unselect_folder()
    return read, did


def handle(client, uid, subject):
    if subject.startswith("Rechnung"):
        client.move([uid], chores.BILLS)
    elif subject == "Copy me":
        client.add_flags([uid], ["\\Flagged"])
        client.copy([uid], "Archive")
    elif subject == "Delete me":
        equal(set(client.delete_messages([uid])[uid]) & {b"\\Deleted"}, {b"\\Deleted"}, "flags")
        client.uid_expunge([uid])
    return [f"handle {subject}"]


@scenario("minds the mailbox, and a second run has nothing to do")
def minds_twice():
    with Bridge(environment=chores.BRISK) as bridge:
        client = visit(bridge)
        chores.twice(bridge, lambda: minds(client))
        client.select_folder("INBOX")

        def flags(subject):
            uid, = client.search(["SUBJECT", subject])
            return {flag.decode() for flag in client.get_flags([uid])[uid]} - {"\\Recent"}

        chores.changes_elsewhere(bridge.tenant, flags)
        client.logout()
        client = visit(bridge)
        chores.rest(bridge, lambda: minds(client))
        client.logout()


@scenario("makes, renames, subscribes and deletes folders, whatever their names")
def folders():
    with Bridge(environment=chores.BRISK) as bridge:
        client = visit(bridge)
        listed = {name: {flag.decode() for flag in flags} for flags, _, name in client.list_folders()}
        equal({role: name for name, flags in listed.items() for role in flags & set(chores.ROLES)}, chores.ROLES, "special folders")
        for name in ("Zażółć/gęślą jaźń", "A & B", "日本語", 'Quote " and \\ back'):
            client.create_folder(name)
            check(client.folder_exists(name), f"{name!r} is not there after it was made")
            client.subscribe_folder(name)
            check(name in [found for _, _, found in client.list_sub_folders()], f"{name!r} is not subscribed")
            client.append(name, message("Inside"))
            equal(client.folder_status(name, ["MESSAGES", "UNSEEN"])[b"MESSAGES"], 1, f"messages in {name!r}")
            client.rename_folder(name, f"{name} neu")
            check(not client.folder_exists(name), f"{name!r} is still there after it was renamed")
            client.select_folder(f"{name} neu")
            equal(len(client.search()), 1, f"messages of {name!r} after it was renamed")
            client.close_folder()
            client.delete_folder(f"{name} neu")
            check(not client.folder_exists(f"{name} neu"), f"{name!r} is still there after it was deleted")
        client.logout()


@scenario("searches in UTF-8 and waits in IDLE")
def searches_and_idles():
    with Bridge(environment=chores.BRISK) as bridge:
        chores.deliver(bridge.tenant)
        client = visit(bridge)
        client.select_folder("INBOX", readonly=True)
        for criteria, charset, subjects in [
            (["SUBJECT", "für märz"], "UTF-8", ["Rechnung für März"]),
            (["BODY", "grüße", "UNSEEN"], "UTF-8", ["Just read me"]),
            (["SINCE", date(2020, 1, 1), "LARGER", 20_000, "FROM", "grace"], None, ["Copy me"]),
            (["OR", ["SUBJECT", "Copy me"], ["SUBJECT", "Delete me"]], None, ["Copy me", "Delete me"]),
        ]:
            rows = client.fetch(client.search(criteria, charset), ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])
            heads = [row[b"BODY[HEADER.FIELDS (SUBJECT)]"] for row in rows.values()]
            found = [email.message_from_bytes(head, policy=email.policy.default)["Subject"] for head in heads]
            equal(sorted(found), subjects, f"what is found by {criteria}")
        client.idle()

        def wait(seconds):
            return [f"{count} {word.decode()}" for count, word, *_ in client.idle_check(timeout=seconds)]

        chores.hears_of_news(bridge.tenant, wait)
        client.idle_done()
        client.logout()

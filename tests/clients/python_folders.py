"""Python's imaplib: folders."""

import base64
import itertools

from harness import Bridge, check, equal, message, scenario, until
from imap_talk import Imap, parse, quoted


def listed(imap, pattern, verb="LIST"):
    """Attributes by name."""
    untagged, _ = imap.ask(f'{verb} "" {quoted(pattern)}')
    found = {}
    for response in untagged:
        _, _, attributes, separator, name = parse(response)
        equal(separator, b"/", "the separator")
        name = name if isinstance(name, str) else name.decode()
        check(name not in found, f"{name} is listed twice")
        found[name] = set(attributes)
    return found


def modified_utf7(text):
    """RFC 3501 section 5.1.3."""
    octets = b""
    for ascii_only, run in itertools.groupby(text, str.isascii):
        run = "".join(run)
        shifted = base64.b64encode(run.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
        octets += run.replace("&", "&-").encode() if ascii_only else b"&" + shifted + b"-"
    return octets.decode()


@scenario("LIST shows the tree, wildcards keep to their levels")
def lists():
    with Bridge() as bridge:
        bridge.tenant.outlook("create_folder", path="Top/Middle/Leaf")
        with Imap(bridge) as imap:
            # The bridge may have looked at the folders a moment before, and then hears of them at its next look.
            until("the new folders are listed", lambda: "Top/Middle/Leaf" in listed(imap, "*"))
            everything = listed(imap, "*")
            check({"INBOX", "Top", "Top/Middle", "Top/Middle/Leaf"} <= everything.keys(), list(everything))
            equal(len(everything), len(bridge.tenant.folders()), f"folders: {list(everything)} and {bridge.tenant.folders()}")
            equal(set(listed(imap, "Top/%")), {"Top/Middle"}, "one level")
            check("Top/Middle" not in listed(imap, "%"), "% reached below")
            check("\\HasChildren" in everything["Top"], everything["Top"])
            check("\\HasNoChildren" in everything["Top/Middle/Leaf"], everything["Top/Middle/Leaf"])
            untagged, _ = imap.ask('LIST "" ""')
            equal(parse(untagged[0])[2:], [["\\Noselect"], b"/", b""], "the separator's answer")
            untagged, _ = imap.ask("NAMESPACE")
            equal(parse(untagged[0])[2:], [[[b"", b"/"]], None, None], "NAMESPACE")


@scenario("CREATE, RENAME and DELETE reach the tenant, names in modified UTF-7")
def changes():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        for name in ("Entwürfe & Ähnliches", "台北", "Zażółć/gęślą", "with \"quotes\" and back\\slash"):
            wire_name = modified_utf7(name)
            imap.ask(f"CREATE {quoted(wire_name)}")
            check(name in tenant.folders(), f"{name!r} is not among {tenant.folders()}")
            check(wire_name in listed(imap, "*"), f"{wire_name} is not listed")
            equal(imap.counts(wire_name)["MESSAGES"], 0, "messages")
        _, text = imap.ask(f"CREATE {quoted(modified_utf7('台北'))}", status="NO")
        check(text.startswith("[ALREADYEXISTS]"), text)
        tenant.deliver(message("Goes along"), folder="Zażółć/gęślą")
        old, new = modified_utf7("Zażółć"), modified_utf7("Łódź")
        imap.ask(f"RENAME {quoted(old)} {quoted(new)}")
        check("Łódź/gęślą" in tenant.folders() and "Zażółć" not in tenant.folders(), tenant.folders())
        imap.select(quoted(f"{new}/{modified_utf7('gęślą')}"))
        imap.one_uid("SUBJECT", "Goes along")
        imap.ask("CLOSE")
        imap.ask(f"DELETE {quoted(modified_utf7('台北'))}")
        check("台北" not in tenant.folders(), tenant.folders())
        check(modified_utf7("台北") not in listed(imap, "*"), "a deleted folder is listed")


@scenario("enables UTF8=ACCEPT, and names and searches travel in UTF-8")
def utf8():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        equal(imap.enable("UTF8=ACCEPT")[0], "OK", "ENABLE")
        check(imap.utf8_enabled, "imaplib does not know that UTF-8 is enabled")
        for name in ("Entwürfe & Ähnliches", "台北", "R&-D"):
            equal(imap.create(quoted(name))[0], "OK", f"CREATE {name}")
            check(name in tenant.folders(), f"{name!r} is not among {tenant.folders()}")
        equal(imap.rename(quoted("台北"), quoted("Łódź"))[0], "OK", "RENAME")
        check("Łódź" in tenant.folders() and "台北" not in tenant.folders(), tenant.folders())
        _, lines = imap.list('""', quoted("*"))
        names = {line.decode().split(' "/" ')[1].strip('"') for line in lines}
        check({"Entwürfe & Ähnliches", "Łódź", "R&-D"} <= names, names)
        tenant.deliver(message("Grüße aus Łódź"), folder="Łódź")
        equal(imap.select(quoted("Łódź")), ("OK", [b"1"]), "SELECT")
        equal(imap.search(None, "SUBJECT", quoted("Grüße")), ("OK", [b"1"]), "SEARCH")
        equal(imap.search(None, "SUBJECT", quoted("Küsse")), ("OK", [b""]), "SEARCH")
        equal(imap.delete(quoted("R&-D"))[0], "OK", "DELETE")


@scenario("refuses what must not be done to INBOX, and what is not there")
def refusals():
    with Bridge() as bridge, Imap(bridge) as imap:
        for command, code in {
            "DELETE INBOX": "[CANNOT]",
            "CREATE inbox": "[ALREADYEXISTS]",
            "DELETE Nowhere": "[NONEXISTENT]",
            "RENAME Nowhere Elsewhere": "[NONEXISTENT]",
            "SELECT Nowhere": "[NONEXISTENT]",
            "STATUS Nowhere (MESSAGES)": "[NONEXISTENT]",
        }.items():
            _, text = imap.ask(command, status="NO")
            check(text.startswith(code), f"{command}: {text}")


@scenario("subscriptions are kept, also to folders that are gone")
def subscriptions():
    with Bridge() as bridge, Imap(bridge) as imap:
        imap.ask("CREATE Short-lived")
        imap.ask("SUBSCRIBE Short-lived")
        check("Short-lived" in listed(imap, "*", "LSUB"), "not subscribed")
        imap.ask("DELETE Short-lived")
        check("Short-lived" in listed(imap, "*", "LSUB"), "the subscription went with the folder")
        imap.ask("UNSUBSCRIBE Short-lived")
        check("Short-lived" not in listed(imap, "*", "LSUB"), "still subscribed")


@scenario("STATUS counts, and the folder that is open shows the same")
def counts():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        imap.ask("CREATE Counted")
        before = imap.counts("Counted")
        ids = [tenant.deliver(message(f"Number {number}"), folder="Counted") for number in range(12)]
        tenant.outlook("mark_read", id=ids[0], read=True)

        def counted():
            # A look may fall between what came and what was read of it.
            counts = imap.counts("Counted")
            return counts if (counts["MESSAGES"], counts["UNSEEN"]) == (12, 11) else None

        now = until("STATUS counts what came and what is unseen", counted)
        equal(now["UIDVALIDITY"], before["UIDVALIDITY"], "UIDVALIDITY")
        equal(now["UIDNEXT"], before["UIDNEXT"] + 12, "UIDNEXT")
        _, data = imap.select("Counted")
        equal(data, [b"12"], "EXISTS")
        equal(imap.untagged_responses["UIDVALIDITY"], [str(now["UIDVALIDITY"]).encode()], "UIDVALIDITY of SELECT")


@scenario("a folder made, renamed and deleted in Outlook appears, changes and goes")
def changes_elsewhere():
    with Bridge() as bridge, Imap(bridge) as imap:
        tenant = bridge.tenant
        listed(imap, "*")
        for path in ("By the other one", "Short-lived"):
            tenant.outlook("create_folder", path=path)
        tenant.deliver(message("Inside"), folder="By the other one")
        until("the new folders are listed", lambda: {"By the other one", "Short-lived"} <= listed(imap, "*").keys())
        imap.select('"By the other one"')
        uid = imap.one_uid("SUBJECT", "Inside")
        equal(imap.fetch(uid, "BODY.PEEK[]")["BODY[]"], message("Inside"), "the message inside")
        imap.ask("CLOSE")
        tenant.outlook("rename_folder", path="By the other one", name="Renamed")
        tenant.outlook("delete_folder", path="Short-lived")
        until("the new name is listed", lambda: "Renamed" in listed(imap, "*"))
        names = listed(imap, "*").keys()
        check("By the other one" not in names and "Short-lived" not in names, f"old names are listed: {list(names)}")
        equal(imap.counts("Renamed")["MESSAGES"], 1, "messages in the renamed folder")

"""imapflow, the JavaScript library: it enables and uses whatever the bridge offers."""

import base64
import hashlib
import json
import signal

import chores
from harness import HERE, Bridge, Program, check, equal, message, run, scenario, until
from python_imap import parted

CLIENT = HERE / "imapflow_client" / "client.mjs"
FILED = [
    {"role": "\\Drafts", "id": "<Half-a-letter@clients.example>", "text": chores.DRAFT.decode(), "flags": ["\\Draft", "\\Seen"]},
    {"role": "\\Sent", "id": "<A-letter@clients.example>", "text": chores.SENT.decode(), "flags": ["\\Seen"]},
]
# What it enables where it is offered. Of IMAP4rev2 and UTF8=ACCEPT it makes use as well.
ENABLES = ("CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2")


def order(bridge, mode, **more):
    host, port = bridge.imap
    told = {"host": host, "port": port, "user": bridge.user, "password": bridge.password, "mode": mode, **more}
    return ["node", CLIENT, json.dumps(told)]


def visit(bridge, mode, **more):
    """One run of the program: what it tells at its end."""
    done = run(order(bridge, mode, **more), directory=CLIENT.parent)
    told = json.loads(done.stdout.decode().splitlines()[-1])
    offered = {word.upper() for word in told["capabilities"]}
    equal({word.upper() for word in told["enabled"]}, offered & set(ENABLES), "what it has enabled")
    check(told["compressed"], "it does not compress")
    return told


@scenario("minds the mailbox, and a second run has nothing to do")
def minds_twice():
    with Bridge(environment=chores.BRISK) as bridge:

        def work():
            told = visit(bridge, "mind", bills=chores.BILLS, filed=FILED)
            equal(told["roles"], chores.ROLES, "special folders")
            return told["read"], told["did"]

        chores.twice(bridge, work)


@scenario("mirrors every folder, comes back with QRESYNC, and hears of changes and then of nothing")
def mirrors():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, memory = bridge.tenant, str(bridge.home / "memory.json")
        ids = chores.deliver(tenant)
        tenant.deliver(message("Deep"), folder="日本語/Grüße & Co")
        first = until("the new folder", lambda: found_deep(visit(bridge, "mirror", memory=memory)))
        wanted = {}
        for folder in tenant.folders():
            octets = sorted(chores.digest(tenant.bytes_of(item)) for item in tenant.items(folder))
            wanted["INBOX" if folder == "Inbox" else folder.replace("\\/", "_x002F_")] = octets
        equal({path: sorted(mail) for path, mail in first["mail"].items()}, wanted, "what the mirror has")
        tenant.forget_journal()
        nothing = {"fetched": [], "flags": [], "gone": 0}
        equal(visit(bridge, "mirror", memory=memory, quiet=True)["heard"], nothing, "heard by the second run")
        equal(tenant.writes(), [], "writes at the tenant in the second run")
        tenant.outlook("flag", id=ids["Copy me"], status="flagged")
        tenant.outlook("purge", id=ids["Delete me"])
        tenant.deliver(message("Fresh"))
        heard = visit(bridge, "mirror", memory=memory)["heard"]
        found = (len(heard["fetched"]), [path for path, _ in heard["flags"]], heard["gone"])
        equal(found[::2], (1, 1), "new messages and vanished ones that are heard of")
        check("INBOX" in found[1], f"flags that are heard of: {heard}")
        equal(visit(bridge, "mirror", memory=memory, quiet=True)["heard"], nothing, "heard by the last run")


def found_deep(told):
    return told if "日本語/Grüße & Co" in told["mail"] else None


@scenario("makes, renames and deletes folders, whatever their names")
def folders():
    with Bridge(environment=chores.BRISK) as bridge:
        names = ["Zażółć/gęślą jaźń", "A & B", "日本語", 'Quote " and \\ back']
        visit(bridge, "folders", names=names, text=message("Inside").decode())


@scenario("searches, downloads a part, and hears in IDLE of new mail, flags and deletions")
def watches():
    with Bridge(environment=chores.BRISK) as bridge:
        tenant, octets, events = bridge.tenant, parted("Grüße im Anhang"), bridge.home / "events"
        ids = [tenant.deliver(octets), tenant.deliver(message("Goes"))]
        (bridge.home / "watch").mkdir()
        command = order(bridge, "watch", criteria={"subject": "grüße", "larger": 20_000}, part="2", events=str(events))
        watcher = Program(command, bridge.home / "watch")
        try:
            second = base64.b64decode(octets.split(b"base64\r\n\r\n")[1].split(b"\r\n--edge--")[0])
            equal(watcher.ready, {"found": 1, "part": hashlib.sha256(second).hexdigest()}, "found, and its second part")
            tenant.deliver(message("News"))
            tenant.outlook("flag", id=ids[0], status="flagged")
            tenant.outlook("purge", id=ids[1])

            def all_three():
                told = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
                flagged = any(event["kind"] == "flags" and "\\Flagged" in event["flags"] for event in told)
                return flagged and {"exists", "expunge"} <= {event["kind"] for event in told}

            until("news of the three changes", all_three)
        finally:
            watcher.child.send_signal(signal.SIGKILL)
            watcher.child.wait()

"""JavaMail (Debian's libmail-java): what Jira, Jenkins and their like do with a mailbox."""

import email
import email.policy
import functools
import hashlib
import os
import tempfile

from harness import HERE, Bridge, check, deliver_corpus, equal, message, run, scenario
from mime_oracle import digests

CLASS_PATH = "/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar"
# More than JavaMail's 16 KiB a FETCH, so that partial fetches are joined.
ATTACHMENT_OCTETS = 300_000
# Where JavaMail itself numbers or reads parts otherwise, or Python does (see tests/mime_corpus.rs): whole bytes are compared, parts not.
PARTS_READ_OTHERWISE = {
    "empty-parts": "Python takes two delimiters in a row for one",
    "boundary-reused-inside": "Python loses the last part",
}


@functools.cache
def classes():
    """The folder with the compiled client; it lives as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="footbridge-javamail-")
    sources = sorted((HERE / "javamail_client").glob("*.java"))
    run(["javac", "-cp", CLASS_PATH, "-d", folder.name, "-encoding", "UTF-8", *sources])
    return folder


def java(bridge, command, address, *more):
    return program("JavaMailClient", command, *address, bridge.user, bridge.password, *more)


def program(name, *arguments, options=()):
    path = f"{classes().name}:{CLASS_PATH}"
    # On a small machine most of Java's start is its own compiler.
    own = ["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", *os.environ.get("JAVAMAIL_OPTIONS", "").split()]
    done = run(["java", *own, *options, "-cp", path, name, *arguments])
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


@scenario("reads every part of every awkward message")
def reads_everything():
    with Bridge() as bridge:
        files = {sha256(octets): path for path, octets in deliver_corpus(bridge.tenant).items()}
        lines = java(bridge, "read", bridge.imap)
        met, troubles = set(), []
        for line in (line for line in lines if line[0] == "message"):
            _, number, _, size, octets, digest, *_ = line
            equal(size, octets, f"size and octets of message {number}")
            if digest in files:
                met.add(digest)
                mine = [line for line in lines if line[0] == "part" and line[1] == number]
                troubles += compare_parts(files[digest], mine)
        missing = [path.name for digest, path in files.items() if digest not in met]
        equal((missing, troubles), ([], []), "messages that did not come as they are; parts that differ")
        unseen = [line[1] for line in lines if line[0] == "seen" and line[2] != "true"]
        equal(unseen, [], "messages not seen after they were read")
        equal([item["subject"] for item in bridge.tenant.items() if not item["is_read"]], [], "unread at the tenant")
        equal(rests(bridge, "read"), lines, "what the second run reads")


def rests(bridge, command):
    """A second run, which must find nothing to do; what it says."""
    bridge.tenant.forget_journal()
    lines = java(bridge, command, bridge.imap)
    downloads = [entry["path"] for entry in bridge.tenant.journal() if entry["kind"] == "mime"]
    equal((bridge.tenant.writes(), downloads), ([], []), "writes and downloads at the tenant in the second run")
    return lines


def compare_parts(path, lines):
    if path.stem in PARTS_READ_OTHERWISE:
        return []
    oracle = digests(path.read_bytes())
    troubles = []
    for _, _, place, kind, size, *rest in lines:
        if kind != "leaf":
            continue
        octets, digest = rest
        wanted = oracle.get(place, {}).get("body")
        if wanted is None:
            troubles.append(f"{path.name}: no part {place} for the oracle")
        elif digest != wanted["sha256"]:
            troubles.append(f"{path.name} part {place}: {octets} octets, wanted {wanted['range']}")
        elif size != octets:
            troubles.append(f"{path.name} part {place}: BODYSTRUCTURE says {size} octets, there are {octets}")
    return troubles


@scenario("marks seen, marks deleted and closes with expunge")
def handles():
    with Bridge() as bridge:
        tenant = bridge.tenant
        for subject in ("Seen me", "Delete me", "Leave me"):
            tenant.deliver(message(subject))
        before = len(tenant.items())
        java(bridge, "handle", bridge.imap)
        equal(tenant.item("Delete me"), None, "the deleted message")
        equal(tenant.item("Seen me")["is_read"], True, "the seen message is read")
        equal(tenant.item("Leave me")["is_read"], False, "the other message is read")
        equal(len(tenant.items()), before - 1, "messages left")
        rests(bridge, "handle")


@scenario("copies, expunges and appends")
def files_away():
    with Bridge() as bridge:
        tenant = bridge.tenant
        octets = message("File me")
        tenant.deliver(octets)
        tenant.deliver(message("Leave me"))
        lines = java(bridge, "file", bridge.imap)
        check(["expunged", "1"] in lines, f"expunged one message: {lines}")
        check(["exists", "false", "true"] in lines, f"what exists: {lines}")
        equal(tenant.item("File me"), None, "the filed message in the inbox")
        filed = tenant.item("File me", "Archive")
        check(filed, "nothing was filed")
        equal(tenant.bytes_of(filed), octets, "the filed message")
        check(tenant.item("Leave me"), "an innocent message is gone")
        kept = tenant.item("Kept copy", "Archive")
        check(kept, "nothing was appended")
        equal((kept["is_read"], kept["is_draft"]), (True, False), "the appended message is read, is a draft")


@scenario("sends a message with an attachment that arrives byte for byte")
def sends():
    with Bridge() as bridge:
        attachment = bridge.home / "attachment.bin"
        attachment.write_bytes(bytes(range(256)) * (ATTACHMENT_OCTETS // 256))
        out = bridge.home / "sent.eml"
        java(bridge, "send", bridge.smtp, out, attachment)
        for recipient in ("bob@elsewhere.example", "carol@elsewhere.example"):
            sent = bridge.tenant.sent(recipient)
            equal(len(sent), 1, f"messages that reached {recipient}")
            equal(sent[0]["mime"].encode(), out.read_bytes(), f"what reached {recipient}")
            parsed = email.message_from_string(sent[0]["mime"], policy=email.policy.default)
            found = next(parsed.iter_attachments())
            equal(found.get_content(), attachment.read_bytes(), "the attachment")

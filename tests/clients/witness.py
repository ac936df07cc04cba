"""What recipients hold of what a client has sent, and trouble at the tenant for it to meet."""

import base64
import email
import email.policy
import hashlib

from harness import check, equal


def noise(name, octets):
    """Bytes that no encoding shortens, the same for the same name."""
    return hashlib.shake_256(name.encode()).digest(octets)


def mime(sender, to, subject, name, content, more=""):
    """A message with one attached file, its lines ended by CRLF."""
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    begin = (
        f"From: Ada <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\n{more}"
        "Date: Mon, 02 Mar 2026 10:20:30 +0100\r\nMessage-ID: <file@clients.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="edge"\r\n\r\n--edge\r\n'
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nZażółć\r\n\r\n--edge\r\n"
        f'Content-Type: application/octet-stream; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    return begin.encode() + encoded + b"\r\n--edge--\r\n"


def reached(bridge, recipient):
    """The bytes of every message that this recipient got, in order."""
    return [mail["mime"].encode() for mail in bridge.tenant.sent(recipient)]


def only(bridge, recipient):
    """The one message that this recipient got, parsed."""
    octets = reached(bridge, recipient)
    equal(len(octets), 1, f"messages that reached {recipient}")
    return email.message_from_bytes(octets[0], policy=email.policy.default)


def everyone(bridge):
    """Who got anything, once for each message."""
    return sorted(mail["to"] for mail in bridge.tenant.sent())


def files(mail):
    """Attached files by name, decoded."""
    named = [(part.get_filename(), part.get_payload(decode=True)) for part in mail.walk() if part.get_filename()]
    check(len(named) == len(dict(named)), f"files of the same name: {[name for name, _ in named]}")
    return dict(named)


def text(mail):
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n")


def one_copy(bridge, *subjects):
    """One copy of each in Sent Items, and nothing left in Drafts."""
    for folder, wanted in (("Sent Items", sorted(subjects)), ("Drafts", [])):
        found = [item["subject"] for item in bridge.tenant.items(folder) if item["subject"] in subjects]
        equal(sorted(found), wanted, f"messages in {folder}")


def throttle(tenant, seconds):
    """Until `calm`, everything that sends is answered 429 with so many seconds to wait."""
    answer = {"fault": "status", "code": 429, "error_code": "ApplicationThrottled", "retry_after": {"seconds": seconds}}
    rule = {"kinds": ["create_mime", "send", "send_mail"], "skip": 0, "times": None, "answer": answer}
    tenant.control("POST", "faults", body=rule)


def calm(tenant):
    tenant.control("DELETE", "faults")


def switches(tenant, **members):
    tenant.control("POST", "switches", body=members)

"""The awkward mail of tests/corpus, read through IMAP and compared with the tenant's bytes and an independent parse."""

import pathlib
import re
import tempfile

from harness import Bridge, check, deliver_corpus, equal, message, scenario
from imap_talk import Imap
from mime_oracle import inner_message, is_divided, numbered, parse, ranges

# Where Python reads the parts of a message otherwise; tests/mime_corpus.rs says why ours stands.
PARTS_READ_OTHERWISE = {"empty-parts", "boundary-reused-inside"}
# Where Python's media type is not the one that clients should see; octets are compared, types and lines not.
TYPES_READ_OTHERWISE = {
    "bad-content-type": "what is no type is text to Python and kept as written by us",
    "boundary-missing": "a multipart without parts is shown as the text it is; Python keeps the type that is written",
    "boundary-never-used": "the same",
    "comments-in-headers": "comments in Content-Type belong to the type for Python",
}
# Octets from .. count; each from its own place, because the answer names only that.
PARTIALS = ((0, 100), (1, 1), (7, 64), (1_000, 5_000))


def whole_corpus(bridge, imap):
    """Delivers the corpus and reads it whole: (path, UID, octets) of each message."""
    corpus = deliver_corpus(bridge.tenant)
    imap.select("INBOX")
    rows = imap.fetch("1:*", "(RFC822.SIZE BODY.PEEK[])")
    for path, octets in corpus.items():
        found = [uid for uid, row in rows.items() if (row["BODY[]"] or b"") == octets]
        equal(len(found), 1, f"messages with the bytes of {path.name}")
        equal(rows[found[0]]["RFC822.SIZE"], str(len(octets)), f"RFC822.SIZE of {path.name}")
        yield path, found[0], octets


def for_each_message(look):
    """Looks at every message before it complains; `look(imap, uid, path, octets)` yields what is wrong."""
    with Bridge() as bridge, Imap(bridge) as imap:
        troubles = []
        for path, uid, octets in list(whole_corpus(bridge, imap)):
            troubles += [f"{path.name}: {trouble}" for trouble in look(imap, uid, path, octets)]
        check(not troubles, f"{len(troubles)} differences\n" + "\n".join(troubles[:60]))


@scenario("every message arrives whole, and the tenant serves the same bytes")
def whole():
    with Bridge() as bridge, Imap(bridge) as imap:
        read = list(whole_corpus(bridge, imap))
        served = {bridge.tenant.bytes_of(item) for item in bridge.tenant.items()}
        missing = [path.name for path, _, octets in read if octets not in served]
        equal(missing, [], "files that the tenant does not serve as they are")


@scenario("--mail shows a newcomer's own mail: .eml files with bare LF, an mbox and a Maildir")
def own_mail():
    subjects = ("In an eml", "First of the mbox", "Second of the mbox", "In the Maildir")
    texts = {subject: message(subject, body="From here on\r\n>From there\r\n") for subject in subjects}
    unix = {subject: octets.replace(b"\r\n", b"\n") for subject, octets in texts.items()}
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        (home / "one.eml").write_bytes(unix["In an eml"])
        quoted = [re.sub(rb"^(>*From )", rb">\1", unix[subject], flags=re.M) for subject in subjects[1:3]]
        (home / "two.mbox").write_bytes(b"".join(b"From grace Mon Mar  2 10:20:30 2026\n" + text + b"\n" for text in quoted))
        (home / "Maildir" / "cur").mkdir(parents=True)
        (home / "Maildir" / "tmp").mkdir()
        (home / "Maildir" / "cur" / "1.P1.desk:2,S").write_bytes(unix["In the Maildir"])
        (home / "Maildir" / "tmp" / "half").write_bytes(b"Subject: Never shown\n\n")
        with Bridge("--mail", home) as bridge, Imap(bridge) as imap:
            imap.select("INBOX")
            rows = imap.fetch("1:*", "BODY.PEEK[]")
            # The mbox's own header field begins with From, and so is quoted in it; nothing of that is left.
            equal(sorted(row["BODY[]"] for row in rows.values()), sorted(texts.values()), "what the client sees")


@scenario("header, text, RFC822 forms and partials are slices of the whole")
def slices():
    def look(imap, uid, path, octets):
        start, body, end = ranges(octets)[""]
        wanted = {
            "BODY.PEEK[HEADER]": octets[start:body],
            "BODY.PEEK[TEXT]": octets[body:end],
            "RFC822.HEADER": octets[start:body],
            "RFC822.TEXT": octets[body:end],
            "RFC822": octets,
        }
        for begin, count in PARTIALS:
            wanted[f"BODY.PEEK[]<{begin}.{count}>"] = octets[begin : begin + count]
            wanted[f"BODY.PEEK[TEXT]<{begin}.{count}>"] = octets[body:end][begin : begin + count]
        row = imap.fetch(uid, f"({' '.join(wanted)})")
        for item, value in wanted.items():
            name = re.sub(r"<(\d+)\.\d+>", r"<\1>", item.replace(".PEEK", ""))
            if (row[name] or b"") != value:
                yield f"{item}: {(row[name] or b'')[:80]!r} for {value[:80]!r}"

    for_each_message(look)


@scenario("every numbered part, its MIME header, and messages inside messages agree with Python's email")
def parts():
    def look(imap, uid, path, octets):
        if path.stem in PARTS_READ_OTHERWISE:
            return
        found = ranges(octets)
        wanted = {}
        for name, (start, body, end) in found.items():
            if name.endswith("."):
                wanted[f"BODY.PEEK[{name}HEADER]"] = octets[start:body]
                wanted[f"BODY.PEEK[{name}TEXT]"] = octets[body:end]
            elif name:
                wanted[f"BODY.PEEK[{name}]"] = octets[body:end]
                if [start, body, end] != found[""] or len(name) > 1:
                    wanted[f"BODY.PEEK[{name}.MIME]"] = octets[start:body]
        row = imap.fetch(uid, f"({' '.join(wanted)})")
        for item, value in wanted.items():
            got = row[item.replace(".PEEK", "")]
            if got != value:
                yield f"{item}: {got if got is None else got[:80]!r} for {value[:80]!r}"

    for_each_message(look)


@scenario("BODYSTRUCTURE has the parts, types, sizes and lines that are there")
def structures():
    def look(imap, uid, path, octets):
        if path.stem in PARTS_READ_OTHERWISE:
            return
        row = imap.fetch(uid, "(BODYSTRUCTURE BODY)")
        wanted = dict(leaves(parse(octets), octets))
        for item in ("BODYSTRUCTURE", "BODY"):
            got = dict(described(row[item]))
            if path.stem in TYPES_READ_OTHERWISE:
                got = {name: values[1] for name, values in got.items()}
                compared = {name: values[1] for name, values in wanted.items()}
            else:
                compared = wanted
            if got != compared:
                yield f"{item}: {got} for {compared}"

    for_each_message(look)


def leaves(whole, octets):
    """Number -> (type, octets, lines or None) of every part that is not a multipart."""
    for name, part in numbered(whole):
        if name.endswith(".") or is_divided(part):
            continue
        body = octets[part.body_begins : part.ends]
        kind = part.get_content_type()
        lines = None
        if kind.startswith("text/") or inner_message(part) is not None:
            lines = count_lines(body)
        yield name, (kind, len(body), lines)


def count_lines(body):
    """Lines as most servers count them: line ends, and one more for a last line without."""
    return body.count(b"\n") + (not body.endswith(b"\n") and bool(body))


def described(structure, prefix=""):
    """The same from a parsed BODYSTRUCTURE."""
    if isinstance(structure[0], list):
        for number, part in enumerate((value for value in structure if isinstance(value, list) and value and is_part(value)), 1):
            yield from described_part(part, f"{prefix}{number}")
    else:
        yield from described_part(structure, f"{prefix}1")


def is_part(value):
    return isinstance(value[0], list) or (len(value) >= 7 and isinstance(value[0], bytes) and isinstance(value[1], bytes))


def described_part(part, name):
    if isinstance(part[0], list):
        yield from described(part, f"{name}.")
        return
    kind = f"{part[0].decode()}/{part[1].decode()}".lower()
    lines = None
    if kind in ("message/rfc822", "message/global"):
        lines = int(part[9])
        yield from described(part[8], f"{name}.")
    elif kind.startswith("text/"):
        lines = int(part[7])
    yield name, (kind, int(part[6]), lines)


@scenario("ENVELOPE has the date, subject and ids as written, and the addresses")
def envelopes():
    def look(imap, uid, path, octets):
        envelope = imap.fetch(uid, "ENVELOPE")["ENVELOPE"]
        equal(len(envelope), 10, f"fields of the ENVELOPE of {path.name}")
        begin, body, _ = ranges(octets)[""]
        fields = header_fields(octets[begin:body])
        for place, name in {0: b"date", 1: b"subject", 8: b"in-reply-to", 9: b"message-id"}.items():
            wanted = fields.get(name, [None])[0]
            if squeezed(envelope[place]) != squeezed(wanted):
                yield f"{name.decode()}: {envelope[place]!r} for {wanted!r}"
        for place, name in {2: b"from", 5: b"to", 6: b"cc"}.items():
            wanted = simple_addresses(fields.get(name, []))
            if wanted is not None and mailboxes(envelope[place]) != wanted:
                yield f"{name.decode()}: {envelope[place]!r} for {wanted!r}"

    for_each_message(look)


def header_fields(header):
    """Unfolded values by lower-case name, in order. Lines that are no field are passed over."""
    fields = {}
    for line in re.sub(rb"\r?\n(?=[ \t])", b"", header).splitlines():
        name, colon, value = line.partition(b":")
        if colon and re.fullmatch(rb"[!-9;-~]+[ \t]*", name):
            fields.setdefault(name.strip().lower(), []).append(value.strip(b" \t"))
    return fields


def squeezed(value):
    # Blanks at a fold, and control characters no quoted string may hold, are the writer's choice.
    return None if value is None else re.sub(rb"[\x00-\x20\x7f]+", b" ", value).strip()


def simple_addresses(values):
    """[mailbox@host …] of fields that hold nothing but plain addresses; None for those that take judgement."""
    text = b",".join(values)
    if len(values) > 1 or re.search(rb"[\"();:\\\[\]]|=\?|[\x80-\xff]", text):
        return None
    found = []
    for entry in text.split(b",") if text.strip() else []:
        address = re.search(rb"<([^<>@\s,]+@[^<>@\s,]+)>\s*$", entry) or re.fullmatch(rb"\s*([^<>@\s,]+@[^<>@\s,]+)\s*", entry)
        if not address:
            return None
        found.append(address[1])
    return found


def mailboxes(addresses):
    return [b"%s@%s" % (address[2] or b"", address[3] or b"") for address in addresses or []]

"""Python's imaplib with the answers of FETCH taken apart, for scenarios that want to look closely."""

import imaplib
import re

from harness import Failure, check, equal


class Imap(imaplib.IMAP4):
    """`with Imap(bridge) as imap: …`: logged in, and every answer but OK is a failure unless asked for."""

    def __init__(self, bridge, *, login=True):
        super().__init__(*bridge.imap, timeout=60)
        if login:
            self.login(bridge.user, bridge.password)

    def __exit__(self, kind, *rest):
        # After a failure nobody knows whose turn it is: no LOGOUT that could wait for an answer.
        if kind is not None:
            self.shutdown()
        else:
            super().__exit__(kind, *rest)

    def ask(self, line, *, status="OK"):
        """Sends one command as it stands; returns (untagged data by name, tagged text)."""
        tag = self._new_tag()
        self.send(tag + b" " + (line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.answer(tag, status, line)

    def answer(self, tag, status, line):
        untagged = []
        while True:
            got = self.read_response()
            if got[0].startswith(tag + b" "):
                word, _, text = got[0][len(tag) + 1 :].decode().partition(" ")
                equal(word, status, f"the answer to {line!r}: {text}")
                return untagged, text
            check(got[0].startswith((b"* ", b"+ ")), f"a line that is no answer: {got!r}")
            untagged.append(got)

    def read_response(self):
        """One response: pieces of line with the literals between them."""
        pieces = []
        while True:
            line = self.readline()
            if not line.endswith(b"\r\n"):
                raise Failure(f"the connection ended within a line: {line!r}")
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if not literal:
                return [*pieces, line[:-2]]
            octets = self.read(int(literal[1]))
            equal(len(octets), int(literal[1]), "octets of a literal")
            pieces += [line[: literal.start()], octets]

    def uids(self, *criteria):
        """UIDs that match; one criterion is taken as written, of several each with a blank is quoted."""
        words = criteria if len(criteria) == 1 else [quoted(word) if " " in word else word for word in criteria]
        untagged, _ = self.ask(f"UID SEARCH {' '.join(words)}")
        found = [line[0].decode().split()[2:] for line in untagged if line[0].startswith(b"* SEARCH")]
        equal(len(found), 1, f"SEARCH responses to {criteria}: {untagged}")
        return found[0]

    def one_uid(self, *criteria):
        found = self.uids(*criteria)
        equal(len(found), 1, f"messages with {criteria}")
        return found[0]

    def fetch(self, uids, items):
        """UID FETCH of one message: its items by name, or of several (`uids` with `:`, `,` or `*`): by UID."""
        untagged, _ = self.ask(f"UID FETCH {uids} {items}")
        rows = {}
        for response in untagged:
            values = fetch_items(response)
            if values is not None:
                rows[values["UID"]] = {**rows.get(values["UID"], {}), **values}
        if re.search(r"[:,*]", uids):
            return rows
        equal(list(rows), [uids], f"UIDs in the answer to UID FETCH {uids} {items}")
        return rows[uids]

    def flags(self, uid):
        return set(self.fetch(uid, "FLAGS")["FLAGS"])

    def counts(self, folder, items="(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"):
        untagged, _ = self.ask(f"STATUS {quoted(folder)} {items}")
        values = untagged[0][-1].rpartition(b"(")[2].rstrip(b")").decode().split()
        return dict(zip(values[::2], map(int, values[1::2])))


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def fetch_items(response):
    """The items of `* n FETCH (…)` by name, or None if it is another response."""
    if not re.match(rb"\* \d+ FETCH \(", response[0]):
        return None
    values = parse(response)[3]
    equal(len(values) % 2, 0, f"an odd number of FETCH items: {values}")
    names = [name.upper() if isinstance(name, str) else name for name in values[::2]]
    items = {"sequence": int(parse(response)[1]), **dict(zip(names, values[1::2]))}
    if "FLAGS" in items:
        # Which session is the first to hear of a message is for other tests.
        items["FLAGS"] = [flag for flag in items["FLAGS"] if flag != "\\Recent"]
    return items


def parse(pieces):
    """A response as nested lists: atoms are str, strings are bytes, NIL is None. RFC 3501 section 9, read loosely."""
    tokens = Tokens(pieces)
    values = []
    while (value := tokens.value()) is not Tokens.END:
        values.append(value)
    return values


class Tokens:
    END = object()
    CLOSE = object()

    def __init__(self, pieces):
        # Literals stand at the odd places.
        self.pieces = list(pieces)
        self.at = 0

    def value(self):
        while True:
            line = self.pieces[0]
            rest = line[self.at :].lstrip(b" ")
            self.at = len(line) - len(rest)
            if rest:
                return self.token(rest)
            if len(self.pieces) == 1:
                return self.END
            octets = self.pieces[1]
            self.pieces, self.at = self.pieces[2:], 0
            return octets

    def token(self, rest):
        if rest.startswith(b")"):
            self.at += 1
            return self.CLOSE
        if rest.startswith(b"("):
            self.at += 1
            values = []
            while (value := self.value()) is not self.CLOSE:
                check(value is not self.END, f"a list without end: {rest!r}")
                values.append(value)
            return values
        if rest.startswith(b'"'):
            text = re.match(rb'"((?:[^"\\\r\n]|\\["\\])*)"', rest)
            check(text, f"a quoted string that is none: {rest!r}")
            self.at += text.end()
            return re.sub(rb'\\(["\\])', rb"\1", text[1])
        # An atom; BODY[HEADER.FIELDS (DATE)]<0> is one too.
        atom = re.match(rb"[^\s()\"\[]*(?:\[[^\]]*\](?:<\d+>)?)?[^\s()\"]*", rest)[0]
        self.at += len(atom)
        return None if atom == b"NIL" else atom.decode()

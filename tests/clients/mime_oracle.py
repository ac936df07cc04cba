#!/usr/bin/env python3
"""A second opinion on where the parts of a message lie, from Python's `email` package.

    mime_oracle.py MESSAGE.eml            JSON: part number -> ranges and sha256 of header block and raw body
    mime_oracle.py --ranges DIRECTORY     JSON: file name -> part number -> [start, body start, end]

Part numbers are those of RFC 3501 section 6.4.5. "" is the message itself; a part that holds a message also has
"2.HEADER" and "2.TEXT": the header and body of "2." here.

The feed parser of `email` finds the parts; this file only notes how far it had read at each beginning and end.
Shares no code and no idea with the bridge, so that the two cannot be wrong in the same way.
"""

import hashlib
import json
import pathlib
import sys
from email.feedparser import FeedParser


class Watched(FeedParser):
    """A feed parser that notes offsets on the messages it builds."""

    def _offset(self):
        """Octets handed out so far: everything fed, less what still waits to be read."""
        waiting = sum(len(line) for line in self._input._lines)
        self._input._partial.seek(0)
        waiting += len(self._input._partial.read())
        return len(self.text) - waiting

    def _new_message(self):
        super()._new_message()
        self._cur.begins = self._offset()

    def _parse_headers(self, lines):
        self._cur.body_begins = self._offset()
        super()._parse_headers(lines)

    def _pop_message(self):
        message = super()._pop_message()
        end = self._offset()
        if end < len(self.text):
            # The line end before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
            for line_end in ("\r\n", "\n"):
                if self.text[:end].endswith(line_end):
                    end -= len(line_end)
                    break
        message.ends = max(end, message.body_begins)
        return message


def parse(octets):
    text = octets.decode("ascii", "surrogateescape")
    parser = Watched()
    # Everything is pushed before the first line is read, so that what waits is always the rest of the text.
    parser.text = text
    parser._input.push(text)
    message = parser.close()
    if not hasattr(message, "body_begins"):
        message.begins = message.body_begins = 0
    message.ends = len(text)
    return message


def inner_message(part):
    holds = part.get_content_type() in ("message/rfc822", "message/global")
    return part.get_payload()[0] if holds and part.is_multipart() else None


def is_divided(part):
    return part.get_content_maintype() == "multipart" and part.is_multipart()


def numbered(message, prefix=""):
    """Every numbered part below this message, and the messages they hold as "<number>."."""
    parts = message.get_payload() if is_divided(message) else [message]
    for number, part in enumerate(parts, 1):
        name = f"{prefix}{number}"
        yield name, part
        inner = inner_message(part)
        if inner is not None:
            inner.ends = part.ends
            yield f"{name}.", inner
            yield from numbered(inner, f"{name}.")
        elif part is not message and is_divided(part):
            yield from numbered(part, f"{name}.")


def ranges(octets):
    message = parse(octets)
    found = {"": message} | dict(numbered(message))
    return {name: [part.begins, part.body_begins, part.ends] for name, part in found.items()}


def digests(octets):
    def described(begin, end):
        return {"range": [begin, end], "sha256": hashlib.sha256(octets[begin:end]).hexdigest()}

    return {
        name: {"header": described(start, body), "body": described(body, end)}
        for name, (start, body, end) in ranges(octets).items()
    }


def main(arguments):
    match arguments:
        case ["--ranges", directory]:
            files = sorted(pathlib.Path(directory).glob("*.eml"))
            lines = (f"{json.dumps(file.name)}: {json.dumps(ranges(file.read_bytes()))}" for file in files)
            print("{\n" + ",\n".join(lines) + "\n}")
        case [file]:
            print(json.dumps(digests(pathlib.Path(file).read_bytes()), indent=1))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

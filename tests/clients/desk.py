"""A person's desk: settings, a key, and `footbridge` as it is typed into a terminal."""

import os
import pathlib
import queue
import subprocess
import tempfile
import threading

from entra import CLIENT
from harness import START_SECONDS, TARGET, UNTIL_SECONDS, Failure, check, equal, run, tail

# What would lead a command out of the test.
FOREIGN = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


class Desk:
    """`with Entra() as entra, Desk(entra) as desk: desk.run("connection", "list")`."""

    def __init__(self, entra):
        self.entra = entra

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="footbridge-desk-")
        self.home = pathlib.Path(self.folder.name)
        self.settings = self.home / "footbridge.toml"
        url = self.entra.url
        self.settings.write_text(
            f'state_dir = "{self.home}/state"\nkey_file = "{self.home}/key"\n'
            f'[cloud]\nname = "custom"\nclient_id = "{CLIENT}"\nlogin = "{url}"\ngraph = "{url}"\n'
            '[imap]\nlisten = ["127.0.0.1:0"]\n[smtp]\nlisten = ["127.0.0.1:0"]\n'
            '[console]\nlisten = "127.0.0.1:0"\n'
        )
        (self.home / "key").write_bytes(bytes(range(32)))
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def line(self, *arguments):
        return [TARGET / "footbridge", "--config", self.settings, *arguments]

    def run(self, *arguments, status=0):
        """A command that asks nothing: standard output as text."""
        return run(self.line(*arguments), status=status, directory=self.home).stdout.decode()

    def start(self, *arguments, **environment):
        return Command([str(word) for word in self.line(*arguments)], self.home, environment)

    def is_clean(self):
        """Whether nothing at all was kept."""
        return not list((self.home / "state").rglob("*"))

    def pings(self, address):
        """Every step of the test of a connection."""
        self.run("connection", "ping", address)


class Command:
    """A command that waits for somebody: `with desk.start(…) as adding: url = adding.says("open: ")`."""

    def __init__(self, arguments, directory, environment):
        self.name = " ".join(arguments[3:])
        own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(
            arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=directory, env={**own, "NO_COLOR": "1", **environment}
        )
        self.out, self.err = queue.Queue(), queue.Queue()
        for stream, lines in [(self.child.stdout, self.out), (self.child.stderr, self.err)]:
            threading.Thread(target=listen, args=(stream, lines), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.child.kill()
        self.child.wait()
        if error is not None:
            error.add_note(f"{self.name} had said\n" + tail("".join(rest(self.out) + rest(self.err)).encode()))

    def says(self, beginning):
        """What follows `beginning` on the next line of standard output."""
        return self.after(self.out, beginning)

    def notes(self, beginning):
        """The same of standard error."""
        return self.after(self.err, beginning)

    def after(self, lines, beginning):
        try:
            line = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            raise Failure(f"{self.name} does not say {beginning!r}") from None
        check(line.startswith(beginning), f"{self.name} says {line!r}, not {beginning!r}")
        return line[len(beginning) :].rstrip("\n")

    def type(self, text):
        self.child.stdin.write(f"{text}\n".encode())
        self.child.stdin.flush()

    def is_waiting(self):
        return self.child.poll() is None

    def ends(self, status=0):
        """Waits for the end; what was not read yet of standard output and standard error."""
        try:
            ended = self.child.wait(UNTIL_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} does not end") from None
        out, err = "".join(all_of(self.out)), "".join(all_of(self.err))
        equal(ended, status, f"the exit code of {self.name}, which said\n{out}{err}\nthe code")
        return out, err


def listen(stream, lines):
    for line in stream:
        lines.put(line.decode("utf-8", "replace"))
    lines.put("")


def all_of(lines):
    """Up to the end of a stream whose program is gone."""
    return list(iter(lambda: lines.get(timeout=START_SECONDS), ""))


def rest(lines):
    return [lines.get() for _ in range(lines.qsize())]

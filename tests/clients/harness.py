"""What every scenario stands on: a bridge with its own tenant, the tenant's truth, bounded waiting."""

import json
import os
import pathlib
import queue
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORPUS = ROOT / "tests" / "corpus"
BUILD = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TARGET = BUILD / "debug"
# Where tests/prepare puts a newer Node than the machine's, if that is too old.
os.environ["PATH"] = f"{BUILD}/clients-node/node_modules/node/bin:{os.environ['PATH']}"

START_SECONDS = 60  # a debug build on a busy machine
STOP_SECONDS = 20  # above the bridge's own drain of 10 s
CLIENT_SECONDS = 300
# Far above the bridge's poll of 15 s, so that what no client asks for is still seen, on a busy machine too.
UNTIL_SECONDS = 120
LOOK_AGAIN_SECONDS = 0.05


class Failure(AssertionError):
    """The bridge did not keep a promise."""


SCENARIOS = []


def scenario(name):
    """Puts a function among the scenarios under a name that is a sentence."""

    def enlist(function):
        SCENARIOS.append((name, function))
        return function

    return enlist


def check(holds, what):
    if not holds:
        raise Failure(what)


def equal(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}\n  wanted: {shown(wanted)}\n  found:  {shown(found)}")


def shown(value):
    text = repr(value)
    return text if len(text) <= 2000 else f"{text[:1000]} … {text[-500:]} ({len(text)} characters)"


def until(what, probe, seconds=UNTIL_SECONDS):
    """The first true answer of `probe`; a failure if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(LOOK_AGAIN_SECONDS)


def run(arguments, *, stdin=b"", status=0, seconds=CLIENT_SECONDS, directory=None, environment=None):
    """Runs a client to its end and returns its CompletedProcess (bytes). `status` None accepts any."""
    arguments = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(
            arguments,
            input=stdin,
            capture_output=True,
            timeout=seconds,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"") + (late.stderr or b"")
        raise Failure(f"{arguments[0]} did not end within {seconds} s\n{tail(said)}") from None
    if status is not None and done.returncode != status:
        raise Failure(
            f"{' '.join(arguments)}\n  ended with {done.returncode}, not {status}\n"
            f"{tail(done.stdout)}\n{tail(done.stderr)}"
        )
    return done


def tail(octets, lines=40):
    return "\n".join(octets.decode("utf-8", "replace").splitlines()[-lines:])


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def message(subject, *, body="Hello.\r\n", sender="grace@elsewhere.example", to="ada@contoso.example", more=""):
    """A small message, lines ended by CRLF."""
    words = urllib.parse.quote(subject.replace(" ", "-"))
    return (
        f"From: Grace <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: Mon, 02 Mar 2026 10:20:30 +0100\r\nMessage-ID: <{words}@clients.example>\r\n{more}\r\n{body}"
    ).encode()


class Program:
    """A child that says one line of JSON when it is ready."""

    def __init__(self, arguments, directory, environment=None):
        self.directory = directory
        self.log = pathlib.Path(directory) / "log.txt"
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=directory,
                env={**os.environ, "NO_COLOR": "1", **(environment or {})},
            )
        lines = queue.Queue()

        def listen():
            for line in self.child.stdout:
                lines.put(line)
            lines.put(b"")

        threading.Thread(target=listen, daemon=True).start()
        try:
            line = lines.get(timeout=START_SECONDS)
            self.ready = json.loads(line)
        except (queue.Empty, ValueError):
            self.child.kill()
            self.child.wait()
            raise Failure(f"no ready line from {arguments[0]}\n{self.said()}") from None

    def said(self):
        return tail(self.log.read_bytes(), 25)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failure(f"did not stop within {STOP_SECONDS} s of SIGTERM\n{self.said()}") from None
        check(b"panicked at" not in self.log.read_bytes(), f"the log speaks of a panic\n{self.said()}")


class Bridge:
    """`footbridge demo` with a mailbox of its own: `with Bridge() as bridge: …`.

    `home` is a temporary folder for the client's files. Settings can be given as environment variables.
    """

    def __init__(self, *arguments, environment=None):
        self.arguments = arguments
        # What is fetched ahead in the background would stand in the journal beside what a client makes the bridge do.
        self.environment = {"FOOTBRIDGE__SYNC__HYDRATE": "false", **(environment or {})}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="footbridge-clients-")
        self.home = pathlib.Path(self.folder.name)
        anywhere = [part for name in ("imap", "smtp", "console", "sim") for part in (f"--{name}", "127.0.0.1:0")]
        self.program = Program([TARGET / "footbridge", "demo", "--json", *anywhere, *self.arguments], self.home, self.environment)
        ready = self.program.ready
        equal(ready["ready"], True, "the ready line")
        self.imap = split_address(ready["imap"][0])
        self.smtp = split_address(ready["smtp"][0])
        self.user = ready["connections"][0]["user"]
        self.password = ready["connections"][0]["password"]
        self.tenant = Tenant(ready["sim"], ready["connections"][0]["address"])
        return self

    def __exit__(self, kind, error, trace):
        try:
            self.program.stop()
        except Failure:
            if error is None:
                raise
        finally:
            if error is not None:
                error.add_note("the bridge's log ended with\n" + self.program.said())
            self.folder.cleanup()


def split_address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def deliver_corpus(tenant):
    """Every awkward message, as it is (`--mail` would end every line with CRLF): bytes by path.

    Without the message of no octets: Microsoft serves none, and the bridge takes an empty answer for a fault.
    """
    files = [path for path in sorted(CORPUS.glob("*.eml")) if path.stem != "empty-message"]
    corpus = {path: path.read_bytes() for path in files}
    check(len(corpus) >= 40, f"only {len(corpus)} messages in the corpus")
    for octets in corpus.values():
        tenant.deliver(octets)
    return corpus


class Tenant:
    """The tenant as someone sees it who stands beside the bridge: the control API, and Graph for exact bytes."""

    def __init__(self, url, user):
        self.url = url
        self.user = user
        self.token = None

    def control(self, method, word, *, body=None, **query):
        query = {name: value for name, value in query.items() if value is not None}
        url = f"{self.url}/sim/{word}?{urllib.parse.urlencode({'user': self.user, **query})}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return json.loads(http(method, url, data))

    def deliver(self, octets, folder="Inbox", at=None):
        """Mail arrives; returns its immutable id."""
        return self.control("POST", "deliver", body=octets, folder=folder, at=at)["id"]

    def outlook(self, verb, **arguments):
        self.control("POST", "outlook", body={"verb": verb, **arguments})

    def items(self, folder="Inbox"):
        return self.control("GET", "items", folder=folder)

    def item(self, subject, folder="Inbox"):
        """The one message with this subject, or None."""
        found = [item for item in self.items(folder) if item["subject"] == subject]
        check(len(found) < 2, f"{len(found)} messages called {subject!r} in {folder}")
        return found[0] if found else None

    def folders(self):
        return self.control("GET", "folders")

    def sent(self, to=None):
        return self.control("GET", "sent", to=to)

    def journal(self):
        return self.control("GET", "journal")

    def forget_journal(self):
        self.control("DELETE", "journal")

    def writes(self):
        """Requests since the journal was emptied that change mail or folders."""
        reading = {"token", "user", "batch"}
        return [
            f"{entry['method']} {entry['path']} {entry['status']}"
            for entry in self.journal()
            if entry["method"] != "GET" and entry["kind"] not in reading
        ]

    def bytes_of(self, item):
        """What `$value` serves, octet for octet, fetched as an application of its own."""
        if self.token is None:
            self.token = self.access_token()
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": 'IdType="ImmutableId"'}
        path = urllib.parse.quote(item["immutable_id"], safe="")
        return http("GET", f"{self.url}/v1.0/users/{self.user}/messages/{path}/$value", None, headers)

    def access_token(self):
        body = {"user": self.user, "client_id": "witness"}
        grant = self.control("POST", "grant", body=body)["refresh_token"]
        form = {"grant_type": "refresh_token", "client_id": "witness", "refresh_token": grant}
        form["scope"] = "Mail.ReadWrite Mail.Send offline_access"
        url = f"{self.url}/organizations/oauth2/v2.0/token"
        return json.loads(http("POST", url, urllib.parse.urlencode(form).encode()))["access_token"]


def http(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as refused:
        raise Failure(f"{method} {url}: {refused.code} {refused.read()[:500]!r}") from None

#!/usr/bin/env python3
"""Compares the bridge's IMAP server with Debian's Dovecot on the same mail, in one run.

A simulated tenant, the bridge and a private Dovecot (Maildir, loopback, in a temporary folder) run side
by side. The bridge is warmed (every message read once), its mail is copied to Dovecot with dates and
flags, Dovecot's caches are warmed, then both are asked the same questions in turn. Prints a table and
one line of JSON; never part of CI. Needs: cargo build --release --workspace, apt-get install dovecot-imapd.
"""
import argparse
import calendar
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = pathlib.Path(os.environ.get("FOOTBRIDGE_BIN", ROOT / "target" / "release"))
ADA, BOB = "ada@contoso.example", "bob@contoso.example"
# Nothing may hang for ever, and a slow machine needs its time to read every message once.
LIMIT = 3600
# A tagged answer can hold all capabilities.
TAIL = 4000


class Client:
    """Just enough IMAP to ask and to count: parsing must not be what is measured."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.number = 0
        self.buffer = bytearray(1 << 20)
        self.line()

    def line(self):
        line = b""
        while not line.endswith(b"\r\n"):
            piece = self.socket.recv(1 << 16)
            if not piece:
                sys.exit("the server closed the connection")
            line += piece
        return line

    def ask(self, command, keep=None):
        """Sends a command and reads to its tagged answer; gives octets read and the last few."""
        self.number += 1
        tag = b"b%d " % self.number
        self.socket.sendall(tag + command.encode() + b"\r\n")
        octets, tail = 0, b"\r\n"
        while True:
            read = self.socket.recv_into(self.buffer)
            if not read:
                sys.exit(f"the server closed the connection during {command}")
            octets += read
            if keep is not None:
                keep += self.buffer[:read]
            tail = (tail + self.buffer[max(0, read - TAIL):read])[-TAIL:]
            at = tail.rfind(b"\r\n" + tag)
            if at >= 0 and tail.endswith(b"\r\n"):
                if not tail[at + 2 + len(tag):].startswith(b"OK"):
                    sys.exit(f"{command}: {tail[at:].decode(errors='replace')}")
                return octets

    def close(self):
        self.socket.close()


def start(command, **options):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    line = process.stdout.readline()
    if not line:
        sys.exit(f"{command[0]} did not start")
    return process, json.loads(line)


def field(path, name):
    with contextlib.suppress(OSError):
        found = re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(path).read_text(), re.M)
        return int(found.group(1)) if found else 0
    return 0


def timed(work):
    before = time.perf_counter()
    result = work()
    return time.perf_counter() - before, result


class Footbridge:
    name = "footbridge"

    def __init__(self, folder, tenant):
        self.folder, self.tenant, self.passwords = folder, tenant, {}
        (folder / "key").write_bytes(secrets.token_bytes(32))
        (folder / "footbridge.toml").write_text(
            f'state_dir = "{folder}/state"\nkey_file = "{folder}/key"\n'
            f'[cloud]\nname = "custom"\nclient_id = "bench"\nlogin = "{tenant["url"]}"\n'
            f'graph = "{tenant["url"]}"\n[imap]\nlisten = ["127.0.0.1:0"]\n[smtp]\nlisten = []\n'
            '[console]\nlisten = ""\n[cache]\nmax_bytes = "20 GiB"\n'
            '[limits]\nconnections = 3000\nconnections_per_address = 3000\n')
        for user in tenant["users"]:
            (folder / "token").write_text(user["refresh_token"])
            added = subprocess.run(
                [*self.command(), "connection", "add", user["address"], "--refresh-token-file",
                 folder / "token", "--json"], check=True, capture_output=True, text=True)
            self.passwords[user["address"]] = json.loads(added.stdout)["password"]

    def command(self):
        return [BINARIES / "footbridge", "--config", self.folder / "footbridge.toml"]

    def serve(self):
        self.process, ready = start([*self.command(), "serve", "--json"],
                                    stderr=open(self.folder / "bridge.log", "ab"))
        self.port = int(ready["imap"][0].rsplit(":", 1)[1])

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def log_in(self, user=ADA):
        client = Client(self.port)
        client.ask(f"LOGIN {user} {self.passwords[user]}")
        return client

    def memory(self):
        return field(f"/proc/{self.process.pid}/smaps_rollup", "Pss")


class Dovecot:
    name = "dovecot"

    def __init__(self, folder):
        self.folder = folder
        self.mail = folder / "mail"
        # Dovecot will not serve root's mail.
        self.owner = "nobody" if os.getuid() == 0 else str(os.getuid())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
        internal = "" if os.getuid() == 0 else (
            f"default_internal_user = {user}\ndefault_login_user = {user}\n")
        (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/run-state
log_path = {folder}/dovecot.log
protocols = imap
ssl = no
disable_plaintext_auth = no
{internal}default_process_limit = 1200
default_client_limit = 4000
mail_max_userip_connections = 2000
mail_location = maildir:{self.mail}
first_valid_uid = 1
auth_mechanisms = plain
passdb {{
  driver = static
  args = password=bench
}}
userdb {{
  driver = static
  args = uid={self.owner} gid={self.group()} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""")

    def group(self):
        group = subprocess.run(["id", "-g", self.owner], capture_output=True, text=True)
        return group.stdout.strip()

    def fill(self, messages):
        """`messages`: (octets, seconds since 1970, read)."""
        for part in ["cur", "new", "tmp"]:
            (self.mail / part).mkdir(parents=True)
        (self.folder / "home").mkdir()
        for number, (octets, received, read) in enumerate(messages, 1):
            name = f"{received}.M{number:07}.bench,S={len(octets)},W={len(octets)}:2,"
            path = self.mail / "cur" / (name + ("S" if read else ""))
            path.write_bytes(octets)
            os.utime(path, (received, received))
        if os.getuid() == 0:
            for path in [self.folder, self.folder.parent]:
                path.chmod(0o755)
            subprocess.run(["chown", "-R", self.owner, self.mail, self.folder / "home"], check=True)

    def serve(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.folder / "dovecot.conf"])
        for _ in range(100):
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.port)).close()
            time.sleep(0.1)
        sys.exit("dovecot did not start; see its log")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def log_in(self, user=ADA):
        client = Client(self.port)
        client.ask(f"LOGIN {user} bench")
        return client

    def memory(self):
        """Of the master and all that it started, shared pages counted once."""
        children = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(path.parent.name))
        total, rest = 0, [self.process.pid]
        while rest:
            pid = rest.pop()
            total += field(f"/proc/{pid}/smaps_rollup", "Pss")
            rest += children.get(pid, [])
        return total


def mail_of(client, count):
    """All messages of the selected folder with their dates and flags, by UID."""
    for first in range(1, count + 1, 1000):
        kept = bytearray()
        client.ask(f"FETCH {first}:{min(first + 999, count)} (FLAGS INTERNALDATE BODY.PEEK[])", kept)
        at = 0
        head = re.compile(rb'\* \d+ FETCH \(FLAGS \(([^)]*)\) INTERNALDATE "([^"]*)" BODY\[\] \{(\d+)\}\r\n')
        while found := head.match(kept, at):
            flags, date, length = found.groups()
            begin = found.end()
            seconds = time.strptime(date.decode().strip(), "%d-%b-%Y %H:%M:%S +0000")
            yield (bytes(kept[begin:begin + int(length)]), calendar.timegm(seconds),
                   b"\\Seen" in flags)
            at = begin + int(length) + len(b")\r\n")


QUESTIONS = {
    "UID FETCH 1:* (FLAGS)": "UID FETCH 1:* (FLAGS)",
    "FETCH 1:* (UID FLAGS ENVELOPE INTERNALDATE RFC822.SIZE)":
        "FETCH 1:* (UID FLAGS ENVELOPE INTERNALDATE RFC822.SIZE)",
    "UID FETCH 1:* (BODYSTRUCTURE)": "UID FETCH 1:* (BODYSTRUCTURE)",
    "UID FETCH 1:* BODY.PEEK[]": "UID FETCH 1:* BODY.PEEK[]",
    "UID SEARCH UNSEEN": "UID SEARCH UNSEEN",
    "UID SEARCH SUBJECT": 'UID SEARCH SUBJECT "delivery date"',
    "UID SEARCH BODY": 'UID SEARCH BODY "nothing here is real"',
    "STATUS": "STATUS INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)",
}


def compare(servers, rounds):
    times = {server.name: {} for server in servers}
    octets = {server.name: {} for server in servers}
    for round_number in range(rounds + 1):
        for server in servers:
            def log_in_and_select():
                client = server.log_in()
                client.ask("SELECT INBOX")
                return client
            taken, client = timed(log_in_and_select)
            found = {"login + SELECT": taken}
            for name, command in QUESTIONS.items():
                found[name], octets[server.name][name] = timed(lambda: client.ask(command))
            client.close()
            if round_number:  # The first one warms the caches.
                for name, taken in found.items():
                    times[server.name].setdefault(name, []).append(taken)
    medians = {server: {name: statistics.median(taken) for name, taken in by.items()}
               for server, by in times.items()}
    return medians, octets


def idle_memory(server, sessions, user=ADA):
    """KiB that each of many idle sessions takes, the first one excluded."""
    def settle():
        time.sleep(1)
        return server.memory()

    def session():
        client = server.log_in(user)
        client.ask("SELECT INBOX")
        client.socket.sendall(b"i IDLE\r\n")
        client.line()
        return client
    clients = [session()]
    before = settle()
    clients += [session() for _ in range(sessions)]
    after = settle()
    for client in clients:
        client.close()
    return (after - before) / sessions


def folder_memory(bridge, user):
    """KiB of the whole bridge with a large folder selected: a difference would leave out what the heap
    had already."""
    bridge.stop()
    bridge.serve()
    client = bridge.log_in(user)
    client.ask("SELECT INBOX")
    client.ask("UID FETCH 1:* (FLAGS)")
    time.sleep(1)
    whole = bridge.memory()
    client.close()
    return whole


def report(medians, octets):
    print(f"{'':58}{'footbridge':>12}{'dovecot':>12}{'ratio':>8}")
    for name, ours in medians["footbridge"].items():
        theirs = medians["dovecot"][name]
        print(f"{name:58}{ours * 1000:9.1f} ms{theirs * 1000:9.1f} ms{theirs / ours:8.2f}")
        if name.endswith("BODY.PEEK[]"):
            rates = [octets[server][name] / medians[server][name] / 1e6
                     for server in ("footbridge", "dovecot")]
            print(f"{'':58}{rates[0]:7.0f} MB/s{rates[1]:7.0f} MB/s")


def run(options, folder):
    seed = folder / "tenant.toml"
    people = [(ADA, "Ada", options.messages)]
    if options.large:
        people.append((BOB, "Bob", options.large))
    seed.write_text("".join(f'[[people]]\naddress = "{address}"\nname = "{name}"\nmessages = {count}\n'
                            for address, name, count in people))
    ours, theirs = folder / "footbridge", folder / "dovecot"
    ours.mkdir()
    theirs.mkdir()
    sim, tenant = start([BINARIES / "m365-sim", "--listen", "127.0.0.1:0", "--seed", seed,
                         "--client-id", "bench"])
    figures = {"messages": options.messages}
    bridge, dovecot = Footbridge(ours, tenant), Dovecot(theirs)
    running = [sim]
    try:
        bridge.serve()
        running.append(bridge.process)
        client = bridge.log_in()
        figures["first SELECT, s"], _ = timed(lambda: client.ask("SELECT INBOX"))
        figures["first FETCH RFC822.SIZE, s"], _ = timed(lambda: client.ask("FETCH 1:* (RFC822.SIZE)"))
        print(json.dumps(figures), flush=True)
        dovecot.fill(mail_of(client, options.messages))
        client.close()
        dovecot.serve()
        running.append(dovecot.process)
        medians, octets = compare([bridge, dovecot], options.rounds)
        report(medians, octets)
        figures.update(milliseconds={server: {name: round(taken * 1000, 2) for name, taken in by.items()}
                                     for server, by in medians.items()}, octets=octets)
        if options.sessions:
            # Afresh: memory left over from the questions would hide what sessions take.
            bridge.stop()
            bridge.serve()
            running.append(bridge.process)
            figures["idle session, KiB"] = {
                server.name: round(idle_memory(server, options.sessions), 1)
                for server in (bridge, dovecot)}
        if options.large:
            client = bridge.log_in(BOB)
            client.ask("SELECT INBOX")
            client.close()
            figures[f"bridge with a folder of {options.large}, KiB"] = folder_memory(bridge, BOB)
            running.append(bridge.process)
    finally:
        for process in reversed(running):
            if process.poll() is None:
                process.send_signal(2 if process is sim else 15)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
    print(json.dumps(figures))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000,
                        help="the tenant throttles beyond 10,000 requests in ten minutes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=1000, help="idle sessions; 0 leaves this out")
    parser.add_argument("--large", type=int, default=100_000, help="messages of one more folder, for its memory")
    options = parser.parse_args()
    if not shutil.which("dovecot"):
        sys.exit("dovecot is not here: apt-get install dovecot-imapd")
    watchdog = threading.Timer(LIMIT, lambda: os._exit(3))
    watchdog.daemon = True
    watchdog.start()
    with tempfile.TemporaryDirectory() as folder:
        run(options, pathlib.Path(folder))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measures how fast small messages are sent, and the bridge's memory while one large message is handed in.

The tenant runs in a process of its own and answers every request 60 ms late, as a near region does, so that the
rate is bound by what Exchange allows: 4 requests at a time for a mailbox, 2 for a message. Memory is measured by
DATA and by BDAT, each with a fresh bridge, since a peak never sinks. Prints one line of JSON and fails if the bound
of the project on memory is missed. Needs a built bridge: cargo build --release --workspace --bins
"""
import base64
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from memory import ADA, BINARIES, MESSAGE, resident, start

BOUND = 16 * 1024
CHUNK = 1_000_000
LATENCY = 0.060
# Of Exchange for one mailbox, and of the bridge for one small message (reference E and tests/it/sending/costs.rs).
AT_ONCE = 4
REQUESTS = 2
CONNECTIONS = [1, 4, 16]
SECONDS = 10
# Nothing but time shall bound the rate, and the tenant shall take the large message.
LIFTED = {"sending": {"messages_per_minute": 1_000_000, "messages_per_day": 1_000_000,
                      "message_bytes": 400_000_000},
          "limits": {"requests": 1_000_000, "upload_bytes": 4_000_000_000}}
HEAD = (f"From: {ADA}\r\nTo: bob@elsewhere.example\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
        "Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{name}@elsewhere.example>\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
        "--b\r\nContent-Type: application/octet-stream; name=scan.bin\r\n"
        "Content-Disposition: attachment; filename=scan.bin\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n")
TAIL = "\r\n--b--\r\n"


class Client:
    def __init__(self, address, password):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")
        self.reply()
        self.say("EHLO bench")
        token = base64.b64encode(f"\0{ADA}\0{password}".encode()).decode()
        assert self.say(f"AUTH PLAIN {token}").startswith("235")

    def reply(self):
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def begin(self):
        assert self.say(f"MAIL FROM:<{ADA}>").startswith("250")
        assert self.say("RCPT TO:<bob@elsewhere.example>").startswith("250")


def pieces(name):
    """The message, in pieces of about CHUNK octets; none of its lines begins with a dot."""
    line = base64.b64encode(b"0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijk") + b"\r\n"
    block = line * (CHUNK // len(line))
    yield HEAD.replace("{name}", name).encode()
    for _ in range((MESSAGE - 4 * len(HEAD)) // len(block)):
        yield block
    yield TAIL.encode()


def by_data(client):
    client.begin()
    assert client.say("DATA").startswith("354")
    for piece in pieces("data"):
        client.socket.sendall(piece)
    return client.say(".")


def by_bdat(client):
    client.begin()
    answer = ""
    for piece in pieces("bdat"):
        client.socket.sendall(f"BDAT {len(piece)}\r\n".encode() + piece)
        answer = client.reply()
        if not answer.startswith("250"):
            return answer
    return client.say("BDAT 0 LAST")


def adjust(url, switches):
    request = urllib.request.Request(f"{url}/sim/switches", json.dumps(switches).encode(), method="POST")
    urllib.request.urlopen(request).read()


def started(folder, switches):
    sim, line = start([BINARIES / "m365-sim", "--listen", "127.0.0.1:0", "--user", ADA,
                       "--client-id", "bench"])
    ready = json.loads(line)
    adjust(ready["url"], LIFTED)
    adjust(ready["url"], switches)
    (folder / "key").write_bytes(secrets.token_bytes(32))
    (folder / "token").write_text(ready["users"][0]["refresh_token"])
    (folder / "footbridge.toml").write_text(
        f'state_dir = "{folder}/state"\nkey_file = "{folder}/key"\n'
        f'[cloud]\nname = "custom"\nclient_id = "bench"\nlogin = "{ready["url"]}"\n'
        f'graph = "{ready["url"]}"\n[imap]\nlisten = ["127.0.0.1:0"]\n'
        '[smtp]\nlisten = ["127.0.0.1:0"]\n[console]\nlisten = ""\n'
        '[submission]\nmessages_per_minute = 1000000\nrecipients_per_day = 1000000\n')
    footbridge = [BINARIES / "footbridge", "--config", folder / "footbridge.toml"]
    added = subprocess.run([*footbridge, "connection", "add", ADA, "--refresh-token-file",
                            folder / "token", "--json"], check=True, capture_output=True, text=True)
    password = json.loads(added.stdout)["password"]
    bridge, line = start([*footbridge, "serve", "--json"], stderr=subprocess.DEVNULL)
    return sim, bridge, json.loads(line)["smtp"][0], password


def stop(sim, bridge):
    bridge.terminate()
    bridge.wait(60)
    sim.send_signal(2)
    sim.wait(60)


def send_until(client, end, name):
    """Small messages, one after the other; answers how many were taken."""
    taken = 0
    while time.monotonic() < end:
        client.begin()
        assert client.say("DATA").startswith("354")
        message = HEAD.replace("{name}", f"{name}-{taken}") + "aGk=" + TAIL
        answer = client.say(message.rstrip("\r\n") + "\r\n.")
        assert answer.startswith("250"), answer
        taken += 1
    return taken


def rate(folder, connections):
    """Messages a second over so many connections."""
    switches = {"limits": {"latency_millis": int(LATENCY * 1000)}}
    sim, bridge, address, password = started(folder, switches)
    try:
        clients = [Client(address, password) for _ in range(connections)]
        # The first message asks for what is asked once an hour.
        send_until(clients[0], time.monotonic() + 0.01, "first")
        began = time.monotonic()
        taken = [0] * connections

        def work(number):
            taken[number] = send_until(clients[number], began + SECONDS, f"c{connections}-{number}")

        workers = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(taken) / (time.monotonic() - began)
    finally:
        stop(sim, bridge)


def measure(folder, way):
    sim, bridge, address, password = started(folder, {})
    try:
        client = Client(address, password)
        before = resident(bridge.pid)
        # The peak so far is that of checking a password; this one is of the message.
        pathlib.Path(f"/proc/{bridge.pid}/clear_refs").write_text("5")
        answer = way(client)
        peak = resident(bridge.pid, "VmHWM")
    finally:
        stop(sim, bridge)
    return {"added_kib": peak - before, "answer": answer}


def main():
    watchdog = threading.Timer(900, lambda: os._exit(3))
    watchdog.daemon = True
    watchdog.start()
    figures = {}
    for name, way in [("data", by_data), ("bdat", by_bdat)]:
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = measure(pathlib.Path(folder), way)
    rates = {}
    for connections in CONNECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            measured = rate(pathlib.Path(folder), connections)
        bound = min(connections, AT_ONCE) / (REQUESTS * LATENCY)
        rates[connections] = {"a_second": round(measured, 1), "bound": round(bound, 1)}
    print(json.dumps({"octets": MESSAGE, **figures, "connections": rates}))
    taken = all(figure["answer"].startswith("250") for figure in figures.values())
    if not taken or any(figure["added_kib"] > BOUND for figure in figures.values()):
        sys.exit("a message of 150 MB was refused, or added more than 16 MiB")


if __name__ == "__main__":
    main()

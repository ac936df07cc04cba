#!/usr/bin/env python3
"""Measures the bridge's memory: idle, and while one large message is fetched.

The tenant runs in a process of its own, so only the bridge is measured. Prints one line of JSON and
fails if a bound of the project is missed. Needs a built bridge: cargo build --release --workspace
"""
import imaplib
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = pathlib.Path(os.environ.get("FOOTBRIDGE_BIN", ROOT / "target" / "release"))
ADA = "ada@contoso.example"
# The largest that Exchange Online lets a tenant allow.
MESSAGE = 150 * 1000 * 1000
IDLE_BOUND = 40 * 1024
FETCH_BOUND = 16 * 1024


def resident(pid, field="VmRSS"):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", status).group(1))


def large_message(path):
    line = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcd\r\n"
    head = (f"From: bob@elsewhere.example\r\nTo: {ADA}\r\nSubject: large\r\n"
            "Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <large@elsewhere.example>\r\n\r\n")
    with open(path, "wb") as file:
        file.write(head.encode())
        for _ in range(MESSAGE // len(line)):
            file.write(line)


def start(command, **options):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    line = process.stdout.readline()
    if not line:
        sys.exit(f"{command[0]} did not start")
    return process, line


def measure(folder):
    mail = folder / "large.eml"
    large_message(mail)
    sim, line = start([BINARIES / "m365-sim", "--listen", "127.0.0.1:0", "--user", ADA,
                       "--client-id", "bench", "--mail", mail])
    ready = json.loads(line)
    (folder / "key").write_bytes(secrets.token_bytes(32))
    (folder / "token").write_text(ready["users"][0]["refresh_token"])
    (folder / "footbridge.toml").write_text(
        f'state_dir = "{folder}/state"\nkey_file = "{folder}/key"\n'
        f'[cloud]\nname = "custom"\nclient_id = "bench"\nlogin = "{ready["url"]}"\n'
        f'graph = "{ready["url"]}"\n[imap]\nlisten = ["127.0.0.1:0"]\n'
        '[smtp]\nlisten = ["127.0.0.1:0"]\n[console]\nlisten = ""\n')
    footbridge = [BINARIES / "footbridge", "--config", folder / "footbridge.toml"]
    added = subprocess.run([*footbridge, "connection", "add", ADA, "--refresh-token-file",
                            folder / "token", "--json"], check=True, capture_output=True, text=True)
    password = json.loads(added.stdout)["password"]
    bridge, line = start([*footbridge, "serve", "--json"], stderr=subprocess.DEVNULL)
    try:
        host, port = json.loads(line)["imap"][0].rsplit(":", 1)
        client = imaplib.IMAP4(host, int(port))
        client.login(ADA, password)
        client.select("INBOX")
        idle = resident(bridge.pid)
        peak_before = resident(bridge.pid, "VmHWM")
        _, data = client.fetch("1", "(BODY.PEEK[])")
        assert len(data[0][1]) > MESSAGE - 1000, "the message is not whole"
        peak = resident(bridge.pid, "VmHWM")
        _, data = client.fetch("1", "(RFC822.SIZE BODYSTRUCTURE ENVELOPE)")
        client.logout()
    finally:
        bridge.terminate()
        bridge.wait(30)
        sim.send_signal(2)
        sim.wait(30)
    return {"idle_kib": idle, "fetch_150_mb_added_kib": peak - min(idle, peak_before)}


def main():
    watchdog = threading.Timer(300, lambda: os._exit(3))
    watchdog.daemon = True
    watchdog.start()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(pathlib.Path(folder))
    print(json.dumps(figures))
    if figures["idle_kib"] > IDLE_BOUND or figures["fetch_150_mb_added_kib"] > FETCH_BOUND:
        sys.exit("a bound is missed: idle 40 MiB, 16 MiB added by a fetch of 150 MB")


if __name__ == "__main__":
    main()

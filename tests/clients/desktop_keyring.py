"""The vault key in a real keyring: GNOME Keyring on a D-Bus of its own, for nobody's desktop but the scenario's."""

import os
import pathlib
import subprocess
import tempfile

from entra import ADA, Entra
from harness import TARGET, check, equal, run, scenario

SETTINGS = """
state_dir = "{home}/state"
[cloud]
name = "custom"
client_id = "{client}"
login = "{url}"
graph = "{url}"
[imap]
listen = ["127.0.0.1:0"]
[smtp]
listen = ["127.0.0.1:0"]
[console]
listen = ""
"""

PASSWORD = "the desktop's password"
# What the bridge itself waits for a keyring is 60 s; these services answer at once or not at all.
SECONDS = 30


class Desktop:
    """A home, a tenant to sign in to, and a session bus on which a keyring may run."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="footbridge-keyring-")
        self.home = pathlib.Path(self.folder.name)
        self.home.chmod(0o700)
        self.entra = Entra().__enter__()
        person = self.entra.program.ready["users"][0]
        settings = SETTINGS.format(home=self.home, client=person["client_id"], url=self.entra.url)
        (self.home / "footbridge.toml").write_text(settings)
        (self.home / "token").write_text(person["refresh_token"])
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home),
            "FOOTBRIDGE_LOG": "trace",
        }
        # No services of the machine's own may be started on this bus: no dialogue for a password either.
        config = self.home / "bus.conf"
        config.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
            '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd"><busconfig><type>session</type>'
            f"<listen>unix:path={self.home}/bus.sock</listen>"
            '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
            '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'
        )
        bus = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address", "--nopidfile"]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.bus = subprocess.Popen(bus, **quiet, env=self.environment)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().decode().strip()
        self.keyring = None
        return self

    def __exit__(self, kind, error, trace):
        self.lock_up()
        self.bus.terminate()
        self.bus.wait()
        self.entra.__exit__(kind, error, trace)
        self.folder.cleanup()

    def unlock(self, password):
        """Starts the keyring; with the right password it is open afterwards."""
        self.lock_up()
        self.keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--components=secrets", *(["--unlock"] if password else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        if password:
            self.keyring.stdin.write(password.encode())
        self.keyring.stdin.close()
        call = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]
        for _ in range(100):
            owned = run([*call, "org.freedesktop.DBus.ListNames"], environment=self.environment).stdout
            if b"org.freedesktop.secrets" in owned:
                return
            try:
                self.keyring.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                pass
        check(False, "gnome-keyring-daemon is not on the bus")

    def lock_up(self):
        """The keyring ends; what it keeps on disk stays, locked."""
        if self.keyring:
            self.keyring.terminate()
            self.keyring.wait()
            self.keyring = None

    def footbridge(self, *arguments, status=0, **environment):
        done = subprocess.run(
            [TARGET / "footbridge", "--config", self.home / "footbridge.toml", *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            env={**self.environment, **environment},
        )
        equal(done.returncode, status, f"the end of {arguments}: {done.stderr.decode()[-2000:]}")
        return done

    def add(self, **more):
        return self.footbridge("connection", "add", ADA, "--refresh-token-file", self.home / "token", "--json", **more)

    def key(self):
        """What the keyring holds under our name, read by another program than ours."""
        lookup = ["secret-tool", "lookup", "service", "footbridge"]
        return run(lookup, environment=self.environment, status=None).stdout

    def files(self):
        return {path: path.read_bytes() for path in (self.home / "state").rglob("*") if path.is_file()}


@scenario("the key is made in the keyring once, used afterwards, and stands nowhere else")
def once():
    with Desktop() as desktop:
        desktop.unlock(PASSWORD)
        said = [desktop.add()]
        key = desktop.key()
        check(len(key) >= 32, f"a key of {len(key)} octets")
        said.append(desktop.footbridge("connection", "ping", ADA))
        desktop.unlock(PASSWORD)
        said.append(desktop.footbridge("connection", "ping", ADA))
        equal(desktop.key(), key, "the key after another start of the keyring")
        texts = [done.stdout + done.stderr for done in said] + list(desktop.files().values())
        for text in texts:
            check(key not in text and key.hex().encode() not in text, "the key is written somewhere")


@scenario("a keyring that is locked, empty or not there is told plainly, and nothing is changed")
def refusals():
    with Desktop() as desktop:
        nobody = desktop.add(status=1).stderr.decode()
        for word in ("keyring", "cannot be reached", "FOOTBRIDGE_KEY_FILE", "FOOTBRIDGE_PASSPHRASE"):
            check(word in nobody, f"{word!r} is not in: {nobody[-800:]}")
        check(not any("vault" in str(path) and data for path, data in desktop.files().items()), "something is stored")

        desktop.unlock(PASSWORD)
        desktop.add()
        before = desktop.files()
        desktop.unlock(None)
        locked = desktop.footbridge("connection", "ping", ADA, status=1).stderr.decode()
        check("keyring is locked" in locked, f"a locked keyring: {locked[-800:]}")

        desktop.lock_up()
        for file in (desktop.home / ".local/share/keyrings").glob("*"):
            file.unlink()
        desktop.unlock(PASSWORD)
        empty = desktop.footbridge("connection", "ping", ADA, status=1).stderr.decode()
        check("holds no key of footbridge" in empty, f"an empty keyring: {empty[-800:]}")
        equal(desktop.files(), before, "the state")


@scenario("a passphrase that is given goes before the keyring, and works without one")
def passphrase():
    with Desktop() as desktop:
        given = {"FOOTBRIDGE_PASSPHRASE": "correct horse battery"}
        desktop.add(**given)
        desktop.footbridge("connection", "ping", ADA, **given)
        desktop.unlock(PASSWORD)
        desktop.footbridge("connection", "ping", ADA, **given)
        equal(desktop.key(), b"", "what the keyring holds")
        missing = desktop.footbridge("connection", "ping", ADA, status=1).stderr.decode()
        check("FOOTBRIDGE_PASSPHRASE" in missing, f"without the passphrase: {missing[-800:]}")
        equal(desktop.key(), b"", "what the keyring holds afterwards")

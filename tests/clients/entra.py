"""A simulated tenant of one's own, and the person who signs in to it."""

import json
import pathlib
import tempfile
import urllib.parse

from harness import TARGET, Program, Tenant, equal

ADA = "ada@contoso.example"
GRACE = "grace@contoso.example"
CLIENT = "6f1f3a3c-24f8-4f5e-9d0f-5d3c3f0b7a10"
SCOPES = ["Mail.ReadWrite", "Mail.Send", "User.Read"]


class Entra:
    """`m365-sim` with Ada, who may consent to anything but what only administrators may, and Grace, an administrator."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="footbridge-entra-")
        people = [part for user in (ADA, GRACE) for part in ("--user", user)]
        arguments = [TARGET / "m365-sim", "--listen", "127.0.0.1:0", *people, "--admin", GRACE]
        self.program = Program(arguments, pathlib.Path(self.folder.name))
        self.url = self.program.ready["url"]
        self.tenant = Tenant(self.url, ADA)
        self.switch(user_consent="legacy")
        return self

    def __exit__(self, kind, error, trace):
        try:
            self.program.stop()
        finally:
            self.folder.cleanup()

    def switch(self, **entra):
        self.tenant.control("POST", "switches", body={"entra": entra})

    def does(self, verb, user=ADA, **deed):
        self.tenant.control("POST", "entra", body={"verb": verb, **deed}, user=user)

    def fails(self, stage, code):
        self.does("fail", stage=stage, code=code)

    def walks(self, url, *buttons):
        """Goes to the page and presses the buttons: an id, or an id with texts for fields. Returns what is shown then."""
        press = [{"button": button} if isinstance(button, str) else button for button in buttons]
        return self.tenant.control("POST", "browse", body={"url": self.here(url), "press": press})

    def here(self, url):
        """The address at the simulator of an address at Microsoft's."""
        return self.url + urllib.parse.urlsplit(url)._replace(scheme="", netloc="").geturl()


def query(url):
    """The parameters that came back with a redirect."""
    parts = urllib.parse.urlsplit(url)
    return dict(urllib.parse.parse_qsl(parts.query or parts.fragment))


def is_tokens(answer, scopes=SCOPES):
    equal(answer.get("error"), None, f"the answer {json.dumps(answer)[:600]}")
    granted = set(answer["scope"].split())
    equal(sorted(set(scopes) - granted), [], "scopes that were not granted")

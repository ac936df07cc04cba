"""A bridge that speaks TLS, with a CA of `footbridge certs init`."""

import contextlib
import json
import pathlib
import tempfile

from harness import TARGET, Bridge, run, split_address


@contextlib.contextmanager
def secured():
    """A bridge whose first listeners want STARTTLS and whose second ones speak TLS at once."""
    with tempfile.TemporaryDirectory(prefix="footbridge-certs-") as folder:
        environment = {"FOOTBRIDGE__STATE_DIR": folder}
        command = [TARGET / "footbridge", "certs", "init", "--json"]
        made = json.loads(run(command, directory=folder, environment=environment).stdout)
        settings = {}
        for name in ("IMAP", "SMTP"):
            settings[f"FOOTBRIDGE__{name}__TLS"] = "starttls"
            settings[f"FOOTBRIDGE__{name}__LISTEN_TLS"] = "127.0.0.1:0"
            settings[f"FOOTBRIDGE__{name}__CERTIFICATE"] = made["certificate"]
            settings[f"FOOTBRIDGE__{name}__PRIVATE_KEY"] = made["private_key"]
        directory = pathlib.Path(folder)
        settings = {name: str(directory / value) if value.endswith(".pem") else value for name, value in settings.items()}
        with Bridge(environment=settings) as bridge:
            bridge.ca = directory / made["ca"]
            bridge.imap_tls = split_address(bridge.program.ready["imap"][1])
            bridge.smtp_tls = split_address(bridge.program.ready["smtp"][1])
            yield bridge

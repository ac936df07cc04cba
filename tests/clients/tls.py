"""TLS: real clients over STARTTLS and over TLS from the first octet, with a CA of `footbridge certs init`."""

import imaplib
import json
import os
import pathlib
import smtplib
import socket
import ssl
import tempfile
import zlib

import mbsync
from harness import TARGET, check, equal, message, run, scenario
from secured import secured

BOB = "bob@elsewhere.example"
UNTRUSTED = 60  # curl's exit code


def letter(bridge, subject):
    return message(subject, sender=bridge.user, to=BOB)


def reached_bob(bridge):
    return [mail["mime"].encode().rstrip() for mail in bridge.tenant.sent(BOB)]


@scenario("curl reads and sends by STARTTLS and by TLS, and trusts nobody else's CA")
def curl():
    with secured() as bridge:
        octets = message("Under TLS")
        bridge.tenant.deliver(octets)
        path = bridge.home / "mail.eml"
        login = ["curl", "--silent", "--show-error", "--max-time", "60", "--user", f"{bridge.user}:{bridge.password}"]
        trusting = [*login, "--cacert", bridge.ca]
        ways = [("imap", bridge.imap, "smtp", bridge.smtp), ("imaps", bridge.imap_tls, "smtps", bridge.smtp_tls)]
        for imap, imap_address, smtp, smtp_address in ways:
            url = "{}://{}:{}/INBOX".format(imap, *imap_address)
            found = run([*trusting, "--ssl-reqd", url, "--request", 'UID SEARCH SUBJECT "Under TLS"']).stdout
            uid = found.split()[-1].decode()
            equal(run([*trusting, "--ssl-reqd", f"{url};UID={uid}"]).stdout, octets, f"by {imap}")
            run([*login, "--ssl-reqd", url], status=UNTRUSTED)
            path.write_bytes(letter(bridge, f"By {smtp}"))
            url = "{}://{}:{}/client.example".format(smtp, *smtp_address)
            sending = ["--ssl-reqd", "--mail-from", bridge.user, "--mail-rcpt", BOB, "--upload-file", path, url]
            run([*trusting, *sending])
            equal(reached_bob(bridge)[-1], letter(bridge, f"By {smtp}").rstrip(), f"by {smtp}")
        # Told to use TLS only if there is any, and logging in without: refused before the password counts.
        url = "imap://{}:{}/INBOX".format(*bridge.imap)
        run([*login, url], status=67)


@scenario("Python's imaplib and smtplib log in under TLS, and are refused before it")
def python():
    with secured() as bridge:
        context = ssl.create_default_context(cafile=bridge.ca)
        with imaplib.IMAP4(*bridge.imap, timeout=60) as imap:
            check({"STARTTLS", "LOGINDISABLED"} <= set(imap.capabilities), imap.capabilities)
            try:
                imap.login(bridge.user, bridge.password)
            except imaplib.IMAP4.error as refused:
                check("PRIVACYREQUIRED" in str(refused), refused)
            else:
                check(False, "logged in without TLS")
            imap.starttls(context)
            check("AUTH=PLAIN" in imap.capabilities and "STARTTLS" not in imap.capabilities, imap.capabilities)
            imap.login(bridge.user, bridge.password)
            equal(imap.select("INBOX")[0], "OK", "SELECT")
        with imaplib.IMAP4_SSL(*bridge.imap_tls, ssl_context=context, timeout=60) as imap:
            imap.login(bridge.user, bridge.password)

        with smtplib.SMTP(*bridge.smtp, local_hostname="client.example", timeout=60) as smtp:
            smtp.ehlo()
            check("auth" not in smtp.esmtp_features, smtp.esmtp_features)
            smtp.starttls(context=context)
            smtp.login(bridge.user, bridge.password)
            smtp.sendmail(bridge.user, BOB, letter(bridge, "By STARTTLS"))
        with smtplib.SMTP_SSL(*bridge.smtp_tls, local_hostname="client.example", timeout=60, context=context) as smtp:
            smtp.login(bridge.user, bridge.password)
            smtp.sendmail(bridge.user, BOB, letter(bridge, "By TLS"))
        wanted = [letter(bridge, subject).rstrip() for subject in ("By STARTTLS", "By TLS")]
        equal(reached_bob(bridge), wanted, "what reached bob")


@scenario("mbsync keeps a Maildir by STARTTLS and by IMAPS")
def maildir():
    with secured() as bridge:
        local = mbsync.Mbsync(bridge)
        for number, (address, way) in enumerate([(bridge.imap, "STARTTLS"), (bridge.imap_tls, "IMAPS")], 1):
            octets = message(f"By {way}")
            bridge.tenant.deliver(octets)
            # It compares names only, no addresses.
            local.reach(("localhost", address[1]))
            settings = local.settings.read_text().replace("SSLType None", f"SSLType {way}\nCertificateFile {bridge.ca}")
            local.settings.write_text(settings)
            local.sync()
            found = local.files()[f"By {way}"].read_bytes()
            equal(mbsync.plain(found), octets, f"by {way}")
            check(len(local.files()) >= number, "messages in the Maildir")


@scenario("OpenSSL agrees on TLS 1.2 and 1.3 by either way, and on nothing older")
def openssl():
    with secured() as bridge:
        command = ["openssl", "s_client", "-CAfile", bridge.ca, "-verify_return_error", "-verify_hostname", "localhost", "-brief"]
        ways = [(bridge.imap, "imap"), (bridge.smtp, "smtp"), (bridge.imap_tls, None), (bridge.smtp_tls, None)]
        for (host, port), protocol in ways:
            way = ["-connect", f"{host}:{port}", *(["-starttls", protocol] if protocol else [])]
            for version in ("1_2", "1_3"):
                done = run([*command, *way, f"-tls{version}"])
                said = (done.stdout + done.stderr).decode()
                check(f"TLSv{version.replace('_', '.')}" in said and "Verification: OK" in said, said)
            old = run([*command, *way, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], status=None)
            check(old.returncode != 0, "TLS 1.1 was spoken")


@scenario("zlib reads what COMPRESS=DEFLATE makes of a conversation under TLS, and the other way round")
def deflate():
    with secured() as bridge:
        body = "".join(f"Line {number} of many.\r\n" for number in range(20_000))
        octets = message("Dull", body=body)
        bridge.tenant.deliver(octets)
        context = ssl.create_default_context(cafile=bridge.ca)
        with socket.create_connection(bridge.imap_tls, timeout=60) as plain:
            talk = Talk(context.wrap_socket(plain, server_hostname="localhost"))
            talk.until(b"\r\n")
            login = f"a LOGIN {bridge.user} {bridge.password}"
            check(b"COMPRESS=DEFLATE" in talk.say(login.encode()), "not offered")
            talk.say(b"b COMPRESS DEFLATE")
            talk.compress()
            talk.say(b"c SELECT INBOX")
            before = talk.received
            answer = talk.say(b"d UID FETCH 1:* BODY.PEEK[]")
            check(octets in answer, "the message came otherwise")
            check(talk.received - before < len(octets) / 4, f"{talk.received - before} octets on the way")
            appended = message("Filed", body=body)
            answer = talk.say(b"e APPEND Archive {%d+}\r\n%s" % (len(appended), appended))
            check(b"APPENDUID" in answer, answer)
            talk.say(b"f SELECT Archive")
            check(appended in talk.say(b"g UID FETCH * BODY.PEEK[]"), "what was appended")


class Talk:
    """IMAP over a socket, compressed or not."""

    def __init__(self, stream):
        self.stream = stream
        self.heard = b""
        self.received = 0
        self.zip = None

    def compress(self):
        self.zip = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)

    def until(self, end):
        while end not in self.heard:
            octets = self.stream.recv(65536)
            check(octets, f"closed; heard {self.heard[-200:]}")
            self.received += len(octets)
            self.heard += self.zip[1].decompress(octets) if self.zip else octets
        at = self.heard.index(end) + len(end)
        answer, self.heard = self.heard[:at], self.heard[at:]
        return answer

    def say(self, line):
        octets = line + b"\r\n"
        if self.zip:
            octets = self.zip[0].compress(octets) + self.zip[0].flush(zlib.Z_SYNC_FLUSH)
        self.stream.sendall(octets)
        tag = line.split()[0]
        return self.until(tag + b" OK") + self.until(b"\r\n")


@scenario("certs init overwrites nothing, and keeps keys to their owner")
def certs():
    with tempfile.TemporaryDirectory(prefix="footbridge-certs-") as folder:
        environment = {"FOOTBRIDGE__STATE_DIR": folder}
        command = [TARGET / "footbridge", "certs", "init", "--name", "mail.example.com", "--name", "192.0.2.7"]
        said = run(command, directory=folder, environment=environment).stdout.decode()
        check("mail.example.com, 192.0.2.7" in said and "ca.pem" in said, said)
        place = pathlib.Path(folder) / "certs"
        files = {path.name: (oct(path.stat().st_mode & 0o777), path.read_bytes()) for path in place.iterdir()}
        modes = {name: mode for name, (mode, _) in files.items()}
        equal({name: modes[name] for name in ("ca-key.pem", "server-key.pem")}, dict.fromkeys(["ca-key.pem", "server-key.pem"], "0o600"), "modes")
        refused = run(command, directory=folder, environment=environment, status=1).stderr.decode()
        check("nothing is overwritten" in refused, refused)
        verify = ["openssl", "verify", "-CAfile", place / "ca.pem", "-x509_strict", "-purpose", "sslserver"]
        run([*verify, "-verify_hostname", "mail.example.com", place / "server.pem"])
        run([*verify, "-verify_ip", "192.0.2.7", place / "server.pem"])
        # A new certificate under the old CA.
        for name in ("server.pem", "server-key.pem"):
            os.rename(place / name, place / f"old-{name}")
        run(command, directory=folder, environment=environment)
        equal((place / "ca.pem").read_bytes(), files["ca.pem"][1], "the CA")
        check((place / "server.pem").read_bytes() != files["server.pem"][1], "the certificate is the old one")
        run([*verify, "-verify_ip", "127.0.0.1", place / "server.pem"])

"""Jira's notifications, sent by JavaMail as Jira does it: small and large, with and without TLS, tried again."""

from harness import Bridge, check, equal, run, scenario, until
from javamail import program
from secured import secured
from witness import everyone, files, noise, one_copy, only, switches, text

BOB = "bob@elsewhere.example"
SUBJECT = "[JIRA] (PONTE-42) Größe der Brücke prüfen"
FIELDS = {
    "Message-ID": "<JIRA.4242.1772443230000.9.1772443231000@Atlassian.JIRA>",
    "From": "\"Ada Größe (Jira)\" <ada@contoso.example>",
    "To": BOB,
    "Reply-To": "jira@contoso.example",
    "Subject": SUBJECT,
    "X-JIRA-FingerPrint": "0123456789abcdef0123456789abcdef",
    "Auto-Submitted": "auto-generated",
    "Precedence": "bulk",
    "In-Reply-To": "<JIRA.4242.1772443230000@Atlassian.JIRA>",
    "References": "<JIRA.4242.1772443230000@Atlassian.JIRA> <JIRA.4242.1772443230000.7@Atlassian.JIRA>",
    "List-Id": "Ponte Vecchio <ponte.jira.contoso.example>",
}  # fmt: skip
# Jira's own limit: a server silent for longer is given up (Atlassian's default of 10 s).
TIMEOUTS = ["mail.smtp.timeout=10000", "mail.smtp.connectiontimeout=10000"]
STARTTLS = ["mail.smtp.starttls.enable=true", "mail.smtp.starttls.required=true", "mail.smtp.ssl.checkserveridentity=true"]
SMTPS = ["mail.smtp.ssl.enable=true", "mail.smtp.ssl.checkserveridentity=true"]
MEGABYTE = 1_000_000


def jira(bridge, *properties, address=None, attachment=None, tries=1):
    """What became of each try."""
    host, port = address or bridge.smtp
    options = []
    if hasattr(bridge, "ca"):
        # The certificate has names, and Java compares addresses with none of them.
        host = "localhost"
        options = [f"-Djavax.net.ssl.trustStore={trust(bridge)}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    file = "-"
    if attachment is not None:
        file = bridge.home / "attachment.bin"
        file.write_bytes(attachment)
    arguments = [host, port, bridge.user, bridge.password, BOB, file, tries]
    return program("JiraMailer", *arguments, *(properties or TIMEOUTS), options=options)


def trust(bridge):
    store = bridge.home / "trust.p12"
    if not store.exists():
        into = ["-keystore", store, "-storepass", "changeit"]
        run(["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", bridge.ca, *into])
    return store


def arrived_whole(bridge, attachment=None):
    mail = only(bridge, BOB)
    equal({name: str(mail[name]) for name in FIELDS}, FIELDS, "fields that reached bob")
    equal([len(mail.get_all(name)) for name in FIELDS], [1] * len(FIELDS), "how often each field is there")
    equal(text(mail), "Zeile eins\n.Zeile mit Punkt", "the text that reached bob")
    equal(mail.get_body(("html",)).get_content().strip(), "<p>Zeile eins</p>", "the HTML that reached bob")
    wanted = {} if attachment is None else {"Anhang äöü.bin": attachment}
    check(files(mail) == wanted, f"files that reached bob are others: {sorted(files(mail))}")
    equal(everyone(bridge), [BOB], "who was reached")
    one_copy(bridge, SUBJECT)


@scenario("a notification arrives with every field that Jira and others know it by, with and without TLS")
def small():
    with Bridge() as bridge:
        equal(jira(bridge), [["sent"]], "what became of it")
        arrived_whole(bridge)
    for way in (STARTTLS, SMTPS):
        with secured() as bridge:
            address = bridge.smtp if way is STARTTLS else bridge.smtp_tls
            equal(jira(bridge, *TIMEOUTS, *way, address=address), [["sent"]], f"what became of it with {way}")
            arrived_whole(bridge)


@scenario("a notification with a file of 5 MB arrives with all of that, and the file byte for byte")
def five():
    with Bridge() as bridge:
        attachment = noise("jira", 5 * MEGABYTE)
        equal(jira(bridge, attachment=attachment), [["sent"]], "what became of it")
        arrived_whole(bridge, attachment)


@scenario("a notification with a file of 20 MB arrives by STARTTLS with all of that, and the file byte for byte")
def twenty():
    with secured() as bridge:
        attachment = noise("jira", 20 * MEGABYTE)
        equal(jira(bridge, *TIMEOUTS, *STARTTLS, attachment=attachment), [["sent"]], "what became of it")
        arrived_whole(bridge, attachment)


@scenario("a notification that Jira gives up on and tries again arrives once")
def tried_again():
    for octets in (0, 4 * MEGABYTE):
        with Bridge() as bridge:
            attachment = noise("again", octets) if octets else None
            until("the folders are known", lambda: any(entry["kind"] == "folder_delta" for entry in bridge.tenant.journal()))
            # Every answer of Microsoft's takes longer than Jira waits for its own, which is long for what the bridge does alone.
            switches(bridge.tenant, limits={"latency_millis": 2_500})
            tries = jira(bridge, "mail.smtp.timeout=2000", attachment=attachment, tries=50)
            equal(tries[-1], ["sent"], f"what became of it at last, of {tries}")
            check(len(tries) > 1 and "SocketTimeoutException" in tries[0][-1], f"Jira did not give up: {tries}")
            switches(bridge.tenant, limits={"latency_millis": 0})
            arrived_whole(bridge, attachment)


@scenario("Jira is told what is wrong, and nothing leaves")
def refused():
    with Bridge() as bridge:
        ((_, *causes),) = jira(bridge, "mail.smtp.from=eve@else.example")
        check("550 5.7.1" in " ".join(causes), f"a foreign sender: {causes}")
        ((_, *causes),) = jira(bridge, *STARTTLS)
        check("STARTTLS is required" in " ".join(causes), f"STARTTLS where there is none: {causes}")
    with secured() as bridge:
        ((_, *causes),) = jira(bridge)
        check("530 5.7.0" in " ".join(causes), f"no login before TLS: {causes}")
        equal(bridge.tenant.sent(), [], "mail that left")

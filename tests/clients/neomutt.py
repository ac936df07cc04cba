"""neomutt with CONDSTORE, QRESYNC and a header cache: it comes back to a folder with what it remembers."""

import re

from harness import Bridge, check, equal, message, run, scenario

SETTINGS = """
set folder = "imap://{host}:{port}/"
set spoolfile = "+INBOX"
set imap_user = "{user}"
set imap_pass = "{password}"
set imap_condstore = yes
set imap_qresync = yes
set ssl_starttls = no
set ssl_force_tls = no
set header_cache = "{home}/headers"
set quit = yes
set mark_old = no
set confirmappend = no
set mail_check_stats = no
"""


class Neomutt:
    """One user of neomutt; each visit is a run of the program in a terminal."""

    def __init__(self, bridge):
        self.home = bridge.home
        (host, port), self.settings = bridge.imap, bridge.home / "neomuttrc"
        (self.home / "headers").mkdir()
        self.settings.write_text(
            SETTINGS.format(host=host, port=port, user=bridge.user, password=bridge.password, home=self.home)
        )
        self.visits = 0

    def visit(self, keys="<quit>"):
        """What the two said to each other."""
        self.visits += 1
        log = self.home / f"neomutt-{self.visits}.log"
        command = f"neomutt -n -F {self.settings} -d 5 -l {log} -e 'push \"{keys}\"'"
        run(["script", "-qec", command, "/dev/null"], environment={"HOME": str(self.home), "TERM": "xterm"})
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.glob(log.name + "*")))


def told(said, what):
    """Untagged answers of a kind."""
    return re.findall(rf"< \* ((?:\d+ )?{what} .*)", said)


@scenario("comes back with QRESYNC, hears what it missed, and then nothing")
def returns():
    with Bridge() as bridge:
        tenant, neomutt = bridge.tenant, Neomutt(bridge)
        ids = {subject: tenant.deliver(message(subject)) for subject in ("Stays", "Changes", "Goes")}
        said = neomutt.visit()
        check("ENABLED QRESYNC" in said, "it does not enable QRESYNC")
        equal(len(told(said, "FETCH")), len(tenant.items()), "headers read by the first visit")
        tenant.outlook("flag", id=ids["Changes"], status="flagged")
        tenant.outlook("purge", id=ids["Goes"])
        said = neomutt.visit()
        check(re.search(r"UID FETCH \S+ \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", said), "it does not resynchronise")
        equal(len(told(said, r"VANISHED \(EARLIER\)")), 1, "what it is told to be gone")
        first = told(said, "FETCH")[0]
        check("\\Flagged" in first and "MODSEQ (" in first, f"what it is told to have changed: {first}")
        tenant.forget_journal()
        said = neomutt.visit()
        check("HIGHESTMODSEQ" in said, "it has not opened the folder again")
        equal((told(said, "FETCH"), told(said, "VANISHED")), ([], []), "news after nothing has happened")
        equal(tenant.writes(), [], "writes at the tenant after nothing has happened")

"""A real browser through the commands of the bridge: what the person sees, and what the command makes of it."""

import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request

from desk import Desk
from entra import ADA, CLIENT, GRACE, Entra, query
from harness import check, equal, scenario, until
from webdriver import Chromium

KEYS = ["address", "granted", "missing", "password", "user"]


def listener(url):
    """The port that the sign-in page leads back to."""
    return urllib.parse.urlsplit(query(url)["redirect_uri"]).port


def signs_in(chromium, url, account=ADA):
    """Walks through the page: picks the account, and accepts if that is asked."""
    chromium.go(url)
    if chromium.has(f"account-{account}"):
        chromium.press(f"account-{account}")
    if chromium.has("accept"):
        chromium.press("accept")


def adds(desk, chromium, *more):
    """A connection of Ada's, signed in by browser: the last line as JSON."""
    with desk.start("connection", "add", ADA, "--no-browser", "--json", *more) as adding:
        signs_in(chromium, adding.says("open: "))
        return json.loads(adding.ends()[0])


def outcome(chromium):
    return chromium.read("outcome"), chromium.read("explanation")


def loopbacks():
    hosts = ["127.0.0.1"]
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            hosts.append("::1")
    except OSError:
        pass  # a machine without IPv6
    return hosts


def status(host, port, path):
    name = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{name}:{port}{path}", timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


@scenario("Chromium and connection add: the browser comes back to a whole page that holds no code")
def loopback():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        with desk.start("connection", "add", ADA, "--no-browser", "--json") as adding:
            url = adding.says("open: ")
            port = listener(url)
            for host in loopbacks():
                equal(status(host, port, "/favicon.ico"), 404, f"what {host} says to a stranger")
                equal(status(host, port, "/?code=x&state=y"), 400, f"what {host} says to a wrong state")
            chromium.go(f"http://localhost:{port}/?code=x&state=y")
            equal(outcome(chromium)[0], "Not this one", "the page of a wrong state")
            check("newest page" in outcome(chromium)[1] and adding.is_waiting(), "a wrong state ended the sign-in")
            signs_in(chromium, url)
            last = ("Signed in", f"{ADA} is connected. You can close this window.")
            equal(outcome(chromium), last, "the last page")
            equal(chromium.address(), f"http://localhost:{port}/done", "the address bar")
            is_whole(chromium)
            done = json.loads(adding.ends()[0])
        equal((sorted(done), done["address"], done["user"]), (KEYS, ADA, ADA), "the keys of the answer")
        equal(done["missing"], [], "what was not granted")
        check({"Mail.ReadWrite", "Mail.Send"} <= set(done["granted"]), f"granted: {done['granted']}")
        desk.pings(ADA)
        chromium.leads_nowhere(url)  # the page once more: nobody listens any longer
        desk.pings(ADA)


def is_whole(chromium):
    """A page that a reader aloud, a small screen and a careful person can live with."""
    equal(chromium.evaluate("document.documentElement.lang"), "en", "the language")
    equal(chromium.evaluate("document.title"), "Signed in - Footbridge", "the title")
    equal(chromium.evaluate("document.readyState"), "complete", "the page")
    equal(chromium.evaluate("document.querySelectorAll('script,[src],iframe').length"), 0, "scripts and pictures")
    equal(chromium.evaluate("performance.getEntriesByType('resource').length"), 0, "resources from elsewhere")
    equal(chromium.evaluate("document.compatMode"), "CSS1Compat", "the mode")
    equal(chromium.complaints(), [], "what the browser complains of")
    seen = [url for url in chromium.history() if url.startswith("http://localhost") and "code=x" not in url]
    check(seen and not any("code=" in url for url in seen), f"the history holds the code: {seen}")


@scenario("Chromium and connection add --sign-in device: the printed code is typed into the page")
def device():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        entra.switch(device_interval_seconds=1)
        with desk.start("connection", "add", ADA, "--sign-in", "device", "--json") as adding:
            chromium.go(adding.says("open: "))
            chromium.type("user-code", adding.says("code: "))
            chromium.press("next")
            chromium.press(f"account-{ADA}")
            chromium.press("accept")
            equal(chromium.read("title"), "You have signed in", "the last page")
            equal(sorted(json.loads(adding.ends()[0])), KEYS, "the keys of the answer")
        desk.pings(ADA)
        with desk.start("connection", "sign-in", ADA, "--sign-in", "device") as again:
            chromium.go(again.says("open: "))
            chromium.type("user-code", again.says("code: "))
            chromium.press("next")
            chromium.press(f"account-{ADA}")
            again.ends()


@scenario("Chromium and connection add --sign-in paste: the address bar of a page that does not load is enough")
def paste():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        with desk.start("connection", "add", ADA, "--sign-in", "paste") as adding:
            signs_in(chromium, adding.says("open: "))
            address = chromium.address()
            check(address.startswith("http://localhost/?code="), f"the address bar says {address}")
            adding.type(address)
            out, _ = adding.ends()
            check("password (shown once): " in out, out)
        desk.pings(ADA)
        with desk.start("connection", "sign-in", ADA, "--sign-in", "paste") as again:
            again.says("open: ")
            again.type(address)  # of the other sign-in
            check("start again" in again.ends(status=1)[1], "the address of another sign-in was taken")
        desk.pings(ADA)


@scenario("Chromium and connection sign-in: after a revocation, and when a second factor is wanted")
def again():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        adds(desk, chromium)
        entra.tenant.control("POST", "expire", body={"what": "grants"})
        check("sign in again" in desk.run("connection", "ping", ADA, status=1), "the ping after a revocation")
        with desk.start("connection", "sign-in", ADA, "--no-browser", "--json") as signing:
            signs_in(chromium, signing.says("open: "))
            equal(outcome(chromium)[0], "Signed in", "the last page")
            done = json.loads(signing.ends()[0])
            equal((sorted(done), done["password"]), (KEYS, None), "the answer")
        desk.pings(ADA)
        entra.switch(conditional_access="mfa_at_refresh")
        desk.run("connection", "ping", ADA, status=1)
        with desk.start("connection", "sign-in", ADA, "--no-browser") as signing:
            chromium.go(signing.says("open: "))
            if chromium.has(f"account-{ADA}"):
                chromium.press(f"account-{ADA}")
            chromium.press("approve")
            equal(outcome(chromium)[0], "Signed in", "the last page")
            signing.ends()
        desk.pings(ADA)


@scenario("Chromium and connection add: the wrong account, and a person who cancels, leave nothing behind")
def refused():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        with desk.start("connection", "add", ADA, "--no-browser") as adding:
            signs_in(chromium, adding.says("open: "), account=GRACE)
            title, text = outcome(chromium)
            check(title == "Not signed in" and f"signed in as {GRACE}, but {ADA}" in text, f"{title}: {text}")
            check(f"signed in as {GRACE}, but {ADA}" in adding.ends(status=1)[1], "the command names no account")
        with desk.start("connection", "add", ADA, "--no-browser") as adding:
            chromium.go(adding.says("open: "))
            chromium.press(f"account-{ADA}")
            chromium.press("cancel")
            title, text = outcome(chromium)
            check(title == "Not signed in" and "cancelled" in text and "accept" in text, f"{title}: {text}")
            check("error" not in chromium.address(), f"the address bar says {chromium.address()}")
            check("cancelled" in adding.ends(status=1)[1], "the command names no reason")
        with desk.start("connection", "add", ADA, "--no-browser") as adding:
            entra.fails("token", 7000218)
            signs_in(chromium, adding.says("open: "))
            check("Allow public client flows" in outcome(chromium)[1], f"the page says {outcome(chromium)}")
            check("7000218" in adding.ends(status=1)[1], "the command names no number")
        check(desk.is_clean(), "something was kept")


@scenario("Chromium and connection add: an administrator is needed, follows the printed link, and all is well")
def administrator():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        entra.switch(user_consent="recommended")
        with desk.start("connection", "add", ADA, "--no-browser", "--timeout", "3") as adding:
            chromium.go(adding.says("open: "))
            chromium.press(f"account-{ADA}")
            equal(chromium.read("title"), "Need admin approval", "the page")
            _, err = adding.ends(status=1)
        check(desk.is_clean(), "something was kept")
        (link,) = re.findall(r"http\S+/adminconsent\?\S+", err)
        chromium.go(link)
        chromium.press(f"account-{GRACE}")
        chromium.press("accept")
        check("admin_consent=True" in chromium.address(), f"the address bar says {chromium.address()}")
        equal(adds(desk, chromium)["missing"], [], "what was not granted")


@scenario("Chromium and consent-url: an administrator here, one elsewhere, and one who declines")
def consents():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        entra.switch(user_consent="recommended")
        for button, last, code in [("cancel", "No consent", 1), ("accept", "Consent recorded", 0)]:
            with desk.start("consent-url", "--wait", "--no-browser", "--json") as waiting:
                url = waiting.says("open: ")
                chromium.go(f"http://localhost:{listener(url)}/?admin_consent=True&tenant=t&state=other")
                check(outcome(chromium)[0] == "Not this one" and waiting.is_waiting(), f"{outcome(chromium)}")
                chromium.go(url)
                chromium.press(f"account-{GRACE}")
                chromium.press(button)
                equal(outcome(chromium)[0], last, "the last page")
                equal(chromium.address(), f"http://localhost:{listener(url)}/done", "the address bar")
                said = json.loads(waiting.ends(status=code)[0])
                equal(said["consented"], code == 0, "the answer")
        check(said["tenant"] in outcome(chromium)[1], "the page names no organisation")
        equal(adds(desk, chromium)["missing"], [], "what was not granted")
        entra.does("withdraw_consent", client_id=CLIENT)
        with desk.start("consent-url", "--paste") as pasting:
            chromium.go(pasting.says("open: "))
            chromium.press(f"account-{GRACE}")
            chromium.press("accept")
            pasting.type(chromium.address())
            check("consent recorded" in pasting.ends()[0], "the pasted address")
        with desk.start("connection", "sign-in", ADA, "--no-browser") as signing:
            signs_in(chromium, signing.says("open: "))
            signing.ends()
        desk.pings(ADA)


@scenario("Chromium and connection add: a page left open when time ran out, and two sign-ins at once")
def crowd():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        with desk.start("connection", "add", ADA, "--no-browser", "--timeout", "2") as adding:
            late = adding.says("open: ")
            check("nobody finished the sign-in" in adding.ends(status=1)[1], "the command names no reason")
        check(desk.is_clean(), "something was kept")
        chromium.go(late)
        chromium.press(f"account-{ADA}")
        with (
            desk.start("connection", "add", ADA, "--no-browser", "--json") as ada,
            desk.start("connection", "add", GRACE, "--no-browser", "--json") as grace,
        ):
            pages = [ada.says("open: "), grace.says("open: ")]
            equal(len({listener(url) for url in [late, *pages]}), 3, "ports")
            chromium.press("accept")  # on the page of the command that is gone
            check(f":{listener(late)}/" in chromium.address(), f"the address bar says {chromium.address()}")
            check(ada.is_waiting() and grace.is_waiting(), "an old page ended a new sign-in")
            signs_in(chromium, pages[1], account=GRACE)
            equal(json.loads(grace.ends()[0])["address"], GRACE, "who signed in")
            check(ada.is_waiting(), "the other sign-in ended as well")
            signs_in(chromium, pages[0])
            equal(json.loads(ada.ends()[0])["address"], ADA, "who signed in")
        for address in (ADA, GRACE):
            desk.pings(address)


@scenario("Chromium and connection add: the person's own browser is opened, and a missing one is told")
def opens():
    with Entra() as entra, Desk(entra) as desk, Chromium() as chromium:
        opener, seen = desk.home / "opener", desk.home / "seen"
        opener.write_text(f'#!/bin/sh\nprintf %s "$2" > {seen}.new && mv {seen}.new {seen}\n')
        opener.chmod(0o700)
        with desk.start("connection", "add", ADA, BROWSER=f"/nowhere/browser:{opener} --new %s") as adding:
            url = adding.says("open: ")
            until("a browser is opened", seen.exists)
            equal(seen.read_text(), url, "the address that the browser got")
            signs_in(chromium, seen.read_text())
            equal(outcome(chromium)[0], "Signed in", "the last page")
            adding.ends()
        desk.run("connection", "remove", ADA)
        for nothing in ({"BROWSER": "/nowhere/browser"}, {}):
            with desk.start("connection", "add", GRACE, **nothing) as adding:
                adding.says("open: ")
                until("a note", lambda: "--sign-in paste" in adding.notes(""))
                check(adding.is_waiting(), "without a browser the command gave up")
        seen.unlink()
        opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.new && mv {seen}.new {seen}\n')
        opener.rename(desk.home / "xdg-open")
        with desk.start("connection", "add", ADA, DISPLAY=":9", PATH=f"{desk.home}:/usr/bin:/bin") as adding:
            url = adding.says("open: ")
            until("the desktop opens its browser", seen.exists)
            equal(seen.read_text(), url, "the address that the desktop got")
            signs_in(chromium, seen.read_text())
            equal(outcome(chromium)[1], f"{ADA} is connected. You can close this window.", "the last page")
            adding.ends()

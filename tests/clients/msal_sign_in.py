"""Microsoft's own sign-in library against m365-sim: a sign-in that a third party's client accepts.

The library believes that it speaks with login.microsoftonline.com over TLS; its requests are carried to the simulator.
"""

import base64
import json
import os
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import warnings

from entra import ADA, CLIENT, GRACE, SCOPES, Entra, is_tokens, query
from harness import TARGET, UNTIL_SECONDS, check, equal, scenario, until
from webdriver import Chromium

sys.path.append(str(TARGET.parent / "clients-python"))

AUTHORITY = "https://login.microsoftonline.com/organizations"
NOWHERE = "http://localhost:9"  # nobody listens: the address bar keeps the answer
PICK = f"account-{ADA}"


class Wire:
    """What msal wants of an HTTP client: https requests to any host end at the simulator, which is told the host."""

    def __init__(self, entra):
        self.entra = entra

    def get(self, url, params=None, headers=None, **_):
        return self.send("GET", url, params, None, headers)

    def post(self, url, params=None, data=None, headers=None, **_):
        return self.send("POST", url, params, urllib.parse.urlencode(data or {}).encode(), headers)

    def send(self, method, url, params, data, headers):
        host = urllib.parse.urlsplit(url).netloc
        address = self.entra.here(url)
        if params:
            address += ("&" if "?" in address else "?") + urllib.parse.urlencode(params)
        headers = {**(headers or {}), "Host": host, "X-Forwarded-Proto": "https"}
        request = urllib.request.Request(address, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, refused.read(), refused.headers)

    def close(self):
        pass


class Answer:
    def __init__(self, status, body, headers):
        self.status_code = status
        self.text = body.decode()
        self.headers = headers

    def raise_for_status(self):
        check(self.status_code < 400, f"{self.status_code}: {self.text[:500]}")


def application(entra, authority=AUTHORITY, **more):
    import msal

    warnings.filterwarnings("ignore", module="msal")  # advice to its callers

    return msal.PublicClientApplication(CLIENT, authority=authority, http_client=Wire(entra), **more)


def signed_in(entra, app, *buttons, **more):
    """The library's answer after a person walked through the pages."""
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=NOWHERE, **more)
    shown = entra.walks(flow["auth_uri"], *buttons)
    return app.acquire_token_by_auth_code_flow(flow, query(shown["url"]))


def refreshed(app, **more):
    (account,) = app.get_accounts()
    return app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True, **more)


def graph(entra, token):
    request = urllib.request.Request(f"{entra.url}/v1.0/me", headers={"Authorization": f"Bearer {token}"})
    return json.loads(urllib.request.urlopen(request, timeout=30).read())


@scenario("msal signs in with a code and PKCE, knows the account, and refreshes")
def code_flow():
    with Entra() as entra:
        app = application(entra)
        tokens = signed_in(entra, app, PICK, "accept")
        is_tokens(tokens)
        claims = tokens["id_token_claims"]
        equal((claims["preferred_username"], claims["ver"], claims["aud"]), (ADA, "2.0", CLIENT), "the id_token")
        (account,) = app.get_accounts()
        equal((account["username"], account["environment"]), (ADA, "login.microsoftonline.com"), "the account")
        equal(account["home_account_id"], f"{claims['oid']}.{claims['tid']}", "the account's id")
        equal(graph(entra, tokens["access_token"])["userPrincipalName"], ADA, "who Graph says it is")
        again = refreshed(app)
        is_tokens(again)
        check(again["access_token"] != tokens["access_token"], "the refresh brought the same access token")


@scenario("msal finds the endpoints of a host it does not know by instance discovery")
def unknown_host():
    with Entra() as entra:
        app = application(entra, "https://login.contoso.example/contoso.example")
        is_tokens(signed_in(entra, app, PICK, "accept"))


@scenario("msal is told that a person declined, and that an administrator is needed")
def no_consent():
    with Entra() as entra:
        app = application(entra)
        equal(signed_in(entra, app, PICK, "cancel")["error"], "access_denied", "the error")
        entra.switch(user_consent="recommended")
        flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=NOWHERE)
        shown = entra.walks(flow["auth_uri"], PICK)
        equal((shown["error_code"], "Need admin approval" in shown["text"]), (90094, True), "the page")
        check(shown["url"].startswith(entra.url), "the application was told")
        everyone = {"button": "accept", "fields": {"consent-for-organisation": "on"}}
        is_tokens(signed_in(entra, app, f"account-{GRACE}", everyone))
        is_tokens(signed_in(entra, application(entra), PICK))


@scenario("msal waits for a device's person and gets tokens")
def device_flow():
    with Entra() as entra:
        app = application(entra)
        flow = app.initiate_device_flow(SCOPES)
        check(flow["user_code"] in flow["message"], f"the message is {flow.get('message')}")
        once = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
        equal((once["error"], once["error_codes"]), ("authorization_pending", [70016]), "the first poll")
        code = {"button": "next", "fields": {"user-code": flow["user_code"]}}
        shown = entra.walks(flow["verification_uri"], code, PICK, "accept")
        check("You may now close this window" in shown["text"], shown["text"])
        is_tokens(app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True))
        equal(app.get_accounts()[0]["username"], ADA, "the account")


@scenario("msal hears that a device's person declined")
def device_declined():
    with Entra() as entra:
        app = application(entra)
        flow = app.initiate_device_flow(SCOPES)
        code = {"button": "next", "fields": {"user-code": flow["user_code"]}}
        entra.walks(flow["verification_uri"], code, PICK, "cancel")
        done = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
        equal(done["error"], "authorization_declined", "the error")


@scenario("msal hears why a refresh is refused, with suberror and claims, and signs in again with them")
def refusals():
    with Entra() as entra:
        is_tokens(signed_in(entra, application(entra), PICK, "accept"))
        for code, suberror in [(70043, "token_expired"), (53003, "message_only"), (65001, "consent_required")]:
            app = application(entra)  # the library remembers a refusal for a minute and asks no more
            is_tokens(signed_in(entra, app, PICK))
            entra.fails("token", code)
            refused = refreshed(app)
            found = (refused["error"], refused["error_codes"], refused["suberror"])
            equal(found, ("invalid_grant", [code], suberror), "the refusal")
        app = application(entra)
        is_tokens(signed_in(entra, app, PICK))
        entra.switch(conditional_access="mfa_at_refresh")
        refused = refreshed(app)
        equal(refused["error_codes"], [50076], "the policy's number")
        check("capolids" in refused["claims"], f"the claims are {refused['claims']}")
        is_tokens(signed_in(entra, app, PICK, "approve", claims_challenge=refused["claims"]))
        is_tokens(refreshed(app))
        entra.switch(conditional_access="off")
        entra.tenant.control("POST", "expire", body={"what": "grants"})
        equal(refreshed(app)["error_codes"], [50173], "the number after a revocation")


@scenario("msal with cp1 answers a claims challenge of Graph")
def claims_challenge():
    with Entra() as entra:
        app = application(entra, client_capabilities=["CP1"])
        tokens = signed_in(entra, app, PICK, "accept")
        check(tokens["expires_in"] > 80_000, f"a long-lived token ends in {tokens['expires_in']} s")
        entra.does("challenge")
        try:
            graph(entra, tokens["access_token"])
            check(False, "Graph did not ask for claims")
        except urllib.error.HTTPError as asked:
            equal(asked.code, 401, "the status")
            (claims,) = re.findall(r'claims="([^"]+)"', asked.headers["WWW-Authenticate"])
        challenge = base64.b64decode(claims).decode()
        answer = refreshed(app, claims_challenge=challenge)
        is_tokens(answer)
        equal(graph(entra, answer["access_token"])["userPrincipalName"], ADA, "who Graph says it is")


class Interactive(threading.Thread):
    """The library's own loopback sign-in, with a page for the browser that it believes to have opened.

    `with Interactive(app) as signing: chromium.go(entra.here(signing.page())) …; signing.answer()`
    """

    def __init__(self, app, **more):
        super().__init__(daemon=True)
        self.app, self.more, self.opened, self.done = app, more, [], None

    def __enter__(self):
        import webbrowser

        opened = self.opened

        class Desktop(webbrowser.BaseBrowser):
            def open(self, url, new=0, autoraise=True):
                opened.append(url)
                return True

        # Who has said nothing of browsers gets Edge from the library, where that is installed.
        os.environ.setdefault("BROWSER", "the desktop's")
        webbrowser.register("desktop", None, Desktop("desktop"), preferred=True)
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            self.join(UNTIL_SECONDS)

    def run(self):
        try:
            self.done = self.app.acquire_token_interactive(SCOPES, timeout=UNTIL_SECONDS, **self.more)
        except Exception as error:
            self.done = {"error": repr(error)}

    def page(self):
        return until("the library opens a browser", lambda: self.opened)[0]

    def answer(self):
        until("the library's answer", lambda: self.done)
        return self.done


@scenario("msal signs in by its own loopback listener, and Chromium carries the answer")
def interactive():
    with Entra() as entra, Chromium() as chromium:
        app = application(entra)
        with Interactive(app, login_hint=ADA) as signing:
            chromium.go(entra.here(signing.page()))
            equal(chromium.read("title"), "Pick an account", "the first page")
            chromium.press(PICK)
            chromium.press("accept")
            chromium.press("continue")
            check("Authentication complete" in chromium.text(), chromium.text())
            check("code=" not in chromium.address(), chromium.address())
            tokens = signing.answer()
        is_tokens(tokens)
        equal(tokens["id_token_claims"]["preferred_username"], ADA, "who signed in")
        is_tokens(refreshed(app))


@scenario("msal by its own loopback listener: another account than the hint, a person who declines, an administrator")
def interactive_refusals():
    with Entra() as entra, Chromium() as chromium:
        with Interactive(application(entra), login_hint=ADA) as signing:
            chromium.go(entra.here(signing.page()))
            for button in (f"account-{GRACE}", "accept", "continue"):
                chromium.press(button)
            found = signing.answer()["id_token_claims"]["preferred_username"]
            equal(found, GRACE, "who signed in, which the application has to look at")
        with Interactive(application(entra), prompt="select_account") as signing:
            chromium.go(entra.here(signing.page()))
            for button in (PICK, "cancel", "continue"):
                chromium.press(button)
            declined = signing.answer()
            equal(declined["error"], "access_denied", "the error")
            check("AADSTS65004" in declined["error_description"], declined["error_description"])
        entra.does("withdraw_consent", client_id=CLIENT)
        entra.switch(user_consent="recommended")
        with Interactive(application(entra), prompt="select_account") as signing:
            chromium.go(entra.here(signing.page()))
            chromium.press(PICK)
            check("AADSTS90094" in chromium.read("error") and signing.done is None, "the application was told")
            chromium.press("sign-in-as-admin")
            chromium.press(f"account-{GRACE}")
            chromium.press("consent-for-organisation")
            chromium.press("accept")
            chromium.press("continue")
            is_tokens(signing.answer())

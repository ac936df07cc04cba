"""A real browser on the simulator's sign-in pages: every button a person may press, and where it leads."""

import base64
import hashlib
import json
import urllib.parse

from entra import ADA, CLIENT, GRACE, SCOPES, Entra, is_tokens
from harness import check, equal, http, scenario
from webdriver import Chromium, Listener

VERIFIER = "a-verifier-of-enough-letters-for-anybody-who-counts-them"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def sign_in_page(entra, listener, **more):
    asked = {
        "client_id": CLIENT,
        "response_type": "code",
        "redirect_uri": listener.url,
        "scope": " ".join([*SCOPES, "offline_access", "openid", "profile"]),
        "state": "a state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{entra.url}/organizations/oauth2/v2.0/authorize?{urllib.parse.urlencode(asked)}"


def redeemed(entra, listener, code):
    form = {"grant_type": "authorization_code", "client_id": CLIENT, "code": code}
    form |= {"redirect_uri": listener.url, "code_verifier": VERIFIER}
    return token(entra, form)


def token(entra, form):
    url = f"{entra.url}/organizations/oauth2/v2.0/token"
    return json.loads(http("POST", url, urllib.parse.urlencode(form).encode()))


@scenario("Chromium: pick an account, accept, and the code arrives at the loopback listener")
def accepts():
    with Entra() as entra, Listener() as listener, Chromium() as chromium:
        chromium.go(sign_in_page(entra, listener))
        equal(chromium.read("title"), "Pick an account", "the first page")
        chromium.press(f"account-{ADA}")
        scopes = chromium.read("scopes")
        check(all(scope in scopes for scope in SCOPES), f"the consent page lists {scopes}")
        chromium.press("accept")
        method, came = listener.heard()
        equal((method, came["state"]), ("GET", "a state"), "the redirect")
        equal(chromium.read("arrived"), "You can close this window.", "what the person sees at the end")
        is_tokens(redeemed(entra, listener, came["code"]))
        chromium.go(sign_in_page(entra, listener, state="again"))
        equal(listener.heard()[1]["state"], "again", "the second sign-in, which asks nothing")


@scenario("Chromium: a person cancels, and the application hears access_denied")
def cancels():
    with Entra() as entra, Listener() as listener, Chromium() as chromium:
        chromium.go(sign_in_page(entra, listener))
        chromium.type("login", ADA)
        chromium.press("next")
        chromium.press("cancel")
        came = listener.heard()[1]
        equal((came["error"], came["state"]), ("access_denied", "a state"), "the redirect")
        check("AADSTS65004" in came["error_description"], came["error_description"])


@scenario("Chromium: an administrator is needed, comes, and consents for the organization")
def administrator():
    with Entra() as entra, Listener() as listener, Chromium() as chromium:
        entra.switch(user_consent="recommended")
        chromium.go(sign_in_page(entra, listener))
        chromium.press(f"account-{ADA}")
        equal(chromium.read("title"), "Need admin approval", "the page")
        check("AADSTS90094" in chromium.read("error") and listener.is_silent(), "the error stays in the browser")
        check(not chromium.has("accept"), "the page offers to accept")
        chromium.press("sign-in-as-admin")
        chromium.press(f"account-{GRACE}")
        chromium.press("consent-for-organisation")
        chromium.press("accept")
        is_tokens(redeemed(entra, listener, listener.heard()[1]["code"]))
        chromium.go(sign_in_page(entra, listener, prompt="select_account"))
        chromium.press(f"account-{ADA}")
        check("code" in listener.heard()[1], "Ada signs in without a question")


@scenario("Chromium: the admin consent page says yes and no")
def admin_consent():
    with Entra() as entra, Listener() as listener, Chromium() as chromium:
        entra.switch(user_consent="recommended")
        asked = {"client_id": CLIENT, "scope": "Mail.ReadWrite Mail.Send User.Read", "redirect_uri": listener.url}
        url = f"{entra.url}/organizations/v2.0/adminconsent?{urllib.parse.urlencode({**asked, 'state': 's'})}"
        for button, expected in [("cancel", "access_denied"), ("accept", None)]:
            chromium.go(url)
            chromium.press(f"account-{GRACE}")
            chromium.press(button)
            came = listener.heard()[1]
            found = (came["admin_consent"], came.get("error"), came["state"])
            equal(found, ("True", expected, "s"), "the redirect")
        chromium.go(sign_in_page(entra, listener, prompt="select_account"))
        chromium.press(f"account-{ADA}")
        check("code" in listener.heard()[1], "Ada signs in without a question")


@scenario("Chromium: a device's code is typed, approved, and the device gets its tokens")
def device():
    with Entra() as entra, Chromium() as chromium:
        asked = {"client_id": CLIENT, "scope": " ".join([*SCOPES, "offline_access"])}
        url = f"{entra.url}/organizations/oauth2/v2.0/devicecode"
        started = json.loads(http("POST", url, urllib.parse.urlencode(asked).encode()))
        chromium.go(started["verification_uri"])
        chromium.type("user-code", "WRONG")
        chromium.press("next")
        check("didn't work" in chromium.read("error"), "a wrong code")
        chromium.type("user-code", started["user_code"])
        chromium.press("next")
        chromium.press(f"account-{ADA}")
        chromium.press("accept")
        equal(chromium.read("title"), "You have signed in", "the last page")
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": CLIENT}
        is_tokens(token(entra, {**form, "device_code": started["device_code"]}))


@scenario("Chromium: the answer comes as a form, and a second factor is asked for")
def form_post():
    with Entra() as entra, Listener() as listener, Chromium() as chromium:
        entra.switch(conditional_access="mfa")
        chromium.go(sign_in_page(entra, listener, response_mode="form_post"))
        chromium.press(f"account-{ADA}")
        chromium.press("approve")
        chromium.press("accept")
        chromium.press("continue")
        method, came = listener.heard()
        equal((method, came["state"]), ("POST", "a state"), "the form")
        is_tokens(redeemed(entra, listener, came["code"]))


@scenario("Chromium: failures that Entra keeps to itself are a page with their number, and the listener hears nothing")
def error_pages():
    with Entra() as entra, Listener() as listener, Chromium() as chromium:
        for code in (50011, 700016, 90002, 50105, 53003):
            entra.fails("authorize", code)
            chromium.go(sign_in_page(entra, listener))
            check(f"AADSTS{code}" in chromium.read("error"), f"AADSTS{code} is not on the page")
        check(listener.is_silent(), "the listener heard of it")

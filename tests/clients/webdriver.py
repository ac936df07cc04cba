"""A headless Chromium, driven by WebDriver (https://www.w3.org/TR/webdriver2/) with nothing but the standard library."""

import contextlib
import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from harness import START_SECONDS, STOP_SECONDS, UNTIL_SECONDS, Failure, until

# The name WebDriver gives to element references.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# Tries to start the driver.
STARTS = 5
# Nothing but this machine is reachable, and nothing of the person's own profile is touched.
ARGUMENTS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


class Chromium:
    """`with Chromium() as chromium: chromium.go(url); chromium.press("accept")`. Elements are named by their ids."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="footbridge-chromium-", ignore_cleanup_errors=True)
        try:
            self.url = f"http://127.0.0.1:{self.started()}"
            arguments = [*ARGUMENTS, f"--user-data-dir={self.folder.name}/profile"]
            if os.geteuid() == 0:
                arguments.append("--no-sandbox")  # Chromium's sandbox refuses root
            options = {"goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")}}
            made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})
            self.session = f"/session/{made['sessionId']}"
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, error, trace):
        with contextlib.suppress(Failure):
            if error is not None:
                error.add_note(f"the browser was on {self.address()}\n{self.text()[:1000]}")
        with contextlib.suppress(Failure):
            self.ask("DELETE", self.session)
        self.end()

    def end(self):
        self.driver.terminate()
        try:
            self.driver.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.folder.cleanup()

    def started(self):
        """The port. chromedriver takes a free one for IPv4 and ends if another program has it for IPv6."""
        for attempt in range(STARTS):
            self.driver = subprocess.Popen(
                [shutil.which("chromedriver") or "chromedriver", "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self.folder.name,
            )
            try:
                return self.port()
            except Failure:
                if attempt + 1 == STARTS:
                    raise
                self.driver.kill()
                self.driver.wait()

    def port(self):
        lines = queue.Queue()

        def listen():
            for line in self.driver.stdout:
                lines.put(line.decode("utf-8", "replace"))
            lines.put("")

        threading.Thread(target=listen, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=START_SECONDS)
            except queue.Empty:
                line = ""
            if not line:
                raise Failure("chromedriver did not start")
            if found := re.search(r"successfully on port (\d+)", line):
                return int(found[1])

    def ask(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as refused:
            value = json.loads(refused.read())["value"]
            raise Failure(f"WebDriver: {value['error']}: {value['message'].splitlines()[0]}") from None

    def go(self, url):
        self.ask("POST", f"{self.session}/url", {"url": url})

    def address(self):
        return self.ask("GET", f"{self.session}/url")

    def leads_nowhere(self, url):
        """The address ends where nobody listens."""
        try:
            self.go(url)
        except Failure as refused:
            if "ERR_CONNECTION_REFUSED" in str(refused):
                return
            raise
        raise Failure(f"{self.address()} answered: {self.text()[:200]}")

    def evaluate(self, expression):
        """The value of an expression of JavaScript, whatever the page allows itself."""
        return self.ask("POST", f"{self.session}/execute/sync", {"script": f"return {expression}", "args": []})

    def develop(self, command, **parameters):
        """A command of the DevTools protocol."""
        body = {"cmd": command, "params": parameters}
        return self.ask("POST", f"{self.session}/goog/cdp/execute", body)

    def history(self):
        """The addresses that the back button knows, the present one too."""
        return [entry["url"] for entry in self.develop("Page.getNavigationHistory")["entries"]]

    def complaints(self):
        """What the console of the developer has to say against the page on show."""
        here = self.address()
        logged = self.ask("POST", f"{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in logged if entry["message"].startswith(here)]

    def find(self, name):
        """The element with this id; a failure if it does not come."""
        where = {"using": "css selector", "value": f'[id="{name}"]'}

        def look():
            found = self.ask("POST", f"{self.session}/elements", where)
            return found and found[0][ELEMENT]

        return until(f"an element {name} on {self.address()}", look, UNTIL_SECONDS)

    def press(self, name):
        """Clicks; anything but a box to tick leads to another page, and that page is waited for."""
        element = self.find(name)
        ticks = self.ask("GET", f"{self.session}/element/{element}/property/type") == "checkbox"
        before = self.document()
        self.ask("POST", f"{self.session}/element/{element}/click")
        if not ticks:
            until(f"the page after {name}", lambda: self.document() not in (None, before), UNTIL_SECONDS)

    def document(self):
        """Names the document on show; nothing while one page gives way to the next."""
        where = {"using": "css selector", "value": "html"}
        with contextlib.suppress(Failure):
            return self.ask("POST", f"{self.session}/element", where)[ELEMENT]
        return None

    def type(self, name, text):
        self.ask("POST", f"{self.session}/element/{self.find(name)}/value", {"text": text})

    def read(self, name):
        return self.ask("GET", f"{self.session}/element/{self.find(name)}/text")

    def has(self, name):
        where = {"using": "css selector", "value": f'[id="{name}"]'}
        return bool(self.ask("POST", f"{self.session}/elements", where))

    def text(self):
        """All that a person reads on the page."""
        body = self.ask("POST", f"{self.session}/element", {"using": "css selector", "value": "body"})
        return self.ask("GET", f"{self.session}/element/{body[ELEMENT]}/text")


class Listener:
    """The loopback listener of an application: `with Listener() as listener: listener.heard()`."""

    def __enter__(self):
        requests = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(urllib.parse.urlsplit(self.path).query)

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def answer(self, form):
                path = urllib.parse.urlsplit(self.path).path
                if path == "/":  # browsers ask for an icon, too
                    requests.put((self.command, dict(urllib.parse.parse_qsl(form))))
                self.send_response(200 if path == "/" else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b'<p id="arrived">You can close this window.</p>')

            def log_message(self, *_):
                pass

        self.requests = requests
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def heard(self):
        """Method and parameters of the next redirect that arrives."""
        try:
            return self.requests.get(timeout=UNTIL_SECONDS)
        except queue.Empty:
            raise Failure("no redirect reached the listener") from None

    def is_silent(self):
        return self.requests.empty()

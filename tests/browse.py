"""Opens a page from disk in a browser without a screen, and lets a script drive it.

    browse.py CHROMIUM PAGE SCRIPT [--seconds 60] [--window 1280,720] [--dark] [--files FOLDER]

SCRIPT is the body of an async function, run once the page has loaded. It may call
    say(value, ...)             what is printed: one JSON line each
    keep(name, bytes)           a file for FOLDER (await it)
    load(name)                  the bytes of one of FOLDER (await it)
    sleep(milliseconds)         await it
    longest[0]                  milliseconds of the longest task of the page so far
Exit code 1, with the reason, when the script throws, the time is over, the page asks anything of a
network, or anything is written to the console.
"""

import argparse
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

DRIVER = """
<script>addEventListener("error", event => {  // a script that cannot be read, above all
  fetch("http://127.0.0.1:@PORT@/end", {method: "POST", mode: "no-cors",
    body: JSON.stringify({said: [], failed: event.message})});
});</script>
<script>addEventListener("load", async () => {
  const home = "http://127.0.0.1:@PORT@/";
  const post = (path, body) => fetch(home + path, {method: "POST", body, mode: "no-cors"});
  const said = [], say = (...all) => said.push(all);
  const load = async name =>
    new Uint8Array(await (await fetch(home + "file/" + name)).arrayBuffer());
  const keep = (name, bytes) => post("file/" + name, bytes);
  const sleep = time => new Promise(resolve => setTimeout(resolve, time));
  const longest = [0];
  new PerformanceObserver(list => {
    for (const task of list.getEntries()) longest[0] = Math.max(longest[0], task.duration);
  }).observe({type: "longtask", buffered: true});
  try {
    await (async () => {@SCRIPT@})();
    const asked = performance.getEntriesByType("resource").map(r => r.name)
      .filter(name => ![home, "blob:", "data:"].some(own => name.startsWith(own)));
    await post("end", JSON.stringify({said, asked}));
  } catch (error) {
    await post("end", JSON.stringify({said, failed: String(error && error.stack || error)}));
  }
});</script>
"""


def main():
    parser = argparse.ArgumentParser()
    for name in ("chromium", "page", "script"):
        parser.add_argument(name)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--window", default="1280,720")
    parser.add_argument("--files")
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    ended = threading.Event()
    end = {}

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/end":
                end.update(json.loads(body))
                ended.set()
            elif self.path.startswith("/file/") and given.files:
                (pathlib.Path(given.files) / pathlib.Path(self.path).name).write_bytes(body)
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write((pathlib.Path(given.files) / self.path[6:]).read_bytes())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port = server.server_address[1]
        driven = pathlib.Path(folder) / "driven.html"
        page = pathlib.Path(given.page).read_text(errors="replace")
        driver = DRIVER.replace("@PORT@", str(port)).replace("@SCRIPT@", given.script)
        driven.write_text(page + driver)
        words = [given.chromium, "--headless", "--no-sandbox", "--disable-gpu"]
        words += [f"--user-data-dir={folder}/profile", "--enable-logging=stderr"]
        words += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        words += [f"--window-size={given.window}", "--remote-debugging-port=0"]
        words += ["--blink-settings=preferredColorScheme=0"] if given.dark else []
        with open(f"{folder}/console", "wb") as console:
            browser = subprocess.Popen([*words, driven.as_uri()], stdout=console, stderr=console)
            in_time = ended.wait(given.seconds)
            browser.kill()
            browser.wait()
        text = pathlib.Path(f"{folder}/console").read_text(errors="replace")
    for line in end.get("said", []):
        print(json.dumps(line, ensure_ascii=False))
    complaints = re.findall(r".*(?:CONSOLE|Uncaught).*", text)
    if not in_time:
        sys.exit(f"browse: not ended after {given.seconds:g} s")
    if "failed" in end:
        sys.exit(f"browse: the script failed: {end['failed']}")
    if end["asked"]:
        sys.exit(f"browse: the page asked for {end['asked']}")
    if complaints:
        sys.exit(f"browse: the console complains: {complaints[0]}")


if __name__ == "__main__":
    main()

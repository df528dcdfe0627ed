#!/usr/bin/env bash
# tests/test_report.sh GNOMON: the page of `gnomon inspect` in a browser without a screen: a script
# presses keys and buttons and reads the chain; nothing is complained about in the console, nothing
# is asked of a network. Without Chromium it says so and is skipped (exit code 77).
set -euo pipefail
gnomon=$1
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || { echo "test_report: skipped: no Chromium here"; exit 77; }
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
fail() { echo "test_report: $*" >&2; exit 1; }

"$gnomon" train --model pointer --task copy --payload 8 --length 20 --layers 3 --width 16 --heads 2 \
  --feed-forward 16 --steps 5 --batch 4 --threads 1 --quiet --out "it's </script>" >/dev/null
"$gnomon" inspect --run "it's </script>" --batches 1 --out page.html --json all.json >/dev/null
"$gnomon" inspect --run "it's </script>" --batches 1 --length 2040 --out long.html >/dev/null
[ "$(stat -c %s long.html)" -lt 5000000 ] || fail "a page of 2,048 tokens has $(stat -c %s long.html) bytes"

# browse PAGE SCRIPT: what the script says, run once the page stands; the console goes to a file.
browse() {
  { cat "$1"; printf '<output id="said"></output><script>addEventListener("load", () => {
      const say = []; %s; byId("said").textContent = "said" + ": " + say.join(" / "); });
    </script>' "$2"; } >driven.html
  "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" --enable-logging=stderr \
    --host-resolver-rules="MAP * ~NOTFOUND" --window-size=1280,2000 \
    --dump-dom "file://$PWD/driven.html" 2>console | grep -o 'said: [^<]*' | tail -n 1
  if grep -E 'CONSOLE|Uncaught' console; then fail "the console complains"; fi
}

# Clicks a picture in its middle, goes one token on, one layer down, and follows the pointer.
said=$(browse page.html '
  const canvas = byId("heat"), box = canvas.getBoundingClientRect();
  const at = {bubbles: true, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2};
  const press = key => canvas.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  canvas.dispatchEvent(new MouseEvent("click", at)); say.push(view.token);
  byId("forth").click(); press("ArrowDown"); say.push(view.token, view.layer);
  say.push([...byId("hops-down").rows].slice(1).map(r => r.cells[2].textContent + ">" +
                                                         r.cells[3].textContent).join(";"));
  press("Enter"); say.push(view.token);
  say.push(byId("hop-table").rows.length, performance.getEntriesByType("resource").length)')
expected=$(/usr/bin/python3 - <<'END'
import json
all = json.load(open("all.json"))
N = len(all["tokens"])
name = lambda i: f"{i} “{all['tokens'][i]}”"
token, chain = N // 2 + 1, []
at = token
for layer in reversed(all["layers"]):
    to = layer["heads"][0]["to"][at]
    chain.append(f"{name(at)}>{name(to)}")
    at = to
print("said:", N // 2, "/", token, "/ 1 /", ";".join(chain), "/", all["layers"][1]["heads"][0]["to"][token],
      "/ 7 / 0")
END
)
[ "${said//&gt;/>}" = "$expected" ] || fail "expected '$expected', got '$said'"

said=$(browse long.html '
  drawArcs(); drawHeat();
  say.push(data.tokens.length, Math.round(performance.now()))')
[[ "$said" == "said: 2047 / "* ]] || fail "the long page: '$said'"
echo "test_report: 2,047 tokens stood after ${said##* } ms (not judged: other work may run), read in $("$chromium" --version)"

#!/usr/bin/env bash
# tests/test_report.sh GNOMON: the page of `gnomon inspect` in a browser without a screen: a script
# presses keys and reads what is shown, which must be what --json says; nothing is complained about
# in the console, nothing is asked of a network. Without Chromium it says so and is skipped (exit
# code 77).
set -euo pipefail
gnomon=$1
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || { echo "test_report: skipped: no Chromium here"; exit 77; }
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
fail() { echo "test_report: $*" >&2; exit 1; }

small="--task copy --payload 8 --length 20 --layers 3 --width 16 --feed-forward 16 --steps 5 --batch 4"
train() { "$gnomon" train $small --threads 1 --quiet "$@" >/dev/null; }
train --model pointer --heads 2 --sources "window:3,match:1,learned:2,previous:1,jump,run" --out "it's </script>"
train --model transformer --heads 2 --out attention
train --model mamba --out state
train --model pointer --heads 2 --mixers attention,pointer,mamba --sources window:2,match:1 --out mixed
"$gnomon" inspect --run "it's </script>" --batches 1 --out page.html --json all.json >/dev/null
"$gnomon" inspect --run "it's </script>" --batches 1 --length 2040 --out long.html >/dev/null
"$gnomon" inspect --run attention --batches 1 --out attention.html --json attention.json >/dev/null
"$gnomon" inspect --run state --batches 1 --out state.html >/dev/null
"$gnomon" inspect --run mixed --batches 1 --out mixed.html >/dev/null
rm "it's </script>/metrics.jsonl"
"$gnomon" inspect --run "it's </script>" --batches 1 --out bare.html >/dev/null 2>&1
[ "$(stat -c %s long.html)" -lt 5000000 ] || fail "a page of 2,048 tokens has $(stat -c %s long.html) bytes"

# browse PAGE SCRIPT [SIZE [SCHEME [HASH]]]: what the script says, run once the page stands; SCHEME 1
# is light, 0 dark. The console goes to a file.
browse() {
  { cat "$1"; printf '<output id="said"></output><script>addEventListener("load", () => {
      const say = [], press = (key, more) => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key, bubbles: true, ...more}));
      const all = name => [...document.querySelectorAll(name)];
      %s; byId("said").textContent = "said" + ": " + say.join(" / "); });
    </script>' "$2"; } >driven.html
  "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$PWD/profile" \
    --enable-logging=stderr --host-resolver-rules="MAP * ~NOTFOUND" --window-size="${3:-1280,720}" \
    --blink-settings="preferredColorScheme=${4:-1}" --dump-dom "file://$PWD/driven.html${5:-}" \
    2>console | grep -o 'said: [^<]*' | tail -n 1 | sed 's/&gt;/>/g'
  if grep -E 'CONSOLE|Uncaught' console; then fail "the console complains"; fi
}
expect() { [ "$1" = "said: $2" ] || fail "expected '$2', got '$1'"; }

# What the page must say, from the JSON: a script may ask for a token's pointers, candidates and answers.
cat >read.py <<'END_OF_PYTHON'
import base64, json, struct, sys
sample = json.load(open(sys.argv[1]))["sample"]
N = sample["N"]
def unpacked(packed, count=N):
    if not isinstance(packed, list): return [packed] * count
    raw = base64.b64decode(sample["pool"][packed[1]])
    kind = {"i": "h", "l": "i", "q": "H", "f": "f"}[packed[0]]
    numbers = struct.unpack(f"<{len(raw) // struct.calcsize(kind)}{kind}", raw)
    return [packed[2] + packed[3] * u for u in numbers] if packed[0] == "q" else list(numbers)
tokens = unpacked(sample["tokens"])
symbol = lambda token: sample["words"][str(int(token))][0]
label = lambda n: f"{int(n)} “{symbol(tokens[int(n)])}”"
to = lambda l, h, n: int(unpacked(sample["layers"][l]["heads"][h]["to"])[n])
def candidates(l, h, n):
    layer, head = sample["layers"][l], sample["layers"][l]["heads"][h]
    won, rows = unpacked(head["slot"])[n], []
    for c in head["menu"]["columns"]:
        slot, at = int(unpacked(c["slot"])[n]), int(unpacked(c["to"])[n])
        if at < 0: continue
        logit = sum(unpacked(c[p])[n] for p in ("match", "type", "own") if p in c)
        rows.append((slot != won, -logit, slot, layer["types"][layer["slots"][slot]], at))
    return [f"{name} {symbol(tokens[at])} {at} {-logit:.2f}" for _, logit, _, name, at in sorted(rows)]
exec(sys.stdin.read())
END_OF_PYTHON
of_json() { /usr/bin/python3 read.py "$@"; }

# By keyboard alone: the first tab stop after the controls is the sequence, which has the focus.
said=$(browse page.html '
  say.push(document.activeElement.className, all(".view-cell").length);
  press("End"); press("ArrowLeft"); press("ArrowLeft");
  say.push(view.state().token, view.state().layer);
  press("ArrowDown", {shiftKey: true}); press("ArrowDown");
  say.push(view.state().layer, view.state().head);
  say.push(all(".view-row").map(r => [".view-source", "button", ".view-number"].map(
    name => r.querySelector(name).textContent).join(" ")).join(";").replace(/−/g, "-"));
  press("ArrowUp"); press("ArrowUp", {shiftKey: true});
  const walked = [];
  for (let i = 0; i < 3; ++i) { press("Enter"); walked.push(view.state().token); }
  say.push(walked.join(">"), view.state().root);
  for (let i = 0; i < 3; ++i) press("Backspace");
  say.push(view.state().token, view.state().layer, view.state().head);
  say.push(performance.getEntriesByType("resource").length)')
expect "$said" "$(of_json all.json <<'END'
n = N - 3
walk, at = [], n
for l in (2, 1, 0):
    at = to(l, 0, at)
    walk.append(str(at))
menu = ";".join(candidates(1, 1, n))
print("view-sequence", N, n, 2, 1, 1, menu, ">".join(walk), n, n, 2, 0, 0, sep=" / ")
END
)"

# The tree has an edge for every head of every token in it, and both heads are followed.
said=$(browse page.html 'press("End");
  say.push(view.state().token, all(".view-tree-edges path title").map(t => t.textContent)
    .filter(t => t.includes("reads")).map(t => t.split(" by ")[0]).sort().join(";"))')
expect "$said" "$(of_json all.json <<'END'
row, edges = {N - 1}, []
for l in (2, 1, 0):
    edges += [f"head {h + 1}: {label(n)} reads {label(to(l, h, n))}" for n in row for h in (0, 1)]
    row |= {to(l, h, n) for n in row for h in (0, 1)}
print(N - 1, ";".join(sorted(edges)), sep=" / ")
END
)"

# One screen, light and dark, with large type; and a narrow one that only scrolls down. In each the
# sequence, the tree, the menu and the curves stand, none over another.
screen='const look = () => {
    const box = name => document.querySelector(name).getBoundingClientRect();
    const parts = [".view-sequence", ".view-why", ".view-tree", ".view-menu", ".view-side"].map(box)
      .filter(b => b.width);
    const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 ||
                            b.bottom <= a.top + 1;
    return [parts.length, parts.every((a, i) => parts.every((b, j) => i === j || apart(a, b))),
      document.documentElement.scrollWidth <= innerWidth, parts.every(b => b.bottom <= innerHeight)].join(" ");
  };
  say.push(look())'
for scheme in 0 1; do
  said=$(browse page.html "$screen; byId('large').click(); say.push(look());
    say.push(getComputedStyle(document.body).backgroundColor)" 1280,720 $scheme)
  colours[scheme]=${said##* / }
  expect "${said% / *}" "5 true true true / 4 true true true"
done
expect "$(browse page.html "$screen" 400,720)" "5 true true false"
for page in attention state; do expect "$(browse $page.html "$screen")" "5 true true true"; done
[ "${colours[0]}" != "${colours[1]}" ] || fail "dark is as light"

# The address says what is chosen, and a link opens the same.
expect "$(browse page.html 'say.push(JSON.stringify(view.state()).replace(/"/g, ""), tab)' 1280,720 1 \
  '#token=7&layer=2&head=2&root=23&span=12&view=numbers')" '{root:23,token:7,layer:1,head:1,span:12} / numbers'
expect "$(browse page.html 'press("Home"); press("ArrowRight"); press("ArrowDown"); say.push(location.hash)')" \
  '#token=1&amp;layer=2&amp;head=1&amp;view=sample'
expect "$(browse page.html 'say.push(tab, view.state().token < view.data().N, view.state().layer)' 1280,720 1 \
  '#token=99999&layer=-1&head=x&view=none')" 'sample / true / 2'

# Another sample in the same place, and the hooks of a page that edits.
expect "$(browse page.html '
  const heard = [], other = createView(byId("run"), data.sample, {
    onSequence: tokens => heard.push(tokens.join(",")), onSwitches: s => heard.push(JSON.stringify(s)),
    switches: [{name: "soft", label: "soft", value: false}]});
  byId("run").hidden = false;
  const was = [...other.data().tokens];
  byId("run").querySelector(".view-sequence").focus();
  other.choose({token: 2}); press("c"); press("Delete");
  byId("run").querySelector(".view-switches input").click();
  const same = other.state(), changed = JSON.parse(JSON.stringify(data.sample));
  changed.words[was[0]] = ["new", "new"];
  other.show(changed);
  say.push(heard[0] === was.map((t, i) => i === 2 ? 2 : t).join(","), heard[1].split(",").length,
    heard[2].replace(/"/g, ""), JSON.stringify(same) === JSON.stringify(other.state()), other.data().at(0))')" \
  "true / $(of_json all.json <<<'print(N - 1)') / {soft:true} / true / new"

# Attention: its weights as bars, which sum to all.
said=$(browse attention.html 'press("End"); const d = view.data(), s = view.state();
  say.push(all(".view-row").length, Math.abs(d3.sum(d.weights(s.layer, s.head, s.token).all, w => w.weight) - 1) < 2e-3)')
expect "$said" "$(of_json attention.json <<<'print(N, "true", sep=" / ")')"
# A layer of each kind: what one shows does not stay behind in the next.
expect "$(browse mixed.html '
  for (let i = 0; i < 3; ++i) {
    const numbers = all(".view-row").map(r => [...r.querySelectorAll(".view-number")].filter(n => n.textContent).length);
    say.push(view.state().layer, [...new Set(numbers)].join());
    press("ArrowDown");
  }')" "2 /  / 1 / 2 / 0 / 1"
# A state: the page says so, and shows the answers.
expect "$(browse state.html 'say.push(document.querySelector(".view-tree p").textContent.includes("no chain"),
  all(".view-odds li").length)')" "true / 6"

# 2,048 tokens: letters around the chosen one, all of them below, and zoom stays where it is.
said=$(browse long.html '
  const sight = () => all(".view-cell").some(c => c.classList.contains("chosen"));
  const seen = [sight()], count = [all(".view-cell").length];
  for (const key of ["+", "+", "PageUp", "-", "Home", "ArrowRight", "End"]) { press(key); seen.push(sight()); }
  count.push(all(".view-cell").length);
  say.push(seen.every(s => s), count[0] > 40 && count[0] < 200, count[1] < count[0],
    document.querySelector(".view-whole").getBoundingClientRect().height > 20, data.sample.N, Math.round(performance.now()))')
[[ "$said" == "said: true / true / true / true / 2047 / "* ]] || fail "the long page: '$said'"
stood=${said##* }

# What is missing is a sentence, and the rest stands.
expect "$(browse bare.html 'say.push(byId("remarks").hidden, byId("remarks").textContent.includes("no curves"),
  all(".view-row").length > 0)')" "false / true / true"
grep -q '<noscript><p>Scripts are off in this browser' page.html || fail "without scripts nothing is said"

# Every tab.
expect "$(browse page.html '
  byId("tab-sample").focus();
  byId("tab-live").hidden = true;  // there or not as the engine is: tests/test_lab.sh
  for (let i = 0; i < 5; ++i) { press("ArrowRight"); say.push(tab); }
  say.push(byId("hop-table").rows.length, all("#charts figure").length > 1, document.activeElement.id)')" \
  "map / learning / numbers / run / sample / 7 / true / tab-sample"
echo "test_report: 2,047 tokens stood after $stood ms (not judged: other work may run), read in $("$chromium" --version)"

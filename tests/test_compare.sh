#!/usr/bin/env bash
# tests/test_compare.sh GNOMON: the page of `gnomon compare` in a browser without a screen. A script
# presses its buttons and keys and reads what it then shows; 2,000 runs make a page of less than
# 10 MB, and its time to stand is printed, not judged: machines and their load differ. Nothing is
# complained about in the console, nothing is asked of a network. Without Chromium it says so and is skipped (exit code 77).
set -euo pipefail
gnomon=$1
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || { echo "test_compare: skipped: no Chromium here"; exit 77; }
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
fail() { echo "test_compare: $*" >&2; exit 1; }

# Runs as a sweep leaves them, made and not trained: sixteen rows for each width, three seeds a row.
make() {
  /usr/bin/python3 - "$1" "$2" "$3" <<'END'
import json, pathlib, random, sys
out, count, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
draw = random.Random(1)
for i in range(count):
    row, seed = divmod(i, 3)
    width = 8 * (1 + row // 16)
    run = pathlib.Path(out, "runs", f"row-{row % 16}", f"width={width}", str(seed + 1))
    run.mkdir(parents=True)
    (run / "config.ini").write_text(f"model = pointer\ntask = copy\nsteps = {lines}\nlength = 40\n"
                                    f"width = {width}\nlearning-rate = {row % 16 + 1}e-3\nseed = {seed + 1}\n")
    failed = i % 60 == 31
    with open(run / "metrics.jsonl", "w") as log:
        for n in range(1, lines // 2 if failed else lines + 1):
            point = dict(step=n, loss=draw.random(), accuracy=n / lines, tokens_per_s=draw.randint(1, 10**5),
                         seconds=n * .1 + draw.random() * .01, tau=1 / n, lr=1e-3, gradient_norm=draw.random(),
                         tokens=n * 640)
            if n % 10 == 0: point["validation_accuracy"] = n / lines
            point["pointers"] = [dict(layer=1, mean_hop=n, self=.1, long=.2, soft_hard=.3)]
            log.write(json.dumps(point) + "\n")
    if failed:
        done = dict(status="failed", code=4, sentence="loss </script> is not finite", step=lines // 2 - 1)
    else:
        done = dict(status="finished", stop="steps", machine="a processor", jobs=2)
        judged = [dict(length=n, token_accuracy=(50 + row % 16 + seed) / 100 - n / 1000, chance=.05, loss=1.,
                       state_numbers=n) for n in (40, 160)]
        (run / "eval.json").write_text(json.dumps(dict(results=judged)))
    (run / "done.json").write_text(json.dumps(done))
END
}

# browse PAGE SCRIPT: what the script says, run once the page stands; the console goes to a file.
browse() {
  { cat "$1"; printf '<output id="said"></output><script>addEventListener("load", () => {
      const say = [], standing = performance.now(); %s
      byId("said").textContent = "said" + ": " + say.join(" / "); });
    </script>' "$2"; } >driven.html
  "$chromium" --headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run \
    --user-data-dir="$PWD/profile" --enable-logging=stderr --host-resolver-rules="MAP * ~NOTFOUND" \
    --window-size=1280,2000 --dump-dom "file://$PWD/driven.html" 2>console | grep -o 'said: [^<]*' | tail -n 1
  if grep -E 'CONSOLE|Uncaught' console; then fail "the console complains"; fi
}

make small 36 40
"$gnomon" compare small --out small.html >/dev/null
# Sorts by the result and by an option, compares with the first, opens a group, walks along a curve,
# changes axes, and looks at what is drawn.
said=$(browse small.html '
  const rows = () => [...byId("table").tBodies[0].rows], key = (chart, key) =>
    chart.canvas.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const heading = text => [...byId("table").tHead.rows[0].cells].find(c => c.textContent.startsWith(text))
    .firstChild.click();
  say.push(rows().length, rows()[0].cells[1].textContent, rows()[0].cells[3].textContent);
  heading("learning-rate"); say.push(rows()[0].cells[2].textContent);
  byId("base").value = 0; byId("base").dispatchEvent(new Event("change"));
  say.push(rows()[1].cells[3].querySelector(".mark").textContent, rows()[1].cells[2].className);
  rows()[0].querySelector("button").click(); say.push(rows().length, rows()[1].cells[1].textContent);
  say.push(byId("problem-list").textContent.replace(/.*small/, "small"));
  charts.forEach(drawChart);
  key(charts[0], "ArrowRight"); key(charts[0], "ArrowRight"); key(charts[0], "ArrowDown"); drawChart(charts[0]);
  say.push(view.hover.x, view.hover.g === view.drawn[1]);
  byId("x").value = "seconds"; byId("x").dispatchEvent(new Event("change"));
  byId("log-y").click(); byId("log-x").click(); byId("smooth").value = .9;
  byId("smooth").dispatchEvent(new Event("input")); charts.forEach(drawChart);
  say.push(byId("curves-note").textContent.includes("a processor with 2 jobs at once"));
  const failed = groups[runs.find(r => r.status === "failed").group];
  view.x = "step"; view.logX = false;
  const points = band(groups.indexOf(failed), "accuracy");
  say.push([points[10], points[39]].map(p => p.n + ":" + p.mean.toFixed(4)).join(" "));
  say.push(byId("legend").children.length, byId("by-length").querySelectorAll("circle").length,
           byId("scatter").querySelectorAll("circle").length, byId("pointer-charts").children.length);
  say.push(performance.getEntriesByType("resource").length)')
expected='said: 12 / 3 / 46.00 % ± 1.0045.00 % to 47.00 % / 1e-3 / +1.00 points / differs text / 15 / seed 1'
expected+=' / small/runs/row-10/width=8/2: loss &lt;/script&gt; is not finite (exit code 4)'
expected+=' / 2 / true / true / 3:0.2750 2:0.8250 / 10 / 20 / 12 / 1 / 0'
[ "$said" = "$expected" ] || fail $'expected\n'"$expected"$', got\n'"$said"

make large 2000 60
"$gnomon" compare large --out large.html >/dev/null
size=$(stat -c %s large.html)
[ "$size" -lt 10000000 ] || fail "a page of 2,000 runs has $size bytes"
said=$(browse large.html '
  charts.forEach(drawChart);
  say.push(runs.length, groups.length, Math.round(standing) + " ms")')
[[ "$said" =~ ^said:\ 2000\ /\ 667\ /\ [0-9]+\ ms$ ]] || fail "2,000 runs: '$said'"
echo "test_compare: the pages were read in $("$chromium" --version), the large one of $size bytes" \
     "stood after ${said##*/ }"

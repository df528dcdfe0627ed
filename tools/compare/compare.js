// The page put together: its parts are compare_data, _table, _curves and _lengths.js, read before.

const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
const unfinished = runs.filter(r => r.status !== "finished").length;
byId("summary").textContent = `${count(runs.length, "run")} in ${count(groups.length, "group")}` +
  (unfinished ? `; ${unfinished} not finished` : "") +
  `; ${count(data.different.length, "option")} ${data.different.length === 1 ? "differs" : "differ"}`;
byId("equal").textContent = Object.entries(data.equal).map(([k, v]) => `${k} = ${v}`).join("\n");
problems();

const judgedRuns = runs.filter(r => r.judged);
byId("length-label").hidden = byId("judged").hidden = !lengths.length;
if (lengths.length) {
  const common = lengths.filter(l => judgedRuns.every(r => r.judged.some(j => j.length === l)));
  view.length = (common.length ? common : lengths).slice(-1)[0];
  byId("length").append(...lengths.map(l => new Option(l, l)));
  byId("length").value = view.length;
  byId("number").append(...inOrder(numbers.filter(n => n !== "chance" && n !== "state_numbers"), kJudgedFirst)
    .map(n => new Option(words(n), n)));
  const costs = columns.filter(c => ["parameters", "seconds", "tokens"].includes(c.title) &&
                                    runs.some(r => known(c.of(r)))).map(c => c.title);
  if (numbers.includes("state_numbers")) costs.push("state_numbers");
  byId("cost").append(...costs.map(c => new Option(words(c), c)));
}
const first = lengths.length ? columns[0] : columns.find(c => c.name === "validation_accuracy") ||
                                            columns.find(c => c.name === "accuracy");
if (first) view.sort = first.title;
view.drawn = sorted().slice(0, kFirstDrawn);
byId("base").append(new Option("nothing", -1), ...groups.map((g, i) => new Option(g.label, i)));

const bind = (id, event, act) => byId(id).addEventListener(event, act);
bind("length", "change", e => { view.length = +e.target.value; drawTable(); drawScatter(); });
bind("base", "change", e => { view.base = +e.target.value; drawTable(); });
bind("more", "click", () => { view.rows = groups.length; drawTable(); });
bind("x", "change", e => { view.x = e.target.value; view.hover = null; drawCurves(); });
bind("log-x", "change", e => { view.logX = e.target.checked; redraw(); });
bind("log-y", "change", e => { view.logY = e.target.checked; redraw(); });
bind("band", "change", e => { view.band = e.target.value; redraw(); });
bind("smooth", "input", e => { view.smooth = +e.target.value; redraw(); });
bind("number", "change", () => { drawLengths(); drawScatter(); });
bind("cost", "change", () => { notes(); drawScatter(); });
window.addEventListener("resize", redraw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

makeCharts();
drawTable();
drawCurves();

// The table of groups and runs: columns, order, rows that open.

const lengths = [...new Set(runs.flatMap(r => (r.judged || []).map(j => j.length)))].sort(d3.ascending);
const numbers = [...new Set(runs.flatMap(r => (r.judged || []).flatMap(Object.keys)))]
  .filter(name => !["length", "tokens"].includes(name));
const kJudgedFirst = ["token_accuracy", "exact_match", "bits_per_byte", "loss", "chance", "state_numbers"];
const inOrder = (names, first) => [...first.filter(n => names.includes(n)),
                                   ...names.filter(n => !first.includes(n)).sort()];

/// What a column shows of a run: {title, name, of}.
function resultColumns() {
  const columns = inOrder(numbers, kJudgedFirst).map(name => (
    {title: words(name), name, of: run => judgedAt(run, name, view.length)}));
  const lasts = new Set(runs.flatMap(r => Object.keys(r.last)));
  for (const name of inOrder([...lasts], ["validation_accuracy", "accuracy", "loss"]))
    if (["accuracy", "loss"].includes(name) || /^validation/.test(name))
      columns.push({title: (/^validation/.test(name) ? "" : "training ") + words(name), name,
                    of: run => run.last[name]});
  columns.push({title: "parameters", name: "parameters", of: run => run.parameters});
  columns.push({title: "steps", name: "steps", of: run => run.step});
  for (const name of ["tokens", "seconds"])
    if (lasts.has(name)) columns.push({title: name, name, of: run => run.last[name]});
  return columns;
}
const columns = resultColumns();
const finished = group => group.runs.map(r => runs[r]).filter(r => r.status === "finished");
const spreadIn = (group, column) => spread(finished(group).map(column.of));

/// What a group is sorted by: a number, or else text.
function sortKey(group) {
  if (view.sort === null) return 0;
  if (view.sort.startsWith("option ")) {
    const value = group.values[data.different.indexOf(view.sort.slice(7))];
    return value === null ? "" : Number.isFinite(+value) && value !== "" ? +value : value;
  }
  if (view.sort === "n") return finished(group).length;
  if (view.sort === "label") return group.label;
  return spreadIn(group, columns.find(c => c.title === view.sort)).mean;
}

/// Groups in the order of the table: what is not known comes last.
function sorted() {
  const order = d3.range(groups.length), keys = groups.map(sortKey), sign = view.down ? -1 : 1;
  const missing = key => key === undefined || key === "";
  const less = (a, b) => typeof a === typeof b ? d3.ascending(a, b) : typeof a === "number" ? -1 : 1;
  return order.sort((a, b) => missing(keys[a]) - missing(keys[b]) || sign * less(keys[a], keys[b]) || a - b);
}

function resultCell(column, s, base) {
  const td = element("td");
  if (!known(s.mean)) return element("td", {}, "–");
  const several = s.n > 1 && s.low !== s.high;
  td.append(shown(column.name, s.mean));
  if (several && known(s.sd))
    td.append(" ± " + (isShare(column.name) ? (100 * s.sd).toFixed(2) : shown("", +s.sd.toPrecision(2))));
  if (several) td.append(element("small", {}, `${shown(column.name, s.low)} to ${shown(column.name, s.high)}`));
  if (base && known(base.mean) && base.mean !== s.mean) {
    const by = s.mean - base.mean;
    td.append(element("small", {className: "mark"}, (by > 0 ? "+" : "−") + (isShare(column.name)
      ? (100 * Math.abs(by)).toFixed(2) + " points" : shown("", Math.abs(by)))));
  }
  return td;
}

function headings() {
  const row = element("tr"), heading = (title, key) => {
    const at = view.sort === key, th = element("th");
    th.setAttribute("aria-sort", !at ? "none" : view.down ? "descending" : "ascending");
    const button = element("button", {type: "button"}, title + (at ? view.down ? " ▾" : " ▴" : ""));
    button.addEventListener("click", () => {
      view.down = at ? !view.down : !key.startsWith("option ") && key !== "label";
      view.sort = key;
      drawTable();
    });
    th.append(button);
    return th;
  };
  row.append(heading("group", "label"), heading("n", "n"));
  data.different.forEach(name => row.append(heading(name, "option " + name)));
  columns.forEach(c => row.append(heading(c.title, c.title)));
  return row;
}

function groupRow(g) {
  const group = groups[g], base = view.base < 0 || view.base === g ? null : groups[view.base];
  const row = element("tr", {className: view.base === g ? "base" : ""});
  const tick = element("input", {type: "checkbox", checked: view.drawn.includes(g)});
  tick.setAttribute("aria-label", "draw " + group.label);
  tick.addEventListener("change", () => {
    view.drawn = tick.checked ? [...view.drawn, g] : view.drawn.filter(d => d !== g);
    drawCurves();
  });
  const name = element("button", {type: "button", className: "name"}, group.label);
  name.setAttribute("aria-expanded", view.open.has(g));
  name.addEventListener("click", () => {
    view.open.has(g) ? view.open.delete(g) : view.open.add(g);
    drawTable();
  });
  const n = finished(group).length;
  const count = element("td", {}, n === group.runs.length ? String(n) : `${n} of ${group.runs.length}`);
  if (n < group.runs.length) {
    count.className = "mark";
    const states = d3.nest().key(r => runs[r].status).rollup(all => all.length).entries(group.runs);
    count.title = states.map(s => `${s.value} ${s.key}`).join(", ");
    count.append(" ✗");
  }
  row.append(element("td", {}, element("div", {className: "named"}, tick, name)), count);
  group.values.forEach((value, i) => {
    const differs = base && value !== base.values[i];
    row.append(element("td", {className: differs ? "differs text" : "text", title: value ?? "not an option here"},
                       value ?? ""));
  });
  columns.forEach(c => row.append(resultCell(c, spreadIn(group, c), base && spreadIn(base, c))));
  return row;
}

function runRow(run) {
  const row = element("tr", {className: "run"});
  row.append(element("td", {}, run.path, element("span", {className: "quiet"},
    `${run.status}${run.stop ? ", stopped by " + run.stop : ""}` +
    `${run.checkpoint ? ", judged: " + run.checkpoint : ""}`)));
  row.append(element("td", {}, "seed " + run.seed));
  data.different.forEach(() => row.append(element("td")));
  columns.forEach(c => row.append(element("td", {}, shown(c.name, c.of(run)))));
  return row;
}

function drawTable() {
  const body = element("tbody"), order = sorted();
  for (const g of order.slice(0, view.rows)) {
    body.append(groupRow(g));
    if (view.open.has(g)) groups[g].runs.forEach(r => body.append(runRow(runs[r])));
  }
  byId("table").replaceChildren(element("thead", {}, headings()), body);
  byId("more").hidden = order.length <= view.rows;
  byId("more").textContent = `show all ${order.length} groups`;
}

function problems() {
  const all = runs.filter(r => r.remarks || r.status !== "finished");
  const line = run => element("li", {}, element("b", {}, run.status), ` ${run.path}: `,
                              (run.remarks || []).join("; "));
  byId("problems").hidden = !all.length;
  byId("problem-list").append(...all.slice(0, 10).map(line));
  if (all.length > 10)
    byId("problems").append(element("details", {}, element("summary", {}, `${all.length - 10} more`),
                                    element("ul", {}, ...all.slice(10).map(line))));
}

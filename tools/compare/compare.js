// Draws the comparison from the data that stands in the page. d3 is there; nothing else is loaded.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const known = x => x !== null && x !== undefined && Number.isFinite(x);
const element = (tag, options = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), options);
  node.append(...children);
  return node;
};

const kColours = ["#3b78c2", "#d0622a", "#2e9b6b", "#b04a9c", "#c99a1c", "#6a5fc7", "#c23f54",
                  "#3a9ca8", "#8a7a5c", "#7f8c3a"];
const kDashes = [[], [7, 3], [2, 2], [9, 3, 2, 3]];
const kFirstDrawn = 10, kFirstRows = 100, kFinest = 400;

const groups = data.groups, runs = data.runs;
groups.forEach((group, g) => group.runs.forEach(r => { runs[r].group = g; }));
const view = {sort: null, down: true, base: -1, length: 0, rows: kFirstRows, open: new Set(), drawn: [],
              x: "step", logX: false, logY: false, band: "range", smooth: 0, hover: null};

// ---- numbers --------------------------------------------------------------------------------

const isShare = name => /accuracy|exact|chance|^(self|long|soft_hard):/.test(name);
const kNames = {lr: "learning rate", tau: "temperature", tokens_per_s: "tokens a second"};
const words = name => (kNames[name] || name).replace(/_/g, " ").replace(/:(\d+)$/, ", layer $1").replace(/@(\d+)$/, " at $1");
const tickText = x => Math.abs(x) >= 1e4 ? d3.format("~s")(x) : String(+x.toPrecision(6));
function shown(name, x) {
  if (!known(x)) return "–";
  if (isShare(name)) return (100 * x).toFixed(2) + " %";
  if (Number.isInteger(x)) return x.toLocaleString("en");
  return Math.abs(x) >= 100 ? x.toFixed(1) : String(+x.toPrecision(4));
}

/// Mean, deviation (n - 1), lowest, highest of what is known.
function spread(values) {
  const all = values.filter(known), mean = d3.mean(all);
  return {n: all.length, mean, sd: all.length > 1 ? d3.deviation(all) : undefined, low: d3.min(all),
          high: d3.max(all)};
}

const judgedAt = (run, name, length) => (run.judged || []).find(j => j.length === length)?.[name];

// ---- the table ------------------------------------------------------------------------------

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

// ---- curves over runs -----------------------------------------------------------------------

function interpolated(xs, ys, x) {
  const i = d3.bisectLeft(xs, x);
  if (i === xs.length) return ys[i - 1];
  if (xs[i] === x || i === 0) return ys[i];
  return ys[i - 1] + (x - xs[i - 1]) / (xs[i] - xs[i - 1]) * (ys[i] - ys[i - 1]);
}

/// {x, y} of a run's curve by steps, tokens or seconds; null: it has none.
function curve(run, name) {
  if (!run.curves[name]) return null;
  const [steps, y] = run.curves[name].map(i => data.pool[i]);
  if (view.x === "step") return {x: steps, y};
  if (!run.curves[view.x]) return null;
  const [at, axis] = run.curves[view.x].map(i => data.pool[i]);
  return {x: at === steps ? axis : steps.map(s => interpolated(at, axis, s)), y};
}

const bands = new Map();
/// Mean, lowest, highest and deviation over the runs of a group. A curve that has ended, or is not
/// finite any more, keeps its last number; n: how many go on.
function band(g, name) {
  const key = `${g} ${name} ${view.x} ${view.logX}`;
  if (!bands.has(key)) bands.set(key, makeBand(groups[g].runs.map(r => curve(runs[r], name)).filter(c => c)));
  return bands.get(key);
}

function makeBand(curves) {
  curves = curves.map(c => {
    const end = c.y.findIndex(y => y === null);
    return end < 0 ? c : {x: c.x.slice(0, end), y: c.y.slice(0, end)};
  }).filter(c => c.x.length);
  let grid = [...new Set(curves.flatMap(c => c.x))].sort(d3.ascending);
  if (view.logX) grid = grid.filter(x => x > 0);
  if (grid.length > kFinest) {
    const low = grid[0], high = grid[grid.length - 1], at = share =>
      view.logX ? low * (high / low) ** share : low + share * (high - low);
    grid = d3.range(kFinest).map(i => at(i / (kFinest - 1)));
  }
  return grid.map(x => {
    const begun = curves.filter(c => x >= c.x[0]), s = spread(begun.map(c => interpolated(c.x, c.y, x)));
    return {x, ...s, n: d3.sum(begun, c => x <= c.x[c.x.length - 1])};
  });
}

function edges(point) {
  if (view.band === "none") return [point.mean, point.mean];
  if (view.band === "range") return [point.low, point.high];
  return [point.mean - (point.sd || 0), point.mean + (point.sd || 0)];
}

/// Exponential, corrected for where it begins; drawn over the curve, never instead of it.
function smoothed(points) {
  let sum = 0, weight = 0;
  return points.map(p => {
    sum = view.smooth * sum + (1 - view.smooth) * p.mean;
    weight = view.smooth * weight + 1 - view.smooth;
    return {x: p.x, mean: sum / weight};
  });
}

const style = g => {
  const i = view.drawn.indexOf(g);
  return {stroke: kColours[i % kColours.length], dash: kDashes[Math.floor(i / kColours.length) % kDashes.length]};
};

// ---- one chart ------------------------------------------------------------------------------

const charts = [];

/// Sizes the canvas to its box, in real pixels, and returns its context and size.
function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return {context, width: box.width, height: box.height};
}

function scaleOver(values, range, log, share) {
  let [low, high] = d3.extent(values);
  if (log) {
    if (low === high) { low /= 2; high *= 2; }
    return d3.scaleLog().domain([low, high]).range(range);
  }
  if (share) { low = Math.min(0, low); high = Math.max(1, high); }
  else if (low > 0 && low < .5 * high) low = 0;
  if (low === high) { low -= .5; high += .5; }
  return d3.scaleLinear().domain([low, high]).range(range);
}

function axes(context, chart) {
  const {x, y, width, height} = chart, share = isShare(chart.name);
  context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  context.fillStyle = colour("--quiet");
  context.strokeStyle = colour("--line");
  context.lineWidth = 1;
  const few = (ticks, most) => ticks.filter((_, i) => i % Math.ceil(ticks.length / most) === 0);
  const powers = scale => {
    const [low, high] = scale.domain(), all = scale.ticks();
    const tens = all.filter(t => Math.abs(Math.log10(t) % 1) < 1e-9 || Math.abs(Math.log10(t) % 1) > 1 - 1e-9);
    return high / low > 100 ? tens : all.filter(t => /^[125]/.test((+t.toPrecision(1)).toExponential()));
  };
  context.textAlign = "right";
  for (const tick of few(view.logY ? powers(y) : y.ticks(4), 6)) {
    context.beginPath(); context.moveTo(48, y(tick)); context.lineTo(width - 10, y(tick)); context.stroke();
    context.fillText(share ? +(100 * tick).toPrecision(3) + " %" : tickText(tick), 44, y(tick) + 4);
  }
  context.textAlign = "center";
  for (const tick of few(view.logX ? powers(x) : x.ticks(5), 6))
    context.fillText(tickText(tick), x(tick), height - 6);
}

function path(context, points, x, y) {
  context.beginPath();
  points.forEach((p, i) => i ? context.lineTo(x(p[0]), y(p[1])) : context.moveTo(x(p[0]), y(p[1])));
  context.stroke();
}

function drawGroup(context, chart, g) {
  const {x, y} = chart, {stroke, dash} = style(g), points = chart.bands.get(g);
  const most = d3.max(points, p => p.n), dots = /^validation/.test(chart.name);
  const aside = view.hover && view.hover.g !== g;
  context.strokeStyle = context.fillStyle = stroke;
  if (view.band !== "none" && groups[g].runs.length > 1) {
    context.globalAlpha = aside ? .06 : .18;
    context.beginPath();
    points.forEach((p, i) => i ? context.lineTo(x(p.x), y(edges(p)[1])) : context.moveTo(x(p.x), y(edges(p)[1])));
    [...points].reverse().forEach(p => context.lineTo(x(p.x), y(edges(p)[0])));
    context.fill();
  }
  context.globalAlpha = aside ? .35 : view.smooth > 0 ? .4 : 1;
  context.lineWidth = dots ? 1 : 1.8;
  for (let i = 0; i < points.length;) {  // dotted where some have ended
    const begin = i, n = points[i].n;
    while (i < points.length && points[i].n === n) ++i;
    context.setLineDash(n < most ? [1.5, 3] : dash);
    path(context, points.slice(Math.max(0, begin - 1), i).map(p => [p.x, p.mean]), x, y);
    if (begin > 0 && n < most && view.drawn.length < 6) {
      context.textAlign = "center";
      context.fillText(`n = ${n}`, x(points[begin].x), Math.max(12, y(points[begin].mean) - 7));
    }
  }
  context.setLineDash([]);
  if (dots || points.length === 1)
    for (const p of points) {
      context.beginPath(); context.arc(x(p.x), y(p.mean), 2.6, 0, 2 * Math.PI); context.fill();
    }
  if (view.smooth > 0) {
    context.globalAlpha = aside ? .35 : 1;
    context.lineWidth = 2;
    path(context, smoothed(points).map(p => [p.x, p.mean]), x, y);
  }
  context.globalAlpha = 1;
}

/// The runs of the group under the pointer, thin.
function drawSingles(context, chart, g) {
  const {x, y} = chart;
  context.strokeStyle = style(g).stroke;
  context.lineWidth = .8;
  for (const r of groups[g].runs) {
    const c = curve(runs[r], chart.name);
    if (c) path(context, d3.zip(c.x, c.y).filter(p => p[1] !== null && (!view.logY || p[1] > 0) &&
                                                 (!view.logX || p[0] > 0)), x, y);
  }
}

function drawChart(chart) {
  const {context, width, height} = prepared(chart.canvas);
  context.clearRect(0, 0, width, height);
  chart.bands = new Map();
  const xs = [], ys = [];
  for (const g of view.drawn) {
    const points = band(g, chart.name).filter(p => known(p.mean) && (!view.logY || edges(p)[0] > 0));
    if (!points.length) continue;
    chart.bands.set(g, points);
    xs.push(points[0].x, points[points.length - 1].x);
    points.forEach(p => ys.push(...edges(p)));
  }
  if (!xs.length) {
    context.fillStyle = colour("--quiet");
    context.font = "13px system-ui, 'DejaVu Sans', sans-serif";
    context.fillText(view.drawn.length ? "no such curve in what is drawn" : "tick groups in the table to draw them",
                     12, 40);
    return;
  }
  Object.assign(chart, {width, height, x: scaleOver(xs, [50, width - 12], view.logX, false),
                        y: scaleOver(ys, [height - 24, 10], view.logY, isShare(chart.name))});
  axes(context, chart);
  for (const g of chart.bands.keys()) drawGroup(context, chart, g);
  const hover = view.hover;
  if (!hover || !chart.bands.has(hover.g)) return;
  if (hover.name === chart.name) drawSingles(context, chart, hover.g);
  const point = nearestPoint(chart, hover.g, hover.x);
  context.fillStyle = style(hover.g).stroke;
  context.beginPath(); context.arc(chart.x(point.x), chart.y(point.mean), 4, 0, 2 * Math.PI); context.fill();
}

const nearestPoint = (chart, g, x) => {
  const points = chart.bands.get(g);
  return points[d3.scan(points, (a, b) => Math.abs(a.x - x) - Math.abs(b.x - x))];
};

function say() {
  const hover = view.hover;
  if (!hover) { byId("tip").textContent = ""; return; }
  const chart = charts.find(c => c.name === hover.name), p = nearestPoint(chart, hover.g, hover.x);
  byId("tip").textContent = `${groups[hover.g].label}: ${words(hover.name)} ${shown(hover.name, p.mean)}` +
    (p.low !== p.high ? ` (${shown(hover.name, p.low)} to ${shown(hover.name, p.high)})` : "") +
    ` at ${view.x} ${shown("", +p.x.toPrecision(6))}, n = ${p.n}`;
}

let asked = false;
/// Draws all charts once before the next frame, however often it is called.
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    charts.filter(c => c.canvas.getBoundingClientRect().width).forEach(drawChart);
    say();
  });
}

function hoverAt(chart, px, py) {
  if (!chart.bands || !chart.bands.size) return;
  const x = chart.x.invert(px);
  const near = [...chart.bands.keys()].map(g => [g, Math.abs(chart.y(nearestPoint(chart, g, x).mean) - py)]);
  view.hover = {g: near[d3.scan(near, (a, b) => a[1] - b[1])][0], x, name: chart.name};
  redraw();
}

/// With the keyboard: left and right along the curve, up and down from group to group.
function step(chart, key) {
  if (!chart.bands || !chart.bands.size) return false;
  const all = [...chart.bands.keys()], hover = view.hover?.name === chart.name ? view.hover : null;
  const g = hover && all.includes(hover.g) ? hover.g : all[0], points = chart.bands.get(g);
  const at = hover ? points.indexOf(nearestPoint(chart, g, hover.x)) : -1, last = points.length - 1;
  const move = {ArrowLeft: -1, ArrowRight: 1}[key], turn = {ArrowUp: -1, ArrowDown: 1}[key];
  if (key === "Escape") view.hover = null;
  else if (move) view.hover = {g, x: points[Math.max(0, Math.min(last, at + move))].x, name: chart.name};
  else if (turn) view.hover = {g: all[(all.indexOf(g) + turn + all.length) % all.length],
                               x: points[Math.max(0, at)].x, name: chart.name};
  else return false;
  redraw();
  return true;
}

function addChart(parent, name) {
  const canvas = element("canvas", {tabIndex: 0}), chart = {name, canvas};
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${words(name)}; arrow keys move along it and from group to group`);
  canvas.addEventListener("mousemove", event => hoverAt(chart, event.offsetX, event.offsetY));
  canvas.addEventListener("mouseleave", () => { view.hover = null; redraw(); });
  canvas.addEventListener("keydown", event => { if (step(chart, event.key)) event.preventDefault(); });
  parent.append(element("figure", {}, element("figcaption", {}, words(name)), canvas));
  charts.push(chart);
}

// ---- which charts ---------------------------------------------------------------------------

const curveNames = [...new Set(runs.flatMap(r => Object.keys(r.curves)))];
const kMain = ["loss", "accuracy", "validation_accuracy", "validation_loss", "lr", "gradient_norm"];
const watched = curveNames.filter(n => n.includes(":"));

function makeCharts() {
  const axes = ["step", "tokens", "seconds"].filter(x => x === "step" || curveNames.includes(x));
  byId("x").append(...axes.map(x => new Option(x === "step" ? "steps" : x, x)));
  kMain.filter(n => curveNames.includes(n)).forEach(n => addChart(byId("charts"), n));
  const others = curveNames.filter(n => !kMain.includes(n) && !n.includes(":") && !axes.includes(n)).sort();
  others.forEach(n => addChart(byId("other-charts"), n));
  byId("others").hidden = !others.length;
  byId("others").addEventListener("toggle", redraw);
  byId("pointers").hidden = !watched.length;
  const kinds = [...new Set(watched.map(n => n.split(":")[0]))];
  byId("watched").append(...kinds.map(k => new Option(words(k), k)));
  byId("watched").addEventListener("change", pointerCharts);
  pointerCharts();
}

function pointerCharts() {
  byId("pointer-charts").replaceChildren();
  for (let i = charts.length - 1; i >= 0; --i) if (charts[i].name.includes(":")) charts.splice(i, 1);
  view.hover = null;
  watched.filter(n => n.split(":")[0] === byId("watched").value)
    .sort((a, b) => a.split(":")[1] - b.split(":")[1]).forEach(n => addChart(byId("pointer-charts"), n));
  redraw();
}

function legend() {
  byId("legend").replaceChildren(...view.drawn.map(g => {
    const {stroke, dash} = style(g), item = element("li");
    d3.select(item).append("svg").attr("viewBox", "0 0 28 8").attr("aria-hidden", "true").append("line")
      .attr("x2", 28).attr("y1", 4).attr("y2", 4).attr("stroke", stroke).attr("stroke-width", 2.5)
      .attr("stroke-dasharray", dash.join(" "));
    item.append(`${groups[g].label} (n = ${groups[g].runs.length})`);
    return item;
  }));
}

function notes() {
  const machines = new Set(runs.map(r => r.machine || "one that is not known"));
  const seconds = machines.size > 1 || [...machines][0].includes("jobs")
    ? `Seconds are of ${[...machines].slice(0, 4).join(", ")}: compare them with care. `
    : "";
  const fewer = data.points < 200 ? ` (of so many runs; elsewhere 200)` : "";
  byId("curves-note").textContent = (view.x === "seconds" ? seconds : "") +
    `Lines are means over seeds, unfinished runs included; dotted: some of them have ended and keep their ` +
    `last number. Under the pointer the single runs show. A curve has at most ${data.points} points${fewer}: ` +
    `the lowest and the highest of each bucket. gnomon compare --csv writes them all.`;
  byId("scatter-note").textContent = byId("cost").value === "seconds" ? seconds : "";
}

function drawCurves() {
  legend();
  notes();
  redraw();
  if (lengths.length) { drawLengths(); drawScatter(); }
}

// ---- how well they answer -------------------------------------------------------------------

/// An empty chart with axes: {svg, x, y} with the scales given.
function plot(parent, caption, x, y, xTicks, xFormat, share) {
  const width = 760, height = 340;
  parent.replaceChildren();
  const svg = d3.select(parent).append("figure").append("svg").attr("viewBox", `0 0 ${width} ${height}`)
    .attr("role", "img").attr("aria-label", caption);
  x.range([58, width - 24]); y.range([height - 30, 14]);
  svg.append("g").attr("transform", `translate(0,${height - 30})`)
    .call(d3.axisBottom(x).tickValues(xTicks).tickFormat(xFormat).tickSizeOuter(0));
  svg.append("g").attr("transform", "translate(58,0)")
    .call(d3.axisLeft(y).ticks(5).tickFormat(share ? t => +(100 * t).toPrecision(3) + " %" : tickText).tickSizeOuter(0));
  return {svg, x, y};
}

/// Few enough to be read.
const thinned = (values, most) => values.filter((_, i) => i % Math.ceil(values.length / most) === 0);

function byLength(name, of) {
  return lengths.map(length => ({length, ...spread(of.map(run => judgedAt(run, name, length)))})).filter(p => p.n);
}

function drawLengths() {
  const name = byId("number").value;
  const lines = view.drawn.map(g => ({g, points: byLength(name, finished(groups[g]))})).filter(l => l.points.length);
  const all = lines.flatMap(l => l.points);
  byId("by-length").replaceChildren();
  if (!all.length) return;
  const share = isShare(name), low = Math.max(1, lengths[0]), high = Math.max(2, lengths[lengths.length - 1]);
  const xScale = d3.scaleLog().base(2).domain(low === high ? [low / 2, high * 2] : [low, high]);
  const {svg, x, y} = plot(byId("by-length"), `${words(name)} by length`, xScale,
    scaleOver(all.flatMap(p => [p.low, p.high]), [0, 1], false, share), thinned(lengths, 10), d3.format("d"), share);
  const line = key => d3.line().x(p => x(p.length)).y(p => y(p[key]));
  const trained = new Set(lines.map(l => optionOf(groups[l.g], "length")).filter(t => +t >= low && +t <= high));
  for (const t of trained)
    svg.append("line").attr("x1", x(t)).attr("x2", x(t)).attr("y1", y.range()[0]).attr("y2", y.range()[1])
      .attr("stroke", "var(--chance)").attr("stroke-dasharray", "1 3").append("title").text(`trained at ${t}`);
  if (name === "token_accuracy")
    svg.append("path").attr("d", line("mean")(byLength("chance", runs))).attr("fill", "none")
      .attr("stroke", "var(--chance)").attr("stroke-dasharray", "5 4");
  for (const {g, points} of lines) {
    const {stroke, dash} = style(g);
    svg.append("path").attr("d", d3.area().x(p => x(p.length)).y0(p => y(p.low)).y1(p => y(p.high))(points))
      .attr("fill", stroke).attr("fill-opacity", .15);
    svg.append("path").attr("d", line("mean")(points)).attr("fill", "none").attr("stroke", stroke)
      .attr("stroke-width", 2).attr("stroke-dasharray", dash.join(" ") || null);
    svg.append("g").selectAll("circle").data(points).join("circle").attr("r", 3.2).attr("fill", stroke)
      .attr("cx", p => x(p.length)).attr("cy", p => y(p.mean)).append("title")
      .text(p => `${groups[g].label}, length ${p.length}: ${shown(name, p.mean)}, n = ${p.n}`);
  }
}

const optionOf = (group, name) => name in data.equal ? data.equal[name]
                                                     : group.values[data.different.indexOf(name)];

function drawScatter() {
  const name = byId("number").value, cost = byId("cost").value;
  const column = cost === "state_numbers" ? {of: run => judgedAt(run, cost, view.length)}
                                          : columns.find(c => c.title === cost);
  const points = groups.map((group, g) => ({g, x: spreadIn(group, column).mean,
    ...spread(finished(group).map(run => judgedAt(run, name, view.length)))})).filter(p => p.n && p.x > 0);
  byId("scatter").replaceChildren();
  if (!points.length) return;
  const share = isShare(name), xScale = scaleOver(points.map(p => p.x), [0, 1], true, false).nice();
  const {svg, x, y} = plot(byId("scatter"), `${words(name)} against ${words(cost)}`, xScale,
    scaleOver(points.flatMap(p => [p.low, p.high]), [0, 1], false, share), thinned(xScale.ticks(), 10),
    tickText, share);
  for (const p of points) {
    const drawn = view.drawn.includes(p.g), paint = drawn ? style(p.g).stroke : "var(--chance)";
    const mark = svg.append("g");
    mark.append("line").attr("x1", x(p.x)).attr("x2", x(p.x)).attr("y1", y(p.low)).attr("y2", y(p.high))
      .attr("stroke", paint).attr("stroke-width", 1.5);
    mark.append("circle").attr("r", drawn ? 5 : 3).attr("cx", x(p.x)).attr("cy", y(p.mean)).attr("fill", paint)
      .attr("fill-opacity", drawn ? 1 : .5).append("title")
      .text(`${groups[p.g].label}: ${shown(name, p.mean)} at length ${view.length}, ${words(cost)} ` +
            `${shown("", Math.round(p.x))}, n = ${p.n}`);
  }
}

// ---- all of it ------------------------------------------------------------------------------

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

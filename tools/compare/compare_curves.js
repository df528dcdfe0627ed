// Curves over runs, and the charts that draw them.

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

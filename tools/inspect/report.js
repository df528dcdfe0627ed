// Draws the report from the data that stands in the page. d3 is there; nothing else is loaded.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const percent = x => (100 * x).toFixed(2) + " %";
const number = x => x === null || x === undefined ? "–" : String(x);

/// A table of rows; a cell is text, or a node. `words`: columns aligned to the left.
function fill(table, head, rows, words = []) {
  table.replaceChildren();
  const line = (cells, tag) => {
    const tr = document.createElement("tr");
    cells.forEach((cell, i) => {
      const td = document.createElement(tag);
      if (words.includes(i)) td.className = "word";
      td.append(cell);
      tr.append(td);
    });
    return tr;
  };
  table.createTHead().append(line(head, "th"));
  const body = table.createTBody();
  rows.forEach(row => body.append(line(row, "td")));
}

// ---- curves ---------------------------------------------------------------------------------

/// A small chart of lines [{x, y, colour, dashed, dots}] under a caption; dots: no line.
function chart(parent, caption, lines, {logX = false, logY = false, top = null} = {}) {
  const width = 360, height = 190, left = 48, right = 24, above = 10, below = 24;
  const points = lines.flatMap(l => l.x.map((x, i) => [x, l.y[i]])).filter(p => p[1] !== null);
  if (!points.length) return;
  const [low, high] = d3.extent(points, p => p[1]);
  const x = (logX ? d3.scaleLog().base(2) : d3.scaleLinear())
    .domain(d3.extent(points, p => p[0])).range([left, width - right]);
  const y = logY ? d3.scaleLog().domain([Math.max(low, 1e-6), Math.max(high, 2e-6)])
                 : d3.scaleLinear().domain([Math.min(0, low), top === null ? high || 1 : top]);
  y.range([height - below, above]);
  const figure = d3.select(parent).append("figure");
  const svg = figure.append("svg").attr("viewBox", `0 0 ${width} ${height}`)
    .attr("role", "img").attr("aria-label", caption);
  svg.append("g").attr("transform", `translate(0,${height - below})`)
    .call((logX ? d3.axisBottom(x).tickValues(lines[0].x).tickFormat(d3.format("d"))
                : d3.axisBottom(x).ticks(5, "~s")).tickSizeOuter(0));
  svg.append("g").attr("transform", `translate(${left},0)`)
    .call(d3.axisLeft(y).ticks(4, top === 1 ? ".0%" : logY ? ".0e" : "~s").tickSizeOuter(0));
  for (const line of lines) {
    const path = d3.line().defined(p => p[1] !== null && (!logY || p[1] > 0))
      .x(p => x(p[0])).y(p => y(p[1]))(line.x.map((v, i) => [v, line.y[i]]));
    if (!line.dots)
      svg.append("path").attr("d", path).attr("fill", "none").attr("stroke", line.colour)
        .attr("stroke-width", 1.6).attr("stroke-dasharray", line.dashed ? "5 4" : null);
    if (line.dots || line.x.length < 20)
      svg.append("g").selectAll("circle").data(d3.zip(line.x, line.y).filter(p => p[1] !== null))
        .join("circle").attr("class", line.dots ? "dot" : null).attr("r", 2.5)
        .attr("cx", p => x(p[0])).attr("cy", p => y(logY ? Math.max(p[1], 1e-6) : p[1]))
        .attr("fill", line.colour);
  }
  figure.append("figcaption").text(caption);
}

/// How the pointers of every layer came to be, a line for each layer.
function watchedPointers() {
  const layers = data.metrics.pointers;
  if (!layers.length) return;
  byId("watched").hidden = false;
  const shade = layer => d3.interpolateViridis(.1 + .8 * (layer - 1) /
                                             Math.max(1, d3.max(layers, l => l.layer) - 1));
  const curve = (name, caption, options) =>
    chart(byId("watched-charts"), caption,
          layers.map(l => ({x: l.step, y: l[name], colour: shade(l.layer)})), options);
  curve("mean_hop", "mean hop in tokens, by step");
  curve("self", "share of tokens that point at themselves, by step", {top: 1});
  curve("long", "share of hops of 16 tokens and more, by step", {top: 1});
  curve("soft_hard", "what the soft choice gives to other targets than the hard one, by step",
        {top: 1});
  for (const l of layers) {
    const item = document.createElement("li"), swatch = document.createElement("i");
    swatch.style.background = shade(l.layer);
    item.append(swatch, `layer ${l.layer}`);
    byId("watched-layers").append(item);
  }
}

function learning() {
  const m = data.metrics;
  const curve = (name, caption, options) => {
    const dots = {x: m.validation.step, y: m.validation[name] || [], colour: "var(--accent)",
                  dots: true};
    chart(byId("charts"), dots.y.length ? caption + "; dots: validation, hard pointers" : caption,
          [{x: m.step, y: m[name], colour: "var(--series)"}, dots], options);
  };
  curve("loss", "loss in nats, by step", {logY: true});
  curve("accuracy", "accuracy in training, by step", {top: 1});
  if (data.layers.length) curve("tau", "temperature of the soft pointers, by step");
  curve("tokens_per_s", "tokens a second in training, by step");
  watchedPointers();
  const rows = data.accuracy, lengths = rows.map(r => r.length);
  if (rows.length > 1)
    chart(byId("by-length"), "tokens right by length; dashed: chance",
          [{x: lengths, y: rows.map(r => r.token_accuracy), colour: "var(--series)"},
           {x: lengths, y: rows.map(r => r.chance), colour: "var(--chance)", dashed: true}],
          {logX: true, top: 1});
  const table = document.createElement("table");
  fill(table, ["length", "tokens right", "sequences exact", "chance", "loss", "tokens"],
       rows.map(r => [String(r.length), percent(r.token_accuracy),
                      r.exact_match === null ? "-" : percent(r.exact_match), percent(r.chance),
                      number(r.loss), String(r.tokens)]));
  byId("length-table").append(table);
}

// ---- state of the pointer views -------------------------------------------------------------

const N = data.tokens.length;
const view = {layer: Math.max(0, data.layers.length - 1), head: 0, token: N - 1};
const maps = {};  // the two pictures, by id: {canvas, zoom, transform, draw}

const kSources = ["#3b78c2", "#d0622a", "#2e9b6b", "#b04a9c", "#c99a1c", "#6a5fc7", "#c23f54",
                  "#3a9ca8", "#8a7a5c", "#7f8c3a"];
/// The source of a candidate type, "match" of "match 1".
const source = type => type.split(" ")[0];
const sources = [...new Set(data.layers.flatMap(l => l.types.map(source)))];
const sourceColour = name => kSources[sources.indexOf(name) % kSources.length];
const typeOf = (layer, head, i) => {
  const t = layer.heads[head].type[i];
  return t < 0 ? "none" : layer.types[t];
};
const label = i => `${i} “${data.tokens[i]}”`;

function describe(i) {
  const layer = data.layers[view.layer], head = layer.heads[view.head], j = head.to[i];
  return j < 0 ? `${label(i)} reads nothing`
               : `${label(i)} → ${label(j)}: ${i - j} back, by ${typeOf(layer, view.head, i)}, ` +
                 `margin ${number(head.margin[i])}`;
}

// ---- pictures -------------------------------------------------------------------------------

/// Sizes the canvas to its box, in real pixels, and returns its context and size.
function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const width = box.width, height = box.height;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return {context, width, height};
}

/// Pixels of token i's middle, on an axis of `size` pixels.
const place = (transform, size) => i => transform.applyX((i + .5) / N * size);

/// The pointers [i, j] that `seen` takes, by source. Dense: those that share their pixels, `bundle`
/// tokens, are one, to be drawn the stronger the more they are.
function bundled(bundle, seen) {
  const layer = data.layers[view.layer], to = layer.heads[view.head].to, bundles = new Map();
  for (let i = 0; i < N; ++i) {
    const j = to[i];
    if (j < 0 || !seen(i, j)) continue;
    const name = source(typeOf(layer, view.head, i));
    const key = `${Math.floor(i / bundle)} ${Math.floor(j / bundle)} ${name}`;
    const found = bundles.get(key);
    if (found) ++found.count; else bundles.set(key, {i, j, name, count: 1});
  }
  return [...bundles.values()];
}

function drawArcs() {
  const map = maps.arcs, {context, width, height} = prepared(map.canvas);
  const x = place(map.transform, width), base = height - 34, step = map.transform.k * width / N;
  const arc = (i, j, style, line, alpha) => {
    const a = x(i), b = x(j), middle = (a + b) / 2, radius = Math.abs(a - b) / 2;
    const tall = (base - 8) * Math.sqrt(Math.min(1, 2 * radius / width));
    context.globalAlpha = alpha; context.strokeStyle = style; context.lineWidth = line;
    context.beginPath();
    if (radius < .5) context.arc(a, base - 5, 4, 0, 2 * Math.PI);
    else context.ellipse(middle, base, radius, tall, 0, Math.PI, 2 * Math.PI);
    context.stroke();
  };
  const bundles = bundled(step < 4 ? 4 / step : 1, (i, j) =>
    Math.max(x(i), x(j)) >= 0 && Math.min(x(i), x(j)) <= width);
  const faint = bundles.length > 400 ? .25 : .6;
  for (const {i, j, name, count} of bundles)
    arc(i, j, sourceColour(name), 1.2, Math.min(1, faint + .15 * Math.log2(count)));
  const own = data.layers[view.layer].heads[view.head].to[view.token];
  if (own >= 0) arc(view.token, own, colour("--accent"), 3, 1);
  context.globalAlpha = 1;
  context.textAlign = "center";
  context.font = "12px ui-monospace, 'DejaVu Sans Mono', monospace";
  for (let i = 0; i < N; ++i) {
    if (x(i) < -20 || x(i) > width + 20) continue;
    const chosen = i === view.token || i === own;
    if (step < 9 && !chosen) continue;
    if (step >= 9 && step < 16 && data.tokens[i].length > 1 && !chosen) continue;
    context.fillStyle = colour(chosen ? "--accent" : "--ink");
    context.fillText(data.tokens[i].slice(0, Math.max(1, Math.floor(step / 7), chosen ? 7 : 0)),
                     x(i), base + 16);
  }
  if (step < 9) {
    context.fillStyle = colour("--quiet");
    const axis = d3.scaleLinear().domain([0, N]).range([0, width]);
    for (const tick of map.transform.rescaleX(axis).ticks(8))
      if (Number.isInteger(tick)) context.fillText(String(tick), x(tick - .5), height - 4);
  }
}

function drawHeat() {
  const map = maps.heat, {context, width, height} = prepared(map.canvas);
  const {transform} = map, step = transform.k * width / N, cell = Math.max(2, step);
  const x = i => transform.applyX(i / N * width), y = i => transform.applyY(i / N * height);
  context.strokeStyle = colour("--line");
  context.beginPath(); context.moveTo(x(0), y(0)); context.lineTo(x(N), y(N)); context.stroke();
  const cells = bundled(step < 2 ? 2 / step : 1, (i, j) =>
    x(j) >= -cell && x(j) <= width && y(i) >= -cell && y(i) <= height);
  const most = d3.max(cells, c => c.count) || 1;
  for (const {i, j, name, count} of cells) {
    context.globalAlpha = most === 1 ? 1 : .45 + .55 * Math.log2(1 + count) / Math.log2(1 + most);
    context.fillStyle = sourceColour(name);
    context.fillRect(x(j), y(i), cell, cell);
  }
  context.globalAlpha = 1;
  context.strokeStyle = colour("--accent"); context.lineWidth = 2;
  const own = data.layers[view.layer].heads[view.head].to[view.token];
  if (own >= 0) context.strokeRect(x(own) - 3, y(view.token) - 3, cell + 6, cell + 6);
  context.fillStyle = colour("--quiet"); context.textAlign = "left"; context.font = "11px sans-serif";
  const axis = d3.scaleLinear().domain([0, N]).range([0, width]);
  for (const tick of transform.rescaleX(axis).ticks(6))
    if (Number.isInteger(tick)) context.fillText(String(tick), x(tick) + 2, height - 4);
  for (const tick of transform.rescaleY(d3.scaleLinear().domain([0, N]).range([0, height])).ticks(6))
    if (Number.isInteger(tick) && tick > 0) context.fillText(String(tick), 3, y(tick) + 10);
}

/// The token under the pointer: across in the arcs, down in the map.
function under(map, event) {
  const [px, py] = d3.mouse(map.canvas), box = map.canvas.getBoundingClientRect();
  const share = map.canvas.id === "arcs" ? map.transform.invertX(px) / box.width
                                         : map.transform.invertY(py) / box.height;
  return Math.max(0, Math.min(N - 1, Math.floor(share * N)));
}

let asked = false;
/// Draws both pictures once before the next frame, however often it is called.
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; drawArcs(); drawHeat(); });
}

function picture(id) {
  const canvas = byId(id), map = maps[id] = {canvas, transform: d3.zoomIdentity};
  const extent = () => {
    const box = canvas.getBoundingClientRect();
    return [[0, 0], [box.width, box.height]];
  };
  map.zoom = d3.zoom().scaleExtent([1, Math.max(4, N / 4)]).extent(extent)
    .on("zoom", () => { map.transform = d3.event.transform; redraw(); });
  // Only so far that the picture stays in the box.
  map.zoom.constrain((t, [[x0, y0], [x1, y1]]) =>
    d3.zoomIdentity.translate(Math.min(0, Math.max((1 - t.k) * (x1 - x0), t.x)),
                              Math.min(0, Math.max((1 - t.k) * (y1 - y0), t.y))).scale(t.k));
  d3.select(canvas).call(map.zoom).on("dblclick.zoom", null)
    .on("mousemove.tip", () => { byId("tip").textContent = describe(under(map)); })
    .on("click.choose", () => choose({token: under(map)}));
  canvas.addEventListener("keydown", event => {
    const layers = data.layers.length, to = data.layers[view.layer].heads[view.head].to[view.token];
    const zoom = factor => d3.select(canvas).call(map.zoom.scaleBy, factor);
    const action = {
      ArrowLeft: () => choose({token: view.token - 1}), ArrowRight: () => choose({token: view.token + 1}),
      ArrowUp: () => choose({layer: Math.min(layers - 1, view.layer + 1)}),
      ArrowDown: () => choose({layer: Math.max(0, view.layer - 1)}),
      Enter: () => to >= 0 && choose({token: to}),
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5)
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

// ---- the chain ------------------------------------------------------------------------------

function tokenButton(i) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label(i);
  button.addEventListener("click", () => choose({token: i}));
  return button;
}

/// One line of a chain: token i in a layer.
function hop(layer, h, i) {
  const head = layer.heads[h], j = head.to[i];
  return [`${layer.layer}`, `${h + 1}`, tokenButton(i), j < 0 ? "nothing" : tokenButton(j),
          j < 0 ? "–" : String(i - j), typeOf(layer, h, i), number(head.score[i]),
          number(head.margin[i]), number(head.probability[i]), number(layer.gate[i])];
}

function chain() {
  const head = ["layer", "head", "token", "points at", "hop", "source", "score", "margin",
                "probability", "gate"], words = [2, 3, 5], down = [], across = [];
  let at = view.token;
  for (let l = data.layers.length - 1; l >= 0 && at >= 0; --l) {
    const h = Math.min(view.head, data.layers[l].heads.length - 1);
    down.push(hop(data.layers[l], h, at));
    at = data.layers[l].heads[h].to[at];
  }
  for (const layer of data.layers)
    layer.heads.forEach((_, h) => across.push(hop(layer, h, view.token)));
  fill(byId("hops-down"), head, down, words);
  fill(byId("by-layer"), head, across, words);

  const context = byId("context");
  context.replaceChildren();
  for (let i = Math.max(0, view.token - 12); i <= Math.min(N - 1, view.token + 12); ++i) {
    const button = tokenButton(i);
    button.textContent = data.tokens[i];
    button.title = String(i);
    if (i === view.token) button.setAttribute("aria-current", "true");
    context.append(button);
  }
  const answer = byId("answer"), {target, predicted} = data, i = view.token;
  answer.replaceChildren();
  if (!target[i]) answer.append(`Token ${label(i)}: nothing is asked here.`);
  else {
    answer.append(`Token ${label(i)}: asked for “${target[i]}”, answered “${predicted[i]}”`);
    const verdict = document.createElement("span");
    verdict.className = target[i] === predicted[i] ? "" : "wrong";
    verdict.textContent = target[i] === predicted[i] ? ": right." : ": wrong.";
    answer.append(verdict);
  }
}

/// Changes what is looked at, and all that shows it.
function choose(change) {
  Object.assign(view, change);
  view.token = Math.max(0, Math.min(N - 1, Math.round(view.token) || 0));
  const heads = data.layers[view.layer].heads.length;
  view.head = Math.min(view.head, heads - 1);
  byId("layer").value = view.layer;
  if (byId("head").options.length !== heads)
    byId("head").replaceChildren(...d3.range(heads).map(h => new Option(h + 1, h)));
  byId("head").value = view.head;
  byId("token").value = view.token;
  for (const [id, what] of [["arcs", "Arcs"], ["heat", "Map"]])
    byId(id).setAttribute("aria-label", `${what} of layer ${data.layers[view.layer].layer}, head ` +
                          `${view.head + 1}. ${describe(view.token)}`);
  byId("tip").textContent = describe(view.token);
  chain();
  redraw();
}

// ---- statistics -----------------------------------------------------------------------------

function statistics() {
  const rows = [], missed = [];
  for (const layer of data.layers)
    layer.heads.forEach((head, h) => {
      const s = head.hops, which = `${layer.layer} / ${h + 1}`;
      rows.push([which, number(s.mean), number(s.median), String(s.longest), percent(s.self),
                 percent(s.local), percent(s.far), String(s.distinct),
                 number(+d3.mean(head.entropy).toPrecision(3)), percent(d3.mean(head.probability))]);
      const r = head.recall;
      if (r) missed.push([which, percent(r.recalled / r.tokens), percent(r.chosen / r.tokens),
                          r.scored ? percent(r.scored_recalled / r.scored) : "–",
                          r.scored ? percent(r.scored_chosen / r.scored) : "–"]);
    });
  fill(byId("hop-table"), ["layer / head", "mean hop", "median", "longest", "self", "1 to 15",
                           "16 and more", "distinct targets", "entropy", "probability"], rows);
  if (missed.length)
    fill(byId("recall-table"), ["layer / head", "recall", "chosen", "recall, scored", "chosen, scored"],
         missed);
  byId("recall").hidden = !missed.length;
}

// ---- all of it ------------------------------------------------------------------------------

byId("summary").textContent = `${data.run}: ${data.model} on ${data.task}, ` +
  `${data.parameters.toLocaleString("en")} parameters, ${data.layers.length} layers that point`;
byId("config").textContent = data.config;
learning();
if (data.layers.length && N) {
  for (const id of ["maps", "chain", "hops"]) byId(id).hidden = false;
  byId("sample-note").textContent = `One sequence of ${N} tokens. Soft figures are at the temperature ` +
    `the training ended with, ${data.temperature}.`;
  byId("layer").replaceChildren(...data.layers.map((l, i) => new Option(l.layer, i)));
  byId("layer").addEventListener("change", e => choose({layer: +e.target.value}));
  byId("head").addEventListener("change", e => choose({head: +e.target.value}));
  byId("token").max = N - 1;
  byId("token").addEventListener("change", e => choose({token: +e.target.value}));
  byId("back").addEventListener("click", () => choose({token: view.token - 1}));
  byId("forth").addEventListener("click", () => choose({token: view.token + 1}));
  byId("whole").addEventListener("click", () =>
    Object.values(maps).forEach(m => d3.select(m.canvas).call(m.zoom.transform, d3.zoomIdentity)));
  for (const name of sources) {
    const item = document.createElement("li"), mark = document.createElement("i");
    mark.style.background = sourceColour(name);
    item.append(mark, name);
    byId("legend").append(item);
  }
  picture("arcs");
  picture("heat");
  statistics();
  // Begin at a token that has something to answer.
  const asked = d3.range(N).filter(i => data.target[i]);
  choose({token: asked.length ? asked[Math.floor(asked.length / 2)] : N - 1});
  window.addEventListener("resize", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

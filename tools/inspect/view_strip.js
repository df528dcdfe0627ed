// The sequence in letters, with an arc from each token to what the chosen head reads; and below it,
// where not all tokens have room, all of the sequence as a strip with a window in it.
"use strict";

function createStrip(element, choose) {
  const svg = d3.select(element).append("svg").attr("class", "view-strip").attr("role", "img");
  const groups = Object.fromEntries(["arcs", "own", "away", "cells", "ticks"].map(
    name => [name, svg.append("g").attr("class", "view-" + name)]));
  const whole = d3.select(element).append("svg").attr("class", "view-whole").attr("role", "img");
  whole.append("title").text("the whole sequence: a click goes there");
  const wholeArcs = whole.append("g"), wholeOwn = whole.append("g");
  const box = whole.append("rect").attr("class", "view-window");
  let start = 0, span = 0;

  /// The arcs of token n: [{to, strength, kind, source, head}], those of the chosen head.
  const arcsOf = (data, now, n) =>
    data.edges(now.layer, n).filter(e => e.kind !== "itself" && e.head === now.head);

  /// How many tokens are in sight, and which is the first: the chosen one is always among them.
  function place(data, now, width, unit) {
    const room = Math.max(8, Math.floor(width / ((6.5 + 8.5 * data.letters()) * unit)));
    span = Math.min(data.N, now.span || room);
    const to = data.to(now.layer, now.head, now.token), edge = Math.min(3, Math.floor(span / 4));
    const inside = n => n >= start + edge && n < start + span - edge;
    if (!inside(now.token)) {
      start = now.token - Math.floor(.6 * span);
      if (to >= 0 && now.token - to < span - 2 * edge) start = Math.min(start, to - edge);
    }
    start = Math.max(0, Math.min(data.N - span, start));
  }

  function draw(data, now) {
    const unit = typeScale(), width = element.clientWidth;
    place(data, now, width, unit);
    const all = span >= data.N;
    whole.style("display", all ? "none" : null);
    const below = (data.M ? 54 : 38) * unit, tall = Math.max(60, element.clientHeight -
      (all ? 0 : 40 * unit)), base = tall - below, step = Math.min(width / span, 80 * unit);
    const left = (width - span * step) / 2, x = n => left + (n - start + .5) * step;
    svg.attr("width", width).attr("height", tall)
      .attr("aria-label", `tokens ${start} to ${start + span - 1}; ` + explanation(data, now));

    // Arcs of what is in sight, or leads into it.
    const arcs = [];
    for (let n = start; n < data.N && arcs.length < 4000; ++n)
      for (const edge of arcsOf(data, now, n)) {
        if (n >= start + span && edge.to < start) continue;
        if (n >= start + span && edge.to >= start + span) continue;
        if (n === now.token) continue;
        arcs.push({...edge, from: n});
      }
    const reach = Math.max(4, d3.max(arcs, a => Math.min(span, a.from - a.to)) || 1);
    const path = a => {
      const from = x(a.from), to = x(a.to), radius = Math.abs(from - to) / 2;
      const high = (base - 6) * Math.sqrt(Math.min(1, (a.from - a.to) / reach));
      return radius < .5 ? `M${from - 4} ${base - 2}a4 5 0 1 1 8 0`
                         : `M${to} ${base}A${radius} ${high} 0 0 1 ${from} ${base}`;
    };
    const stroke = (selection, wide, alpha) => selection.attr("d", path).attr("fill", "none")
      .attr("stroke", a => styleOf(data, a).colour)
      .attr("stroke-dasharray", a => styleOf(data, a).dash)
      .attr("stroke-width", wide).attr("stroke-opacity", alpha);
    const faint = arcs.length > 300 ? .25 : .45;
    groups.arcs.selectAll("path").data(arcs).join("path").call(
      stroke, 1.2, a => a.kind === "weight" ? .1 + .6 * a.strength : faint);
    const own = arcsOf(data, now, now.token).map(e => ({...e, from: now.token}));
    groups.own.selectAll("path").data(own).join("path").call(
      stroke, a => 1.5 + 3 * a.strength, 1);

    // What is read out of sight, named where its arc leaves.
    groups.away.selectAll("text").data(own.filter(e => e.to < start)).join("text")
      .attr("x", 6).attr("y", (e, i) => 16 * unit * (i + 1)).text(e => `◂ ${data.label(e.to)}`);

    // Letters, answers, positions.
    const targets = new Set(own.map(e => e.to)), seen = d3.range(start, start + span);
    const cells = groups.cells.selectAll("g").data(seen).join(enter => {
      const g = enter.append("g");
      g.append("rect");
      g.append("text").attr("class", "view-letter");
      g.append("text").attr("class", "view-answer");
      g.append("title");
      return g;
    });
    cells.attr("transform", n => `translate(${x(n)},${base})`)
      .attr("class", n => "view-cell" + (n === now.token ? " chosen" : "") +
                          (n === now.root ? " root" : "") + (targets.has(n) ? " target" : "") +
                          (data.answerOf.has(n) ? " asked" : ""))
      .on("click", n => choose({token: n}));
    cells.select("rect").attr("x", -step / 2 + .5).attr("width", Math.max(1, step - 1))
      .attr("y", 2).attr("height", 22 * unit).attr("rx", 3);
    const fits = Math.floor((step + 2) / (8.5 * unit));
    cells.select(".view-letter").attr("y", 18 * unit).text(n =>
      n === now.token || targets.has(n) ? data.at(n) : fits ? fitted(data.at(n), fits) : "");
    const known = n => data.answerOf.has(n) && data.target[n] >= 0;
    const wrong = n => known(n) && data.predicted[n] !== data.target[n];
    cells.select(".view-answer").attr("y", 38 * unit).classed("wrong", wrong)
      .text(n => data.answerOf.has(n) && fits ? fitted(data.symbol(data.predicted[n]), fits) : "");
    cells.select("title").text(n => `token ${n}: ${data.spelling(data.tokens[n])}` +
      (known(n) ? `; asked for ${data.spelling(data.target[n])}` : "") +
      (data.answerOf.has(n) ? `; answers ${data.spelling(data.predicted[n])}` : ""));
    const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find(e => e * step >= 34 * unit);
    groups.ticks.selectAll("text").data(seen.filter(n => n % (every || 5000) === 0)).join("text")
      .attr("x", x).attr("y", tall - 4 * unit).text(n => n);
    if (!all) drawWhole(data, now, width, own, 36 * unit);
  }

  /// All of the sequence: arcs of the chosen head as one path a source, and the window.
  function drawWhole(data, now, width, own, tall) {
    const x = n => (n + .5) / data.N * width, base = tall - 8;
    whole.attr("width", width).attr("height", tall);
    const paths = new Map(), seen = new Set();
    const arc = (from, to) => {
      const radius = Math.abs(x(from) - x(to)) / 2;
      const high = (base - 2) * Math.sqrt(Math.min(1, (from - to) / data.N));
      return `M${x(to).toFixed(1)} ${base}A${radius.toFixed(1)} ${high.toFixed(1)} 0 0 1 ` +
             `${x(from).toFixed(1)} ${base}`;
    };
    for (let n = 0; n < data.N; ++n)
      for (const e of arcsOf(data, now, n).slice(0, 1)) {
        const key = `${Math.round(x(n) / 2)} ${Math.round(x(e.to) / 2)}`;
        if (seen.has(key)) continue;  // as good as the same line
        seen.add(key);
        const name = e.source;
        paths.set(name, (paths.get(name) || "") + arc(n, e.to));
      }
    wholeArcs.selectAll("path").data([...paths]).join("path").attr("d", p => p[1])
      .attr("fill", "none").attr("stroke-width", .7).attr("stroke-opacity", .35)
      .attr("stroke", ([source]) => styleOf(data, {kind: source ? "pointer" : "weight", source,
                                                   head: now.head}).colour);
    wholeOwn.selectAll("path").data(own).join("path").attr("d", e => arc(now.token, e.to))
      .attr("fill", "none").attr("stroke-width", 2)
      .attr("stroke", e => styleOf(data, e).colour);
    box.attr("x", x(start - .5)).attr("width", Math.max(3, x(start + span) - x(start)))
      .attr("y", 1).attr("height", tall - 2);
    whole.on("click", () =>
      choose({token: Math.floor(d3.mouse(whole.node())[0] / width * data.N)}));
  }
  return {draw, span: () => span};
}

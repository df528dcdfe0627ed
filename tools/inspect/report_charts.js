// Curves and tables of the run.
"use strict";

const percent = x => x === null ? "–" : (100 * x).toFixed(2) + " %";
const number = x => x === null || x === undefined ? "–" : String(x);

/// A table of rows of text.
function fill(table, head, rows) {
  table.replaceChildren();
  const line = (cells, tag) => {
    const tr = document.createElement("tr");
    for (const cell of cells) tr.append(made(tag, "", cell));
    return tr;
  };
  table.createTHead().append(line(head, "th"));
  const body = table.createTBody();
  rows.forEach(row => body.append(line(row, "td")));
}

/// A small chart of lines [{x, y, colour, dashed, dots, name}] under a caption; dots: no line.
function chart(parent, caption, lines, {logX = false, logY = false, top = null} = {}) {
  const width = 320, height = 168, left = 46, right = 20, above = 8, below = 22;
  const points = lines.flatMap(l => l.x.map((x, i) => [x, l.y[i]])).filter(p => p[1] !== null);
  if (!points.length) return;
  const [low, high] = d3.extent(points, p => p[1]);
  if (!(low > 0 && high > 5 * low)) logY = false;  // one power of ten has too few round numbers
  const x = (logX ? d3.scaleLog().base(2) : d3.scaleLinear())
    .domain(d3.extent(points, p => p[0])).range([left, width - right]);
  const y = logY ? d3.scaleLog().domain([Math.max(low, 1e-6), Math.max(high, 2e-6)])
                 : d3.scaleLinear().domain([Math.min(0, low), top === null ? high || 1 : top]);
  y.range([height - below, above]);
  const figure = d3.select(parent).append("figure");
  const svg = figure.append("svg").attr("viewBox", `0 0 ${width} ${height}`)
    .attr("role", "img").attr("aria-label", caption);
  svg.append("g").attr("transform", `translate(0,${height - below})`)
    .call((logX ? d3.axisBottom(x).tickValues(lines[0].x)
                    .tickFormat(n => d3.format(n < 1e5 ? "," : "~s")(n))
                : d3.axisBottom(x).ticks(5, "~s")).tickSizeOuter(0));
  svg.append("g").attr("transform", `translate(${left},0)`)
    .call(d3.axisLeft(y).ticks(4, top === 1 ? ".0%" : logY ? "~g" : "~s").tickSizeOuter(0));
  for (const line of lines) {
    const path = d3.line().defined(p => p[1] !== null && (!logY || p[1] > 0))
      .x(p => x(p[0])).y(p => y(p[1]))(line.x.map((v, i) => [v, line.y[i]]));
    if (!line.dots)
      svg.append("path").attr("d", path).attr("fill", "none").attr("stroke", line.colour)
        .attr("stroke-width", 1.6).attr("stroke-dasharray", line.dashed ? "5 4" : null);
    if (line.dots || line.x.length < 20)
      svg.append("g").selectAll("circle").data(d3.zip(line.x, line.y).filter(p => p[1] !== null))
        .join("circle").attr("r", 2.5).attr("cx", p => x(p[0]))
        .attr("cy", p => y(logY ? Math.max(p[1], 1e-6) : p[1])).attr("fill", line.colour);
  }
  figure.append("figcaption").text(caption);
}

/// One curve of the metrics, with its validation where there is one.
function curve(parent, metrics, name, caption, options) {
  const dots = {x: metrics.validation.step, y: metrics.validation[name] || [],
                colour: "var(--s1)", dots: true};
  chart(parent, dots.y.length ? caption + "; dots: validation" : caption,
        [{x: metrics.step, y: metrics[name], colour: "var(--s0)"}, dots], options);
}

function byLength(parent, rows) {
  const lengths = rows.map(r => r.length);
  if (rows.length > 1)
    chart(parent, "tokens right by length; dashed: chance",
          [{x: lengths, y: rows.map(r => r.token_accuracy), colour: "var(--s0)"},
           {x: lengths, y: rows.map(r => r.chance), colour: "var(--chance)", dashed: true}],
          {logX: true, top: 1});
  else if (rows.length)
    parent.append(made("p", "view-note", `${percent(rows[0].token_accuracy)} of tokens right at ` +
                       `length ${lengths[0]}; chance ${percent(rows[0].chance)}`));
}

/// How the pointers of every layer came to be, a line for each layer.
function watchedPointers(layers, parent, legend) {
  const shade = layer => d3.interpolateViridis(.1 + .8 * (layer - 1) /
                                             Math.max(1, d3.max(layers, l => l.layer) - 1));
  const of = (name, caption, options) =>
    chart(parent, caption,
          layers.map(l => ({x: l.step, y: l[name], colour: shade(l.layer)})), options);
  of("mean_hop", "mean hop in tokens, by step");
  of("self", "share of tokens that point at themselves, by step", {top: 1});
  of("long", "share of hops of 16 tokens and more, by step", {top: 1});
  of("soft_hard", "what the soft choice gives to other targets than the hard one, by step",
     {top: 1});
  for (const l of layers) {
    const item = made("li", "", made("i"), `layer ${l.layer}`);
    item.firstChild.style.background = shade(l.layer);
    legend.append(item);
  }
}

/// Of the sample: how far its pointers reach, and what its candidates miss.
function statistics(sample, hops, recalls) {
  const rows = [], missed = [];
  for (const layer of sample.layers)
    (layer.heads || []).forEach((head, h) => {
      const s = head.hops, which = `${layer.layer} / ${h + 1}`, r = head.recall;
      const mean = list => list === undefined ? null : d3.mean(sample.list(list));
      const entropy = mean(head.entropy);
      rows.push([which, number(s.mean), number(s.median), String(s.longest), percent(s.self),
                 percent(s.local), percent(s.far), String(s.distinct),
                 entropy === null ? "–" : String(+entropy.toPrecision(3)),
                 percent(mean(head.probability))]);
      if (r) missed.push([which, percent(r.recalled / r.tokens), percent(r.chosen / r.tokens),
                          r.scored ? percent(r.scored_recalled / r.scored) : "–",
                          r.scored ? percent(r.scored_chosen / r.scored) : "–"]);
    });
  fill(hops, ["layer / head", "mean hop", "median", "longest", "self", "1 to 15",
              "16 and more", "distinct targets", "entropy", "probability"], rows);
  fill(recalls, ["layer / head", "recall", "chosen", "recall, scored", "chosen, scored"], missed);
  return {pointers: rows.length > 0, recall: missed.length > 0};
}

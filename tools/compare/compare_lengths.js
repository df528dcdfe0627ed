// How well they answer: by length, and against what it costs.

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

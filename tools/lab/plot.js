// A small chart: lines and dots over a step or a length.
"use strict";

/// series: [{points: [[x, y]], name, dots}]; name is also the class. options: low, high, unit,
/// logarithmic (across), line (a level to compare with).
function plot(element, series, {low, high, unit = "", logarithmic = false, line} = {}) {
  const width = 300, height = 118, left = 38, right = 24, top = 8, bottom = 20;
  const all = series.flatMap(s => s.points);
  const svg = d3.select(element).attr("viewBox", `0 0 ${width} ${height}`);
  svg.selectAll("*").remove();
  if (all.length === 0) return;
  const [first, last] = d3.extent(all, p => p[0]);
  const x = (logarithmic ? d3.scaleLog().base(2) : d3.scaleLinear())
    .domain(first === last ? [first * 0.9, last * 1.1 + 0.1] : [first, last])
    .range([left, width - right]);
  const y = d3.scaleLinear()
    .domain([low ?? d3.min(all, p => p[1]), high ?? (d3.max(all, p => p[1]) || 1)])
    .range([height - bottom, top]);
  const across = d3.axisBottom(x).ticks(4);
  if (logarithmic) across.tickValues([...new Set(all.map(p => p[0]))]).tickFormat(d3.format(","));
  svg.append("g").attr("transform", `translate(0,${height - bottom})`).call(across);
  svg.append("g").attr("transform", `translate(${left},0)`)
    .call(d3.axisLeft(y).ticks(4).tickFormat(v => v + unit));
  if (line !== undefined)
    svg.append("line").attr("class", "chance").attr("x1", left).attr("x2", width - right)
      .attr("y1", y(line)).attr("y2", y(line));
  for (const {points, name, dots} of series) {
    svg.append("path").attr("class", "line " + name)
      .attr("d", d3.line().x(p => x(p[0])).y(p => y(p[1]))(points));
    if (dots)
      svg.selectAll(null).data(points).enter().append("circle").attr("class", name).attr("r", 2.5)
        .attr("cx", p => x(p[0])).attr("cy", p => y(p[1]))
        .append("title").text(p => `${p[0]}: ${p[1].toFixed(2)}${unit}`);
  }
}

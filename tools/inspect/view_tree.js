// The chain of the root token as a tree: a row for each layer, a column for each position.
"use strict";

function createTree(element, choose) {
  const title = element.appendChild(made("h2"));
  const svg = d3.select(element).append("svg").attr("role", "img");
  const groups = Object.fromEntries(["rows", "edges", "names", "nodes", "places"].map(
    name => [name, svg.append("g").attr("class", "view-tree-" + name)]));
  const note = element.appendChild(made("p", "view-note"));
  const legend = element.appendChild(made("ul", "view-legend"));

  function draw(data, now) {
    const unit = typeScale(), L = data.layers.length;
    title.textContent = `The chain of token ${data.label(now.root)}`;
    const reads = d3.range(L).some(l => data.kind(l) !== "state");
    svg.style("display", reads ? null : "none");
    legend.hidden = !reads;
    if (!reads) {
      note.textContent = "No layer of this model points at tokens or weighs them: each keeps a " +
        "state of all that it has read. There is no chain to draw.";
      return;
    }
    const width = element.clientWidth - 2, left = 62 * unit;
    // Its height is what the title, the legend and the note leave.
    note.textContent = "…";
    drawLegend(data);
    const tall = Math.max(40 * unit * (L + 1), element.clientHeight - title.offsetHeight -
                          note.offsetHeight - legend.offsetHeight - 12 * unit);
    const row = now.root === now.token ? 0 : L - 1 - now.layer;
    const path = [[row, now.token], [row + 1, data.to(now.layer, now.head, now.token)]];
    const room = Math.max(3, Math.floor((width - left) / (25 * unit)));
    const tree = chainOf(data, now.root, room, path);
    const column = Math.min(84 * unit, (width - left - 8) / tree.positions.length);
    const at = new Map(tree.positions.map((n, i) => [n, left + column * (i + .5)]));
    const x = n => at.get(n), foot = 16 * unit, half = 10 * unit;
    const y = r => half + 3 + r * (tall - foot - 2 * half - 6) / L;
    svg.attr("width", width).attr("height", tall).attr("aria-label",
      `the chain of token ${data.label(now.root)}: ${tree.positions.length} positions`);

    const inRow = r => r === L - 1 - now.layer;
    groups.rows.selectAll("text").data(d3.range(L + 1)).join("text").attr("x", 0)
      .attr("y", r => y(r) + 4 * unit).classed("chosen", inRow)
      .text(r => r === L ? "tokens" : `layer ${data.layers[L - 1 - r].layer}`);
    const chosenEdge = e => e.from === now.token && inRow(e.row) && e.head === now.head;
    const line = e => {
      const a = y(e.row) + half, b = y(e.row + 1) - half, middle = (a + b) / 2;
      const shift = e.head < 0 ? 0 : (e.head - (data.heads(L - 1 - e.row) - 1) / 2) * 2.5;
      return `M${x(e.from) + shift} ${a}C${x(e.from) + shift} ${middle} ${x(e.to) + shift} ` +
             `${middle} ${x(e.to) + shift} ${b}`;
    };
    const edges = groups.edges.selectAll("path").data(tree.edges, e =>
      `${e.row} ${e.from} ${e.head} ${e.to}`).join(enter => {
        const made = enter.append("path");
        made.append("title");
        return made;
      });
    edges.attr("d", line).attr("fill", "none").attr("stroke", e => styleOf(data, e).colour)
      .attr("stroke-dasharray", e => styleOf(data, e).dash)
      .attr("stroke-width", e => e.kind === "itself" ? 1 : 1 + 5 * e.strength)
      .attr("stroke-opacity", e => e.kind === "itself" ? .8 : chosenEdge(e) ? 1 : .6)
      .classed("chosen", chosenEdge);
    edges.select("title").text(e => e.kind === "itself" ? "what the layer leaves as it is" :
      `head ${e.head + 1}: ${data.label(e.from)} reads ${data.label(e.to)}` +
      (e.kind === "pointer" ? ` by ${e.source}, gate ${e.strength.toFixed(2)}`
                            : `, weight ${e.strength.toFixed(2)}`));

    const nodes = tree.rows.flatMap((tokens, r) => tokens.map(n => ({r, n})));
    const answer = data.predicted[now.root];
    const boxes = groups.nodes.selectAll("g").data(nodes, d => `${d.r} ${d.n}`).join(enter => {
      const g = enter.append("g");
      g.append("rect");
      g.append("text");
      g.append("title");
      return g;
    });
    const letters = Math.max(1, Math.floor((column - 4) / (8 * unit)));
    boxes.attr("transform", d => `translate(${x(d.n)},${y(d.r)})`)
      .attr("class", d => "view-node" + (data.tokens[d.n] === answer ? " answer" : "") +
            (d.n === now.token && (inRow(d.r) || (d.r === 0 && now.token === now.root && L === 1))
               ? " chosen" : ""))
      .on("click", d => choose({token: d.n, layer: Math.max(0, L - 1 - d.r), walks: true}));
    const wide = d => Math.min(column - 2, Math.max(30, 9 * data.at(d.n).length + 6) * unit);
    boxes.select("rect").attr("x", d => -wide(d) / 2).attr("width", wide).attr("y", -half)
      .attr("height", 2 * half).attr("rx", 3);
    boxes.select("text").attr("y", 4.5 * unit).text(d => fitted(data.at(d.n), letters));
    boxes.select("title").text(d => `token ${d.n}: ${data.spelling(data.tokens[d.n])}`);
    const digits = String(tree.positions[tree.positions.length - 1] || 0).length;
    const apart = column >= digits * 7 * unit + 4;
    groups.places.selectAll("text").data(tree.positions).join("text").attr("x", x)
      .attr("y", tall - 2).text((n, i) => apart || i % 2 === 0 || n === now.token ? n : "");
    note.textContent = "Thickness: the gate, or the weight. Bold frame: holds the answer." +
      (tree.leftOut ? ` ${tree.leftOut} positions that count less are left out.` : "");
  }

  /// Only the sources that win somewhere, and the heads that weigh.
  function drawLegend(data) {
    const items = new Map();
    for (let l = 0; l < data.layers.length; ++l)
      if (data.kind(l) === "pointer")
        data.winners(l).forEach(s => items.set(s, styleOf(data, {kind: "pointer", source: s})));
      else if (data.kind(l) === "weights")
        d3.range(data.heads(l)).forEach(h =>
          items.set(`head ${h + 1}`, styleOf(data, {kind: "weight", head: h})));
    items.set("itself", styleOf(data, {kind: "itself"}));
    const li = d3.select(legend).selectAll("li").data([...items], d => d[0]).join(enter => {
      const item = enter.append("li");
      item.append("svg").attr("width", 24).attr("height", 8).append("line")
        .attr("x1", 0).attr("x2", 24).attr("y1", 4).attr("y2", 4).attr("stroke-width", 3);
      item.append("span").text(d => d[0]);
      return item;
    });
    li.select("line").attr("stroke", d => d[1].colour).attr("stroke-dasharray", d => d[1].dash);
  }
  return {draw};
}

// Why a head reads what it reads: the menu of a pointer as bars, each logit in its parts, or the
// weights of attention; and what is answered at the token.
"use strict";

const kPartNames = {match: "query · key", type: "type", own: "its own"};
const signed = x => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);
const share = p => p >= .0995 ? (100 * p).toFixed(0) + " %" : (100 * p).toFixed(1) + " %";

/// One sentence on what the chosen head of the chosen token does, and why.
function explanation(data, {layer, head, token}) {
  const where = `Layer ${data.layers[layer].layer}, head ${head + 1}: token ${data.label(token)}`;
  if (data.kind(layer) === "state")
    return `Layer ${data.layers[layer].layer}: token ${data.label(token)} reads a state that the ` +
           "layer keeps of all tokens so far. It has no weights of single tokens.";
  if (data.kind(layer) === "weights") {
    const {all, sum} = data.weights(layer, head, token);
    if (!all.length) return where + " reads nothing.";
    return `${where} reads most of ${data.label(all[0].to)}, ${token - all[0].to} back: ` +
           `${share(all[0].weight / sum)} of its weight.`;
  }
  const to = data.to(layer, head, token), all = data.candidates(layer, head, token);
  const gate = `The gate is ${share(data.gate(layer, token))} open.`;
  if (!all)
    return `${where} reads ${data.label(to)}, by a rule` +
           `${to < 0 ? "" : `: ${data.type(layer, head, token)}`}.`;
  if (!all.length) return `${where} has no candidate and reads nothing.`;
  const [won, second] = all;
  const parts = ["match", "type", "own"].filter(p => p === "type" || won[p])
    .map(p => `${kPartNames[p]} ${signed(won[p])}`).join(" + ");
  const runner = second ? ` The next, ${second.name} (${data.label(second.reads)}), is ` +
    `${(won.logit - second.logit).toFixed(2)} behind.` : " There was no other candidate.";
  const back = to < 0 ? "" : `, ${token - to} back`;
  return `${where} reads ${data.label(to)}${back}, by ${won.name}: ${parts} = ` +
         `${signed(won.logit)}.${runner} ${gate}`;
}

function createMenu(element, choose) {
  const answer = element.appendChild(made("div", "view-answers"));
  const title = element.appendChild(made("h2"));
  const legend = element.appendChild(made("p", "view-note"));
  const box = element.appendChild(made("div", "view-bars"));
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  const rows = d3.select(box);

  function draw(data, now) {
    drawAnswers(data, now);
    const layer = data.layers[now.layer];
    const where = `layer ${layer.layer}, head ${now.head + 1}, token ${data.label(now.token)}`;
    const kind = data.kind(now.layer);
    title.textContent = kind === "weights" ? `Weights: ${where}` : `The menu: ${where}`;
    if (kind === "pointer") drawCandidates(data, now);
    else if (kind === "weights") drawWeights(data, now);
    else {
      title.textContent = `Layer ${layer.layer}`;
      legend.textContent = "This layer keeps a state and has no weights over single tokens.";
      rows.selectAll("*").remove();
    }
    box.setAttribute("aria-label", title.textContent);
  }

  /// Rows of bars: [{key, name, source, style, to, parts: [[class, from, to]], sum, value, won}].
  function drawRows(data, all, low, high) {
    const line = rows.selectAll("div.view-row").data(all).join(enter => {
      const row = enter.append("div").attr("class", "view-row");
      row.append("span").attr("class", "view-source");
      row.append("button").attr("type", "button");
      row.append("span").attr("class", "view-bar-box");
      row.append("span").attr("class", "view-number");
      row.append("span").attr("class", "view-number");
      return row;
    });
    const place = v => 100 * (v - low) / (high - low || 1);
    line.attr("class", d => "view-row" + (d.won ? " won" : "")).attr("title", d => d.title);
    line.select(".view-source").text(d => d.name).style("border-color", d => d.colour);
    line.select("button").text(d => d.to < 0 ? "nothing" : `${data.at(d.to)} ${d.to}`)
      .attr("aria-label", d => d.title)
      .property("disabled", d => d.to < 0).on("click", d => choose({token: d.to}));
    const bars = line.select(".view-bar-box");
    bars.selectAll("i").data(d => d.parts).join("i").attr("class", p => "part " + p[0])
      .style("left", p => place(Math.min(p[1], p[2])) + "%")
      .style("width", p => Math.abs(place(p[2]) - place(p[1])) + "%");
    bars.selectAll("b").data(d => low < 0 ? [["zero", 0], ["sum", d.sum]] : []).join("b")
      .attr("class", p => p[0]).style("left", p => place(p[1]) + "%");
    line.each(function(d) {
      [...this.querySelectorAll(".view-number")].forEach((cell, i) => {
        cell.textContent = d.values[i] || "";
      });
    });
  }

  function drawCandidates(data, now) {
    const all = data.candidates(now.layer, now.head, now.token);
    legend.replaceChildren();
    if (!all || !all.length) {
      legend.textContent = all ? "Nothing was offered: the head reads nothing."
                               : "This layer does not choose: it points by a rule.";
      rows.selectAll("*").remove();
      return;
    }
    const parts = ["match", "type", "own"].filter(p => p !== "own" || all.some(c => c.own));
    for (const p of parts) legend.append(made("i", "key part " + p), kPartNames[p] + " ");
    legend.append(made("b", "key sum"),
                  `sum; share at temperature ${data.json.temperature}`);
    const {kept, slots} = data.layers[now.layer].heads[now.head].menu;
    if (kept < slots) legend.append(`; the best ${kept} of ${slots}`);
    let low = 0, high = 0;
    const list = all.map(c => {
      let up = 0, down = 0;
      const drawn = parts.map(p => {
        const from = c[p] < 0 ? down : up, to = from + c[p];
        c[p] < 0 ? down = to : up = to;
        return [p, from, to];
      });
      low = Math.min(low, down), high = Math.max(high, up);
      return {name: c.name, to: c.reads, parts: drawn, sum: c.logit, won: c.won,
              colour: styleOf(data, {kind: "pointer", source: sourceOf(c.name)}).colour,
              values: [signed(c.logit), share(c.probability)],
              title: `${c.won ? "won: " : ""}${c.name}, ${data.label(c.reads)}: ` +
                     parts.map(p => `${kPartNames[p]} ${c[p].toFixed(3)}`).join(" + ") +
                     ` = ${c.logit.toFixed(3)}`};
    });
    const margin = .03 * (high - low || 1);
    drawRows(data, list, Math.min(low - margin, -1e-9), high + margin);
  }

  function drawWeights(data, now) {
    const {all, kept, sum} = data.weights(now.layer, now.head, now.token);
    const rest = sum - d3.sum(all, w => w.weight), there = now.token + 1;
    legend.textContent = all.length < there && kept < data.N
      ? `The ${all.length} largest of ${there} weights; all others together: ${share(rest)}.`
      : `All weights that are not 0: ${all.length} of ${there} tokens.`;
    const {colour} = styleOf(data, {kind: "weight", head: now.head});
    const high = Math.max(1e-9, d3.max(all, w => w.weight) || 1);
    drawRows(data, all.map((w, i) => ({
      name: now.token - w.to === 0 ? "itself" : `${now.token - w.to} back`, to: w.to, colour,
      parts: [["weight", 0, w.weight]], sum: w.weight, won: i === 0, values: [share(w.weight)],
      title: `${data.label(w.to)}: weight ${w.weight.toFixed(4)}`})), 0, high);
  }

  function drawAnswers(data, now) {
    const found = data.answers(now.root), n = now.root;
    const head = made("h2", "", `Answer at ${data.label(n)}`);
    if (!found)
      return answer.replaceChildren(head, made("p", "view-note", "Nothing is asked here."));
    const right = data.predicted[n] === data.target[n];
    if (data.target[n] < 0) head.append(": nobody knows whether it is right");
    else head.append(": ", made("b", right ? "right" : "wrong", right ? "✓ right" : "✗ wrong"),
                     `, asked “${data.symbol(data.target[n])}”: ${share(found.asked)}`);
    const list = made("ol", "view-odds");
    for (const {token, probability} of found.all.slice(0, 6)) {
      const item = made("li", token === data.target[n] ? "asked" : "", made("i"),
                        made("b", "", data.symbol(token)), " " + share(probability));
      item.firstChild.style.width = 100 * probability + "%";
      item.title = `${data.spelling(token)}: ${(100 * probability).toFixed(2)} %`;
      list.append(item);
    }
    answer.replaceChildren(head, list);
  }
  return {draw};
}

// One sample, as sample_json() of tools/inspect/sample.hpp writes it, unpacked when it is asked
// for; and the chain of a token as a tree (tools/inspect/chain.hpp). Nothing here draws.
"use strict";

function bytesOfBase64(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; ++i) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/// A packed list of `count` numbers (tools/inspect/packed.hpp).
function unpacked(pool, packed, count) {
  if (!Array.isArray(packed)) return new Float64Array(count).fill(packed === null ? NaN : packed);
  const [kind, place, low, unit] = packed, bytes = bytesOfBase64(pool[place]);
  const view = new DataView(bytes.buffer), size = kind === "l" || kind === "f" ? 4 : 2;
  const list = new Float64Array(bytes.length / size);
  for (let i = 0; i < list.length; ++i) {
    if (kind === "i") list[i] = view.getInt16(2 * i, true);
    else if (kind === "l") list[i] = view.getInt32(4 * i, true);
    else if (kind === "f") list[i] = view.getFloat32(4 * i, true);
    else {
      const u = view.getUint16(2 * i, true);
      list[i] = u === 65535 ? NaN : low + unit * u;
    }
  }
  return list;
}

/// The source of a candidate type, "match" of "match 1".
const sourceOf = type => type.split(" ")[0];

/// What has no sign of its own.
const kSigns = {"": "␣", "\\n": "⏎", "\\t": "⇥"};
/// As much of a symbol as so many letters hold: never one that could be taken for another.
const fitted = (symbol, letters) => symbol.length <= letters ? symbol
  : letters < 2 ? "·" : symbol.slice(0, letters - 1) + "…";

class SampleData {
  constructor(json) {
    this.json = json;
    this.N = json.N;
    this.lists = new Map();
    this.tokens = this.list(json.tokens);
    this.target = this.list(json.target);
    this.predicted = this.list(json.predicted);
    this.layers = json.layers;
    this.M = json.answers.M;
    const at = this.list(json.answers.at, this.M);
    this.answerOf = new Map([...at].map((n, m) => [n, m]));
    this.sources = [...new Set(json.layers.flatMap(l => (l.types || []).map(sourceOf)))];
  }
  /// Unpacked once.
  list(packed, count = this.N) {
    if (!Array.isArray(packed)) return unpacked([], packed, count);
    if (!this.lists.has(packed)) this.lists.set(packed, unpacked(this.json.pool, packed, count));
    return this.lists.get(packed);
  }
  symbol(token) {
    const word = this.json.words[token];
    return !word ? String(token) : kSigns[word[0].trim()] || word[0];
  }
  /// So many letters most symbols have, at most 4.
  letters() {
    if (!this.usual)
      this.usual = Math.min(4, d3.quantile([...this.tokens].map(t => this.symbol(t).length)
        .sort(d3.ascending), .9));
    return Math.ceil(this.usual);
  }
  spelling(token) {
    const word = this.json.words[token];
    return word ? word[1] : String(token);
  }
  /// The token at a position, as it is drawn; and with its position, as it is told.
  at(n) { return this.symbol(this.tokens[n]); }
  label(n) { return n < 0 ? "nothing" : `${n} “${this.at(n)}”`; }

  kind(l) {
    return this.layers[l].heads ? "pointer" : this.layers[l].weights ? "weights" : "state";
  }
  heads(l) { return (this.layers[l].heads || this.layers[l].weights || [null]).length; }
  /// How far the gate of a pointer layer is open; 1 where it has none.
  gate(l, n) { return this.layers[l].gate === undefined ? 1 : this.list(this.layers[l].gate)[n]; }
  /// Where a head points, or what it reads most; -1: nothing.
  to(l, h, n) {
    if (this.kind(l) === "pointer") return this.list(this.layers[l].heads[h].to)[n];
    if (this.kind(l) === "weights") return this.list(this.layers[l].weights[h].columns[0].to)[n];
    return -1;
  }
  /// The type by which a pointer won, "" where there was no candidate.
  type(l, h, n) {
    const t = this.list(this.layers[l].heads[h].type)[n];
    return t < 0 ? "" : this.layers[l].types[t];
  }
  /// The sources that win in a pointer layer.
  winners(l) {
    const {heads, types} = this.layers[l], there = new Set();
    for (const head of heads) for (const t of new Set(this.list(head.type)))
      if (t >= 0) there.add(sourceOf(types[t]));
    return this.sources.filter(s => there.has(s));
  }
  /// The candidates of a pointer, the winner first, then by their logits. match, type and own are
  /// the parts of the logit; `reads` is -1 where to choose it is to read nothing. null: the layer
  /// does not choose.
  candidates(l, h, n) {
    const layer = this.layers[l], head = layer.heads[h];
    if (!head.menu) return null;
    const won = this.list(head.slot)[n], all = [];
    for (const column of head.menu.columns) {
      const to = this.list(column.to)[n];
      if (to < 0) continue;
      const slot = this.list(column.slot)[n];
      const match = this.list(column.match)[n], type = this.list(column.type)[n];
      const own = column.own === undefined ? 0 : this.list(column.own)[n];
      all.push({slot, to, reads: layer.read[slot] ? to : -1, scored: layer.scored[slot],
                name: layer.types[layer.slots[slot]], match, type, own, logit: match + type + own,
                won: slot === won});
    }
    all.sort((a, b) => b.won - a.won || b.logit - a.logit || a.slot - b.slot);
    const top = Math.max(...all.map(c => c.logit)), tau = this.json.temperature;
    const sum = all.reduce((s, c) => s + Math.exp((c.logit - top) / tau), 0);
    for (const c of all) c.probability = Math.exp((c.logit - top) / tau) / sum;
    return all;
  }
  /// The largest weights of a head of attention, and the sum of all.
  weights(l, h, n) {
    const head = this.layers[l].weights[h], all = [];
    for (const column of head.columns) {
      const to = this.list(column.to)[n];
      if (to >= 0) all.push({to, weight: this.list(column.weight)[n]});
    }
    return {all, kept: head.kept, sum: this.list(head.sum)[n]};
  }
  /// What is answered at a position, the likeliest first; null: nothing is asked there.
  answers(n) {
    const m = this.answerOf.get(n), {columns, asked} = this.json.answers;
    if (m === undefined) return null;
    return {asked: this.list(asked, this.M)[m],
            all: columns.map(c => ({token: this.list(c.token, this.M)[m],
                                    probability: this.list(c.probability, this.M)[m]}))};
  }
  /// What token n reads in layer l: [{kind, head, to, strength, source}].
  edges(l, n) {
    const all = [{kind: "itself", head: -1, to: n, strength: 1, source: ""}];
    for (let h = 0; h < this.heads(l); ++h)
      if (this.kind(l) === "pointer") {
        const to = this.to(l, h, n);
        if (to >= 0)
          all.push({kind: "pointer", head: h, to, strength: this.gate(l, n),
                    source: sourceOf(this.type(l, h, n))});
      } else if (this.kind(l) === "weights") {
        for (const {to, weight} of this.weights(l, h, n).all.slice(0, 3))
          if (weight >= .04)
            all.push({kind: "weight", head: h, to, strength: Math.min(1, weight), source: ""});
      }
    return all;
  }
}

/// The chain of a token as chain_of() of tools/inspect/chain.hpp has it, with at most `most`
/// positions: rows from the last layer down to the embeddings. `path`: nodes [row, token] that stay
/// in it, whatever they count.
function chainOf(data, n, most, path = []) {
  const L = data.layers.length, rows = d3.range(L + 1).map(() => new Map());
  const counts = new Map(), edges = [];
  rows[0].set(n, 1);
  for (let r = 0; r < L; ++r)
    for (const [token, share] of rows[r])
      for (const edge of data.edges(L - 1 - r, token)) {
        const below = rows[r + 1];
        below.set(edge.to, Math.max(below.get(edge.to) || 0, share * edge.strength));
        edges.push({...edge, row: r, from: token});
      }
  for (const row of rows)
    for (const [token, share] of row) counts.set(token, Math.max(counts.get(token) || 0, share));
  const answer = data.predicted[n];
  for (const [token, share] of counts)
    counts.set(token, share + (token === n ? 2 : 0) + (data.tokens[token] === answer ? 1 : 0) +
                      (path.some(p => p[1] === token) ? 3 : 0));
  const order = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b);
  const kept = new Set(order.slice(0, most)), reached = rows.map(() => new Set());
  reached[0].add(n);
  const followed = edges.filter(e => {
    if (!kept.has(e.from) || !kept.has(e.to) || !reached[e.row].has(e.from)) return false;
    reached[e.row + 1].add(e.to);
    return true;
  });
  const positions = [...new Set(reached.flatMap(r => [...r]))].sort((a, b) => a - b);
  return {rows: reached.map(r => [...r].sort((a, b) => a - b)), edges: followed, positions,
          leftOut: order.length - kept.size};
}

// A view of one sample: the sequence, the chain of a token as a tree, and why a head reads what it
// reads. A part that any page can hold:
//
//   const view = createView(element, sample, hooks)    sample: the JSON of sample_json()
//   view.show(sample)        shows another sample in the same place; what is chosen stays
//   view.choose({token, layer, head, span})            as a click or a key does
//   view.state()             {root, token, layer, head, span}: what is chosen
//   view.redraw()            after a change of size or colours
//   view.side                an element beside the menu, for the page's own
//   view.bar                 the controls: may stand elsewhere for a while
//   view.data()              the SampleData that is shown
//
//   hooks, all of which may be left out
//   onState(state)           something else was chosen
//   onSequence(tokens)       the user edited the sequence: numbers of tokens. With this hook,
//                            typing a symbol on the sequence replaces the token, Delete removes
//                            it, and Insert doubles it; the page then calls show()
//   switches                 [{name, label, value, values}]: a choice of values, or without them
//                            a tick; drawn beside the controls
//   onSwitches(values)       {name: value} of all switches, after one was changed
//
// The root is the token whose chain is drawn; the token is where one stands in it.
"use strict";

/// An element with a class, and what is in it.
function made(tag, name = "", ...inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside);
  return element;
}

function madeButton(words, title, act) {
  const button = made("button", "", words);
  button.type = "button";
  button.title = title;
  button.setAttribute("aria-label", title);
  button.addEventListener("click", act);
  return button;
}

/// How large type is, 1 for the usual 16 pixels.
const typeScale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

const kSourceColours = 10, kSourceDashes = [null, "7 3", "2 2", "9 3 2 3"];
const colourOf = i => `var(--s${i % kSourceColours})`;
const dashOf = i => kSourceDashes[(i + Math.floor(i / kSourceColours)) % kSourceDashes.length];
/// How an edge is drawn: pointers by their source, weights by their head.
function styleOf(data, edge) {
  if (edge.kind === "itself") return {colour: "var(--line-strong)", dash: null};
  const {sources} = data;
  const i = edge.kind === "pointer" ? sources.indexOf(edge.source) : sources.length + edge.head;
  return {colour: colourOf(i), dash: dashOf(i)};
}

const kKeys = [
  ["← →", "the token before, the token after"], ["Home End", "the first, the last token"],
  ["↓ ↑", "a layer down, a layer up"], ["Shift with ↓ ↑", "the next head, the head before"],
  ["Enter", "go to what the token reads, in the layer below"],
  ["Backspace", "back to where you came from"],
  ["+ −, Page Up and Down", "fewer or more tokens at once; the chosen one stays in sight"],
  ["Tab", "the next control; Enter presses it"], ["Esc", "closes this list"]];

function createView(root, sample, hooks = {}) {
  let data = null;
  const chosen = {root: 0, token: 0, layer: 0, head: 0, span: 0}, trail = [];

  // ---- what stands there, once ----
  const layers = made("span", "view-choice"), heads = made("span", "view-choice");
  const input = made("input");
  input.type = "number";
  input.min = 0;
  input.setAttribute("aria-label", "token");
  const step = (words, title, act) => madeButton(words, title, act);
  const keys = made("dialog", "view-keys", made("h2", "", "Keys"));
  const list = keys.appendChild(made("dl"));
  const typing = hooks.onSequence ? [
    ["a symbol, on the sequence", "stands there instead of the token"],
    ["Delete, Insert", "removes the token, doubles it"]] : [];
  for (const [key, what] of [...kKeys, ...typing])
    list.append(made("dt", "", key), made("dd", "", what));
  keys.append(madeButton("close", "close", () => keys.close()));
  const switches = made("span", "view-switches");
  const bar = made("div", "view-bar",
    made("span", "view-group", "token ", input,
         step("◀", "the token before", () => move(-1)),
         step("▶", "the token after", () => move(1))),
    made("span", "view-group", "layer ", layers), made("span", "view-group", "head ", heads),
    made("span", "view-group", step("↵", "to what it reads (Enter)", follow),
         step("⌫", "back (Backspace)", back), step("−", "more tokens at once", () => zoom(1.5)),
         step("+", "fewer tokens at once", () => zoom(1 / 1.5)),
         step("?", "the keys", () => keys.showModal())),
    switches, keys);
  const sequence = made("div", "view-sequence");
  sequence.tabIndex = 0;
  sequence.setAttribute("role", "group");
  sequence.setAttribute("aria-label", "the sequence: arrow keys choose, Enter follows a pointer");
  const why = made("p", "view-why");
  why.setAttribute("role", "status");
  const tree = made("section", "view-tree"), menu = made("section", "view-menu");
  const side = made("section", "view-side");
  root.classList.add("view");
  root.replaceChildren(bar, sequence, why, made("div", "view-panels", tree, menu, side));
  const strip = createStrip(sequence, choose), drawnTree = createTree(tree, choose);
  const drawnMenu = createMenu(menu, choose);

  // ---- choosing ----
  function choose(change) {
    if (change.token !== undefined && change.root === undefined && !change.walks)
      change = {...change, root: change.token};
    const whole = (x, most) => Math.max(0, Math.min(most, Math.round(x) || 0));
    for (const name of ["root", "token", "layer", "head", "span"])
      if (change[name] !== undefined) chosen[name] = change[name];
    chosen.root = whole(chosen.root, data.N - 1);
    chosen.token = whole(chosen.token, data.N - 1);
    chosen.layer = whole(chosen.layer, data.layers.length - 1);
    chosen.head = whole(chosen.head, data.heads(chosen.layer) - 1);
    chosen.span = whole(chosen.span, data.N);
    draw();
    if (hooks.onState) hooks.onState({...chosen});
  }
  const move = by => choose({token: chosen.token + by});
  /// To what the token reads, in the layer below; without anything to read, down its own column.
  function follow() {
    const to = data.to(chosen.layer, chosen.head, chosen.token);
    trail.push({...chosen});
    choose({token: to < 0 ? chosen.token : to, layer: chosen.layer - 1, walks: true});
  }
  function back() {
    if (trail.length) choose(trail.pop());
  }
  const zoom = by => choose({span: Math.max(8, Math.min(data.N, strip.span() * by))});

  // ---- keys ----
  function edit(event) {
    const tokens = [...data.tokens], at = chosen.token;
    if (event.key === "Delete" && tokens.length > 2) tokens.splice(at, 1);
    else if (event.key === "Insert") tokens.splice(at, 0, tokens[at]);
    else {
      const found = Object.keys(data.json.words).find(t => data.json.words[t][0] === event.key);
      if (found === undefined) return false;
      tokens[at] = Number(found);
      choose({token: Math.min(at + 1, data.N - 1)});
    }
    hooks.onSequence(tokens);
    return true;
  }
  root.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
    if (event.key === "Enter" && event.target.tagName === "BUTTON") return;
    const on = event.shiftKey ? {
      ArrowUp: () => choose({head: chosen.head - 1}),
      ArrowDown: () => choose({head: chosen.head + 1}), "+": () => zoom(1 / 1.5)
    } : {
      ArrowLeft: () => move(-1), ArrowRight: () => move(1),
      Home: () => choose({token: 0}), End: () => choose({token: data.N - 1}),
      ArrowUp: () => choose({layer: chosen.layer + 1}),
      ArrowDown: () => choose({layer: chosen.layer - 1}),
      Enter: follow, Backspace: back,
      "+": () => zoom(1 / 1.5), "=": () => zoom(1 / 1.5), "-": () => zoom(1.5),
      PageUp: () => zoom(1 / 1.5), PageDown: () => zoom(1.5), "?": () => keys.showModal()
    };
    const types = hooks.onSequence && sequence.contains(event.target) &&
                  (event.key.length === 1 || ["Delete", "Insert"].includes(event.key));
    if (types && edit(event)) event.preventDefault();
    else if (on[event.key]) {
      event.preventDefault();
      on[event.key]();
    }
  });
  input.addEventListener("change", () => choose({token: +input.value}));

  // ---- drawing ----
  /// Buttons 1 to count, of which one is pressed.
  function choice(element, count, now, what) {
    if (element.children.length !== count)
      element.replaceChildren(...d3.range(count).map(i =>
        madeButton(String(i + 1), `${what} ${i + 1}`, () => choose({[what]: i}))));
    [...element.children].forEach((b, i) => b.setAttribute("aria-pressed", String(i === now)));
  }
  function draw() {
    input.max = data.N - 1;
    input.value = chosen.token;
    choice(layers, data.layers.length, chosen.layer, "layer");
    choice(heads, data.heads(chosen.layer), chosen.head, "head");
    why.textContent = explanation(data, chosen);
    root.classList.toggle("plain", data.layers.every((_, l) => data.kind(l) === "state"));
    if (!root.clientWidth) return;  // hidden: redraw() when it is seen
    strip.draw(data, chosen);
    drawnTree.draw(data, chosen);
    drawnMenu.draw(data, chosen);
  }
  function show(json) {
    const first = data === null;
    data = new SampleData(json);
    trail.length = 0;
    if (!first) return choose({});
    // Begin in the last layer, at a token that has something to answer.
    const asked = [...data.answerOf.keys()];
    chosen.layer = data.layers.length - 1;
    choose({token: asked[Math.floor(asked.length / 2)]});
  }
  for (const {name, label, value, values} of hooks.switches || []) {
    const control = values ? made("select") : made("input");
    control.name = name;
    if (values) values.forEach(v => control.append(new Option(v, v, false, v === value)));
    else control.type = "checkbox", control.checked = value;
    const words = values ? [label + " ", control] : [control, " " + label];
    switches.append(made("label", "", ...words));
  }
  switches.addEventListener("change", () => {
    const controls = [...switches.querySelectorAll("input, select")];
    const of = c => c.type === "checkbox" ? c.checked : c.value;
    if (hooks.onSwitches) hooks.onSwitches(Object.fromEntries(controls.map(c => [c.name, of(c)])));
  });
  show(sample);
  return {show, choose, side, bar, state: () => ({...chosen}), redraw: draw, data: () => data};
}

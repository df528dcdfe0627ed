// The page: its tabs, the view of the sample, and what is chosen in the address. The other scripts
// stand before this one; nothing else is loaded.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const kTabs = ["sample", "live", "map", "learning", "numbers", "run"];
let tab = "sample", map = null, shown = "";

/// #token=21&layer=3&head=1&root=44&view=sample: numbers as they are read on the page.
function written(state) {
  const parts = [`token=${state.token}`, `layer=${state.layer + 1}`, `head=${state.head + 1}`];
  if (state.root !== state.token) parts.push(`root=${state.root}`);
  if (state.span) parts.push(`span=${state.span}`);
  if (document.documentElement.classList.contains("large")) parts.push("large=1");
  return "#" + parts.concat(`view=${tab}`).join("&");
}

function remember() {
  shown = written(view.state());
  if (location.hash !== shown) history.replaceState(null, "", shown);
}

/// What the address says; what it does not say stays.
function follow() {
  const said = new URLSearchParams(location.hash.slice(1)), change = {};
  const whole = name => /^\d+$/.test(said.get(name) || "") ? Number(said.get(name)) : undefined;
  for (const [name, of] of [["token", 0], ["layer", 1], ["head", 1], ["root", 0], ["span", 0]])
    if (whole(name) !== undefined) change[name] = whole(name) - of;
  enlarge(said.get("large") === "1");
  if (kTabs.includes(said.get("view")) && !byId("tab-" + said.get("view")).hidden)
    open(said.get("view"));
  view.choose(change);
}

function open(name) {
  tab = name;
  for (const t of kTabs) {
    byId(t).hidden = t !== name;
    byId("tab-" + t).setAttribute("aria-selected", String(t === name));
    byId("tab-" + t).tabIndex = t === name ? 0 : -1;
  }
  byId(name === "map" ? "map" : "sample").prepend(view.bar);
  if (name === "sample") view.redraw();
  if (name === "map") map.draw();
  if (name === "live") live.start(view.data());
  byId("snapshots").hidden = name !== "sample" || !data.snapshots.length;
  remember();
}

function enlarge(large) {
  document.documentElement.classList.toggle("large", large);
  byId("large").setAttribute("aria-pressed", String(large));
}

// ---- the first screen ----
byId("summary").textContent = `${data.run}: ${data.model} on ${data.task}, ` +
  `${data.parameters.toLocaleString("en")} parameters; ` +
  `${data.sample.N.toLocaleString("en")} tokens`;
byId("config").textContent = data.config;
byId("remarks").textContent = data.remarks.join(" ");
byId("remarks").hidden = !data.remarks.length;

const view = createView(byId("sample"), data.sample, {onState: () => {
  if (!map) return;  // not yet all there
  if (tab === "map") map.draw();
  remember();
}});
byId("tab-live").hidden = !live.there();
snapshotSlider(data, view);
map = createMap(byId("heat"), byId("map-note"), byId("map-legend"), view);
curve(view.side, data.metrics, "loss", "loss in nats, by step", {logY: true});
byLength(view.side, data.accuracy);
if (!view.side.children.length) view.side.hidden = true;

// ---- the other tabs ----
for (const [name, caption, options] of [
  ["loss", "loss in nats, by step", {logY: true}],
  ["accuracy", "accuracy in training, by step", {top: 1}],
  ["tau", "temperature of the soft pointers, by step"],
  ["tokens_per_s", "tokens a second in training, by step"]])
  if (name !== "tau" || data.metrics.pointers.length)
    curve(byId("charts"), data.metrics, name, caption, options);
if (!data.metrics.step.length) byId("charts").append(made("p", "note", "There are no metrics."));
byId("watched").hidden = !data.metrics.pointers.length;
watchedPointers(data.metrics.pointers, byId("watched-charts"), byId("watched-layers"));
fill(byId("length-table").appendChild(made("table")),
     ["length", "tokens right", "sequences exact", "chance", "loss", "tokens"],
     data.accuracy.map(r => [String(r.length), percent(r.token_accuracy), percent(r.exact_match),
                             percent(r.chance), number(r.loss), String(r.tokens)]));
const tables = statistics(view.data(), byId("hop-table"), byId("recall-table"));
byId("hops").hidden = !tables.pointers;
byId("recall").hidden = !tables.recall;

// ---- events ----
for (const name of kTabs) byId("tab-" + name).addEventListener("click", () => open(name));
byId("tabs").addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (!by) return;
  const there = kTabs.filter(name => !byId("tab-" + name).hidden);
  const next = there[(there.indexOf(tab) + by + there.length) % there.length];
  open(next);
  byId("tab-" + next).focus();
});
byId("large").addEventListener("click", () => {
  enlarge(!document.documentElement.classList.contains("large"));
  open(tab);
});
const redraw = () => tab === "sample" ? view.redraw() : tab === "map" && map.draw();
window.addEventListener("resize", redraw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
window.addEventListener("hashchange", () => location.hash !== shown && follow());
const linked = location.hash;
open("sample");
if (linked) {
  history.replaceState(null, "", linked);
  follow();
}
document.querySelector(".view-sequence").focus({preventScroll: true});

// What stands in the page, and how its numbers are written. d3 is there; nothing else is loaded.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const known = x => x !== null && x !== undefined && Number.isFinite(x);
const element = (tag, options = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), options);
  node.append(...children);
  return node;
};

const kColours = ["#3b78c2", "#d0622a", "#2e9b6b", "#b04a9c", "#c99a1c", "#6a5fc7", "#c23f54",
                  "#3a9ca8", "#8a7a5c", "#7f8c3a"];
const kDashes = [[], [7, 3], [2, 2], [9, 3, 2, 3]];
const kFirstDrawn = 10, kFirstRows = 100, kFinest = 400;

const groups = data.groups, runs = data.runs;
groups.forEach((group, g) => group.runs.forEach(r => { runs[r].group = g; }));
const view = {sort: null, down: true, base: -1, length: 0, rows: kFirstRows, open: new Set(), drawn: [],
              x: "step", logX: false, logY: false, band: "range", smooth: 0, hover: null};

// ---- numbers --------------------------------------------------------------------------------

const isShare = name => /accuracy|exact|chance|^(self|long|soft_hard):/.test(name);
const kNames = {lr: "learning rate", tau: "temperature", tokens_per_s: "tokens a second"};
const words = name => (kNames[name] || name).replace(/_/g, " ").replace(/:(\d+)$/, ", layer $1").replace(/@(\d+)$/, " at $1");
const tickText = x => Math.abs(x) >= 1e4 ? d3.format("~s")(x) : String(+x.toPrecision(6));
function shown(name, x) {
  if (!known(x)) return "–";
  if (isShare(name)) return (100 * x).toFixed(2) + " %";
  if (Number.isInteger(x)) return x.toLocaleString("en");
  return Math.abs(x) >= 100 ? x.toFixed(1) : String(+x.toPrecision(4));
}

/// Mean, deviation (n - 1), lowest, highest of what is known.
function spread(values) {
  const all = values.filter(known), mean = d3.mean(all);
  return {n: all.length, mean, sd: all.length > 1 ? d3.deviation(all) : undefined, low: d3.min(all),
          high: d3.max(all)};
}

const judgedAt = (run, name, length) => (run.judged || []).find(j => j.length === length)?.[name];

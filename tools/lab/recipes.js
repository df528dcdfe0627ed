// What the lab can begin with: options as in config.ini, small enough to learn in seconds.
"use strict";

const SMALL =
  {batch: 16, layers: 2, width: 32, heads: 2, "feed-forward": 64, "learning-rate": 0.01};
const COPY = {task: "copy", payload: 32, symbols: 20, length: 96, steps: 200, ...SMALL};
const RECALL = {task: "mqar", length: 64, pairs: 4, ...SMALL};
const SOURCES = "window:4,sinks:2,learned:2,previous:2,jump,neighbour,run";

const RECIPES = [
  {name: "copy: pointers", options: {model: "pointer", sources: SOURCES, ...COPY}},
  {name: "copy: a transformer",
   options: {model: "transformer", position: "rope", ...COPY, steps: 600}},
  {name: "induction: pointers",
   options: {model: "pointer", task: "induction", length: 64, steps: 300, ...SMALL}},
  {name: "copy: the paper's recipe",
   options: {model: "pointer", sources: "dense", encode: "index", selection: "gumbel",
             temperature: 1, "final-temperature": 1, ...COPY}},
  {name: "recall: pointers", options: {model: "pointer", ...RECALL, steps: 400}},
  {name: "recall: gated-delta",
   options: {model: "gated-delta", ...RECALL, steps: 600, convolution: 4}},
];

// What the lab can begin with: options as in config.ini, small enough to learn in seconds.
"use strict";

const COPY = `task = copy
payload = 32
symbols = 20
length = 96
steps = 200
batch = 16
layers = 2
width = 32
heads = 2
feed-forward = 64
learning-rate = 0.01
`;
const SOURCES = "sources = window:4,sinks:2,learned:2,previous:2,jump,neighbour,run\n";

const RECIPES = [
  {name: "copy: pointers", options: `model = pointer\n${COPY}${SOURCES}`},
  {name: "copy: a transformer", options: `model = transformer\n${COPY.replace("steps = 200", "steps = 600")}position = rope\n`},
  {name: "induction: pointers", options: `model = pointer
task = induction
length = 64
steps = 300
batch = 16
layers = 2
width = 32
heads = 2
feed-forward = 64
learning-rate = 0.01
`},
  {name: "copy: the paper's recipe", options: `model = pointer\n${COPY}sources = dense
encode = index
selection = gumbel
temperature = 1
final-temperature = 1
`},
  {name: "recall: pointers", options: `model = pointer
task = mqar
length = 64
pairs = 4
steps = 400
batch = 16
layers = 2
width = 32
heads = 2
feed-forward = 64
learning-rate = 0.01
`},
  {name: "recall: gated-delta", options: `model = gated-delta
task = mqar
length = 64
pairs = 4
steps = 600
batch = 16
layers = 2
width = 32
heads = 2
feed-forward = 64
learning-rate = 0.01
convolution = 4
`},
];

// The lab: a run is made, trained, looked at and judged in the page, by the engine in a worker.
"use strict";

const byId = id => document.getElementById(id);
const SLICE = 120;         // milliseconds of training between two looks
const JUDGE_EVERY = 1000;  // milliseconds between two judgements while it trains

const lab = {
  engine: null, facts: null, training: false, busy: false,
  recipe: null,   // of the run, by name
  step: 0,
  curve: [],      // {step, loss, accuracy} of batches
  judged: [],     // {step, accuracy} on fresh data, hard pointers
  chance: 0,      // of the task
  lengths: [],    // {length, token_accuracy, exact_match, chance}
  watchers: [],   // called after every change
};

function say(sentence, bad = false) {
  byId("said").textContent = sentence;
  byId("said").classList.toggle("bad", bad);
}

const changed = () => lab.watchers.forEach(watcher => watcher(lab));

/// The options in the text field: "name = value" lines, with task and model from their fields.
/// Where an opened run began is not here.
function optionText() {
  const elsewhere = /^\s*(task|model|from|from-partial|continue|schedule-from)\s*=/;
  const own = byId("options").value.split("\n").filter(line => !elsewhere.test(line));
  return `model = ${byId("model").value}\ntask = ${byId("task").value}\n${own.join("\n")}\n`;
}

/// Runs `act` with the buttons shut; says what went wrong.
async function busy(act) {
  if (lab.busy) return;
  lab.busy = true;
  buttons();
  try {
    await act();
  } catch (error) {
    lab.training = false;
    say(error.message, true);
  } finally {
    lab.busy = false;
    buttons();
  }
}

/// Whether training begins a new run: there is none, it is over, or its options are others now.
const anew = () => !lab.facts || lab.ended || lab.made !== optionText();

function buttons() {
  byId("train").textContent =
    lab.training ? "pause" : !anew() ? "go on" : lab.facts ? "train anew" : "train";
  byId("change").disabled = lab.busy || !lab.facts || lab.facts.opened;
  byId("download").disabled = byId("judge").disabled = lab.busy || !lab.facts;
  for (const id of ["recipe", "model", "task", "open", "other"]) byId(id).disabled = lab.busy;
  changed();
}

function begun(facts) {
  lab.facts = facts;
  lab.ended = false;
  byId("facts").textContent = `${facts.model} on ${facts.task}: ` +
    `${facts.parameters.toLocaleString("en")} parameters, ${facts.layers} layers, ` +
    `length ${facts.length} (${facts.length_meaning})`;
  lab.beside.suit(facts);
}

/// No run, and nothing drawn of one.
function forget() {
  lab.facts = null, lab.ended = false, lab.recipe = null;
  lab.step = 0, lab.curve = [], lab.judged = [], lab.lengths = [];
  if (lab.alive) lab.alive.end();
  lab.alive = null, lab.off = null, lab.right = null;
  byId("facts").textContent = "";
  draw();
}

async function make() {
  say("Starting \u2026");
  const text = optionText();
  const facts = await lab.engine.ask({do: "new", options: text});
  forget();
  begun(facts);
  lab.made = text, lab.recipe = byId("recipe").value;
  await newSample();
}

/// The sequence below, of the run's task; another run gets another view.
async function newSample() {
  if (lab.alive) lab.alive.end();
  lab.alive = createAlive(byId("look"), lab.engine, lab.facts, {changed: () => {
    lab.off = lab.alive.off(), lab.right = lab.alive.right();
    lab.beside.follow(lab.alive);
    changed();
  }});
  await lab.alive.draw(lab.facts.length, 1);
}

async function judgeOnce() {
  const [now] = await lab.engine.ask(
    {do: "judge", lengths: [lab.facts.length], batches: 1, sequences: 32});
  lab.chance = now.chance;
  lab.judged.push({step: lab.step, accuracy: now.token_accuracy});
}

/// Takes steps until the run is over or the button says pause.
async function train() {
  lab.training = true;
  buttons();
  const began = performance.now();
  let judgedAt = -Infinity;
  while (lab.training) {
    const at = await lab.engine.ask({do: "train", milliseconds: SLICE});
    lab.step = at.step;
    lab.curve.push({step: at.step, loss: at.loss, accuracy: at.accuracy});
    lab.ended = at.ended;
    if (at.ended) lab.training = false;
    if (performance.now() - judgedAt > JUDGE_EVERY || !lab.training) {
      await judgeOnce();
      judgedAt = performance.now();
    }
    await lab.alive.look();
    draw();
    const seconds = (performance.now() - began) / 1000, now = lab.judged[lab.judged.length - 1];
    const speed = Math.round(at.tokens_per_s).toLocaleString("en");
    say(`step ${at.step} of ${lab.facts.steps}: loss ${at.loss.toFixed(4)}, ` +
        `${(100 * now.accuracy).toFixed(1)} % of fresh answers right, ${speed} tokens/s, ` +
        `${seconds.toFixed(0)} s`);
    changed();
  }
  if (lab.ended) await judgeLengths();
}

async function judgeLengths() {
  const trained = lab.facts.length;
  lab.lengths = [];
  for (const times of [0.25, 0.5, 1, 4, 16]) {
    const length = Math.round(trained * times);
    try {
      lab.lengths.push(...await lab.engine.ask({do: "judge", lengths: [length], batches: 1}));
    } catch (error) {
      if (times >= 1) say(error.message, true);  // shorter ones a task may not have
    }
    draw();
  }
  changed();
}

function draw() {
  const percent = v => 100 * v, judged = {name: "judged", dots: true};
  const accuracy = {low: 0, high: 100, unit: "%", line: percent(lab.chance)};
  plot(byId("loss"), [{points: lab.curve.map(p => [p.step, p.loss]), name: "series"}], {low: 0});
  plot(byId("accuracy"),
       [{points: lab.curve.map(p => [p.step, percent(p.accuracy)]), name: "series"},
        {points: lab.judged.map(p => [p.step, percent(p.accuracy)]), ...judged}], accuracy);
  plot(byId("by-length"),
       [{points: lab.lengths.map(p => [p.length, percent(p.token_accuracy)]), ...judged},
        {points: lab.lengths.map(p => [p.length, percent(p.exact_match)]), name: "exact",
         dots: true}], {...accuracy, logarithmic: true});
}

async function download() {
  const files = await lab.engine.files();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(tarOf("run", files));
  link.download = "run.tar";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say("run.tar: opens here again; unpacked, gnomon eval --run run judges it");
}

/// A run directory's files, dropped or chosen.
async function openFiles(list) {
  const files = await runFiles(list);
  forget();  // whatever comes of these files, the run that there was is gone
  await lab.engine.put(files);
  begun({...await lab.engine.ask({do: "open"}), opened: true});
  lab.ended = true;
  lab.curve = curveOf(files.find(file => file.name === "metrics.jsonl"));
  lab.step = lab.curve.length ? lab.curve[lab.curve.length - 1].step : 0;
  byId("options").value = lab.facts.config;
  byId("model").value = lab.facts.model, byId("task").value = lab.facts.task;
  await judgeOnce();
  await newSample();
  draw();
  const right = (100 * lab.judged[0].accuracy).toFixed(1);
  say(`opened: ${right} % of fresh answers right at length ${lab.facts.length}`);
}

/// Another run, on the same sequence as the one above.
async function openBeside(list) {
  if (!lab.facts) throw new Error("beside: expected a run above, to compare with");
  const {model, task} = await lab.beside.open(list, lab.alive, lab.facts);
  say(`beside: ${model} on ${task}`);
}

/// The lines of metrics.jsonl that can be read.
function curveOf(file) {
  if (!file) return [];
  return new TextDecoder().decode(file.bytes).split("\n").flatMap(line => {
    try {
      const {step, loss, accuracy} = JSON.parse(line);
      return Number.isFinite(loss) ? [{step, loss, accuracy}] : [];
    } catch (error) {
      return [];
    }
  });
}

function choose(name) {
  const {model, task, ...others} = RECIPES.find(r => r.name === name).options;
  byId("recipe").value = name;
  byId("model").value = model, byId("task").value = task;
  byId("options").value = Object.entries(others).map(([o, value]) => `${o} = ${value}`).join("\n");
  forget();
  say("Press train.");
  buttons();
}

/// Another model or task than the recipe's: options that every model and task has stay.
function keepCommon() {
  const common = /^\s*(length|steps|batch|layers|width|heads|feed-forward|learning-rate|seed)\s*=/;
  const lines = byId("options").value.split("\n"), kept = lines.filter(line => common.test(line));
  byId("options").value = kept.join("\n");
  const gone = lines.filter(line => line.trim() && !common.test(line));
  if (gone.length) say(`left out, of the task or model before: ${gone.join(", ")}`);
  buttons();
}

async function listOptions() {
  const {text} = await lab.engine.ask({do: "help", options: optionText()});
  byId("all-options").textContent = text;
}

async function startLab() {
  lab.engine = await Engine.start();
  lab.beside = createBeside(byId("beside"));
  const there = await lab.engine.ask({do: "describe"});
  for (const [id, list] of [["task", there.tasks], ["model", there.models]])
    for (const {name, summary} of list)
      byId(id).append(Object.assign(new Option(name), {title: summary}));
  for (const {name} of RECIPES) byId("recipe").append(new Option(name));
  byId("recipe").onchange = () => choose(byId("recipe").value);
  byId("options").addEventListener("input", buttons);
  for (const id of ["task", "model"]) byId(id).addEventListener("input", keepCommon);
  byId("help").ontoggle = () => { if (byId("help").open) busy(listOptions); };
  byId("train").onclick = () => {
    if (lab.training) { lab.training = false; return; }
    busy(async () => {
      if (anew()) await make();
      await train();
    });
  };
  byId("change").onclick = () => busy(async () => {
    const text = optionText(), facts = await lab.engine.ask({do: "change", options: text});
    forget();
    begun(facts);
    lab.made = text;
    await newSample();
    await train();
  });
  byId("download").onclick = () => busy(download);
  byId("judge").onclick = () => busy(judgeLengths);
  byId("open").onchange = () => busy(() => openFiles([...byId("open").files]));
  byId("other").onchange = () => busy(() => openBeside([...byId("other").files]));
  document.body.addEventListener("dragover", event => event.preventDefault());
  document.body.addEventListener("drop", event => {
    event.preventDefault();
    busy(() => openFiles([...event.dataTransfer.files]));
  });
  addEventListener("beforeunload", event => { if (lab.training) event.preventDefault(); });
  startLessons();
  choose(RECIPES[0].name);
}

addEventListener("load", () => busy(startLab));

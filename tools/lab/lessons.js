// Five short lessons. Each says one thing, sets the lab up for it, and ends in something to do;
// what is done is ticked off by what the lab sees, not by the reader.
"use strict";

const reached = share => state =>
  state.judged.length > 0 && state.judged[state.judged.length - 1].accuracy >= share;

const LESSONS = [
  {
    title: "One op",
    text: `A pointer reads one row: <b>y<sub>i</sub> = x<sub>to(i)</sub></b>. Below are five tokens. Each
      has a number x and a pointer. Going back, token j gets the sum of what came to those that read
      it: <b>dx<sub>j</sub> = &#8721; dy<sub>i</sub> over all i with to(i) = j</b>. A token that nobody
      reads learns nothing.`,
    widget: opWidget,
    tasks: [
      {text: "Let three tokens read token 0. What is its gradient?",
       done: state => state.op && state.op.to.filter(t => t === 0).length >= 3},
      {text: "Find a token whose gradient is 0, and give it a reader.",
       done: state => state.op && state.op.changes >= 4 && state.op.dx.every(d => d !== 0)},
    ],
  },
  {
    title: "By content",
    recipe: "induction: pointers",
    text: `Somewhere before, the trigger stood, and a token after it. At the end the trigger comes
      again: what stood behind it? A pointer cannot know the place in advance. It compares: the logit
      of a candidate is <b>query &#183; key + type + own</b>, and the largest wins. Choose the last token
      and look at its menu: the bars are those sums.`,
    tasks: [
      {text: "Press train until hard pointers are right 99 times in 100.", done: reached(0.99)},
      {text: "Judge it at other lengths: does it still find the trigger?",
       done: state => state.lengths.length >= 3},
    ],
  },
  {
    title: "A chain",
    recipe: "copy: pointers",
    text: `32 symbols, a gap, and the same symbols again. The source <b>run</b> offers a token the place
      after the one where its left neighbour points. So one right pointer is enough: the others follow
      it. Train, then choose one of the last tokens and follow its chain down the layers.`,
    tasks: [
      {text: "Train it to 99 %.", done: reached(0.99)},
      {text: "Switch the source run off. The answer breaks.",
       done: state => state.off && state.off.sources.some(s => s[1] === "run")},
    ],
  },
  {
    title: "The paper's recipe",
    recipe: "copy: the paper's recipe",
    text: `The paper scores all earlier tokens, adds Gumbel noise and takes the largest
      (<b>sources = dense</b>). Only what was chosen gets a gradient worth having, and the right
      place is one among hundreds: it hardly ever comes. Chance is 5 %.`,
    tasks: [
      {text: "Train it for 100 steps. Where is its accuracy?",
       done: state => state.facts && state.facts.config.includes("dense") && state.step >= 100},
      {text: "Now begin with “copy: pointers” and train: 99 %.",
       done: state => state.facts && !state.facts.config.includes("dense") && reached(0.99)(state)},
    ],
  },
  {
    title: "Longer than trained",
    recipe: "copy: pointers",
    text: `Nothing in a rule such as "one place after my neighbour's" knows how long the sequence is.
      So it holds at any length. A transformer learns distances that it has seen.`,
    tasks: [
      {text: "Train the pointers, then judge at 4 and 16 times the length.",
       done: state => state.facts && state.facts.model === "pointer" &&
         state.lengths.some(l => l.length >= 16 * state.facts.length && l.token_accuracy > 0.95)},
      {text: "The same with the transformer. At which length does it fall?",
       done: state => state.facts && state.facts.model === "transformer" &&
         state.lengths.some(l => l.length >= 16 * state.facts.length)},
    ],
  },
];

/// Five tokens with numbers and pointers; what is read, and the gradient, come from the engine.
function opWidget(root) {
  const x = [3, 1, 4, 1, 5], dy = [1, 1, 1, 1, 1], to = [0, 0, 1, 1, 3];
  let changes = 0;
  const table = document.createElement("table");
  root.append(table);
  const row = (name, cells) => {
    const tr = table.insertRow();
    tr.append(Object.assign(document.createElement("th"), {textContent: name}));
    for (const cell of cells) {
      const td = tr.insertCell();
      cell instanceof Node ? td.append(cell) : td.textContent = cell;
    }
  };
  const show = async () => {
    const {y, dx} = await lab.engine.ask({do: "gather", x, to, dy});
    table.replaceChildren();
    row("token", [0, 1, 2, 3, 4]);
    row("x", x);
    row("to", to.map((target, i) => {
      const select = document.createElement("select");
      select.setAttribute("aria-label", `token ${i} points to`);
      for (let j = 0; j <= i; ++j) select.append(new Option(j, j, false, j === target));
      select.onchange = () => busy(async () => {
        to[i] = Number(select.value), ++changes;
        await show();
      });
      return select;
    }));
    row("y", y);
    row("dy", dy);
    row("dx", dx);
    lab.op = {to: [...to], dx, changes};
    changed();
  };
  return show();
}

function startLessons() {
  const done = LESSONS.map(lesson => lesson.tasks.map(() => false));
  let open = null;
  const tabs = LESSONS.map((lesson, i) => {
    const tab = madeButton(`${i + 1} ${lesson.title}`, `lesson ${i + 1}`,
                           () => show(open === i ? null : i));
    byId("lessons").append(tab);
    return tab;
  });
  function show(i) {
    open = i;
    tabs.forEach((tab, t) => tab.setAttribute("aria-pressed", t === i));
    const box = byId("lesson");
    box.hidden = i === null;
    box.replaceChildren();
    if (i === null) return;
    const {text, tasks, widget, recipe} = LESSONS[i];
    if (recipe && !lab.training) choose(recipe);
    box.append(Object.assign(document.createElement("p"), {innerHTML: text}));
    if (widget) {
      const place = document.createElement("div");
      box.append(place);
      busy(() => widget(place));
    }
    const list = document.createElement("ol");
    for (const task of tasks) list.append(made("li", "", task.text));
    box.append(list);
    tick(lab);
  }
  function tick(state) {
    if (open === null) return;
    LESSONS[open].tasks.forEach((task, t) => { done[open][t] ||= Boolean(task.done(state)); });
    [...byId("lesson").querySelectorAll("ol > li")]
      .forEach((li, t) => li.classList.toggle("done", done[open][t]));
    tabs.forEach((tab, i) => tab.classList.toggle("done", done[i].every(Boolean)));
  }
  lab.watchers.push(tick);
}

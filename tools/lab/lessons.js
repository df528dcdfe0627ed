// Five short lessons. Each says one thing, sets the lab up for it, and ends in something to do;
// what is done is ticked off by what the lab sees, not by the reader.
"use strict";

const reached = share => state =>
  state.judged.length > 0 && state.judged[state.judged.length - 1].accuracy >= share;
const judgedAt = (times, atLeast = 0) => state => state.lengths.some(
  l => l.length >= times * state.facts.length && l.token_accuracy >= atLeast);

// A task with a recipe is ticked by a run of that recipe only.
const LESSONS = [
  {
    title: "One op",
    text: `A pointer reads one row: <b>y<sub>i</sub> = x<sub>to(i)</sub></b>. Below are five
      tokens. Each has a number x and a pointer. Going back, dy is the gradient of y, and token j
      gets the sum of what came to those that read it: <b>dx<sub>j</sub> = &#8721; dy<sub>i</sub>
      over all i with to(i) = j</b>. A token that nobody reads learns nothing.`,
    widget: opWidget,
    tasks: [
      {text: "Let three tokens read token 0. What is its gradient?",
       done: state => state.op && state.op.to.filter(t => t === 0).length >= 3},
      {text: "Find a token whose gradient is 0, and give it a reader.",
       done: state => state.op && state.op.revived},
    ],
  },
  {
    title: "By content",
    recipe: "induction: pointers",
    text: `Somewhere before, the trigger stood, and a token after it. At the end the trigger comes
      again: what stood behind it? A pointer cannot know the place in advance. It compares: the
      score of a candidate is <b>query &#183; key + type + own</b>, and the largest wins. The
      source <b>learned</b> finds earlier tokens of a like code; its own part of the score says
      how alike they are. Choose the last token (click on it, or press End on the sequence) and
      look at its menu: the bars are those sums.`,
    tasks: [
      {text: "Press train: 99 of 100 fresh answers are right after some seconds.",
       done: reached(0.99)},
      {text: "Let it train to the end. Then it is judged at up to 16 times the length: does it " +
         "still find the trigger?", done: judgedAt(16)},
    ],
  },
  {
    title: "A chain",
    recipe: "copy: pointers",
    text: `32 symbols, a gap, and the same symbols again. The source <b>run</b> offers a token the
      place after the one where its left neighbour points. So one right pointer is enough: the
      others follow it. Train, then choose one of the last tokens and try the heads: one of them
      points at the symbol to be said. Follow its chain down the layers.`,
    tasks: [
      {text: "Train it to 99 % (you may pause then).", done: reached(0.99)},
      {text: "Switch the source run off in layer 2: the boxes are above the sequence. More than " +
         "a third of the answers break.",
       done: state => state.off && state.off.sources.some(s => s[1] === "run") &&
         state.right && state.right[0] < 2 / 3 * state.right[1]},
    ],
  },
  {
    title: "The paper's recipe",
    recipe: "copy: the paper's recipe",
    text: `The paper (arXiv 2508.02631) scores all earlier tokens, adds random numbers (Gumbel
      noise) and takes the largest (<b>sources = dense</b>). The right place is one among more
      than a hundred, and nothing leads there. Chance is 5 %.`,
    tasks: [
      {text: "Train it for 100 steps, and pause. Where is its accuracy?",
       done: state => state.step >= 100},
      {recipe: "copy: pointers", text: "Now begin with \u201ccopy: pointers\u201d and train: 99 %.",
       done: reached(0.99)},
    ],
  },
  {
    title: "Longer than trained",
    recipe: "copy: pointers",
    text: `Nothing in a rule such as "one place after my neighbour's" knows how long the sequence
      is. So it holds at lengths that were never seen. A transformer learns distances that it has
      seen.`,
    tasks: [
      {text: "Train the pointers to the end: they are judged at 4 and 16 times the length.",
       done: judgedAt(16, 0.95)},
      {recipe: "copy: a transformer",
       text: "Begin with \u201ccopy: a transformer\u201d (a minute of training). At which " +
         "length does it fall?",
       done: judgedAt(16)},
    ],
  },
];

/// Five tokens with numbers and pointers; what is read, and the gradient, come from the engine.
function opWidget(root) {
  const x = [3, 1, 4, 1, 5], dy = [1, 1, 1, 1, 1], to = [0, 0, 1, 1, 3];
  const table = root.appendChild(made("table")), cells = {};
  const row = (name, contents) => {
    const tr = table.insertRow();
    tr.append(made("th", "", name));
    cells[name] = contents.map(content => {
      const cell = tr.insertCell();
      cell.append(content);
      return cell;
    });
  };
  row("token", [0, 1, 2, 3, 4]);
  row("x", x);
  row("to", to.map((target, i) => {
    const select = made("select");
    select.setAttribute("aria-label", `token ${i} points to`);
    for (let j = 0; j <= i; ++j) select.append(new Option(j, j, false, j === target));
    select.onchange = () => {
      to[i] = Number(select.value);
      show().catch(error => say(error.message, true));
    };
    return select;
  }));
  row("y", x);
  row("dy", dy);
  row("dx", x);
  async function show() {
    const {y, dx} = await lab.engine.ask({do: "gather", x, to, dy});
    y.forEach((v, i) => { cells.y[i].textContent = v; });
    dx.forEach((v, i) => { cells.dx[i].textContent = v; });
    const before = lab.op ? lab.op.dx : dx;
    const revived =
      Boolean(lab.op && lab.op.revived) || dx.some((d, i) => before[i] === 0 && d !== 0);
    lab.op = {to: [...to], dx, revived};
    changed();
  }
  return show();
}

function startLessons() {
  const done = LESSONS.map(lesson => lesson.tasks.map(() => false));
  let open = null;
  const tabs = LESSONS.map((lesson, i) => {
    const tab = made("button", "", `${i + 1} ${lesson.title}`);
    tab.type = "button";
    tab.onclick = () => show(open === i ? null : i);
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
    if (recipe && !lab.busy && !lab.facts) choose(recipe);
    box.append(Object.assign(document.createElement("p"), {innerHTML: text}));
    if (widget) {
      const place = document.createElement("div");
      box.append(place);
      busy(() => widget(place));
    }
    const list = document.createElement("ol");
    for (const task of tasks) list.append(made("li", "", task.text));
    box.append(list);
    // A run that there is does not go unasked.
    for (const name of new Set(tasks.map(task => task.recipe || recipe)))
      if (name) {
        const begin = made("button", "begin", `begin with \u201c${name}\u201d`);
        begin.type = "button";
        begin.onclick = () => { if (!lab.busy) choose(name); };
        box.append(begin, " ");
      }
    tick(lab);
  }
  function tick(state) {
    if (open === null) return;
    const {tasks, recipe} = LESSONS[open];
    tasks.forEach((task, t) => {
      const of = task.recipe || recipe, there = !of || (state.facts && state.recipe === of);
      done[open][t] ||= Boolean(there && task.done(state));
    });
    for (const begin of byId("lesson").querySelectorAll(".begin")) {
      const name = begin.textContent.slice("begin with \u201c".length, -1);
      begin.disabled = state.busy;
      begin.hidden = byId("recipe").value === name && !(state.facts && state.recipe !== name);
    }
    [...byId("lesson").querySelectorAll("ol > li")]
      .forEach((li, t) => li.classList.toggle("done", done[open][t]));
    tabs.forEach((tab, i) => tab.classList.toggle("done", done[i].every(Boolean)));
  }
  lab.watchers.push(tick);
}

// A view of one sequence (tools/inspect/view.js) that follows an engine: tokens are typed over,
// parts of the model are switched off, and everything that is drawn is what the model then does.
"use strict";

/// createAlive(element, engine, facts, {changed, follows})
///   facts: what the engine said of its run; follows: it shows what another one shows
///   draw(length, seed)     shows a sequence of the task
///   set(tokens, scored)    shows these, answered at the positions `scored`
///   look()                 asks the engine again, and calls changed(); as often as one likes:
///                          while it answers, only the last of those that wait is carried out
///   right()                [how many answers are right, of how many that are known]
///   tokens(), scored(), off(), view(), end()
function createAlive(root, engine, facts, {changed = () => {}, follows = false} = {}) {
  const bar = made("div", "alive-bar"), switches = made("div", "alive-switches");
  const place = made("div");
  const told = made("p", "alive-told");
  told.setAttribute("role", "status");
  root.replaceChildren(bar, switches, told, place);
  let view = null, tokens = null, scored = null, running = null, again = false;
  const off = {layers: [], heads: [], sources: []};

  const length = Object.assign(made("input"), {type: "number", min: 1, max: 2048});
  const seed = Object.assign(made("input"), {type: "number", min: 0, max: 1e9, value: 1});
  const reading = made("select");
  reading.append(new Option("hard"), new Option("soft"));
  const drawn = madeButton("new sequence", "draw a sequence of the task", () => {
    seed.value = Number(seed.value) + 1;
    draw(Number(length.value), Number(seed.value)).catch(tell);
  });
  const write = madeButton("write a token", "go on with the likeliest token", async () => {
    try {
      const {tokens: more} = await engine.ask({do: "write", tokens, count: 1});
      set([...tokens, ...more], [...scored, tokens.length]);
    } catch (error) {
      tell(error);
    }
  });
  const score = made("output", "alive-score");
  if (follows) bar.append(made("strong", "", `beside: ${facts.model}`));
  else bar.append(made("label", "", "length ", length), made("label", "", "seed ", seed), drawn,
                  write);
  bar.append(made("label", "", "pointers ", reading), score);
  reading.onchange = () => look();
  let drawnLast = [0, 1];  // length and seed
  seed.onchange = length.onchange = () =>
    draw(Number(length.value), Number(seed.value)).catch(error => {
      [length.value, seed.value] = drawnLast;
      tell(error);
    });
  const redraw = () => { if (view && root.offsetWidth) view.redraw(); };
  addEventListener("resize", redraw);

  function tell(error) { told.textContent = error ? error.message : ""; }

  /// Ticks for what can be switched off, once the layers are known.
  function offer(sample) {
    switches.replaceChildren();
    const tick = (label, list, entry) => {
      const box = Object.assign(made("input"), {type: "checkbox", checked: true});
      box.onchange = () => {
        const same = other => JSON.stringify(other) === JSON.stringify(entry);
        off[list] = box.checked ? off[list].filter(other => !same(other)) : [...off[list], entry];
        look();
      };
      return made("label", "", box, label);
    };
    sample.layers.forEach((layer, l) => {
      const group = made("fieldset", "", made("legend", "", tick(`layer ${l + 1}`, "layers", l)));
      const heads = (layer.heads || layer.weights || []).length;
      if (heads > 1)
        for (let h = 0; h < heads; ++h) group.append(tick(`head ${h + 1}`, "heads", [l, h]));
      for (const source of facts.sources[l] || [])
        group.append(tick(source, "sources", [l, source]));
      switches.append(group);
    });
  }

  async function once() {
    const selection = reading.value;
    const sample = await engine.ask({do: "inspect", tokens, scored, selection, off});
    if (view) view.show(sample);
    else {
      offer(sample);
      view = createView(place, sample, {onSequence: type});
    }
    const [good, known] = right();
    score.textContent = known ? `${good} of ${known} answers right` : "";
    tell();
    changed();
  }
  function right() {
    if (!view) return [0, 0];
    const {answerOf, target, predicted} = view.data();
    const known = [...answerOf.keys()].filter(n => target[n] >= 0);
    return [known.filter(n => predicted[n] === target[n]).length, known.length];
  }
  function look() {
    if (!tokens) return Promise.resolve();
    if (running) {
      again = true;
      return running;
    }
    return running = (async () => {
      do {
        again = false;
        try {
          await once();
        } catch (error) {
          tell(error);
        }
      } while (again);
      running = null;
    })();
  }
  function set(those, at) {
    tokens = [...those], scored = [...at];
    return look();
  }
  /// After the user has typed: what was asked behind the place of the change moves with it.
  function type(typed) {
    const by = typed.length - tokens.length;
    let place = 0;
    while (place < typed.length && typed[place] === tokens[place]) ++place;
    const moved = scored.map(n => n + (n > place || (by > 0 && n === place) ? by : 0));
    const still = [...new Set(moved)].filter(n => n < typed.length);
    return set(typed, still.length ? still : [typed.length - 1]);
  }
  /// A sequence of the task.
  async function draw(N, from = Number(seed.value)) {
    const sample = await engine.ask({do: "sample", length: N, seed: from});
    length.value = N, seed.value = from, drawnLast = [N, from];
    tokens = sample.tokens;
    scored = sample.targets.flatMap((target, n) => target >= 0 ? [n] : []);
    return look();
  }
  function end() {
    removeEventListener("resize", redraw);
    root.replaceChildren();
  }
  return {draw, set, look, right, end, off: () => off, tokens: () => [...tokens],
          scored: () => [...scored], view: () => view};
}

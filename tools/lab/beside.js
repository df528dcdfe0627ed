// Another run, on the same sequence as one that is alive (tools/lab/alive.js).
"use strict";

/// The files of a run directory, dropped or chosen. Throws Error where one is missing.
async function runFiles(list) {
  const files = [];
  for (const file of list)
    files.push({name: file.name, bytes: new Uint8Array(await file.arrayBuffer())});
  for (const name of ["config.ini", "model.safetensors"])
    if (!files.some(file => file.name === name))
      throw new Error("open: expected config.ini and model.safetensors of a run, " +
                      `${name} is missing`);
  return files;
}

/// createBeside(element)
///   open(list, alive, facts)  the run of these files, beside `alive`, whose run has these facts;
///                             returns what its own engine said of it, or throws Error
///   follow(alive)             shows the sequence that is shown there, where it changed
function createBeside(root) {
  let engine = null, own = null, shown = "";
  return {
    async open(list, alive, {task, vocabulary}) {
      const files = await runFiles(list);
      if (engine) engine.end();
      own = null;
      engine = await Engine.start();
      await engine.put(files);
      const facts = await engine.ask({do: "open"});
      if (facts.task !== task || facts.vocabulary !== vocabulary) {
        root.hidden = true;
        throw new Error(`beside: expected a run of ${task} with ${vocabulary} tokens, ` +
                        `got ${facts.task} with ${facts.vocabulary}`);
      }
      root.hidden = false;
      own = createAlive(root, engine, facts);
      shown = String(alive.tokens());
      await own.set(alive.tokens(), alive.scored());
      return facts;
    },
    follow(alive) {
      const tokens = String(alive.tokens());
      if (own && tokens !== shown) own.set(alive.tokens(), alive.scored());
      shown = tokens;
    },
  };
}

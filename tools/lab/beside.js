// Another run, on the same sequence as one that is alive (tools/lab/alive.js).
"use strict";

/// The files of a run directory, or its run.tar, dropped or chosen. Throws Error where one is
/// missing.
async function runFiles(list) {
  const files = [];
  for (const file of list) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    files.push(...file.name.endsWith(".tar") ? filesOfTar(bytes) : [{name: file.name, bytes}]);
  }
  for (const name of ["config.ini", "model.safetensors"])
    if (!files.some(file => file.name === name))
      throw new Error("run: expected its run.tar, or config.ini and model.safetensors together; " +
                      `${name} is missing`);
  return files;
}

/// createBeside(element)
///   open(list, alive, facts)  the run of these files, beside `alive`, whose run has these facts;
///                             returns what its own engine said of it, or throws Error
///   follow(alive)             shows the sequence that is shown there, where it changed
///   suit(facts)               hides where the run there is of another task now
function createBeside(root) {
  let engine = null, own = null, shown = "", facts = null;
  const suits = other => other.task === facts.task && other.vocabulary === facts.vocabulary;
  return {
    async open(list, alive, there) {
      const files = await runFiles(list);
      if (engine) engine.end();
      own = null;
      engine = await Engine.start();
      await engine.put(files);
      root.hidden = true;
      facts = await engine.ask({do: "open"});
      if (!suits(there))
        throw new Error(`beside: expected a run of ${there.task} with ${there.vocabulary} ` +
                        `tokens, got ${facts.task} with ${facts.vocabulary}`);
      root.hidden = false;
      own = createAlive(root, engine, facts, {follows: true});
      shown = String(alive.tokens());
      await own.set(alive.tokens(), alive.scored());
      return facts;
    },
    suit(there) {
      if (own && !suits(there)) own = null, root.hidden = true;
    },
    follow(alive) {
      const tokens = String(alive.tokens());
      if (own && tokens !== shown) own.set(alive.tokens(), alive.scored());
      shown = tokens;
    },
  };
}

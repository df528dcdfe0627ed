// The engine as the pages see it: `await Engine.start()`, then `await engine.ask({do: ...})`. It
// runs in a worker, so that the page never waits. The script and the WebAssembly module lie in the
// page, compressed, in <script type="application/octet-stream" id="engine-script"> and
// "engine-wasm".
"use strict";

const Engine = {
  /// Is it in this page at all?
  there: () => Boolean(document.getElementById("engine-wasm")?.textContent.trim()),

  /// A new one, with a model of its own. Throws Error: a sentence.
  async start() {
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function")
      throw new Error("this browser cannot run the engine: it has no WebAssembly");
    const text = id => document.getElementById(id).textContent.trim();
    const code = new Blob([text("engine-worker")], {type: "text/javascript"});
    const url = URL.createObjectURL(code), worker = new Worker(url), waiting = new Map();
    let next = 0;
    const send = message => new Promise((resolve, reject) => {
      waiting.set(next, {resolve, reject});
      worker.postMessage({id: next++, ...message});
    });
    await new Promise((resolve, reject) => {
      worker.onmessage = ({data}) => data.ready ? resolve() : reject(new Error(data.error));
      worker.onerror = event => reject(new Error("the engine did not start: " + event.message));
      worker.postMessage({script: text("engine-script"), wasm: text("engine-wasm")});
    });
    URL.revokeObjectURL(url);
    worker.onmessage = ({data}) => {
      const {resolve, reject} = waiting.get(data.id);
      waiting.delete(data.id);
      data.answer.error ? reject(new Error(data.answer.error)) : resolve(data.answer);
    };
    return {
      /// The answer of engine.cpp. Throws Error with its sentence.
      ask: request => send({request}),
      /// Files of a run, [{name, bytes}], instead of the run that it has; then ask({do: "open"}).
      put: files => send({put: files}),
      /// The files of its run.
      files: () => send({get: true}),
      end: () => worker.terminate(),
    };
  },
};

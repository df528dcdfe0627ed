// The tab in which the sample lives: the run's own model, in the engine of this page, reads whatever
// is typed. Only where the page carries both; the engine starts when the tab is opened first.
"use strict";

function bytesOf(id) {
  const raw = atob(document.getElementById(id).textContent.trim()), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; ++i) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

const live = {
  there: () => Engine.there() && document.getElementById("run-model").textContent.trim() !== "",
  alive: null,
  started: null,
  /// Starts once. `sample`: what is shown elsewhere in the page.
  start(sample) {
    return live.started ||= (async () => {
      const said = document.getElementById("live-said");
      try {
        const engine = await Engine.start();
        await engine.put([{name: "config.ini", bytes: bytesOf("run-config")},
                          {name: "model.safetensors", bytes: bytesOf("run-model")}]);
        const facts = await engine.ask({do: "open"});
        live.alive = createAlive(document.getElementById("live-view"), engine, facts);
        await live.alive.set([...sample.tokens], [...sample.answerOf.keys()]);
        said.textContent = "Type on the sequence, or switch parts of the model off: the answers " +
          "follow. Right answers are the task's, where it can say.";
      } catch (error) {
        said.textContent = error.message;
      }
    })();
  },
};

/// A slider over the snapshots: data.snapshots = [{step, sample}], the run itself last.
function snapshotSlider(data, view) {
  const all = [...data.snapshots, {step: null, sample: data.sample}];
  const box = document.getElementById("snapshots"), slider = document.getElementById("snapshot");
  if (all.length < 2) return;
  box.hidden = false;
  slider.max = slider.value = all.length - 1;
  const show = () => {
    const {step, sample} = all[Number(slider.value)];
    document.getElementById("snapshot-step").textContent = step === null ? "the last" : step;
    view.show(sample);
  };
  slider.addEventListener("input", show);
  document.getElementById("snapshot-step").textContent = "the last";
}

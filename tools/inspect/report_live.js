// The tab in which the sample lives: the run's own model, in the engine of this page, reads
// whatever is typed. Only where the page carries both; the engine starts with the tab.
"use strict";

const live = {
  there: () => Engine.there() && document.getElementById("run-model").textContent.trim() !== "",
  alive: null,
  started: null,
  /// Starts once. `sample`: what is shown elsewhere in the page.
  start(sample) {
    return live.started ||= (async () => {
      const said = document.getElementById("live-said");
      const carried = id => bytesOfBase64(document.getElementById(id).textContent.trim());
      try {
        const engine = await Engine.start();
        await engine.put([{name: "config.ini", bytes: carried("run-config")},
                          {name: "model.safetensors", bytes: carried("run-model")}]);
        const facts = await engine.ask({do: "open"});
        const beside = createBeside(document.getElementById("live-beside"));
        live.alive = createAlive(document.getElementById("live-view"), engine, facts,
                                 {changed: () => beside.follow(live.alive)});
        await live.alive.set([...sample.tokens], [...sample.answerOf.keys()]);
        said.textContent = "Type on the sequence, or switch parts of the model off: the answers " +
          "follow. Right answers are the task's, where it can say.";
        const other = document.getElementById("live-other");
        other.onchange = () => live.opened = (async () => {
          try {
            const {model} = await beside.open([...other.files], live.alive, facts);
            said.textContent = `The same sequence below, in another run: ${model}.`;
          } catch (error) {
            said.textContent = error.message;
          }
        })();
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
  show();
}

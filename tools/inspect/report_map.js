// All tokens by what they read, as a picture.
"use strict";

/// Draws the chosen layer and head of a view on a canvas; draw() again when something changed.
function createMap(canvas, note, legend, view) {
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const real = style => colour(/--[\w-]+/.exec(style)[0]);

  function draw() {
    const data = view.data(), {layer, head, token} = view.state(), N = data.N;
    const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    if (!box.width) return;
    canvas.width = Math.round(box.width * ratio), canvas.height = Math.round(box.height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    const x = n => n / N * box.width, y = n => n / N * box.height;
    const wide = Math.max(2, x(1)), tall = Math.max(2, y(1));
    context.strokeStyle = colour("--line");
    context.beginPath(), context.moveTo(0, 0), context.lineTo(box.width, box.height);
    context.stroke();
    const colours = new Map();
    const cell = (n, to, alpha, edge) => {
      const style = styleOf(data, edge).colour;
      if (!colours.has(style)) colours.set(style, real(style));
      context.globalAlpha = alpha;
      context.fillStyle = colours.get(style);
      context.fillRect(x(to), y(n), wide, tall);
    };
    for (let n = 0; n < N; ++n)
      if (data.kind(layer) === "pointer") {
        const to = data.to(layer, head, n);
        if (to >= 0)
          cell(n, to, 1, {kind: "pointer", source: sourceOf(data.type(layer, head, n))});
      } else if (data.kind(layer) === "weights") {
        for (const {to, weight} of data.weights(layer, head, n).all)
          cell(n, to, Math.max(0, Math.min(1, weight)), {kind: "weight", head});
      }
    context.globalAlpha = 1;
    context.fillStyle = colour("--quiet"), context.font = `${11 * typeScale()}px sans-serif`;
    for (const tick of d3.ticks(0, N, 6).filter(t => t < N && Number.isInteger(t))) {
      context.fillText(String(tick), x(tick) + 2, box.height - 4);
      if (tick) context.fillText(String(tick), 3, y(tick) + 11);
    }
    context.strokeStyle = colour("--accent"), context.lineWidth = 2;
    context.strokeRect(0, y(token) - 2, box.width, tall + 4);
    note.textContent = explanation(data, view.state());
    legend.innerHTML = document.querySelector(".view-tree .view-legend").innerHTML;
    canvas.setAttribute("aria-label", note.textContent);
  }
  canvas.addEventListener("click", event => {
    const box = canvas.getBoundingClientRect(), N = view.data().N;
    view.choose({token: Math.min(N - 1, Math.floor((event.clientY - box.top) / box.height * N))});
  });
  canvas.addEventListener("keydown", event => {
    const {token, layer, head} = view.state();
    const change = {ArrowLeft: {token: token - 1}, ArrowRight: {token: token + 1},
                    ArrowUp: event.shiftKey ? {head: head - 1} : {layer: layer + 1},
                    ArrowDown: event.shiftKey ? {head: head + 1} : {layer: layer - 1}}[event.key];
    if (!change) return;
    event.preventDefault();
    view.choose(change);
  });
  return {draw};
}

// The engine in a worker of the page: requests in, answers out.
//
//   {id, request: {do: ...}}             -> {id, answer}          see engine.cpp
//   {id, put: [{name, bytes}]}           -> {id, answer: {}}      files into the folder /run
//   {id, get: true}                      -> {id, answer: [{name, bytes}]}   all that is in it
//
// The first message is {script, wasm}, what emscripten made, compressed, as base64; it is answered
// by {ready: true} or {error: a sentence}.
"use strict";

let engine = null;

/// The bytes of a gzip file in base64.
async function unpacked(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; ++i) bytes[i] = raw.charCodeAt(i);
  const whole = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(whole).arrayBuffer();
}

async function start({script, wasm}) {
  const code = URL.createObjectURL(new Blob([await unpacked(script)], {type: "text/javascript"}));
  importScripts(code);
  URL.revokeObjectURL(code);
  const silent = {print: () => {}, printErr: () => {}};
  engine = await gnomonEngine({wasmBinary: await unpacked(wasm), ...silent});
}

function call(request) {
  const text = JSON.stringify(request);
  const size = engine.lengthBytesUTF8(text) + 1;
  const at = engine._malloc(size);
  engine.stringToUTF8(text, at, size);
  const answer = engine._gnomon_call(at);
  engine._free(at);
  return JSON.parse(engine.UTF8ToString(answer));
}

function put(files) {
  const {FS} = engine;
  if (!FS.analyzePath("/run").exists) FS.mkdir("/run");
  for (const name of FS.readdir("/run"))
    if (name !== "." && name !== "..") FS.unlink("/run/" + name);
  for (const {name, bytes} of files) FS.writeFile("/run/" + name, new Uint8Array(bytes));
  return {};
}

function get() {
  const {FS} = engine;
  call({do: "save"});
  return FS.readdir("/run").filter(name => !name.startsWith("."))
    .map(name => ({name, bytes: FS.readFile("/run/" + name)}));
}

function answered({request, put: files, get: wanted}) {
  try {
    return request ? call(request) : files ? put(files) : wanted ? get() : {error: "empty request"};
  } catch (error) {
    return {error: "the engine stopped: " + error};
  }
}

onmessage = async ({data}) => {
  if (data.wasm) {
    try {
      await start(data);
      postMessage({ready: true});
    } catch (error) {
      postMessage({error: "this browser cannot run the engine (it needs WebAssembly with SIMD): " +
                          error});
    }
  } else {
    postMessage({id: data.id, answer: answered(data)});
  }
};

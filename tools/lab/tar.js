// Files as one .tar (POSIX ustar), which every system unpacks.
"use strict";

/// files: [{name, bytes: Uint8Array}] -> Blob, all below the folder `folder`.
function tarOf(folder, files) {
  const encode = text => new TextEncoder().encode(text), parts = [];
  for (const {name, bytes} of files) {
    const header = new Uint8Array(512);
    const set = (at, text) => header.set(encode(text), at);
    const octal = (at, size, number) => set(at, number.toString(8).padStart(size - 1, "0") + "\0");
    set(0, `${folder}/${name}`.slice(0, 99));
    octal(100, 8, 0o644), octal(108, 8, 0), octal(116, 8, 0);
    octal(124, 12, bytes.length), octal(136, 12, Math.floor(Date.now() / 1000));
    set(148, "        "), set(156, "0"), set(257, "ustar\0" + "00");
    octal(148, 7, header.reduce((sum, byte) => sum + byte, 0));  // of the header with blanks here
    parts.push(header, bytes, new Uint8Array((512 - bytes.length % 512) % 512));
  }
  return new Blob([...parts, new Uint8Array(1024)], {type: "application/x-tar"});
}

// Files as one .tar (POSIX ustar), which every system unpacks; and back.
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

/// The plain files of a .tar, without their folders. Throws Error for what is none.
function filesOfTar(bytes) {
  const files = [], text = (at, size) =>
    new TextDecoder().decode(bytes.subarray(at, at + size)).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const size = parseInt(text(at + 124, 12), 8);
    if (text(at + 257, 5) !== "ustar" || !(size >= 0) || at + 512 + size > bytes.length)
      throw new Error("run.tar: expected a .tar file, got something else, or a part of one");
    if (["0", ""].includes(text(at + 156, 1)))
      files.push({name: text(at, 100).split("/").pop(),
                  bytes: bytes.slice(at + 512, at + 512 + size)});
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

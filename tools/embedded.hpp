// Files as bytes of the program, so that it works wherever it is moved to.
//
//   GNOMON_EMBED(gnomon_peer, "/tools/peer.py");      // a path from the top folder
//   const std::string text(GNOMON_EMBEDDED(gnomon_peer));
//
// CMakeLists.txt names the files that a source embeds, so that a change of them is compiled in.
#pragma once

#define GNOMON_EMBED_FILE(name, path) \
  asm(".pushsection .rodata\n" #name  \
      "_begin:\n"                     \
      ".incbin \"" path "\"\n" #name  \
      "_end:\n"                       \
      ".byte 0\n.popsection\n");      \
  extern "C" const char name##_begin[], name##_end[]

#define GNOMON_EMBED(name, path) GNOMON_EMBED_FILE(name, GNOMON_SOURCE_DIR path)

/// The bytes, as arguments of a std::string or std::string_view.
#define GNOMON_EMBEDDED(name) name##_begin, name##_end

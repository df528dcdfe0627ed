// The engine for a browser, as tools/lab.sh left it beside the program: compressed, as base64.
#pragma once

#include <optional>
#include <string>

namespace gnomon {

struct PackedEngine {
  std::string script, wasm;
};

/// Where it is looked for: the folder `lab` beside the program.
std::string packed_engine_folder();
/// Nothing: it was not built. Throws Error(Fault::io).
std::optional<PackedEngine> packed_engine();

}  // namespace gnomon

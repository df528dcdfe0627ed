#include "tools/packed_engine.hpp"

#include <filesystem>

#include "core/base/file.hpp"

namespace gnomon {

std::string packed_engine_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path() / "lab").string();
}

std::optional<PackedEngine> packed_engine() {
  constexpr uint64_t kMost = uint64_t{1} << 26;
  const std::string folder = packed_engine_folder();
  for (const char* part : {"/engine.js.packed", "/engine.wasm.packed"})
    if (std::error_code error; !std::filesystem::exists(folder + part, error)) return std::nullopt;
  return PackedEngine{read_file(folder + "/engine.js.packed", kMost),
                      read_file(folder + "/engine.wasm.packed", kMost)};
}

}  // namespace gnomon

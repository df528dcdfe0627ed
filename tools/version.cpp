#include "tools/version.hpp"

#include <fmt/chrono.h>

#include <fstream>

#include "core/base/fields.hpp"
#include "tools/commit.hpp"  // written by tools/commit.cmake at every build

namespace gnomon {

std::string commit() { return GNOMON_COMMIT; }

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      return std::string(trimmed(line.substr(line.find(':') + 1)));
  return "unknown";
}

std::string today() { return fmt::format("{:%F}", fmt::gmtime(std::time(nullptr))); }

}  // namespace gnomon

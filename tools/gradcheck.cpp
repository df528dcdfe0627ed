// gnomon gradcheck: the gradient table needs the engine in double, which is another program.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/training/options.hpp"

namespace gnomon {
namespace {

Exit gradcheck_table(const Words& words) {
  const std::string usage =
      "usage: gnomon gradcheck\nOne row per operation: its largest relative gradient error, in "
      "double.\n";
  NoOptions none;
  if (!read_words(words, usage, none)) return Exit::ok;
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string table = (self.parent_path() / "gnomon-gradcheck").string();
  char* const command[] = {table.data(), nullptr};
  execv(table.c_str(), command);  // returns only when it fails
  fail(Fault::io,
       "{}: cannot be started: {}; build it with: cmake --build BUILD --target gnomon-gradcheck",
       table, std::strerror(errno));
}

const Registration<Command> kGradcheck{"gradcheck",
                                       "proves the gradient of every operation, one row each",
                                       command(Place::judging, gradcheck_table)};

}  // namespace
}  // namespace gnomon

// The example of core/README.md is this code, and what the README says it prints is what it prints.
#include <doctest/doctest.h>

#include <fstream>
#include <iostream>
#include <sstream>

// README begin
#include "core/ops/add.hpp"
#include "core/ops/affine.hpp"
#include "core/ops/gather_rows.hpp"
using namespace gnomon;

void example(std::ostream& out) {
  const Var x = variable(Array({1, 3, 2}, {1, 2, 3, 4, 5, 6}));  // three tokens, width 2
  const Var w = variable(Array({2, 2}, {1, 0, 0, 1}));
  Tape tape;                                                     // from here on, ops are recorded
  const Var read = gather_rows(x, Index({1, 3}, {0, 0, 1}));     // tokens 0 and 1 both read token 0
  const Var y = add(x, affine(read, w));
  tape.print(out);
  tape.backward(y, ones(y.shape()));                             // one loop, last node first
  out << "y    " << fmt::format("{}", fmt::join(y.value(), " ")) << "\n";
  out << "dx   " << fmt::format("{}", fmt::join(x.grad(), " ")) << "\n";
}
// README end

namespace {

std::string file(const std::string& name) {
  std::ifstream in(std::string(GNOMON_SOURCE_DIR) + "/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What stands between two marks, each of which occurs once.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t from = text.find(begin), to = text.find(end, from + begin.size());
  REQUIRE(from != text.npos);
  REQUIRE(to != text.npos);
  CHECK(text.find(begin, from + 1) == text.npos);
  return text.substr(from + begin.size(), to - from - begin.size());
}

}  // namespace

TEST_CASE("core/README.md: the example is compiled code") {
  CHECK(between(file("core/README.md"), "```cpp\n", "```") ==
        between(file("tests/test_readme_core.cpp"), "// README begin" "\n", "// README end" "\n"));
}

TEST_CASE("core/README.md: the example prints what stands there") {
  std::ostringstream out;
  example(out);
  CHECK(between(file("core/README.md"), "```text\n", "```") == out.str());
}

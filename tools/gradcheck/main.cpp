// The gradient table, in double: `gnomon gradcheck` runs this program.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "tools/gradcheck/cases.hpp"

namespace {

constexpr double kTolerance = 1e-6;
constexpr const char* kHelp =
    "usage: gnomon-gradcheck [--help]\n"
    "\n"
    "Checks every backward pass against central differences, in double: all elements of all "
    "inputs\n"
    "of every op, under a random cotangent, with repeated, unread and masked targets. A row is ok\n"
    "when no element is off by {:.0e} or more, relative to max(1, |difference|). The exit code is "
    "0\n"
    "when all rows are ok, else 1.\n";

/// Prints one row; true when it is ok (a NaN is not).
bool row(const std::string& name, const std::string& inputs, double worst,
         const std::string& where) {
  const bool ok = worst < kTolerance;
  fmt::print("{:<46} {:<26} {:>9.1e}  {}\n", name, inputs, worst, ok ? "ok" : "FAIL  " + where);
  return ok;
}

}  // namespace

int main(int count, char** arguments) {
  using namespace gnomon;
  if (count > 1) {
    const bool help = count == 2 && std::strcmp(arguments[1], "--help") == 0;
    fmt::print(help ? stdout : stderr, kHelp, kTolerance);
    return help ? 0 : 2;
  }
  size_t rows = 0, failed = 0;
  double worst = 0;
  std::string at;
  const auto add = [&](const std::string& name, const std::string& inputs, double error,
                       const std::string& where) {
    ++rows;
    if (!row(name, inputs, error, where)) ++failed;
    if (at.empty() || error > worst || std::isnan(error)) worst = error, at = name;
  };

  fmt::print("{:<46} {:<26} {:>9}\n", "op", "inputs", "error");
  for (const OpCase& c : gradient_cases()) {
    std::string inputs;
    for (const Shape& s : c.inputs) inputs += (inputs.empty() ? "" : " ") + s.text();
    try {
      const GradcheckResult result = gradcheck(c);
      add(c.name, inputs, result.worst, result.where);
    } catch (const std::exception& error) {
      add(c.name, inputs, NAN, error.what());
    }
  }
  for (const ModelCheck& c : model_checks()) add(c.name, "20 directions", c.worst, "");
  fmt::print("{} rows, {} failed, worst relative error {:.1e} ({})\n", rows, failed, worst, at);
  return failed == 0 ? 0 : 1;
}

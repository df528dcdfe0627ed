// The gradient table, in double: `gnomon gradcheck` runs this program.
#include <cstdio>

#include "tools/gradcheck/cases.hpp"

int main() {
  for (const gnomon::OpCase& c : gnomon::gradient_cases()) {
    const auto result = gnomon::gradcheck(c);
    fmt::print("{:<32} {:.1e}  {}\n", c.name, result.worst, result.where);
  }
}

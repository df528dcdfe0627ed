#include <doctest/doctest.h>

#include "tools/gradcheck/cases.hpp"

using namespace gnomon;

TEST_CASE("backward equals finite differences") {
  for (const OpCase& c : gradient_cases()) {
    const GradcheckResult result = gradcheck(c);
    CAPTURE(c.name);
    CAPTURE(result.where);
    CHECK(result.worst < 1e-6);
  }
}

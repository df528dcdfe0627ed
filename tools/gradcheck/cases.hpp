// tools/gradcheck/cases.hpp
// The gradient table: one row per op (and per branch of an op worth its own row). A file in
// core/ops without a row here fails a test.
#pragma once

#include "core/gradcheck.hpp"

namespace gnomon {

/// Rows of all ops, in the order of their names.
std::vector<OpCase> gradient_cases();

}  // namespace gnomon

// The gradient table: one row per op (and per branch of an op worth its own row). A file in
// core/ops without a row here fails a test.
#pragma once

#include "core/gradcheck.hpp"

namespace gnomon {

/// Rows of all ops, in the order of their names.
std::vector<OpCase> gradient_cases();

/// Those of attention, rotary positions and the short convolution: a part of the table.
std::vector<OpCase> attention_gradient_cases();
/// Those of recurrences and of the functions that their gates and features are made of: another.
std::vector<OpCase> recurrence_gradient_cases();

struct ModelCheck {
  std::string name;  ///< the model and the options that differ from its defaults
  double worst;      ///< over 20 random directions through all parameters
};

/// Every model, in double, soft selection (the hard modes are not meant to equal differences).
std::vector<ModelCheck> model_checks();

}  // namespace gnomon

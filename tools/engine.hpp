// What every command does before it computes.
#pragma once

#include <string>

#include "core/base/fields.hpp"

namespace gnomon {

/// Sets the number of threads, tests the matrix products (core/gemm.hpp), and says so where
/// `precision` "bf16" brings no speed on this processor.
void start_engine(size_t threads, const std::string& precision = "f32");

/// As many as the machine offers, within what --threads takes.
size_t default_threads();
void declare_threads(Fields& f, size_t& threads);

}  // namespace gnomon

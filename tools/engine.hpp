// tools/engine.hpp
// What every command does before it computes.
#pragma once

#include <string>

namespace gnomon {

/// Sets the number of threads, tests the matrix products (core/gemm.hpp), and says so where
/// `precision` "bf16" brings no speed on this processor.
void start_engine(size_t threads, const std::string& precision = "f32");

}  // namespace gnomon

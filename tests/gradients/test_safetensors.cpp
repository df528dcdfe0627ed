#include "tools/training/safetensors.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <limits>

#include "tests/folder.hpp"

using namespace gnomon;

TEST_CASE("safetensors: the double build writes F64 and keeps every bit") {
  const Folder folder;
  const Array x({3}, {1.0 / 3, -0.0, std::numeric_limits<real>::denorm_min()});
  write_safetensors(folder / "x", {{}, {{"x", x}}});
  CHECK(read_tensor_header(folder / "x").tensors.at("x").dtype == "F64");
  const Array back = read_safetensors(folder / "x").tensors.at("x");
  for (size_t i = 0; i < 3; ++i)
    CHECK(std::bit_cast<uint64_t>(double{back(i)}) == std::bit_cast<uint64_t>(double{x(i)}));
}

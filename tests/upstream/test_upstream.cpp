// Defects of the libraries as installed (Debian 12) that our rules walk around. A failure here is
// good news: the library was mended, and the comment says what may become simpler.
#include <doctest/doctest.h>

#include <boost/program_options.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <xtensor/xadapt.hpp>
#include <xtensor/xmath.hpp>

// xtensor 0.24.3 evaluates a lazy reducer inside an expression at the wrong elements. It also reads
// outside the array: here the array lies inside a larger buffer, so that this is harmless.
// When this fails: the rule "no lazy reducers, no xt::sum and the like in expressions" may go.
TEST_CASE("upstream: xtensor's lazy sum with keep_dims is wrong inside an expression") {
  std::vector<float> buffer(4096, 0.0f);
  float* first = buffer.data() + 2048;
  for (size_t e = 0; e < 16; ++e) first[e] = static_cast<float>(1 + e % 7);
  const auto a = xt::adapt(first, 16, xt::no_ownership(), std::vector<size_t>{4, 4});
  const xt::xarray<float> y = a / xt::sum(a, {1}, xt::keep_dims);
  int wrong = 0;
  for (size_t e = 0; e < 16; ++e) {
    const float* row = first + e / 4 * 4;
    wrong += std::abs(y.data()[e] - first[e] / (row[0] + row[1] + row[2] + row[3])) > 1e-5f;
  }
  CHECK(wrong > 0);
}

// Boost.Program_options 1.74 reads -1 into an unsigned number without a word.
// When this fails: options may be declared as numbers there, instead of as text for
// core/base/fields.
TEST_CASE("upstream: Boost.Program_options turns -1 into 4294967295") {
  namespace options = boost::program_options;
  uint32_t steps = 0;
  options::options_description known;
  known.add_options()("steps", options::value<uint32_t>(&steps));
  options::variables_map values;
  options::store(options::command_line_parser({"--steps=-1"}).options(known).run(), values);
  options::notify(values);
  CHECK(steps == 4294967295u);
}

// nlohmann/json 3.11 keeps the last of two equal keys, and -1 and 2.9 become sizes.
// When this fails: the strict reading of file headers may leave these checks to the library.
TEST_CASE("upstream: nlohmann/json accepts duplicate keys and makes sizes of any number") {
  CHECK(nlohmann::json::parse(R"({"a": 1, "a": 2})") == nlohmann::json{{"a", 2}});
  CHECK(nlohmann::json(-1).get<uint64_t>() == 18446744073709551615u);
  CHECK(nlohmann::json(2.9).get<uint64_t>() == 2);
}

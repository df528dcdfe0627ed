// The other sequence mixers beside their naive forms in double precision: PyTorch's numbers,
// written by fixtures/make_fixtures.py zoo, one file a row and option. Forward within 1e-5, every
// gradient within 1e-4 (of max(1, |x|), and of the largest number of the gradient); one token at a
// time, with a state, the same as the whole.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "nn/mixers/mixer.hpp"
#include "tests/pieces.hpp"
#include "tools/training/safetensors.hpp"

using namespace gnomon;

namespace {

struct Row {
  std::string name;
  TensorFile file;
  const Array& operator[](const std::string& tensor) const { return file.tensors.at(tensor); }
};

std::vector<Row> rows() {
  std::vector<Row> all;
  for (const auto& entry :
       std::filesystem::directory_iterator(GNOMON_SOURCE_DIR "/tests/fixtures/zoo"))
    all.push_back({entry.path().stem(), read_safetensors(entry.path())});
  std::ranges::sort(all, {}, &Row::name);
  return all;
}

/// The mixer of a row, with the row's options and parameters.
std::unique_ptr<Mixer> make(const Row& row) {
  auto kind = make_registered<MixerKind>(row.file.metadata.at("mixer"), "mixer");
  Fields fields;
  kind->declare(fields);
  MixerPlace place{
      .width = row["a"].shape()[2], .heads = 2, .layer = 0, .layers = 2, .position = "none"};
  for (const std::string& option : split(row.file.metadata.at("options"), ' ')) {
    if (option.empty()) continue;
    const auto words = split(option, '=');
    if (words[0] == "position")
      place.position = words[1];
    else
      fields.set(words[0], words[1]);
  }
  auto mixer = kind->make(place);
  size_t named = 0;
  for (const auto& [name, numbers] : row.file.tensors)
    if (name.starts_with("parameter.")) ++named;
  REQUIRE(mixer->parameters().size() == named);
  for (const Parameter& p : mixer->parameters()) {
    INFO(p.name);
    REQUIRE(row.file.tensors.contains("parameter." + p.name));
    const Array& from = row["parameter." + p.name];
    REQUIRE(p.var->shape().text() == from.shape().text());
    std::ranges::copy(from, p.var->value().begin());
  }
  return mixer;
}

/// The largest |got - expected|, each divided by what `unit` says of the expected number.
template <class Unit>
double worst(const Array& got, const Array& expected, Unit unit) {
  REQUIRE(got.shape().text() == expected.shape().text());
  double worst = 0;
  for (size_t e = 0; e < got.size(); ++e) {
    const double want = double{expected.data()[e]}, error = std::abs(double{got.data()[e]} - want);
    if (!(error / unit(want) <= worst)) worst = error / unit(want);
  }
  return worst;
}

double apart(const Array& got, const Array& expected) {
  return worst(got, expected, [](double x) { return std::max(1.0, std::abs(x)); });
}

void check_gradient(const std::string& name, const Array& got, const Array& expected) {
  INFO(name);
  CHECK(apart(got, expected) < 1e-4);
  double largest = 0;
  for (const real g : expected) largest = std::max(largest, std::abs(double{g}));
  CHECK(worst(got, expected, [&](double) { return largest; }) < 1e-4);
}

}  // namespace

TEST_CASE("zoo: every row is what its naive form in PyTorch gives, forward and backward") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const auto mixer = make(row);
    const Var a = variable(row["a"]);
    Context context;
    Tape tape;
    const Var y = (*mixer)(a, {}, context, nullptr).features;
    CHECK(apart(y.value(), row["y"]) < 1e-5);
    tape.backward(y, row["dy"]);
    check_gradient("a", a.grad(), row["da"]);
    for (const Parameter& p : mixer->parameters())
      check_gradient(p.name, p.var->grad(), row["gradient." + p.name]);
  }
}

TEST_CASE("zoo: one token at a time, with a state, gives the same") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const auto mixer = make(row);
    const Array& a = row["a"];
    const auto [B, N, D] = dims<3>(a, "a [B,N,D]");
    const auto state = mixer->state(B);
    Array y({B, N, D});
    for (size_t n = 0; n < N; ++n) {
      Context context;
      context.first = n;
      const Array one = (*mixer)(slice(a, 1, n, n + 1), {}, context, state.get()).features.value();
      for (size_t b = 0; b < B; ++b) std::copy_n(one.row(b), D, y.row(b * N + n));
    }
    CHECK(apart(y, row["y"]) < 1e-5);
  }
}

// The other sequence mixers beside their naive forms in double precision: PyTorch's numbers,
// written by fixtures/make_fixtures.py zoo, one file a row and option. Forward within 1e-5, every
// gradient within 1e-4 (of max(1, |x|), and of the largest number of the gradient); one token at a
// time, with a state, the same as the whole.
#include <doctest/doctest.h>

#include <filesystem>

#include "nn/mixers/mixer.hpp"
#include "tests/pieces.hpp"
#include "tests/pytorch.hpp"
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

}  // namespace

TEST_CASE("zoo: every row is what its naive form in PyTorch gives, forward and backward") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const auto mixer = make(row);
    const Var a = variable(row["a"]);
    Context context;
    Tape tape;
    const Var y = (*mixer)(a, {}, context, nullptr).features;
    check_values("y", y.value(), row["y"], 1e-5);
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
    check_values("y", y, row["y"], 1e-5);
  }
}

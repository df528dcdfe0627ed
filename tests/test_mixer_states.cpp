// What mixers with a state of fixed size keep of a sequence, in numbers: what a comparison at equal
// state goes by. And the options that they refuse.
#include <doctest/doctest.h>

#include "nn/mixers/mixer.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

std::unique_ptr<Mixer> made(const std::string& name, const std::string& options,
                            const std::string& position = "none", size_t width = 64) {
  auto kind = make_registered<MixerKind>(name, "mixer");
  Fields fields;
  kind->declare(fields);
  for (const std::string& option : split(options, ' ')) {
    const auto words = split(option, '=');
    fields.set(words[0], words[1]);
  }
  return kind->make({.width = width, .heads = 2, .layer = 0, .layers = 2, .position = position});
}

/// Of one sequence of 40 tokens and width 64.
size_t numbers_after_reading(const std::string& name, const std::string& options = "") {
  const auto mixer = made(name, options);
  mixer->initialise(1);
  const auto state = mixer->state(1);
  Context context;
  (*mixer)(Random(2).normal({1, 40, 64}), {}, context, state.get());
  return state_numbers(*state);
}

}  // namespace

TEST_CASE("mixer states: as many numbers as their headers say") {
  CHECK(numbers_after_reading("mamba") == 128 * 16 + 3 * 128);
  CHECK(numbers_after_reading("mamba", "mamba-states=8 expansion=1 mamba-kernel=2") == 64 * 8 + 64);
  CHECK(numbers_after_reading("s4d") == 64 * 64);
  CHECK(numbers_after_reading("s4d", "s4d-states=6") == 64 * 6);
  CHECK(numbers_after_reading("gam") == 2 * 64);
  CHECK(numbers_after_reading("lmu", "lmu-states=10") == 10);
  CHECK(numbers_after_reading("treeffn", "rounds=3") == 3 * 64);
  // Of 40 tokens one segment is finished, and one has begun.
  CHECK(numbers_after_reading("memory-caching", "memory-segment=32") == 2 * 64 * (32 + 2));
  CHECK(numbers_after_reading("block-attention", "block=16") == 2 * 40 * 64 + 2 * 64);
}

TEST_CASE("mixer states: options that do not fit are refused") {
  CHECK(sentence([] { made("s4d", "s4d-states=5"); }) ==
        "s4d-states: expected an even number for s4d, whose states are complex, got 5");
  CHECK(sentence([] { made("memory-caching", "memory-segment=31"); }) ==
        "memory-segment: expected at least the 32 numbers of a head, or a memory is larger than "
        "what it is of, got 31");
  CHECK(sentence([] { made("block-attention", "", "rope", 6); }) ==
        "position: rope needs heads of even width, got width 6 and heads 2");
}

#include "tools/training/run_state.hpp"

namespace gnomon {
namespace {

constexpr size_t kMostSteps = 1'000'000'000;

}  // namespace

void RunState::write(Metadata& metadata) const {
  const auto put = [&](const char* name, auto value) { metadata[name] = fmt::format("{}", value); };
  put("tokens", tokens);
  if (!stop.empty()) put("stop", stop);
  if (standing.best) put("best", *standing.best), put("best_step", standing.best_step);
  if (standing.reference) put("patience_reference", *standing.reference);
  if (standing.without > 0) put("patience", standing.without);
  if (standing.reached > 0) put("target_times", standing.reached);
  if (origin.step > 0) {
    put("origin_step", origin.step);
    put("origin_rate", origin.pace.rate), put("origin_temperature", origin.pace.temperature);
  }
}

RunState RunState::of(const Metadata& metadata, const std::string& file) {
  const auto text = [&](const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? "" : found->second;
  };
  const auto count = [&](const char* name, size_t most) {
    const std::string given = text(name);
    return given.empty() ? 0 : parse_integer(given, 0, most, name);
  };
  const auto number = [&](const char* name) -> std::optional<double> {
    const std::string given = text(name);
    if (given.empty()) return std::nullopt;
    return parse_number(given, -std::numeric_limits<double>::max(),
                        std::numeric_limits<double>::max(), name);
  };
  try {
    RunState state;
    state.tokens = count("tokens", std::numeric_limits<size_t>::max());
    state.stop = text("stop");
    state.standing = {number("best"), count("best_step", kMostSteps), number("patience_reference"),
                      count("patience", kMostSteps), count("target_times", kMostSteps)};
    state.origin = {count("origin_step", kMostSteps),
                    {number("origin_rate").value_or(0), number("origin_temperature").value_or(0)}};
    return state;
  } catch (const Error& error) {
    fail(Fault::data, "{}: {}", file, error.what());
  }
}

}  // namespace gnomon

#include "tools/training/recorded_training.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/training/stopwatch.hpp"

namespace gnomon {
namespace {

using Line = nlohmann::ordered_json;  // of metrics.jsonl; what is not finite is written as null

/// Numbers as short as they can be read back: a float's, too.
template <class T>
Line number(T x) {
  return std::isfinite(x) ? Line::parse(fmt::format("{}", x)) : Line();
}

Line number(double x, int decimals) { return Line::parse(fmt::format("{:.{}f}", x, decimals)); }

double watched(const Evaluation& e, const std::string& watch) {
  if (watch == "loss") return e.loss;
  return watch == "exact" ? e.exact_match : e.token_accuracy;
}

Line rounded(double x) { return std::isfinite(x) ? Line::parse(fmt::format("{:.4g}", x)) : Line(); }

/// Puts the validations into a line.
void add_validations(Line& line, const std::vector<Evaluation>& found) {
  for (const Evaluation& e : found) {
    const std::string at = &e == &found[0] ? "" : fmt::format("@{}", e.length);
    line["validation_accuracy" + at] = number(e.token_accuracy);
    line["validation_exact" + at] = number(e.exact_match);
    line["validation_loss" + at] = number(e.loss);
  }
}

/// Snapshot i = 1 .. n of S steps is that of step ceil(S (i / n)^2): most is learned early.
bool is_snapshot(const TrainingConfig& training, size_t step) {
  const size_t n = training.snapshots, S = training.steps;
  for (size_t i = 1; i <= n; ++i)
    if (step == (S * i * i + n * n - 1) / (n * n)) return true;
  return false;
}

}  // namespace

std::vector<Evaluation> validate(Trainer& trainer, size_t batches) {
  const TrainingConfig& training = trainer.experiment().training;
  const Task& task = trainer.experiment().task();
  EvaluationPlan plan;
  plan.batches = batches, plan.seed = training.seed, plan.validation = true;
  std::vector<Evaluation> all;
  for (const size_t length : training.validation.lengths_for(training.length)) try {
      all.push_back(evaluate_at(trainer.model(), task, length, plan, [](auto&) {}));
      if (task.in_bits_per_byte()) all.back().exact_match = NAN;  // there is none
    } catch (const Error& error) {
      // A model that gives no numbers at this length is bad at it; whether it can go on learning
      // the next step says.
      if (error.fault() != Fault::diverged) throw;
      all.push_back({.length = length, .token_accuracy = NAN, .exact_match = NAN, .loss = NAN});
    }
  return all;
}

RecordedTraining::RecordedTraining(Trainer& trainer, RunDirectory* directory, RunState state)
    : trainer_(trainer),
      training_(trainer.experiment().training),
      directory_(directory),
      state_(std::move(state)),
      seconds_(directory ? directory->seconds_before() : 0) {
  // Versions that did not say why a run ended knew one reason.
  if (!ended() && trainer.steps() >= trainer.last_step()) state_.stop = "steps";
}

StepReport RecordedTraining::step() {
  const size_t step = trainer_.steps() + 1;
  // Whatever ends the run here is known before the step, so that its line is like any other.
  state_.stop = last_reason(step);
  if (training_.stop.seconds > 0) machines_.broadcast(state_.stop);  // one clock decides
  const ValidationConfig& validation = training_.validation;
  const bool validated = validation.wanted() && (ended() || step % validation.every == 0);
  const bool logged = ended() || validated || step % log_every() == 0;
  const Stopwatch watch;
  const StepReport report = trainer_.step(logged);
  count(report.tokens, watch.seconds());
  machines_.together([&] {
    if (directory_) write(report, logged, validated);
  });
  if (validated) machines_.broadcast(state_.stop);
  return report;
}

void RecordedTraining::save() {
  machines_.together([&] {
    if (directory_) directory_->save(trainer_, state_, false);
  });
}

size_t RecordedTraining::log_every() const {
  return training_.log_every ? training_.log_every : std::max<size_t>(1, training_.steps / 200);
}

std::string RecordedTraining::last_reason(size_t step) const {
  if (step == training_.steps) return "steps";
  if (step == training_.stop.at) return "stop-at";
  return training_.stop.seconds > 0 && seconds_ >= training_.stop.seconds ? "seconds" : "";
}

void RecordedTraining::count(size_t tokens, double seconds) {
  state_.tokens += tokens;
  seconds_ += seconds, session_seconds_ += seconds, logged_seconds_ += seconds;
  const auto more = static_cast<double>(tokens);
  session_tokens_ += more, logged_tokens_ += more;
}

void RecordedTraining::write(const StepReport& report, bool logged, bool validated) {
  const bool best = logged && log(report, validated);
  if (best) directory_->save_best(trainer_, state_);
  if (is_snapshot(training_, report.step)) directory_->save_snapshot(trainer_, state_);
  if (ended() || report.step % training_.checkpoint_every == 0)
    directory_->save(trainer_, state_, true);
}

/// Writes the step's line; true: its validation is the best so far.
bool RecordedTraining::log(const StepReport& r, bool validated) {
  Line line{{"step", r.step},
            {"loss", number(r.loss)},
            {"accuracy", number(r.accuracy)},
            {"tokens_per_s", number(logged_tokens_ / std::max(logged_seconds_, 1e-9), 0)},
            {"seconds", number(seconds_, 3)},
            {"tau", number(r.temperature)},
            {"lr", number(r.rate)},
            {"gradient_norm", number(r.gradient_norm)},
            {"tokens", state_.tokens}};
  logged_tokens_ = logged_seconds_ = 0;
  bool best = false;
  if (validated) {
    const auto found = validate(trainer_, training_.validation.batches);
    add_validations(line, found);
    best = state_.standing.add(r.step, watched(found[0], training_.validation.watch),
                               training_.validation, training_.stop);
    const std::string reason = state_.standing.reason(training_.stop);
    if (reason == "target" || !ended()) state_.stop = reason;
  }
  for (const PointerSummary& p : r.pointers)
    line["pointers"].push_back({{"layer", p.layer},
                                {"mean_hop", rounded(p.mean_hop)},
                                {"self", rounded(p.self)},
                                {"long", rounded(p.far)},
                                {"soft_hard", rounded(p.soft_hard)}});
  directory_->log(line.dump());
  return best;
}

}  // namespace gnomon

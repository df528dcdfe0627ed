// The engine behind the pages: one call, a request as JSON and an answer as JSON.
//
//   {"do": "describe"}                          what there is to choose
//   {"do": "new", "options": "name = value..."}  a run, not trained yet, in the folder /run
//   {"do": "change", "options": "..."}           other options, and the weights that fit
//   {"do": "train", "milliseconds": 200}         takes steps, until the time or the run is over
//   {"do": "help", "options": "..."}             every option of that task and model, as a text
//   {"do": "open"}                               the run whose files lie in /run, to be looked at
//   {"do": "save"}                               its files in /run, as it is now
//   {"do": "judge", "lengths": [64], "batches": 4, "sequences": 32}   the last: in a batch
//   {"do": "sample", "length": 64, "seed": 1}    a sequence of the task
//   {"do": "inspect", "tokens": [...], "scored": [...], "selection": "hard",
//    "off": {"layers": [0], "heads": [[0, 1]], "sources": [[0, "run"]]}}   why tokens point there
//   {"do": "write", "tokens": [...], "count": 8} goes on with the likeliest tokens
//   {"do": "gather", "x": [...], "to": [...], "dy": [...]}   one op and its gradient
//
// A request that cannot be met is answered by {"error": a sentence}. A page has one engine for each
// model that it shows.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/ops/gather_rows.hpp"
#include "core/parallel.hpp"
#include "nn/pointer/selection.hpp"
#include "tools/inspect/sample.hpp"
#include "tools/training/generation.hpp"
#include "tools/training/recorded_training.hpp"
#include "tools/training/start.hpp"
#include "tools/training/stopwatch.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;
using Answer = nlohmann::ordered_json;

constexpr const char* kRun = "/run";
constexpr const char* kBefore = "/before";  // a run whose weights another one takes over

size_t count_at(const Json& request, const char* name, size_t most) {
  return json_integer(json_at(request, name, "request"), 0, most, name);
}

std::vector<int32_t> tokens_at(const Json& request, const char* name, const Task& task) {
  std::vector<int32_t> tokens;
  for (const Json& t : json_at(request, name, "request"))
    tokens.push_back(static_cast<int32_t>(json_integer(t, 0, task.vocabulary() - 1, "token")));
  if (tokens.empty() || tokens.size() > 1 << 16)
    fail(Fault::option, "sequence: expected 1 to 65536 tokens, got {}", tokens.size());
  return tokens;
}

/// A run in training, or one that was opened.
class Run {
 public:
  /// Of new options.
  static std::unique_ptr<Run> made(const std::string& ini) {
    const Arguments arguments = Arguments::of_text(ini, "options");
    auto run = std::unique_ptr<Run>(new Run);
    run->experiment_ = std::make_unique<Experiment>(ExperimentNames(arguments));
    Options options;
    run->experiment_->declare(options);
    arguments.set_all(options);
    run->experiment_->prepare();
    run->trainer_.emplace(*run->experiment_);
    const StartConfig& start = run->experiment_->training.start;
    const Start begun = begin(*run->trainer_, start_file(start, arguments));
    run->trainer_->rehearse();
    fs::remove_all(kRun);
    run->directory_ = RunDirectory::create(kRun, options.ini(), run->experiment_->task().kept());
    begun.keep(start, *run->directory_);
    run->directory_->save(*run->trainer_, begun.state, false);
    run->recorded_.emplace(*run->trainer_, run->directory_.get(), begun.state);
    return run;
  }
  /// Of the files in /run.
  static std::unique_ptr<Run> opened() {
    auto run = std::unique_ptr<Run>(new Run);
    const Arguments config = Arguments::of_file(std::string(kRun) + "/config.ini");
    run->experiment_ = Experiment::unprepared(config, kRun);
    try {
      run->experiment_->prepare();
    } catch (const Error&) {  // its data is not here: it can read and write, and is not judged
    }
    run->model_ = load_model(kRun, std::string(kRun) + "/model.safetensors", *run->experiment_);
    return run;
  }

  const Experiment& experiment() const { return *experiment_; }
  const Task& task() const { return experiment_->task(); }
  SequenceModel& model() { return model_ ? *model_ : trainer_->model(); }
  /// Of soft selections: as it is now in training, or was at its end.
  double temperature() const {
    return last_.step ? last_.temperature : experiment_->training.temperature.last();
  }

  Answer train(double seconds) {
    if (!recorded_) fail(Fault::option, "train: expected a run made here, got one that was opened");
    const Stopwatch watch;
    while (!recorded_->ended() && watch.seconds() < seconds) last_ = recorded_->step();
    return {{"step", trainer_->steps()},
            {"ended", recorded_->ended()},
            {"loss", last_.loss},
            {"accuracy", last_.accuracy},
            {"tokens_per_s", recorded_->speed()}};
  }
  void save() {
    if (recorded_) recorded_->save();
  }

 private:
  Run() = default;
  std::unique_ptr<Experiment> experiment_;
  std::unique_ptr<SequenceModel> model_;
  std::optional<Trainer> trainer_;
  std::unique_ptr<RunDirectory> directory_;
  std::optional<RecordedTraining> recorded_;
  StepReport last_;
};

std::unique_ptr<Run>& current() {
  static std::unique_ptr<Run> run;
  return run;
}
Run& run() {
  if (!current()) fail(Fault::option, "expected a run: choose one, or open one");
  return *current();
}

/// What there is to know of a run before it is trained.
Answer described(Run& run) {
  const Encoder& encoder = run.model().encoder();
  Answer sources = Answer::array();  // of each layer
  for (size_t l = 0; l < encoder.layers(); ++l)
    sources.push_back(encoder.mixer(l).candidate_sources());
  return {{"model", run.experiment().names.model},
          {"task", run.experiment().names.task},
          {"parameters", run.model().parameter_count()},
          {"length", run.experiment().training.length},
          {"length_meaning", run.task().length_meaning()},
          {"steps", run.experiment().training.steps},
          {"layers", encoder.layers()},
          {"sources", sources},
          {"vocabulary", run.task().vocabulary()},
          {"config", read_file(std::string(kRun) + "/config.ini", kLargestConfig)}};
}

template <class T>
Answer names_of() {
  Answer all = Answer::array();
  for (const auto& [name, entry] : registry<T>())
    all.push_back({{"name", name}, {"summary", entry.summary}});
  return all;
}

Answer change(const std::string& ini) {
  run().save();
  fs::remove_all(kBefore);
  fs::rename(kRun, kBefore);
  auto before = std::exchange(current(), nullptr);
  try {
    current() = Run::made(ini + fmt::format("\nfrom = {}\nfrom-partial = true\n", kBefore));
  } catch (...) {
    fs::remove_all(kRun);
    fs::rename(kBefore, kRun);
    current() = std::move(before);
    throw;
  }
  return described(run());
}

Answer help(const std::string& ini) {
  Experiment experiment{ExperimentNames(Arguments::of_text(ini, "options"))};
  Options options;
  experiment.declare(options);
  return {{"text", options.help()}};
}

Answer judge(const Json& request) {
  EvaluationPlan plan;
  plan.batches = count_at(request, "batches", 1000);
  if (request.contains("sequences")) plan.batch = count_at(request, "sequences", 4096);
  plan.at_once = 4096;
  Answer all = Answer::array();
  for (const Json& length : json_at(request, "lengths", "request")) {
    const auto N = static_cast<size_t>(json_integer(length, 1, 1 << 20, "length"));
    run().task().check_length(N);
    const Evaluation e = evaluate_at(run().model(), run().task(), N, plan, [](auto&) {});
    all.push_back({{"length", N},
                   {"token_accuracy", e.token_accuracy},
                   {"exact_match", e.exact_match},
                   {"chance", e.chance}});
  }
  return all;
}

Answer sample(const Json& request) {
  const Task& task = run().task();
  const size_t length = count_at(request, "length", 1 << 16);
  task.check_length(length);
  const Batch batch = task.test_batch(
      1, length, Random(count_at(request, "seed", 1 << 30)).split("inspect").split(length));
  const std::vector<int32_t> tokens(batch.tokens.begin(), batch.tokens.end());
  return {{"tokens", tokens},
          {"targets", std::vector<int32_t>(batch.targets.begin(), batch.targets.end())}};
}

/// What is right at some positions of a sequence that anybody may have written; -1: nobody knows.
Index asked(const Task& task, const Index& tokens, const std::vector<size_t>& at) {
  Index right(tokens.shape(), -1);
  try {
    const Index found = task.oracle({tokens, right});
    for (const size_t n : at) right.data()[n] = found.data()[n];
  } catch (const Error&) {  // it stands nowhere in the task's data
  }
  return right;
}

SwitchedOff off_at(const Json& request) {
  constexpr uint64_t kMost = 1 << 16;
  const Json& given = json_at(request, "off", "request");
  SwitchedOff off;
  for (const Json& l : json_at(given, "layers", "off"))
    off.layers.insert(json_integer(l, 0, kMost, "layer"));
  for (const Json& h : json_at(given, "heads", "off"))
    off.heads.insert(
        {json_integer(h.at(0), 0, kMost, "layer"), json_integer(h.at(1), 0, kMost, "head")});
  for (const Json& s : json_at(given, "sources", "off"))
    off.sources.insert({json_integer(s.at(0), 0, kMost, "layer"), json_text(s.at(1), "source")});
  return off;
}

Answer inspect(const Json& request) {
  const Task& task = run().task();
  const std::vector<int32_t> tokens = tokens_at(request, "tokens", task);
  const Index row({1, tokens.size()}, tokens);
  const std::string& selection = json_text(json_at(request, "selection", "request"), "selection");
  std::vector<size_t> scored;
  for (const Json& n : json_at(request, "scored", "request"))
    scored.push_back(json_integer(n, 0, tokens.size() - 1, "scored"));
  const Reading reading{selection_of(selection), off_at(request), false, scored};
  return Answer::parse(sample_json(inspect_sample(
      run().model(), task, {row, asked(task, row, scored)}, run().temperature(), reading)));
}

Answer write(const Json& request) {
  const Task& task = run().task();
  GenerationPlan plan;
  plan.tokens = count_at(request, "count", 1 << 12);
  plan.sampler.temperature = 0;
  std::vector<int32_t> written;
  generate(run().model(), tokens_at(request, "tokens", task), plan, [&](size_t, int32_t token) {
    written.push_back(token);
    return true;
  });
  return {{"tokens", written}};
}

/// Rows read by pointers, and the gradient that comes back to them.
Answer gather(const Json& request) {
  const auto numbers = [&](const char* name) {
    std::vector<real> all;
    for (const Json& x : json_at(request, name, "request"))
      all.push_back(static_cast<real>(json_number(x, name)));
    return all;
  };
  const std::vector<real> x = numbers("x"), dy = numbers("dy");
  std::vector<int32_t> to;
  for (const Json& t : json_at(request, "to", "request"))
    to.push_back(static_cast<int32_t>(json_integer(t, 0, x.size() - 1, "to")));
  const size_t N = x.size();
  const Var rows = variable(Array({1, N, 1}, x));
  Tape tape;
  const Var y = gather_rows(rows, Index({1, N}, to));
  tape.backward(y, Array({1, N, 1}, dy));
  return {{"y", std::vector<real>(y.value().begin(), y.value().end())},
          {"dx", std::vector<real>(rows.grad().begin(), rows.grad().end())}};
}

Answer answer(const Json& request) {
  const std::string& what = json_text(json_at(request, "do", "request"), "do");
  const auto options = [&] { return json_text(json_at(request, "options", "request"), "options"); };
  if (what == "describe") return {{"models", names_of<ModelKind>()}, {"tasks", names_of<Task>()}};
  if (what == "new") {  // wrong options leave the run that there was
    current() = Run::made(options());
    return described(run());
  }
  if (what == "open") {
    current().reset();
    current() = Run::opened();
    return described(run());
  }
  if (what == "change") return change(options());
  if (what == "help") return help(options());
  if (what == "train")
    return run().train(static_cast<double>(count_at(request, "milliseconds", 1 << 20)) / 1000);
  if (what == "save") {
    run().save();
    return Answer::object();
  }
  if (what == "judge") return judge(request);
  if (what == "sample") return sample(request);
  if (what == "inspect") return inspect(request);
  if (what == "write") return write(request);
  if (what == "gather") return gather(request);
  fail(Fault::misuse, "request: unknown '{}'", shortened(what));
}

}  // namespace
}  // namespace gnomon

/// The answer stays valid until the next call.
extern "C" const char* gnomon_call(const char* request) {
  using namespace gnomon;
  static std::string text;
  try {
    set_threads(1);
    constexpr JsonLimits kLimits{.bytes = size_t{1} << 24, .depth = 8};
    text = answer(parse_json(request, "request", kLimits))
               .dump(-1, ' ', false, Answer::error_handler_t::replace);
  } catch (const Error& error) {
    text = Answer{{"error", spelled(error)}}.dump(-1, ' ', false, Answer::error_handler_t::replace);
  } catch (const std::bad_alloc&) {
    text = R"({"error": "out of memory: a smaller batch, width or length may fit"})";
  } catch (const std::exception& error) {
    text = Answer{{"error", error.what()}}.dump(-1, ' ', false, Answer::error_handler_t::replace);
  }
  return text.c_str();
}

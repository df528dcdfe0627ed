// Judging long sequences piece by piece is judging them whole.
#include "tools/training/evaluation.hpp"

#include <doctest/doctest.h>

#include "tools/training/experiment.hpp"

using namespace gnomon;

TEST_CASE("evaluation: sequences that are read in pieces are judged as those that are read whole") {
  for (const std::string& options :
       {std::string("model = pointer\ntask = copy\npayload = 3\nlength = 40\n"),
        std::string("model = pointer\ntask = mqar\npairs = 4\nlength = 40\nmax-length = 64\n"),
        std::string("model = pointer\ntask = selective-copy\nlength = 40\nshare = true\n"),
        std::string("model = transformer\ntask = induction\nlength = 40\n")}) {
    CAPTURE(options);
    const auto run = Experiment::of_run(Arguments::of_text(
        options + "layers = 2\nwidth = 16\nheads = 4\nfeed-forward = 16\n", "run.ini"));
    const auto model = run->make_model();
    model->initialise(1);
    const auto judged = [&](size_t at_once, size_t batch, const std::string& selection) {
      EvaluationPlan plan{.batches = 3, .batch = batch, .at_once = at_once, .state = true};
      plan.selection = selection;
      size_t reports = 0;
      const auto found = evaluate_at(*model, run->task(), 40, plan, [&](auto&) { ++reports; });
      CHECK(reports == 3);
      return found;
    };
    for (const std::string selection : {"hard", "soft"}) {
      const Evaluation whole = judged(1000, 5, selection);
      CHECK(whole.state_numbers > 0);
      for (const size_t at_once : {1, 7, 40}) {
        CAPTURE(at_once);
        const Evaluation pieces = judged(at_once, 5, selection);
        CHECK(pieces.tokens == whole.tokens);
        CHECK(pieces.sequences == whole.sequences);
        CHECK(pieces.token_accuracy == whole.token_accuracy);
        CHECK(pieces.exact_match == whole.exact_match);
        // Of another sequence, of which a source may remember a number more or less.
        CHECK(static_cast<double>(pieces.state_numbers) ==
              doctest::Approx(static_cast<double>(whole.state_numbers)).epsilon(1e-3));
        CHECK(pieces.loss == doctest::Approx(whole.loss).epsilon(1e-4));
      }
    }
  }
}

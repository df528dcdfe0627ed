// Runs that begin with the weights of another, or go on where another ended.
#include "tests/runs.hpp"

using namespace gnomon;

namespace {

const std::string kSteps = "--threads 1 --log-every 2 --checkpoint-every 4 ";

/// A run, killed after a few lines and resumed: its bits are those of `whole`.
void check_survives_kill(const std::vector<std::string>& list, const std::string& run,
                         const std::string& whole) {
  Program program(list);
  wait_until(program, [&] { return lines_in(run + "/metrics.jsonl") > 5; });
  program.send(SIGKILL);
  program.wait();
  check_ended(gnomon_run(resume(run)), 0);
  check_same_run(run, whole);
}

}  // namespace

TEST_CASE("start: from the weights of another run, killed, resumed, and when the other is gone") {
  const Folder folder;
  const std::string first = folder / "first", whole = folder / "whole", run = folder / "run";
  check_ended(gnomon_run(train(kSteps + "--steps 10", first)), 0);
  const auto from = [&](const std::string& out, const std::string& file = "") {
    return train(kSteps + "--steps 40 --seed 7 --from " + first + file, out);
  };
  const ProgramEnd taken = gnomon_run(from(whole));
  check_ended(taken, 0);
  CHECK_MESSAGE(taken.out.starts_with("from '" + first + "': taken "), taken.out);
  CHECK(numbers_of(whole + "/start.safetensors") == numbers_of(first + "/model.safetensors"));
  check_survives_kill(from(run), run, whole);
  // A checkpoint has the same weights, and moments that are left where they are.
  const std::string other = folder / "other";
  check_ended(gnomon_run(from(other, "/checkpoint.safetensors")), 0);
  CHECK(numbers_of(other + "/model.safetensors") == numbers_of(whole + "/model.safetensors"));
  const std::string fresh = folder / "fresh";
  check_ended(gnomon_run(train(kSteps + "--steps 40 --seed 7", fresh)), 0);
  CHECK(numbers_of(fresh + "/model.safetensors") != numbers_of(whole + "/model.safetensors"));

  std::filesystem::remove_all(first);
  const std::string again = folder / "again";
  check_ended(gnomon_run(words("train --quiet --config", whole + "/config.ini", "--out", again)),
              0);
  check_same_run(again, whole);
  // Killed before its first checkpoint, it begins with what it kept.
  for (const std::string file : {"checkpoint.safetensors", "model.safetensors", "metrics.jsonl"})
    std::filesystem::remove(again + "/" + file);
  check_ended(gnomon_run(resume(again)), 0);
  check_same_run(again, whole);
}

TEST_CASE("start: what does not fit is listed, and refused unless that is wanted") {
  const Folder folder;
  const std::string first = folder / "first", out = folder / "out";
  check_ended(gnomon_run(train("--steps 2 --threads 1", first)), 0);
  std::string wider = kTiny;
  wider.replace(wider.find("--layers 2"), 10, "--layers 1");
  wider.replace(wider.find("--symbols 4"), 11, "--symbols 5");
  const auto from = [&](const std::string& more) {
    return gnomon_run(
        words("train " + wider + " --steps 2 --threads 1 --from " + first + more + " --out", out));
  };
  const ProgramEnd refused = from("");
  check_ended(refused, 2);
  CHECK(!std::filesystem::exists(out));
  for (const std::string part :
       {"--from: ", "or --from-partial true",
        "left at their start: tokens.weight [7,8] (there [6,8])", "not used: ", "layers.1."})
    CHECK_MESSAGE(refused.err.find(part) != std::string::npos, refused.err);
  const ProgramEnd partial = from(" --from-partial");
  check_ended(partial, 0);
  CHECK(partial.out.find("(there [6,8])") != std::string::npos);

  put(folder / "none.safetensors", "nothing");
  check_ended(gnomon_run(train("--from " + (folder / "none.safetensors"), folder / "no")), 3);
  check_ended(gnomon_run(train("--from " + (folder / "nowhere"), folder / "no")), 3);
  CHECK(!std::filesystem::exists(folder / "no"));
}

TEST_CASE("start: going on from the end of a run, the schedule as it is asked for") {
  const Folder folder;
  const std::string first = folder / "first";
  check_ended(
      gnomon_run(train(kSteps + "--steps 10 --warmup 4 --schedule linear-tail --temperature 1 "
                                "--final-temperature 0.1",
                       first)),
      0);
  const auto on = [&](const std::string& options, const std::string& out) {
    return words("train --quiet --threads 1 " + options + " --continue", first, "--out", out);
  };
  const ProgramEnd asked = gnomon_run(on("--steps 30", folder / "asked"));
  check_ended(asked, 2);
  CHECK_MESSAGE(
      asked.err.find("--schedule-from is missing: expected whole, rest or hold. Learning rate now "
                     "0.00015; whole: 0.003, rest: 0.00075 rising to 0.003, hold: 0.00015; "
                     "temperature 0.1; whole: 0.46, rest and hold: 0.1") != std::string::npos,
      asked.err);
  CHECK(!std::filesystem::exists(folder / "asked"));
  const ProgramEnd done = gnomon_run(on("--schedule-from hold", folder / "asked"));
  check_ended(done, 2);
  CHECK(done.err.find("--steps: expected more than the 10 that were taken, got 10") !=
        std::string::npos);

  for (const std::string from : {"whole", "rest", "hold"}) {
    CAPTURE(from);
    const std::string whole = folder / from, run = folder / (from + "-killed");
    const std::string options = "--steps 30 --schedule-from " + from;
    check_ended(gnomon_run(on(options, whole)), 0);
    const auto lines = metrics(whole);
    CHECK(lines[0].at("step") == 12);
    const double rate = lines.back().at("lr"), tau = lines[0].at("tau");
    CHECK(rate == doctest::Approx(0.00015));
    CHECK((tau == doctest::Approx(0.1)) == (from != "whole"));
    CHECK(lines[0].at("tokens") > metrics(first).back().at("tokens"));
    const std::string told = whole + "/continued.json";
    CHECK(parse_json(get(told), told).at("step") == 10);
    CHECK(parse_json(get(told), told).at("run") == first);
    check_survives_kill(on(options, run), run, whole);
  }
  // Going on as a whole, from a run that was planned so and stopped, is that run.
  const std::string planned = folder / "planned", stopped = folder / "stopped";
  check_ended(gnomon_run(train(kSteps + "--steps 30 --warmup 4", planned)), 0);
  check_ended(gnomon_run(train(kSteps + "--steps 30 --warmup 4 --stop-at 10", stopped)), 0);
  const std::string rest = folder / "rest-of-it";
  check_ended(
      gnomon_run(words("train --quiet --schedule-from whole --continue", stopped, "--out", rest)),
      0);
  CHECK(numbers_of(rest + "/checkpoint.safetensors") ==
        numbers_of(planned + "/checkpoint.safetensors"));

  // Once more from there: the rate that was held is still the one that is held.
  const std::string held = folder / "held";
  check_ended(gnomon_run(words("train --quiet --steps 34 --schedule-from hold --continue",
                               folder / "hold", "--out", held)),
              0);
  CHECK(metrics(held).back().at("lr").get<double>() == doctest::Approx(0.00015));
  // And from its own config.ini, when what it came from is gone.
  std::filesystem::remove_all(folder / "hold");
  check_ended(
      gnomon_run(words("train --quiet --config", held + "/config.ini", "--out", folder / "again")),
      0);
  check_same_run(folder / "again", held);
}

TEST_CASE("start: a constant schedule needs no word on how to take it up") {
  const Folder folder;
  const std::string first = folder / "first", second = folder / "second";
  const std::string constant =
      kSteps + "--warmup 0 --schedule constant --temperature 1 --final-temperature 1 --steps ";
  check_ended(gnomon_run(train(constant + "6", first)), 0);
  check_ended(gnomon_run(words("train --quiet --steps 12 --continue", first, "--out", second)), 0);
  check_ended(gnomon_run(train(constant + "12", folder / "planned")), 0);
  CHECK(step_of(second + "/model.safetensors") == 12);
  CHECK(numbers_of(second + "/model.safetensors") ==
        numbers_of(folder / "planned/model.safetensors"));
  check_ended(gnomon_run(words("train --quiet --config", first + "/config.ini", "--continue", first,
                               "--out", folder / "no")),
              2);
}

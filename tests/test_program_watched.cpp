// Runs that are watched while they train, and end early: the bits of a run do not depend on it, nor
// on how often it was killed.
#include <random>

#include "tests/runs.hpp"

using namespace gnomon;

namespace {

const std::string kWatched =
    "--steps 60 --threads 1 --log-every 4 --checkpoint-every 7 --validate-every 5 "
    "--validate-batches 1 --validate-length 6,20 ";

void check_same_numbers(const std::string& a, const std::string& b) {
  CHECK(numbers_of(a + "/checkpoint.safetensors") == numbers_of(b + "/checkpoint.safetensors"));
}

}  // namespace

TEST_CASE("watched: the weights are those of a run without validation") {
  const Folder folder;
  const std::string with = folder / "with", without = folder / "without";
  check_ended(gnomon_run(train(kWatched, with)), 0);
  check_ended(gnomon_run(train("--steps 60 --threads 2 --log-every 4", without)), 0);
  check_same_numbers(with, without);

  size_t tokens = 0, validations = 0;
  for (const Json& line : metrics(with)) {
    CHECK(line.at("tokens") > tokens);
    tokens = line.at("tokens");
    const bool validated = line.at("step").get<size_t>() % 5 == 0;
    validations += validated;
    for (const std::string key :
         {"accuracy", "exact", "loss", "accuracy@20", "exact@20", "loss@20"})
      CHECK(line.contains("validation_" + key) == validated);
    REQUIRE(line.at("pointers").size() == 2);
    CHECK(line.at("pointers")[1].at("layer") == 2);
    for (const std::string key : {"mean_hop", "self", "long", "soft_hard"})
      CHECK(line.at("pointers")[1].at(key) >= 0);
  }
  CHECK(validations == 12);
  CHECK(std::stoul(metadata(with + "/checkpoint.safetensors", "tokens")) == tokens);
  CHECK(metrics(without).back().at("tokens") == tokens);
}

TEST_CASE("watched: validation is the same at any time, and is not the test data") {
  const Folder folder;
  // Nothing is learned at a rate of 0: all validations agree.
  check_ended(gnomon_run(train(kWatched + "--learning-rate 0", folder / "run")), 0);
  std::string first;
  for (const Json& line : metrics(folder / "run"))
    if (line.contains("validation_loss")) {
      if (first.empty()) first = line.at("validation_loss").dump();
      CHECK(line.at("validation_loss").dump() == first);
    }
  CHECK(!first.empty());
  const std::string json = folder / "eval.json";
  check_ended(gnomon_run(words("eval --lengths 6 --batches 1 --seed 1 --quiet --run",
                               folder / "run", "--json", json)),
              0);
  CHECK(parse_json(get(json), json).at("results")[0].at("loss").dump() != first);
}

TEST_CASE("watched: stopped, killed at random points and resumed, it ends in the same bits") {
  const Folder folder;
  const std::string whole = folder / "whole", run = folder / "run";
  const std::string options = kWatched +
                              "--steps 4000 --checkpoint-every 3 --watch loss --patience 3 "
                              "--patience-delta 0.05 --patience-from 60 "
                              "--keep-last 2 --snapshots 50";
  std::string once = options;
  once.erase(once.find("--steps 60 "), 11), once.erase(once.find("--checkpoint-every 7 "), 21);
  const ProgramEnd ended = gnomon_run(train(once, whole));
  check_ended(ended, 0);
  CHECK_MESSAGE(ended.out.find("3 validations without a better validation_loss; learning rate") !=
                    std::string::npos,
                ended.out);
  CHECK(metadata(whole + "/checkpoint.safetensors", "stop") == "patience");

  std::minstd_rand random(2);
  for (int round = 0; round < 10; ++round) {
    const bool begun = std::filesystem::exists(run + "/config.ini");
    Program program(begun ? resume(run) : train(once, run));
    pause_ms(static_cast<int>(random() % 150));
    program.send(SIGKILL);
    program.wait();
  }
  const bool begun = std::filesystem::exists(run + "/config.ini");
  const ProgramEnd last = gnomon_run(begun ? resume(run) : train(once, run));
  check_ended(last, 0);
  check_same_run(run, whole);
  CHECK(get(run + "/best.safetensors") == get(whole + "/best.safetensors"));
  for (const size_t step : {2, 7, 15}) {  // of 4000 steps: ceil(4000 (i / 50)^2)
    const std::string snapshot = fmt::format("/snapshot-{}.safetensors", step);
    CHECK(get(run + snapshot) == get(whole + snapshot));
    CHECK(metadata(run + snapshot, "step") == fmt::format("{}", step));
  }
  std::vector<std::string> kept[2];
  for (const size_t i : {0, 1}) {
    for (const auto& entry : std::filesystem::directory_iterator(i ? run : whole))
      kept[i].push_back(entry.path().filename().string());
    std::sort(kept[i].begin(), kept[i].end());
  }
  CHECK(kept[0] == kept[1]);
  CHECK(std::count_if(kept[0].begin(), kept[0].end(),
                      [](const auto& name) { return name.starts_with("checkpoint-"); }) == 2);

  // Resumed once more there is nothing to do, and the reason is said again.
  const ProgramEnd again = gnomon_run(resume(run));
  check_ended(again, 0);
  CHECK(again.out.substr(again.out.find("now: ")) == last.out.substr(last.out.find("now: ")));
  check_same_run(run, whole);

  // Whatever stopped it, --stop-at of that step gives the same numbers.
  const std::string at = metadata(whole + "/checkpoint.safetensors", "step");
  const std::string same = folder / "same";
  check_ended(gnomon_run(words("train --quiet --patience 0 --stop-at " + at + " --config",
                               whole + "/config.ini", "--out", same)),
              0);
  check_same_numbers(same, whole);
  CHECK(metadata(same + "/checkpoint.safetensors", "stop") == "stop-at");
}

TEST_CASE("watched: --seconds ends it, and --stop-at of that step gives the same bits") {
  const Folder folder;
  const std::string timed = folder / "timed", same = folder / "same";
  const std::string options = "--steps 1000000 --threads 1 --log-every 100";
  const ProgramEnd ended = gnomon_run(train(options + " --seconds 0.2", timed));
  check_ended(ended, 0);
  CHECK(ended.out.find("of 1000000: --seconds 0.2 of training are over; learning rate") !=
        std::string::npos);
  CHECK(metadata(timed + "/model.safetensors", "stop") == "seconds");
  const size_t step = step_of(timed + "/checkpoint.safetensors");
  CHECK(metrics(timed).back().at("step") == step);
  CHECK(metrics(timed).back().at("seconds") >= 0.2);
  check_ended(gnomon_run(train(options + " --stop-at " + std::to_string(step), same)), 0);
  check_same_numbers(same, timed);
  CHECK(bits_of_metrics(same) == bits_of_metrics(timed));
}

TEST_CASE("watched: the target ends it, and eval, inspect and generate take the best") {
  const Folder folder;
  const std::string run = folder / "run", json = folder / "eval.json";
  // Any accuracy reaches 0; the first of equals stays the best.
  const ProgramEnd ended = gnomon_run(
      train(kWatched + "--target 0 --target-times 3 --learning-rate 0 --keep-last 1", run));
  check_ended(ended, 0);
  CHECK(ended.out.find("stopped at 15 of 60: validation_accuracy has reached 0 in 3 validations in "
                       "a row; learning rate 0 (the peak), temperature ") != std::string::npos);
  CHECK(step_of(run + "/best.safetensors") == 5);
  CHECK(metadata(run + "/best.safetensors", "best") ==
        metrics(run).back().at("validation_accuracy").dump());

  const auto eval = [&](const std::string& checkpoint) {
    return gnomon_run(words("eval --lengths 6 --batches 1 --quiet --checkpoint", checkpoint,
                            "--run", run, "--json", json));
  };
  const ProgramEnd last = eval("last");
  check_ended(last, 0);
  CHECK(last.err == "");
  CHECK(!parse_json(get(json), json).contains("checkpoint"));
  const ProgramEnd best = eval("best");
  check_ended(best, 0);
  CHECK_MESSAGE(best.err.find("/best.safetensors, of step 5, the best validation_accuracy") !=
                    std::string::npos,
                best.err);
  CHECK(parse_json(get(json), json).at("step") == 5);
  const ProgramEnd numbered = eval("checkpoint-15.safetensors");
  check_ended(numbered, 0);
  CHECK(numbered.err.find("checkpoint-15.safetensors, of step 15\n") != std::string::npos);
  CHECK(numbered.out == last.out);
  check_ended(eval("none"), 2);
  check_ended(gnomon_run(words("generate --checkpoint best --prompt 1 --tokens 2 --run", run)), 0);
  check_ended(gnomon_run(words("inspect --checkpoint best --batches 1 --run", run, "--out",
                               folder / "page.html")),
              0);
  check_ended(gnomon_run(train("--steps 1 --threads 1", folder / "plain")), 0);
  const ProgramEnd none =
      gnomon_run(words("eval --lengths 6 --checkpoint best --run", folder / "plain"));
  check_ended(none, 2);
  CHECK(none.err.find("which has no best") != std::string::npos);
}

TEST_CASE("watched: what cannot be watched is refused before anything is written") {
  const Folder folder;
  put(folder / "text", std::string(3000, 'a') + std::string(3000, 'b'));
  const auto refused = [&](const std::vector<std::string>& list, const std::string& sentence) {
    const ProgramEnd e = gnomon_run(list);
    check_ended(e, 2);
    CHECK_MESSAGE(e.err.find(sentence) != std::string::npos, e.err);
    CHECK(!std::filesystem::exists(folder / "run"));
  };
  const std::string run = folder / "run";
  refused(train("--patience 3", run), "--patience: expected --validate-every with it");
  refused(train("--target 0.9", run), "--target: expected --validate-every with it");
  refused(train("--validate-every 5 --target 90", run),
          "--target: expected a number from 0 to 1, got '90'");
  refused(train("--steps 9 --stop-at 10", run), "--stop-at: expected at most --steps = 9, got 10");
  refused(train("--validate-every 5 --validate-length 6,x", run), "--validate-length: ");
  refused(train("--schedule-from hold", run), "belongs to --continue");
  refused(train("--from-partial", run), "belongs to --from");
  const std::string text = "train --task text --model pointer --length 8 --validate-every 5 ";
  refused(words(text + "--file", folder / "text", "--out", run),
          "--held-out: expected a part of the text to watch the run by");
  refused(words(text + "--held-out 0.1 --watch exact --file", folder / "text", "--out", run),
          "--watch: expected accuracy or loss for a text");
  check_ended(gnomon_run(words(text + "--held-out 0.1 --steps 5 --batch 1 --layers 1 --width 8 "
                                      "--validate-batches 1 --quiet --file",
                               folder / "text", "--out", run)),
              0);
  CHECK(metrics(run).back().at("validation_exact").is_null());
  CHECK(metrics(run).back().at("validation_loss").is_number());
}

TEST_CASE("watched: a run of a version that kept less is resumed, and its tokens are counted") {
  const Folder folder;
  const std::string run = folder / "run", whole = folder / "whole";
  check_ended(gnomon_run(train("--steps 40 --threads 1 --log-every 1", whole)), 0);
  Program program(train("--steps 40 --threads 1 --log-every 1 --checkpoint-every 5", run));
  wait_until(program, [&] { return lines_in(run + "/metrics.jsonl") > 12; });
  program.send(SIGKILL);
  program.wait();
  // What those versions did not know: the count of tokens, and the options of this file's tests.
  for (const std::string name : {"/checkpoint.safetensors", "/model.safetensors"}) {
    std::string bytes = get(run + name);
    const size_t at = bytes.find("\"tokens\"");
    REQUIRE(at != std::string::npos);
    bytes.replace(at, 8, "\"tokenz\"");
    put(run + name, bytes);
  }
  std::string config, line;
  for (std::istringstream lines(get(run + "/config.ini")); std::getline(lines, line);)
    if (!line.starts_with("validate") && !line.starts_with("patience")) config += line + "\n";
  put(run + "/config.ini", config);
  check_ended(gnomon_run(resume(run)), 0);
  check_same_numbers(run, whole);
  CHECK(metrics(run).back().at("tokens") == metrics(whole).back().at("tokens"));
}

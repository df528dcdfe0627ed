// Whole runs through the program: what is written, and that no accident changes a bit of it.
#include <doctest/doctest.h>

#include <random>

#include "core/gemm_bf16.hpp"
#include "tests/runs.hpp"

using namespace gnomon;

TEST_CASE("run: trained, evaluated, and trained again from its own config.ini") {
  const Folder folder;
  const std::string run = folder / "run", again = folder / "again", json = folder / "eval.json";
  const ProgramEnd trained = gnomon_run(train("--steps 12 --threads 1 --log-every 5", run));
  check_ended(trained, 0);
  CHECK(trained.out.find("12 steps") != std::string::npos);
  CHECK(trained.err == "");

  const auto lines = metrics(run);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("step") == 5);
  CHECK(lines[2].at("step") == 12);
  for (const std::string key :
       {"loss", "accuracy", "tokens_per_s", "seconds", "tau", "lr", "gradient_norm"})
    CHECK(lines[1].at(key).is_number());
  CHECK(step_of(run + "/model.safetensors") == 12);
  CHECK(metadata(run + "/model.safetensors", "config") == get(run + "/config.ini"));

  check_ended(
      gnomon_run(words("train --threads 2 --quiet --config", run + "/config.ini", "--out", again)),
      0);
  check_same_run(again, run);
  check_ended(gnomon_run(resume(run)), 0);  // nothing left to do
  check_same_run(run, again);

  const auto eval = [&](const std::string& more) {
    return gnomon_run(
        words("eval --lengths 3,20 --batches 2 --batch 4 " + more + " --run", run, "--json", json));
  };
  const ProgramEnd table = eval("--threads 1 --quiet");
  check_ended(table, 0);
  CHECK(table.out.starts_with("length  token accuracy"));
  const std::string first = get(json);
  const Json results = parse_json(first, json);
  CHECK(results.at("selection") == "hard");
  CHECK(results.at("seed") == 1);
  REQUIRE(results.at("results").size() == 2);
  const Json& row = results.at("results")[1];
  CHECK(row.at("length") == 20);
  CHECK(row.at("tokens") == 2 * 4 * 2);
  CHECK(row.at("chance") == 0.25);
  for (const std::string key : {"token_accuracy", "exact_match"}) {
    CHECK(row.at(key) >= 0);
    CHECK(row.at(key) <= 1);
  }
  check_ended(eval("--threads 3"), 0);
  CHECK(get(json) == first);
  check_ended(eval("--selection soft"), 0);
  CHECK(get(json) != first);
  check_ended(eval("--seed 2"), 0);
  CHECK(get(json) != first);
}

TEST_CASE("run: bf16 is close to float32, and said where the processor has none") {
  const Folder folder;
  const ProgramEnd half =
      gnomon_run(train("--steps 30 --log-every 1 --precision bf16", folder / "half"));
  check_ended(half, 0);
  CHECK((half.err.find("does not multiply bf16") == std::string::npos) == has_bf16());
  const std::string json = folder / "bench.json";
  check_ended(gnomon_run(words("bench --layers 1 --width 16 --heads 2 --models pointer --lengths 8 "
                               "--repeats 1 --quiet --precision bf16 --json",
                               json)),
              0);
  const Json bench = parse_json(get(json), json);
  CHECK(bench.at("results")[0].at("precision") == "bf16");
  CHECK(bench.at("machine").contains("gemm_gflops_bf16") == has_bf16());

  check_ended(gnomon_run(train("--steps 30 --log-every 1", folder / "full")), 0);
  const auto near = metrics(folder / "half"), exact = metrics(folder / "full");
  double apart = 0, sum = 0;
  for (size_t i = 0; i < 30; ++i) {
    apart += std::abs(near[i].at("loss").get<double>() - exact[i].at("loss").get<double>());
    sum += exact[i].at("loss").get<double>();
  }
  CHECK(apart > 0);
  CHECK(apart < 0.01 * sum);
}

TEST_CASE("run: a shared layer is repeated as in training, or as often as eval is told") {
  const Folder folder;
  const std::string run = folder / "run", json = folder / "eval.json";
  check_ended(gnomon_run(train("--share --steps 2 --threads 1", run)), 0);
  const auto eval = [&](const std::string& more) {
    check_ended(
        gnomon_run(words("eval --lengths 20 --batches 1 --threads 1 --quiet " + more + " --run",
                         run, "--json", json)),
        0);
    return parse_json(get(json), json);
  };
  const Json as_trained = eval(""), twice = eval("--iterations 2"), more = eval("--iterations 7");
  CHECK(twice.at("iterations") == 2);
  CHECK(twice.at("results") == as_trained.at("results"));
  CHECK(more.at("results") != as_trained.at("results"));
}

TEST_CASE("run: recall on request, in the table and in the JSON") {
  const Folder folder;
  const std::string run = folder / "run", json = folder / "eval.json";
  check_ended(gnomon_run(train("--steps 3 --threads 1 --heads 2", run)), 0);
  const auto eval = [&](const std::string& more) {
    return gnomon_run(
        words("eval --lengths 3,20 --batches 2 --batch 4 --threads 1 --quiet" + more + " --run",
              run, "--json", json));
  };
  const ProgramEnd without = eval("");
  CHECK(!parse_json(get(json), json).at("results")[0].contains("recall"));
  const ProgramEnd with = eval(" --recall");
  check_ended(with, 0);
  CHECK(with.out.starts_with(without.out));
  CHECK(with.out.find("layer  head") != std::string::npos);
  const Json results = parse_json(get(json), json).at("results");
  REQUIRE(results[1].at("recall").size() == 2 * 2);
  for (size_t e = 0; e < 4; ++e) {
    const Json& head = results[1].at("recall")[e];
    CHECK(head.at("layer") == 1 + e / 2);
    CHECK(head.at("head") == 1 + e % 2);
    for (const std::string of : {"", "scored_"}) {
      CHECK(head.at(of + "recall") <= 1);
      CHECK(head.at(of + "chosen") <= head.at(of + "recall"));
    }
  }
  const ProgramEnd refused =
      gnomon_run(words("eval --lengths 70000 --batches 1 --recall --threads 1 --quiet --run", run));
  check_ended(refused, 2);
  CHECK(refused.err.find("at most 65536 tokens") != std::string::npos);
}

TEST_CASE("run: nothing can be learned from shuffled targets") {
  const Folder folder;
  const std::string options =
      "train --model pointer --task copy --layers 1 --width 16 --feed-forward 16 --sources "
      "window:1,sinks:1,run --payload 2 --symbols 4 --length 3 --batch 32 --steps 120 "
      "--learning-rate 0.01 --threads 1 --quiet ";
  check_ended(gnomon_run(words(options + "--out", folder / "plain")), 0);
  check_ended(gnomon_run(words(options + "--shuffle-targets true --out", folder / "shuffled")), 0);
  CHECK(metrics(folder / "plain").back().at("loss") < 0.1);
  CHECK(metrics(folder / "shuffled").back().at("loss") > 1.2);  // ln 4 = 1.39: a guess
}

TEST_CASE("run: text shows bits per byte") {
  const Folder folder;
  const std::string run = folder / "run", text = folder / "text.txt";
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "to be, or not to be, that is the question; ";
  put(text, bytes);
  check_ended(
      gnomon_run(
          words("train --model pointer --task text --layers 1 --width 8 --feed-forward 8 --sources "
                "window:3 --steps 3 --batch 2 --length 16 --threads 1 --quiet --file",
                text, "--out", run)),
      0);
  const ProgramEnd e = gnomon_run(words("eval --lengths 16 --batches 1 --threads 1 --run", run));
  check_ended(e, 0);
  CHECK(e.out.find("bits/byte") != std::string::npos);
  CHECK(e.err.find("batch 1/1") != std::string::npos);  // plain lines where there is no terminal
}

TEST_CASE("run: the same bits on 1, 2, 3 and 4 threads") {
  const Folder folder;
  const std::string options = "--steps 10 --batch 8 --length 40 --payload 8 --width 16 --heads 2";
  std::string wide = kTiny;  // enough rows for several pieces
  for (const std::string name : {"--batch 2 ", "--length 6 ", "--payload 2 ", "--width 8 "})
    wide.erase(wide.find(name), name.size());
  for (const std::string threads : {"1", "2", "3", "4"}) {
    check_ended(
        gnomon_run(words("train " + wide + " " + options + " --threads " + threads + " --out",
                         folder / threads)),
        0);
    check_same_run(folder / threads, folder / "1");
  }
}

TEST_CASE("run: interrupted at any step and resumed, it ends in the same bits") {
  const Folder folder;
  const std::string whole = folder / "whole", run = folder / "run";
  const std::string options = "--steps 60 --threads 1 --log-every 1 --checkpoint-every 7";
  check_ended(gnomon_run(train(options, whole)), 0);

  size_t interruptions = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGINT, SIGTERM}) {
    const bool begun = std::filesystem::exists(run);
    Program program(begun ? resume(run, "2") : train(options, run));
    const size_t before = begun ? step_of(run + "/checkpoint.safetensors") : 0;
    wait_until(program, [&] { return lines_in(run + "/metrics.jsonl") > before + 5; });
    program.send(signal);
    const ProgramEnd e = program.wait();
    if (e.code == 0) break;  // this machine was faster than the signal
    check_ended(e, 130);
    CHECK(e.err.find("Continue with: gnomon train --resume " + run + "\n") != std::string::npos);
    const size_t step = step_of(run + "/checkpoint.safetensors");
    CHECK(step > before);
    CHECK(step == step_of(run + "/model.safetensors"));
    CHECK(metrics(run).back().at("step") == step);
    ++interruptions;
  }
  CHECK(interruptions > 0);
  check_ended(gnomon_run(resume(run)), 0);
  check_same_run(run, whole);
}

TEST_CASE("run: the second signal ends it at once") {
  const Folder folder;
  const std::string run = folder / "run";
  // A step of this one takes seconds.
  Program program(
      words("train --model pointer --task copy --layers 8 --batch 256 --length 200 --threads 1 "
            "--quiet --out",
            run));
  wait_until(program, [&] { return std::filesystem::exists(run + "/model.safetensors"); });
  pause_ms(100);
  program.send(SIGINT);
  pause_ms(50);
  CHECK(!program.ended());
  program.send(SIGINT);
  const ProgramEnd e = program.wait();
  check_ended(e, 130);
  CHECK(e.err.find("saved") == std::string::npos);
}

TEST_CASE("run: killed at random points, it resumes to the same bits") {
  const Folder folder;
  const std::string whole = folder / "whole", run = folder / "run";
  const std::string options = "--steps 80 --threads 1 --log-every 1 --checkpoint-every 2";
  check_ended(gnomon_run(train(options, whole)), 0);

  std::minstd_rand random(1);
  for (int round = 0; round < 10; ++round) {
    const bool begun = std::filesystem::exists(run + "/config.ini");
    Program program(begun ? resume(run) : train(options, run));
    pause_ms(static_cast<int>(random() % 150));
    program.send(SIGKILL);
    const ProgramEnd e = program.wait();
    CHECK_MESSAGE((e.signal == SIGKILL || e.code == 0), e.err);
  }
  const bool begun = std::filesystem::exists(run + "/config.ini");
  check_ended(gnomon_run(begun ? resume(run) : train(options, run)), 0);
  check_same_run(run, whole);
  for (const auto& entry : std::filesystem::directory_iterator(run))  // what the killed ones left
    CHECK(!entry.path().filename().string().ends_with(".tmp"));
}

TEST_CASE("run: lines after the checkpoint, and a torn last one, are written anew") {
  const Folder folder;
  const std::string whole = folder / "whole", run = folder / "run";
  const std::string options = "--steps 20 --threads 1 --log-every 1 --checkpoint-every 5";
  check_ended(gnomon_run(train(options, whole)), 0);
  Program program(train(options, run));
  wait_until(program, [&] { return lines_in(run + "/metrics.jsonl") > 6; });
  program.send(SIGKILL);
  program.wait();
  std::ofstream(run + "/metrics.jsonl", std::ios::app) << R"({"step":99,"loss":1,"seconds":1})"
                                                       << "\n"
                                                       << R"({"step":100,"lo)";
  check_ended(gnomon_run(resume(run)), 0);
  check_same_run(run, whole);
}

TEST_CASE("run: one process at a time") {
  const Folder folder;
  const std::string run = folder / "run";
  Program program(train("--steps 100000 --threads 1", run));
  wait_until(program, [&] { return std::filesystem::exists(run + "/model.safetensors"); });
  const ProgramEnd e = gnomon_run(resume(run));
  check_ended(e, 5);
  CHECK(e.err.find("another process is training there") != std::string::npos);
}

TEST_CASE("run: numbers that are not finite stop it within the step, and the checkpoint stays") {
  const Folder folder;
  const std::string run = folder / "run";
  // Decay times rate is 10: every step multiplies the matrices by -9.
  const ProgramEnd e = gnomon_run(
      train("--steps 400 --threads 1 --log-every 1 --checkpoint-every 3 --learning-rate 10 "
            "--weight-decay 1 --warmup 0 --schedule constant --tied false --heads 1 --epsilon 1e-8",
            run));
  check_ended(e, 4);
  CHECK(e.err.starts_with("gnomon: step "));
  // The value or gradient of an op, by name, or what a pointer was to be chosen by.
  CHECK((e.err.find("is not finite") != e.err.npos || e.err.find("is not a number") != e.err.npos));
  const size_t step = std::stoul(e.err.substr(std::string("gnomon: step ").size()));
  CHECK(lines_in(run + "/metrics.jsonl") == step - 1);
  CHECK(step_of(run + "/checkpoint.safetensors") == (step - 1) / 3 * 3);

  const std::string checkpoint = get(run + "/checkpoint.safetensors");
  const ProgramEnd again = gnomon_run(resume(run));
  check_ended(again, 4);
  CHECK(again.err == e.err);
  CHECK(get(run + "/checkpoint.safetensors") == checkpoint);
  // A checkpoint of the last step holds the very numbers that could not be gone on from. An earlier
  // one answered in training, and does so still.
  check_ended(gnomon_run(words("eval --lengths 5 --batches 1 --batch 1 --quiet --run", run)),
              (step - 1) % 3 == 0 ? 4 : 0);
}

TEST_CASE("run: what is not finite is found diverged, wherever it is found first") {
  // An argmax of predictions, the choice of a pointer, a softmax over candidates.
  for (const std::string mixer : {"--mixers attention --heads 2", "--sources window:3,match:1",
                                  "--sources dense --selection straight-through"}) {
    CAPTURE(mixer);
    const Folder folder;
    const std::string run = folder / "run";
    const ProgramEnd e = gnomon_run(words(
        "train --model pointer --task copy --payload 2 --symbols 4 --length 5 --layers 2 --width 8 "
        "--feed-forward 8 --batch 2 --threads 1 --learning-rate 1 --beta2 0 --epsilon 1e-16 "
        "--steps 20000 --quiet " +
            mixer + " --out",
        run));
    check_ended(e, 4);
    CHECK_MESSAGE(e.err.starts_with("gnomon: step "), e.err);
    CHECK(e.err.find("the checkpoint before it is untouched in") != e.err.npos);
  }
}

// Signals: what asks for an end saves first, and what was to be ignored is ignored.
#include <doctest/doctest.h>

#include "tests/program.hpp"

using namespace gnomon;

namespace {

const std::string kTrain =
    "train --model pointer --task copy --layers 1 --width 8 --feed-forward 8 --payload 2 --symbols "
    "4 "
    "--length 5 --batch 2 --threads 1 --log-every 1 --quiet ";

bool stepping(const std::string& run) { return get(run + "/metrics.jsonl").size() > 1000; }

}  // namespace

TEST_CASE("signals: every request to end saves first") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    CAPTURE(signal);
    const Folder folder;
    const std::string run = folder / "run";
    Program program(words(kTrain + "--steps 10000000 --out", run));
    wait_until(program, [&] { return stepping(run); });
    program.send(signal);
    const ProgramEnd e = program.wait();
    CHECK(e.signal == 0);
    CHECK(e.code == 130);
    CHECK(e.err.find("interrupted; saved after step") != std::string::npos);
  }
}

TEST_CASE("signals: what was ignored when the program began stays ignored") {
  for (const auto& [name, signal] : std::vector<std::pair<std::string, int>>{
           {"HUP", SIGHUP}, {"INT", SIGINT}, {"USR1", SIGUSR1}}) {
    const auto& current_name = name;
    CAPTURE(current_name);
    const Folder folder;
    const std::string run = folder / "run";
    Program program({"-c", "trap '' " + name + "; exec '" GNOMON_PROGRAM "' " + kTrain +
                               "--steps 10000000 --out '" + run + "'"},
                    "/bin/sh");
    wait_until(program, [&] { return stepping(run); });
    program.send(signal);
    program.send(signal);
    const size_t before = get(run + "/metrics.jsonl").size();
    wait_until(program, [&] { return get(run + "/metrics.jsonl").size() > before + 1000; });
    CHECK(!program.ended());
    program.send(SIGTERM);
    const ProgramEnd e = program.wait();
    CHECK(e.code == 130);
    CHECK(e.err.find("interrupted; saved after step") != std::string::npos);
  }
}

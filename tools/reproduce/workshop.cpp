#include "tools/reproduce/workshop.hpp"

#include <fmt/format.h>

#include <boost/process.hpp>
#include <filesystem>

#include "core/base/error.hpp"
#include "core/base/file.hpp"
#include "tools/output.hpp"

namespace gnomon {
namespace {

namespace process = boost::process;

std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_./,:=+") == std::string::npos;
  return plain ? word : "'" + word + "'";
}

}  // namespace

Workshop::Workshop(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail(Fault::io, "{}: cannot be made: {}", folder_, error.message());
}

void Workshop::plan(const Words& command, const std::string& result) {
  Step step{command, file(result)};
  for (std::string& word : step.command)
    if (word.starts_with("@")) word = folder_ + word.substr(1);
  steps_.push_back(step);
}

void Workshop::plan_run(const std::string& run, const Words& training, const Words& judging) {
  Words train = training, judge = judging;
  train.insert(train.begin(), "train"), judge.insert(judge.begin(), "eval");
  train.insert(train.end(), {"--out", "@/" + run});
  judge.insert(judge.end(), {"--run", "@/" + run, "--json", "@/" + run + "/eval.json"});
  plan(train, run);
  steps_.back().training = true;
  plan(judge, run + "/eval.json");
}

/// A run is done when its last step is in its metrics: asked of what judges it, which comes next.
bool Workshop::done(const Step& step) const {
  if (step.training) return std::filesystem::exists(step.result + "/eval.json");
  return std::filesystem::exists(step.result);
}

void Workshop::perform(const Step& step, const Interruptible& signalled) const {
  Words words = step.command;
  if (step.training && std::filesystem::exists(step.result + "/config.ini"))
    words = {"train", "--resume", step.result};
  if (words[0] != "inspect") words.push_back("--quiet");
  process::ipstream complaints;
  process::child child(process::exe = "/proc/self/exe", process::args = words,
                       process::std_in<process::null, process::std_out> process::null,
                       process::std_err > complaints);
  std::string said;
  for (std::string line; std::getline(complaints, line);) said = line;
  child.wait();
  if (signalled.requested())
    throw Ended(Exit::interrupted, "interrupted; the same command goes on where it stopped");
  const int code = child.exit_code();
  if (code == 0) return;
  throw Ended(static_cast<Exit>(code), fmt::format("{}: {}", fmt::join(step.command, " "), said));
}

void Workshop::work(bool quiet) {
  const Interruptible signalled;  // the command that runs gets the signal too, and saves
  size_t left = 0;
  for (const Step& step : steps_) left += !done(step);
  for (const Step& step : steps_) {
    if (done(step)) continue;
    if (!quiet) complain(fmt::format("{} left: {}", left, fmt::join(step.command, " ")));
    perform(step, signalled);
    --left;
  }
}

std::vector<std::string> Workshop::lines() const {
  std::vector<std::string> all;
  for (const Step& step : steps_) {
    std::string line = "gnomon";
    for (const std::string& word : step.command) line += " " + quoted(word);
    all.push_back(line);
  }
  return all;
}

}  // namespace gnomon

#include "tools/reproduce/workshop.hpp"

#include <fmt/format.h>

#include <boost/process.hpp>
#include <filesystem>

#include "core/base/fields.hpp"
#include "core/base/file.hpp"
#include "tools/commands.hpp"
#include "tools/output.hpp"
#include "tools/training/options.hpp"

namespace gnomon {

namespace process = boost::process;

/// The words as one line for a shell.
std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

constexpr const char* kLog = "commands.log";

Workshop::Workshop(std::string folder) : folder_(std::move(folder)) {
  create_folder(folder_);
  LineLog::truncate_after(file(kLog), [](auto) { return true; });  // half a line at its end
  if (!std::filesystem::exists(file(kLog))) return;
  for (const std::string& line : split(read_file(file(kLog), 1 << 24), '\n'))
    if (const auto parts = split(line, '\t'); parts.size() == 3)
      noted_[parts[1]] = parts[0] + "\t" + parts[2];
}

/// `what`: "begun" or "made".
void Workshop::note(const std::string& what, const Step& step) {
  LineLog log(file(kLog));
  log.write(fmt::format("{}\t{}\t{}", what, step.result, shell_line(step.command)));
  log.sync();
}

void Workshop::plan(const Words& command, const std::string& result) {
  steps_.push_back({command, result});
}

Workshop::Words Workshop::in_folder(Words words) const {
  for (std::string& word : words)
    if (word.starts_with("@")) word = folder_ + word.substr(1);
  return words;
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

Workshop::State Workshop::state(const Step& step) const {
  const auto found = noted_.find(step.result);
  if (found == noted_.end() || !std::filesystem::exists(file(step.result))) return State::missing;
  if (found->second == "made\t" + shell_line(step.command)) return State::done;
  return found->second == "begun\t" + shell_line(step.command) ? State::begun : State::missing;
}

void Workshop::refuse_foreign_run(const Step& step) const {
  if (!step.training || state(step) != State::missing ||
      !std::filesystem::exists(file(step.result)))
    return;
  fail(Fault::data,
       "{}: a run is there that this did not train with the same options; remove it, or "
       "choose another --out",
       file(step.result));
}

void Workshop::perform(const Step& step, const Interruptible& signalled) {
  Words words = in_folder(step.command);
  if (step.training && std::filesystem::exists(file(step.result) + "/config.ini"))
    words = {"train", "--resume", file(step.result)};
  note("begun", step);
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
  if (code == 0) return note("made", step);
  throw Ended(static_cast<Exit>(code),
              fmt::format("{}: {}", fmt::join(in_folder(step.command), " "), said));
}

void Workshop::work(bool quiet) {
  const Interruptible signalled;  // the command that runs gets the signal too, and saves
  size_t left = 0;
  for (const Step& step : steps_) {
    refuse_foreign_run(step);
    left += state(step) != State::done;
  }
  for (const Step& step : steps_) {
    if (state(step) == State::done) continue;
    if (!quiet) complain(fmt::format("{} left: {}", left, fmt::join(in_folder(step.command), " ")));
    perform(step, signalled);
    --left;
  }
}

std::vector<std::string> Workshop::lines() const {
  std::vector<std::string> all;
  for (const Step& step : steps_) all.push_back("gnomon " + shell_line(in_folder(step.command)));
  return all;
}

}  // namespace gnomon

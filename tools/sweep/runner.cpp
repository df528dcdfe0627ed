#include "tools/sweep/runner.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tools/commands.hpp"
#include "tools/output.hpp"

namespace gnomon {

Claims::Claims(const std::string& folder)
    : file_(open((folder + "/.claims").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_.number() < 0) fail(Fault::io, "{}/.claims: cannot be written", folder);
}

bool Claims::lock(const std::string& name, short type) {
  // Byte by byte of a file that stays empty; two names share one with a chance of 2^-62.
  struct flock byte {};
  byte.l_type = type, byte.l_whence = SEEK_SET, byte.l_len = 1;
  byte.l_start = static_cast<off_t>(std::hash<std::string>()(name) >> 2);
  return fcntl(file_.number(), F_OFD_SETLK, &byte) == 0;
}
bool Claims::take(const std::string& name) { return lock(name, F_WRLCK); }
void Claims::leave(const std::string& name) { lock(name, F_UNLCK); }

Runner::Runner(const std::string& folder, RunnerOptions options, std::function<void()> done)
    : folder_(folder), options_(options), done_(std::move(done)), claims_(folder) {}

void Runner::work(std::vector<Run> runs) {
  std::deque<Run> waiting(runs.begin(), runs.end());
  left_ = waiting.size();
  size_t passed = 0;  // claimed by others, one after the other
  while (!waiting.empty() || !active_.empty()) {
    if (signalled_.requested()) stop_children();
    while (active_.size() < options_.jobs && passed < waiting.size()) {
      Run next = std::move(waiting.front());
      waiting.pop_front();
      if (start(next)) {
        passed = 0;
        continue;
      }
      waiting.push_back(std::move(next));
      ++passed;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(active_.empty() ? 300 : 10));
    passed = 0;
    for (size_t i = 0; i < active_.size();)
      if (active_[i].child && !active_[i].child->running()) {
        ended(active_[i]);
        if (active_[i].child)
          ++i;
        else
          active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
  }
}

/// False: somebody else is at it. What is there already counts as done.
bool Runner::start(Run run) {
  if (!claims_.take(run.folder)) return false;
  const auto leave = [&] { claims_.leave(run.folder), --left_; };
  const RunStatus state = state_of(run);
  if (state == RunStatus::finished || state == RunStatus::failed) {
    leave();
    done_();
    return true;
  }
  // A child may have outlived the sweep that started it.
  const int directory = open(run.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool busy = directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) != 0;
  if (directory >= 0) close(directory);
  if (busy) {
    claims_.leave(run.folder);
    return false;
  }
  if (!options_.quiet) complain(fmt::format("{} left: {}", left_, run.name()));
  tell_where_data_lies(run);
  active_.push_back({run, nullptr, false});
  if (state == RunStatus::trained) {
    judge(active_.back());
    return true;
  }
  std::vector<std::string> words = run.train;
  words.insert(words.begin(), "train");
  words.insert(words.end(), {"--out", run.folder});
  if (state == RunStatus::begun) words = {"train", "--resume", run.folder};
  words.insert(words.end(), {"--quiet", "--threads", std::to_string(options_.threads)});
  create_folder(std::filesystem::path(run.folder).parent_path().string());
  active_.back().child = std::make_unique<ChildProcess>(words, run.folder + ".log");
  return true;
}

void Runner::judge(Active& active) {
  std::vector<std::string> words = active.run.judge;
  words.insert(words.begin(), "eval");
  words.insert(words.end(), {"--run", active.run.folder, "--json", active.run.file("eval.json"),
                             "--quiet", "--threads", std::to_string(options_.threads)});
  active.child = std::make_unique<ChildProcess>(words, active.run.folder + ".log");
  active.judging = true;
}

/// What follows when a child has ended; without a child afterwards, the run has.
void Runner::ended(Active& active) {
  const Failure end = active.child->end();
  active.child = nullptr;
  if (end.code == 0 && !active.judging) return judge(active);
  const Run& run = active.run;
  claims_.leave(run.folder);
  --left_;
  if (end.code == 0)
    write_done(run, std::nullopt, options_.threads, options_.jobs);
  else if (signalled_.requested()) {
    stop_children();
  } else {
    // A run that failed before it had a folder leaves no record, and is tried again.
    std::error_code error;
    if (end.code == static_cast<int>(Exit::diverged) &&
        std::filesystem::exists(run.file("config.ini"), error))
      write_done(run, end, options_.threads, options_.jobs);
    failed(run, end);
  }
  done_();
}

void Runner::failed(const Run& run, const Failure& failure) {
  failures_[run.folder] = failure;
  complain(fmt::format("failed: {}: {}; see {}.log", run.name(), failure.sentence, run.folder));
  const bool disk = failure.code == static_cast<int>(Exit::io) &&
                    failure.sentence.find("out of memory") == std::string::npos;
  if (!disk && !options_.fail_fast) return;
  for (Active& other : active_)
    if (other.child) other.child->ask_to_stop();
  for (Active& other : active_)
    if (other.child) other.child->wait();
  throw Ended(disk ? Exit::io : Exit::diverged, failure.sentence);
}

void Runner::stop_children() {
  for (Active& active : active_)
    if (active.child) active.child->ask_to_stop();
  for (Active& active : active_)
    if (active.child) active.child->wait();
  throw Ended(Exit::interrupted, "interrupted; the same command goes on where it stopped");
}

Runner::Turn Runner::turn(const std::string& name) {
  while (!claims_.take(name)) {
    if (signalled_.requested()) stop_children();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  return {claims_, name};
}

Failure Runner::command(const std::vector<std::string>& words, const std::string& log) {
  ChildProcess child(words, log);
  while (child.running()) {
    if (signalled_.requested()) child.ask_to_stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const Failure end = child.end();
  if (signalled_.requested()) stop_children();
  return end;
}

}  // namespace gnomon

// Trains and judges runs as child processes of this program, several side by side. Two sweeps in
// one folder share the work: who has claimed a run does it, the other takes the next and waits for
// what is left at the end. A claim is a lock that dies with its process.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file.hpp"
#include "tools/signals.hpp"
#include "tools/sweep/child.hpp"
#include "tools/sweep/run.hpp"

namespace gnomon {

struct RunnerOptions {
  size_t jobs = 1, threads = 1;  ///< of each
  bool fail_fast = false, quiet = false;
  bool commands = true;  ///< runs the plan's commands; of several processes one does
};

/// A lock for each name in one file of the folder.
class Claims {
 public:
  explicit Claims(const std::string& folder);
  bool take(const std::string& name);
  void leave(const std::string& name);

 private:
  bool lock(const std::string& name, short type);
  Descriptor file_;
};

class Runner {
 public:
  /// `done` is called when a run has ended, well or badly.
  Runner(const std::string& folder, RunnerOptions options, std::function<void()> done);

  /// Brings all of them to an end: finished, or in failures(). Throws Ended: interrupted (the
  /// children have saved), a full disk, or with fail_fast the first failure.
  void work(std::vector<Run> runs);
  /// Waits until nobody else has claimed this; claimed until the end of what is returned.
  struct Turn {
    Claims& claims;
    std::string name;
    ~Turn() { claims.leave(name); }
  };
  Turn turn(const std::string& name);
  /// A command of this program whose output is not wanted. Returns its exit code, and the last
  /// sentence it complained with.
  Failure command(const std::vector<std::string>& words, const std::string& log);

  /// By Run::folder: those that this sweep could not bring to an end.
  const std::map<std::string, Failure>& failures() const { return failures_; }

 private:
  struct Active {
    Run run;
    std::unique_ptr<ChildProcess> child;
    bool judging = false;
  };
  bool start(Run run);
  void judge(Active& active);
  void ended(Active& active);
  void failed(const Run& run, const Failure& failure);
  void stop_children();

  std::string folder_;
  RunnerOptions options_;
  std::function<void()> done_;
  Claims claims_;
  Interruptible signalled_;
  std::vector<Active> active_;
  std::map<std::string, Failure> failures_;
  size_t left_ = 0;
};

}  // namespace gnomon

// Runs `gnomon` commands one after the other, each only if its result is not there yet: what was
// interrupted goes on where it stopped. Which command made what is kept in commands.log of the
// folder: what another command made (other options) is made anew, and a run that another command
// trained is refused, since days of work may be in it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/signals.hpp"

namespace gnomon {

class Workshop {
 public:
  using Words = std::vector<std::string>;
  /// Results go below `folder`, which is made.
  explicit Workshop(std::string folder);

  /// A command that writes `result`, a file below the folder; "@" at the beginning of a word
  /// stands for the folder.
  void plan(const Words& command, const std::string& result);
  /// Trains into `run` below the folder (resuming what stopped there), then judges it.
  void plan_run(const std::string& run, const Words& training, const Words& judging);

  /// Runs what is left; says before each what it is and how many are left. Throws
  /// Error(Fault::data) before anything runs when a run is there that another command trained;
  /// Ended with the exit code of a command that fails, or Exit::interrupted after a signal.
  void work(bool quiet);

  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  /// The commands as a user would type them.
  std::vector<std::string> lines() const;

 private:
  struct Step {
    Words command;
    std::string result;
    bool training = false;
  };
  enum class State { missing, begun, done };
  State state(const Step& step) const;
  void refuse_foreign_run(const Step& step) const;
  void perform(const Step& step, const Interruptible& signalled);
  void note(const std::string& what, const Step& step);
  /// The words with the folder in place of "@".
  Words in_folder(Words words) const;

  std::string folder_;
  std::vector<Step> steps_;
  std::map<std::string, std::string> noted_;  // result -> the last line about it, without its name
};

}  // namespace gnomon

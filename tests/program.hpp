// tests/program.hpp
// Runs the built program `gnomon` as a user would: as another process.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/folder.hpp"

namespace gnomon {

struct ProgramEnd {
  int code = -1;   ///< exit code; -1: ended by a signal
  int signal = 0;  ///< that signal, or 0
  std::string out, err;
};

/// A running program; its output is kept in files.
class Program {
 public:
  explicit Program(const std::vector<std::string>& words, std::string program = GNOMON_PROGRAM) {
    std::vector<char*> list{program.data()};
    std::vector<std::string> copies = words;
    for (std::string& word : copies) list.push_back(word.data());
    list.push_back(nullptr);
    const std::string out = folder_ / "out", err = folder_ / "err";
    pid_ = fork();
    expect(pid_ >= 0, "program: cannot fork");
    if (pid_ > 0) return;
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    setenv("OMP_WAIT_POLICY", "passive", 1);  // several at once on few cores
    unsetenv("TERM");
    execv(program.c_str(), list.data());
    _exit(99);
  }
  ~Program() {
    if (pid_ > 0) send(SIGKILL), wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void send(int signal) const { kill(pid_, signal); }
  /// Kills the processes that it has started, as the system does when memory is short.
  void kill_children() const {
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid_));
    for (pid_t child; children >> child;) kill(child, SIGKILL);
  }
  /// Has it ended? (Does not reap it.)
  bool ended() const {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  ProgramEnd wait() {
    int status = 0;
    expect(waitpid(pid_, &status, 0) == pid_, "program: cannot wait");
    pid_ = -1;
    ProgramEnd e{.out = get(folder_ / "out"), .err = get(folder_ / "err")};
    if (WIFEXITED(status)) e.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) e.signal = WTERMSIG(status);
    return e;
  }

 private:
  Folder folder_;
  pid_t pid_ = -1;
};

inline ProgramEnd gnomon_run(const std::vector<std::string>& words) {
  return Program(words).wait();
}

/// A line for sh, in which $gnomon is the program.
inline ProgramEnd shell(const std::string& line) {
  return Program({"-c", "gnomon='" GNOMON_PROGRAM "'; " + line}, "/bin/sh").wait();
}

inline void pause_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

/// Waits until it is true or the program has ended.
template <class Condition>
void wait_until(const Program& program, Condition&& condition) {
  while (!condition() && !program.ended()) pause_ms(2);
}

/// "a b c" -> words; words with blanks are added by hand.
inline std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> list;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) list.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

template <class... More>
std::vector<std::string> words(const std::string& text, const More&... more) {
  std::vector<std::string> list = words(text);
  (list.push_back(more), ...);
  return list;
}

}  // namespace gnomon

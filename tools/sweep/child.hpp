// This program, run again as a child: its complaints go to the end of a file, what it prints
// nowhere. It is asked to stop when its parent dies.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <boost/process.hpp>
#include <boost/process/extend.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file.hpp"
#include "tools/sweep/run.hpp"

namespace gnomon {

class ChildProcess {
 public:
  ChildProcess(const std::vector<std::string>& words, const std::string& log)
      : log_(log), file_(std::fopen(log.c_str(), "a"), std::fclose) {
    namespace process = boost::process;
    if (!file_) fail(Fault::io, "{}: cannot be written", log);
    process::environment own = boost::this_process::environment();
    for (const auto& variable : boost::this_process::environment()) {
      const std::string name = variable.get_name();  // it is no process of mpirun
      for (const char* of_mpi : {"OMPI_", "PMIX_", "PMI_"})
        if (name.starts_with(of_mpi)) own.erase(name);
    }
    child_ = process::child(
        process::exe = "/proc/self/exe", process::args = words, own,
        process::std_in<process::null, process::std_out> process::null,
        process::std_err > file_.get(),
        process::extend::on_exec_setup = [](auto&) { prctl(PR_SET_PDEATHSIG, SIGTERM); });
  }
  bool running() { return child_.running(); }
  void wait() { child_.wait(); }
  void ask_to_stop() {
    if (child_.running()) kill(child_.id(), SIGTERM);
  }
  /// How it ended: 0, its exit code, or 128 + a signal; and its last complaint.
  Failure end() {
    child_.wait();
    const int status = child_.native_exit_code();
    if (WIFSIGNALED(status))
      return {128 + WTERMSIG(status), WTERMSIG(status) == SIGKILL
                                          ? "killed, perhaps since memory was short"
                                          : fmt::format("ended by signal {}", WTERMSIG(status))};
    Failure end{WEXITSTATUS(status), ""};
    if (end.code == 0) return end;
    for (const std::string& line : split(read_file(log_, uint64_t{1} << 30), '\n'))
      if (line.starts_with("gnomon: ")) end.sentence = line.substr(8);
    return end;
  }

 private:
  std::string log_;
  std::unique_ptr<FILE, int (*)(FILE*)> file_;
  boost::process::child child_;
};

}  // namespace gnomon

// Files under accidents. The executable is linked with --wrap for the system calls below, so a test
// can make the n-th of them fail, be interrupted, or do only part of its work.
#include "core/base/file.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/folder.hpp"

using namespace gnomon;

namespace {

enum class Call { none, read, write, fsync, close, rename };
/// The call `call` number `after` (from 0) fails with `error`; `at_most` bytes are moved at a time.
struct Accident {
  Call call = Call::none;
  int after = 0;
  int error = 0;
  size_t at_most = SIZE_MAX;
} accident;

bool happens(Call call) {
  if (accident.call != call || accident.after-- != 0) return false;
  errno = accident.error;
  return true;
}

/// Accidents end with the scope, so that the test's report is written in peace.
struct With {
  explicit With(Accident a) { accident = a; }
  ~With() { accident = {}; }
};

}  // namespace

extern "C" {
ssize_t __real_read(int, void*, size_t);
ssize_t __wrap_read(int file, void* into, size_t n) {
  return happens(Call::read) ? -1 : __real_read(file, into, std::min(n, accident.at_most));
}
ssize_t __real_write(int, const void*, size_t);
ssize_t __wrap_write(int file, const void* from, size_t n) {
  return happens(Call::write) ? -1 : __real_write(file, from, std::min(n, accident.at_most));
}
int __real_fsync(int);
int __wrap_fsync(int file) { return happens(Call::fsync) ? -1 : __real_fsync(file); }
int __real_close(int);
int __wrap_close(int file) {
  const int result = __real_close(file);  // also a close that reports an error has closed
  return happens(Call::close) ? -1 : result;
}
int __real_rename(const char*, const char*);
int __wrap_rename(const char* from, const char* to) {
  return happens(Call::rename) ? -1 : __real_rename(from, to);
}
}

TEST_CASE("file: what is written is read back, in pieces and one byte at a time") {
  const Folder folder;
  const std::string path = folder / "a name with spaces", text("a\0b\n\xff", 5);
  atomic_write(path, {text, "", "tail"});
  CHECK(get(path) == text + "tail");
  {
    const With slow({.at_most = 1});
    atomic_write(path, {text, text});
    CHECK(read_file(path, 10) == text + text);
  }
  CHECK(folder.entries() == 1);
  atomic_write(path, {});
  CHECK(read_file(path, 0) == "");
}

TEST_CASE("file: a relative path without a folder writes here") {
  const Folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  atomic_write("here", {"x"});
  std::filesystem::current_path(before);
  CHECK(get(folder / "here") == "x");
}

TEST_CASE("file: only regular files are read, and the sentence says what it was") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  REQUIRE(::symlink("loop", (folder / "loop").c_str()) == 0);
  put(folder / "long", "12345");
  REQUIRE(::symlink("long", (folder / "link").c_str()) == 0);
  const auto reading = [](std::string path) {
    return problem([&] { read_file(path, 4); }, Fault::data);
  };
  CHECK(reading(folder / "pipe") == folder / "pipe" + ": expected a regular file, got a pipe");
  CHECK(reading(folder.path()).ends_with("got a directory"));
  CHECK(reading("/dev/zero").ends_with("got a device"));
  CHECK(reading(folder / "none") == folder / "none" + ": cannot open: No such file or directory");
  CHECK(reading(folder / "loop").ends_with("Too many levels of symbolic links"));
  CHECK(reading(folder / "long") == folder / "long" + ": expected at most 4 bytes, got 5");
  CHECK(read_file(folder / "link", 5) == "12345");
}

TEST_CASE("file: a file that changes while it is read is noticed") {
  const Folder folder;
  const std::string path = folder / "changing";
  put(path, "12345678");
  char bytes[8];
  InputFile shrinking(path);
  shrinking.read(bytes, 4);
  std::filesystem::resize_file(path, 6);
  CHECK(problem([&] { shrinking.read(bytes, 4); }, Fault::data) ==
        path + ": became shorter while it was read");
  InputFile growing(path);
  growing.read(bytes, growing.size());
  std::filesystem::resize_file(path, 7);
  CHECK(problem([&] { growing.expect_end(); }, Fault::data) ==
        path + ": became longer while it was read");
}

TEST_CASE("file: an error while reading is reported, an interruption is not an error") {
  const Folder folder;
  put(folder / "f", "123");
  std::string sentence, text;
  {
    const With broken_disk({Call::read, 0, EIO});
    sentence = problem([&] { read_file(folder / "f", 9); }, Fault::io);
  }
  CHECK(sentence == folder / "f" + ": cannot read: Input/output error");
  {
    const With signal({Call::read, 1, EINTR, 2});
    text = read_file(folder / "f", 9);
  }
  CHECK(text == "123");
}

TEST_CASE("file: whichever system call fails, the old file is intact and nothing is left over") {
  const Folder folder;
  const std::string path = folder / "model";
  struct Row {
    Accident accident;
    std::string reason;
  };
  const Row rows[] = {
      {{Call::write, 0, ENOSPC, 4}, "cannot write: No space left on device"},
      {{Call::write, 1, ENOSPC, 4}, "cannot write: No space left on device"},
      {{Call::write, 2, EIO, 4}, "cannot write: Input/output error"},
      {{Call::fsync, 0, EIO}, "cannot write to the disk: Input/output error"},
      {{Call::close, 0, ENOSPC}, "cannot finish writing: No space left on device"},
      {{Call::rename, 0, EACCES}, "cannot replace: Permission denied"},
  };
  for (const bool exists : {true, false})
    for (const Row& row : rows) {
      std::filesystem::remove(path);
      if (exists) put(path, "old");
      std::string sentence;
      {
        const With one(row.accident);
        sentence = problem([&] { atomic_write(path, {"new ", "contents"}); }, Fault::io);
      }
      CHECK(sentence == path + ": " + row.reason);
      CHECK(get(path) == (exists ? "old" : ""));
      CHECK(folder.entries() == exists);
    }
}

TEST_CASE("file: interrupted calls are repeated, a folder that cannot sync is no error") {
  const Folder folder;
  const std::string path = folder / "model";
  const Accident rows[] = {{Call::write, 0, EINTR},
                           {Call::write, 1, EINTR, 2},
                           {Call::fsync, 0, EINTR},
                           {Call::close, 0, EINTR},
                           {Call::fsync, 1, EINVAL}};
  for (const Accident& row : rows) {
    std::filesystem::remove(path);
    {
      const With one(row);
      atomic_write(path, {"contents"});
    }
    CHECK(get(path) == "contents");
  }
  std::string sentence;
  {
    const With folder_not_synced({Call::fsync, 1, EIO});
    sentence = problem([&] { atomic_write(path, {"newer"}); }, Fault::io);
  }
  CHECK(sentence == folder.path() + ": cannot write to the disk: Input/output error");
  CHECK(get(path) == "newer");  // complete, though the disk may forget it
  CHECK(folder.entries() == 1);
}

TEST_CASE("file: a limit on the file size stops a write half-way, the old file is intact") {
  const Folder folder;
  const std::string path = folder / "model";
  put(path, "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string sentence =
      problem([&] { atomic_write(path, {std::string(5000, 'x')}); }, Fault::io);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK(sentence == path + ": cannot write: File too large");
  CHECK(get(path) == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("file: places that cannot be written to") {
  const Folder folder;
  put(folder / "plain", "");
  const auto writing = [](std::string path) {
    return problem([&] { atomic_write(path, {"x"}); }, Fault::io);
  };
  CHECK(writing(folder / "none/model")
            .ends_with("create a file beside it: No such file or directory"));
  CHECK(writing(folder / "plain/model").ends_with("create a file beside it: Not a directory"));
  CHECK(writing(folder.path()) == folder.path() + ": cannot write: it is a directory");
  CHECK(writing("/dev/null") == "/dev/null: cannot write: it is a device");
  CHECK(writing("/proc/model").find("/proc/model: cannot create a file beside it: ") == 0);
  CHECK(writing("") != "");
  CHECK(folder.entries() == 1);
  if (::geteuid() == 0) return;  // root may write anywhere
  std::filesystem::permissions(
      folder.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const std::string sentence = writing(folder / "plain");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  CHECK(sentence.ends_with("create a file beside it: Permission denied"));
}

TEST_CASE("file: a leftover temporary with our number does not stand in the way") {
  const Folder folder;
  for (int i = 0; i < 200; ++i)
    put(folder / fmt::format(".gnomon-{}-{}.tmp", ::getpid(), i), "half");
  atomic_write(folder / "model", {"whole"});
  CHECK(get(folder / "model") == "whole");
  CHECK(folder.entries() == 201);
  CHECK(get(folder / fmt::format(".gnomon-{}-0.tmp", ::getpid())) == "half");
}

TEST_CASE("file: a process killed while it writes leaves the old file or the new one") {
  const Folder folder;
  const std::string path = folder / "model";
  const std::string contents[] = {std::string(300000, 'a'), std::string(200000, 'b')};
  put(path, contents[0]);
  for (int round = 0; round < 30; ++round) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (int i = 0; i < 10000; ++i) atomic_write(path, {contents[i % 2]});
      } catch (...) {
      }
      ::_exit(1);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(300 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));  // it was still writing
    const std::string now = get(path);
    CHECK((now == contents[0] || now == contents[1]));
  }
}

TEST_CASE("line log: one write a line, appended") {
  const Folder folder;
  const std::string path = folder / "metrics.jsonl";
  {
    LineLog log(path);
    {
      const With one_write_only({Call::write, 1, EIO});
      log.write(R"({"step":1})");  // a second write would fail
    }
    log.write("");
    log.sync();
  }
  LineLog(path).write("more");
  CHECK(get(path) == "{\"step\":1}\n\nmore\n");
}

TEST_CASE("line log: errors") {
  const Folder folder;
  const std::string path = folder / "metrics.jsonl";
  LineLog log(path);
  CHECK(problem([&] { log.write("two\nlines"); }, Fault::misuse) != "");
  std::string full, lost;
  {
    const With disk_full({Call::write, 0, ENOSPC});
    full = problem([&] { log.write("x"); }, Fault::io);
  }
  {
    const With broken_disk({Call::fsync, 0, EIO});
    lost = problem([&] { log.sync(); }, Fault::io);
  }
  CHECK(full == path + ": cannot write: No space left on device");
  CHECK(lost == path + ": cannot write to the disk: Input/output error");
  CHECK(get(path) == "");
  CHECK(problem([&] { LineLog(folder.path()); }, Fault::io).ends_with("Is a directory"));
  CHECK(problem([&] { LineLog("/dev/null"); }, Fault::io).ends_with("got a device"));
  CHECK(problem([&] { LineLog(folder / "no/log"); }, Fault::io)
            .ends_with("No such file or directory"));
}

TEST_CASE("line log: resuming drops a torn last line and the lines past a step") {
  const Folder folder;
  const std::string path = folder / "metrics.jsonl";
  struct Row {
    std::string before, after;
  };
  const auto below_3 = [](std::string_view line) { return line < "3"; };
  for (const Row& row :
       {Row{"", ""}, Row{"1", ""}, Row{"1\n", "1\n"}, Row{"1\n2\n", "1\n2\n"}, Row{"1\n2", "1\n"},
        Row{"1\n2\n3\n", "1\n2\n"}, Row{"3\n", ""}, Row{"1\n3\n2\n", "1\n"},
        Row{"1\n2\n3\n4", "1\n2\n"}, Row{"\n\n", "\n\n"}}) {
    put(path, row.before);
    LineLog::truncate_after(path, below_3);
    CHECK(get(path) == row.after);
  }
  LineLog::truncate_after(folder / "none", below_3);
  CHECK(!std::filesystem::exists(folder / "none"));
  CHECK(problem([&] { LineLog::truncate_after(folder.path(), below_3); }, Fault::data) != "");
}

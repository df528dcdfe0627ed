// Files that a user names for results: tried before the work, links followed, pipes written to.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.hpp"
#include "tests/folder.hpp"

using namespace gnomon;

namespace {

std::string refused(const std::string& path) {
  return problem([&] { OutputFile{path}; }, Fault::io);
}

/// The standard output is the file as long as this lives.
struct StandardOutput {
  explicit StandardOutput(const std::string& path) : before_(dup(STDOUT_FILENO)) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(file, STDOUT_FILENO);
    close(file);
  }
  ~StandardOutput() {
    dup2(before_, STDOUT_FILENO);
    close(before_);
  }
  int before_;
};

}  // namespace

TEST_CASE("output file: what cannot be written is refused when it is named, and nothing is left") {
  const Folder folder;
  put(folder / "file", "x");
  CHECK(refused(folder / "none/x").find("No such file or directory") != std::string::npos);
  CHECK(refused(folder / "file/x").find("Not a directory") != std::string::npos);
  CHECK(refused(folder.path()).ends_with("it is a directory"));
  REQUIRE(symlink("none/x", (folder / "nowhere").c_str()) == 0);
  CHECK(refused(folder / "nowhere").find("No such file or directory") != std::string::npos);
  REQUIRE(symlink("loop", (folder / "loop").c_str()) == 0);
  CHECK(refused(folder / "loop").find("too many links") != std::string::npos);
  CHECK(refused("/proc/none") != "");

  const OutputFile fine(folder / "new"), existing(folder / "file"), none("");
  CHECK(fine.wanted());
  CHECK(!none.wanted());
  CHECK(folder.entries() == 3);
  CHECK(get(folder / "file") == "x");
  fine.write("y"), existing.write("z");
  CHECK(get(folder / "new") == "y");
  CHECK(get(folder / "file") == "z");
}

TEST_CASE("output file: links are followed, whether their file is there or not") {
  const Folder folder;
  std::filesystem::create_directory(folder / "sub");
  put(folder / "file", "x");
  REQUIRE(symlink("file", (folder / "link").c_str()) == 0);
  REQUIRE(symlink("link", (folder / "twice").c_str()) == 0);
  REQUIRE(symlink("sub/new", (folder / "dangling").c_str()) == 0);
  REQUIRE(symlink("../dangling", (folder / "sub/back").c_str()) == 0);
  for (const std::string name : {"link", "twice"}) {
    OutputFile(folder / name).write(name);
    CHECK(get(folder / "file") == name);
    CHECK(std::filesystem::is_symlink(folder / name));
  }
  for (const std::string name : {"dangling", "sub/back"}) {
    OutputFile(folder / name).write(name);
    CHECK(get(folder / "sub/new") == name);
    CHECK(std::filesystem::is_symlink(folder / name));
  }
}

TEST_CASE("output file: a pipe and a device are written to and stay what they are") {
  const Folder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  REQUIRE(symlink("pipe", (folder / "link").c_str()) == 0);
  for (const std::string& name : {pipe, folder / "link"}) {
    const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    const OutputFile file(name);
    CHECK(!file.is_standard_output());
    file.write("through");
    char bytes[16];
    CHECK(read(reader, bytes, sizeof bytes) == 7);
    close(reader);
  }
  OutputFile("/dev/null").write("gone");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(std::filesystem::is_fifo(pipe));
}

TEST_CASE("output file: every name of the standard output is known") {
  const Folder folder;
  const std::string out = folder / "out";
  put(folder / "other", "x");
  const StandardOutput standard(out);
  REQUIRE(symlink("/proc/self/fd/1", (folder / "stdout").c_str()) == 0);  // as /dev/stdout is made
  for (const std::string& name : {std::string("-"), out, folder / "stdout"})
    CHECK(OutputFile(name).is_standard_output());
  CHECK(!OutputFile(folder / "other").is_standard_output());
  CHECK(!OutputFile("").is_standard_output());
  CHECK(std::filesystem::is_symlink(folder / "stdout"));
}

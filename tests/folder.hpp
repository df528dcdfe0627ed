// tests/folder.hpp
// A temporary folder of a test's own, and whole-file helpers that do not use the code under test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/base/error.hpp"

namespace gnomon {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gnomon-test-XXXXXX").string();
    expect(::mkdtemp(pattern.data()) != nullptr, "test folder: cannot create {}", pattern);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  /// How many files there are, hidden ones included.
  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

inline void put(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);  // some file systems sync a file that is cut to nothing: slow
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string get(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What `action` throws: its sentence, or "" when nothing. Any other exception passes through.
template <class Action>
std::string problem(Action action, Fault fault) {
  try {
    action();
  } catch (const Error& error) {
    expect(error.fault() == fault, "expected fault {}, got {}: {}", static_cast<int>(fault),
           static_cast<int>(error.fault()), error.what());
    return error.what();
  }
  return "";
}

}  // namespace gnomon

// Files that survive accidents. Reading takes regular files only and notices a file that changes
// meanwhile; writing either replaces a file completely or leaves it as it was; a log loses at most
// its last line; what a user names for a result may also be a link, a pipe or a device. No memory
// mapping: a mapped file that shrinks kills the program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace gnomon {

/// Owns an open file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  /// Closes now; false (and errno) where the system reports an error only here.
  bool close();

 private:
  int number_;
};

/// Writes everything, however little the system takes at a time; false (and errno) on an error.
bool write_all(int file, std::string_view bytes);

/// A regular file, read from front to back.
class InputFile {
 public:
  /// Throws Error(Fault::data) when there is no such file, it may not be read, or it is a
  /// directory, pipe or device.
  explicit InputFile(std::string path);
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  ///< when it was opened
  /// The next `bytes` bytes. Throws Error(Fault::data) when the file has shrunk since it was
  /// opened.
  void read(void* into, size_t bytes);
  /// Throws Error(Fault::data) when anything follows the bytes read so far.
  void expect_end();

 private:
  size_t read_some(void* into, size_t bytes);
  std::string path_;
  Descriptor file_;
  uint64_t size_ = 0;
};

/// A whole regular file. Throws Error(Fault::data) as InputFile does, and when the file is longer
/// than max_bytes (before anything is allocated).
std::string read_file(const std::string& path, uint64_t max_bytes);

/// Makes the folder and those above it, unless it is there. Throws Error(Fault::io).
void create_folder(const std::string& path);

/// Writes the pieces one after the other as the file `path`, all or nothing: into a temporary file
/// in the same directory, synced to the disk, then renamed over `path`. When it throws
/// Error(Fault::io) the temporary is gone and a file that was there before is intact (only a
/// failure to sync the directory comes after the replacement). A process that is killed leaves
/// either the old file or the new one, and perhaps a hidden temporary. A symbolic link is replaced,
/// not followed.
void atomic_write(const std::string& path, const std::vector<std::string_view>& pieces);

/// A file that a user named for a result. It is tried when it is named, before the work. A link is
/// followed; a device or pipe is written to as it is; "-", or another name of the standard output,
/// is the standard output.
class OutputFile {
 public:
  /// "": no file is wanted. Throws Error(Fault::io) when it cannot be written.
  explicit OutputFile(const std::string& path);
  bool wanted() const { return !path_.empty(); }
  bool is_standard_output() const { return standard_output_; }
  /// Writes all of it; a regular file as atomic_write does. The standard output is not written to
  /// here: that is the program's affair. Throws Error(Fault::io).
  void write(std::string_view bytes) const;

 private:
  std::string path_;  // behind all links
  bool standard_output_ = false, regular_ = true;
};

/// A text file that grows by whole lines, such as metrics.jsonl.
class LineLog {
 public:
  /// Appends to `path`, creating it. A log left by a process that was killed may end in half a
  /// line: call truncate_after first. Throws Error(Fault::io).
  explicit LineLog(std::string path);
  /// Appends `line` and a line end with a single write, so that lines of several processes do not
  /// mix. Throws Error(Fault::io); Error(Fault::misuse) when the line contains a line end.
  void write(std::string_view line);
  /// Returns when the lines are on the disk. Throws Error(Fault::io).
  void sync();

  /// Cuts the file at the first line that `keep` refuses (lines past the step to resume from), or
  /// at a last line without its line end. A missing file is left missing. Throws Error.
  static void truncate_after(const std::string& path,
                             const std::function<bool(std::string_view line)>& keep);

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace gnomon

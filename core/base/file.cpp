#include "core/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace gnomon {
namespace {

constexpr uint64_t kMaxLog = uint64_t{1} << 30;

/// Throws unless `ok`; the reason is errno.
void check(bool ok, Fault fault, const std::string& path, std::string_view action) {
  if (!ok) fail(fault, "{}: cannot {}: {}", path, action, std::generic_category().message(errno));
}

std::string_view kind(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

/// The size of an open file. Throws unless it is a regular one.
uint64_t regular_size(const Descriptor& file, Fault fault, const std::string& path) {
  check(file.number() >= 0, fault, path, "open");
  struct stat status {};
  check(::fstat(file.number(), &status) == 0, fault, path, "examine");
  if (!S_ISREG(status.st_mode))
    fail(fault, "{}: expected a regular file, got {}", path, kind(status.st_mode));
  return static_cast<uint64_t>(status.st_size);
}

/// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

bool sync_to_disk(int file) {
  return uninterrupted([&] { return ::fsync(file); }) == 0;
}

std::string folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

/// The name of a new file in `directory`, removed again unless keep() is called.
class Temporary {
 public:
  Temporary(const std::string& directory, const std::string& target) {
    // A name that exists was left by a killed process with our number, or belongs to another
    // machine that shares the disk: take the next.
    static std::atomic<unsigned> next{0};
    int file = -1;
    do {
      path_ = fmt::format("{}/.gnomon-{}-{}.tmp", directory, ::getpid(), next++);
      file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file < 0 && (errno == EEXIST || errno == EINTR));
    check(file >= 0, Fault::io, target, "create a file beside it");
    file_ = file;
  }
  ~Temporary() {
    if (!kept_) ::unlink(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const std::string& path() const { return path_; }
  int file() const { return file_; }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  int file_ = -1;
  bool kept_ = false;
};

}  // namespace

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([&] { return ::write(file, bytes.data(), bytes.size()); });
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

Descriptor::~Descriptor() { close(); }

bool Descriptor::close() {
  if (number_ < 0) return true;
  const int number = std::exchange(number_, -1);
  // After EINTR the descriptor is closed all the same (Linux): calling again could close another's.
  return ::close(number) == 0 || errno == EINTR;
}

InputFile::InputFile(std::string path)
    : path_(std::move(path)),
      // O_NONBLOCK: opening a pipe without a writer would wait for ever.
      file_(uninterrupted(
          [this] { return ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); })),
      size_(regular_size(file_, Fault::data, path_)) {}

size_t InputFile::read_some(void* into, size_t bytes) {
  const ssize_t n = uninterrupted([&] { return ::read(file_.number(), into, bytes); });
  check(n >= 0, Fault::io, path_, "read");
  return static_cast<size_t>(n);
}

void InputFile::read(void* into, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const size_t n = read_some(static_cast<char*>(into) + done, bytes - done);
    if (n == 0) fail(Fault::data, "{}: became shorter while it was read", path_);
    done += n;
  }
}

void InputFile::expect_end() {
  char byte;
  if (read_some(&byte, 1) != 0) fail(Fault::data, "{}: became longer while it was read", path_);
}

std::string read_file(const std::string& path, uint64_t max_bytes) {
  InputFile file(path);
  if (file.size() > max_bytes)
    fail(Fault::data, "{}: expected at most {} bytes, got {}", path, max_bytes, file.size());
  std::string bytes(file.size(), '\0');
  file.read(bytes.data(), bytes.size());
  file.expect_end();
  return bytes;
}

void create_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail(Fault::io, "{}: cannot create the folder: {}", path, error.message());
}

void atomic_write(const std::string& path, const std::vector<std::string_view>& pieces) {
  struct stat status {};
  // Renaming over a device would replace the device.
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    fail(Fault::io, "{}: cannot write: it is {}", path, kind(status.st_mode));
  const std::string directory = folder_of(path);
  Temporary temporary(directory, path);
  Descriptor file(temporary.file());
  for (const std::string_view piece : pieces)
    check(write_all(file.number(), piece), Fault::io, path, "write");
  check(sync_to_disk(file.number()), Fault::io, path, "write to the disk");
  check(file.close(), Fault::io, path, "finish writing");
  check(::rename(temporary.path().c_str(), path.c_str()) == 0, Fault::io, path, "replace");
  temporary.keep();

  // The new name is safe only once the directory is.
  Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  check(folder.number() >= 0, Fault::io, directory, "open");
  const bool synced = sync_to_disk(folder.number());
  check(synced || errno == EINVAL, Fault::io, directory,
        "write to the disk");  // EINVAL: cannot sync
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
  if (path.empty()) return;
  struct stat status {
  }, standard{};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  standard_output_ =
      path == "-" || (exists && ::fstat(STDOUT_FILENO, &standard) == 0 &&
                      status.st_dev == standard.st_dev && status.st_ino == standard.st_ino);
  if (standard_output_) return;
  regular_ = !exists || S_ISREG(status.st_mode);
  if (exists && S_ISDIR(status.st_mode))
    fail(Fault::io, "{}: cannot write: it is a directory", path);
  check(regular_ || ::access(path.c_str(), W_OK) == 0, Fault::io, path, "write");
  if (!regular_) return;
  // A link to a file that is not there yet has a target all the same.
  namespace fs = std::filesystem;
  std::error_code error;
  for (int links = 0; fs::is_symlink(path_, error); ++links) {
    if (links == 40) fail(Fault::io, "{}: cannot write: too many links to links", path);
    path_ = fs::path(folder_of(path_)) / fs::read_symlink(path_, error);
  }
  const Temporary trial(folder_of(path_), path);
  const Descriptor closed(trial.file());
}

void OutputFile::write(std::string_view bytes) const {
  if (regular_) return atomic_write(path_, {bytes});
  Descriptor file(::open(path_.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
  check(file.number() >= 0, Fault::io, path_, "open");
  check(write_all(file.number(), bytes) && file.close(), Fault::io, path_, "write");
}

LineLog::LineLog(std::string path)
    : path_(std::move(path)), file_(uninterrupted([this] {
        return ::open(path_.c_str(),
                      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
      })) {
  regular_size(file_, Fault::io, path_);
}

void LineLog::write(std::string_view line) {
  expect(line.find('\n') == line.npos, "{}: expected one line, got a line end inside it", path_);
  check(write_all(file_.number(), std::string(line) + '\n'), Fault::io, path_, "write");
}

void LineLog::sync() { check(sync_to_disk(file_.number()), Fault::io, path_, "write to the disk"); }

void LineLog::truncate_after(const std::string& path,
                             const std::function<bool(std::string_view line)>& keep) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return;
  const std::string text = read_file(path, kMaxLog);
  size_t length = 0;
  for (size_t end = text.find('\n'); end != text.npos; end = text.find('\n', length)) {
    if (!keep(std::string_view(text).substr(length, end - length))) break;
    length = end + 1;
  }
  if (length == text.size()) return;
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  check(file.number() >= 0, Fault::io, path, "open");
  check(::ftruncate(file.number(), static_cast<off_t>(length)) == 0, Fault::io, path, "shorten");
  check(sync_to_disk(file.number()), Fault::io, path, "write to the disk");
}

}  // namespace gnomon

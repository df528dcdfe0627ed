// core/error.hpp
// Errors are sentences: "op: argument [letters]: expected ..., got ...; hint", and every one of
// them knows the exit code with which the program ends when nobody catches it.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace gnomon {

/// Exit codes of the program; scripts rely on them.
enum class Exit : int {
  ok = 0,
  internal = 1,       ///< a failed check, a misuse of the library
  usage = 2,          ///< a wrong option
  input = 3,          ///< a file or data that cannot be used
  diverged = 4,       ///< a loss or gradient that is not finite
  io = 5,             ///< disk full, read-only, ...
  interrupted = 130,  ///< Ctrl-C, after a saved checkpoint
};

class Error : public std::runtime_error {
 public:
  Error(Exit code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  Exit code() const { return code_; }

 private:
  Exit code_;
};

/// Throws an Error whose sentence is formatted as by fmt::format.
template <class... A>
[[noreturn]] void fail(Exit code, fmt::format_string<A...> sentence, A&&... values) {
  throw Error(code, fmt::format(sentence, std::forward<A>(values)...));
}

/// A check that is always on: throws Error(Exit::internal) with the sentence unless `ok`.
template <class... A>
void expect(bool ok, fmt::format_string<A...> sentence, A&&... values) {
  if (!ok) [[unlikely]]
    throw Error(Exit::internal, fmt::format(sentence, std::forward<A>(values)...));
}

}  // namespace gnomon

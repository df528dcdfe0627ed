// Errors are sentences, "op: argument [letters]: expected ..., got ...; hint", of a few kinds. What
// a kind means to a process (its exit code) is the program's affair: tools/commands.hpp.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace gnomon {

enum class Fault {
  misuse,    ///< a failed check: the library was called wrongly
  option,    ///< an option or argument that cannot be taken
  data,      ///< a file, or what is in it, that cannot be used
  diverged,  ///< a number that is not finite
  io,        ///< disk full, read-only, ...
};

class Error : public std::runtime_error {
 public:
  /// `option`: the option that is meant, where the sentence begins with its name.
  Error(Fault fault, const std::string& sentence, std::string option = "")
      : std::runtime_error(sentence), fault_(fault), option_(std::move(option)) {}
  Fault fault() const { return fault_; }
  const std::string& option() const { return option_; }

 private:
  Fault fault_;
  std::string option_;
};

/// Throws an Error whose sentence is formatted as by fmt::format.
template <class... A>
[[noreturn]] void fail(Fault fault, fmt::format_string<A...> sentence, A&&... values) {
  throw Error(fault, fmt::format(sentence, std::forward<A>(values)...));
}

/// Throws Error(Fault::option) "NAME: sentence". The program writes "--NAME", as its users do.
template <class... A>
[[noreturn]] void fail_option(const std::string& name, fmt::format_string<A...> sentence,
                              A&&... values) {
  throw Error(Fault::option, name + ": " + fmt::format(sentence, std::forward<A>(values)...), name);
}

/// A check that is always on: throws Error(Fault::misuse) with the sentence unless `ok`.
template <class... A>
void expect(bool ok, fmt::format_string<A...> sentence, A&&... values) {
  if (!ok) [[unlikely]]
    throw Error(Fault::misuse, fmt::format(sentence, std::forward<A>(values)...));
}

/// A check of numbers: throws Error(Fault::diverged) unless `ok`.
template <class... A>
void expect_finite(bool ok, fmt::format_string<A...> sentence, A&&... values) {
  if (!ok) [[unlikely]]
    throw Error(Fault::diverged, fmt::format(sentence, std::forward<A>(values)...));
}

}  // namespace gnomon

// tools/training/options.hpp
// The command line and the INI file, as text (Boost.Program_options), put into Fields, which know
// types and ranges. Boost is given strings only: its own conversions turn -1 into 2^64 - 1.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/fields.hpp"

namespace gnomon {

/// At most 80 bytes of a word, for sentences.
std::string shortened(const std::string& word);
/// The sentence of an error, with "--" before the name of the option that it begins with.
std::string spelled(const Error& error);

/// Fields under headings.
class Options {
 public:
  /// The fields declared from now on stand under it. Only `kept` ones are written by ini().
  void heading(const std::string& text, bool kept = false);
  /// Each option with its range, default and meaning.
  std::string help() const;
  /// "name = value" lines that give the same values when read again. Throws Error(Fault::option)
  /// for a value that such a file cannot hold.
  std::string ini() const;

  Fields fields;

 private:
  struct Heading {
    std::string text;
    bool kept;
    size_t begin;  // of its fields
  };
  std::vector<Field> under(size_t heading) const;
  std::vector<Heading> headings_;
};

/// What the user gave: the words of the command line, and the INI file that its --config names.
class Arguments {
 public:
  /// Throws Error(Fault::data) when the INI file cannot be read.
  explicit Arguments(std::vector<std::string> words);
  /// An INI file alone.
  static Arguments of_file(const std::string& path);

  bool help() const { return help_; }
  /// Names of the options on the command line, in order.
  std::vector<std::string> names() const;
  /// Sets those of `fields` that are given and leaves out the rest. The INI file comes first, so
  /// the command line beats it. Throws Error(Fault::option) for a wrong value.
  void set_known(Fields& fields) const { set({&fields}, false); }
  /// The same for everything given: an option is set in each of the groups that has it. Throws
  /// Error(Fault::option) also for an unknown option, an option given twice, a stray word.
  void set_all(const std::vector<Fields*>& groups) const { set(groups, true); }
  void set_all(Fields& fields) const { set({&fields}, true); }

 private:
  struct Given {
    std::string name, value;  // no name: a stray word
  };
  Arguments() = default;
  void read_file(const std::string& path);
  std::vector<Given> from_words(const std::vector<Fields*>& groups) const;
  std::vector<Given> from_file() const;
  void set(const std::vector<Fields*>& groups, bool all) const;

  std::vector<std::string> words_;
  std::string path_, text_;  // of the INI file
  bool help_ = false;
};

}  // namespace gnomon

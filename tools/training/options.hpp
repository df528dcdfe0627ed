// The command line and the INI file, as text, put into Fields, which know types and ranges.
//
//   --name value   --name=value   --switch        name = value   # a remark
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/fields.hpp"

namespace gnomon {

/// Bytes of a config.ini, at most.
constexpr size_t kLargestConfig = size_t{1} << 20;

/// At most 80 bytes of a word, for sentences.
std::string shortened(const std::string& word);
/// The sentence of an error, with "--" before the name of the option that it begins with.
std::string spelled(const Error& error);
/// A word as a shell reads it back.
std::string quoted(const std::string& word);

/// An option that there is not, because something else was chosen than what it belongs to.
struct Foreign {
  std::string why;      ///< "belongs to the mixer pointer, which is not among ..."
  std::string initial;  ///< its default
};

/// Fields in groups: what one thing declares, a command, a model, a mixer, is one group. An option
/// that several groups have is one to the user, and set in each.
class Options {
 public:
  /// A new group; only `kept` ones are written by ini(). Its Fields stay where they are.
  Fields& group(const std::string& heading, bool kept = false);
  /// Each option with its range, default and meaning, group by group.
  std::string help() const;
  /// "name = value" lines that give the same values when read again. Throws Error(Fault::option)
  /// for a value that such a file cannot hold, and for an option not given whose defaults differ.
  std::string ini() const;

  /// The first of this name; null: no group has it.
  const Field* find(const std::string& name) const;
  /// Throws Error(Fault::option) for a wrong value.
  void set(const std::string& name, const std::string& value);
  /// What is known of a name that no group has.
  std::optional<Foreign> foreign_to(const std::string& name) const;
  /// Throws Error(Fault::option): whose option it is, or the nearest name.
  [[noreturn]] void fail_unknown(const std::string& name) const;

  /// Asked for it.
  std::function<std::optional<Foreign>(const std::string& name)> foreign;

 private:
  struct Group {
    std::string heading;
    bool kept;
    Fields fields;
  };
  std::deque<Group> groups_;
};

/// One option, as it was given.
struct Given {
  std::string name = {};  ///< empty: a stray word
  std::optional<std::string> value = {};
  /// Only a switch may stand alone. Throws Error(Fault::option).
  std::string value_for(const Field& field) const;
};

/// What the user gave: the words of the command line, and the INI file that its --config names.
class Arguments {
 public:
  /// The first word that does not begin with "--" behind an option is its value. Throws
  /// Error(Fault::data) when the INI file cannot be read.
  explicit Arguments(const std::vector<std::string>& given);
  /// An INI file alone: its path, or what is in it (`path` is for sentences).
  static Arguments of_file(const std::string& path);
  static Arguments of_text(const std::string& text, const std::string& path);

  /// Puts the options of an INI file below those of the command line, except some.
  void stand_on(const std::string& ini, const std::string& path,
                const std::vector<std::string>& except);

  bool help() const { return help_; }
  /// Of the INI file; "": none.
  const std::string& path() const { return path_; }
  /// Names of the options on the command line, in order.
  std::vector<std::string> names() const;
  /// The values of the INI file by name, whatever its layout and comments.
  std::map<std::string, std::string> in_file() const;
  /// Sets those of `fields` that are given and leaves out the rest. The INI file comes first, so
  /// the command line beats it. Throws Error(Fault::option) for a wrong value.
  void set_known(Fields& fields) const;
  /// The same for everything given. Throws Error(Fault::option) also for an option that there is
  /// not, with whom it belongs to or the nearest name, an option given twice, a stray word.
  /// With `passed_over`, what belongs to something that was not chosen is passed over instead, and
  /// a sentence added for each whose value was not its default.
  void set_all(Options& options, std::vector<std::string>* passed_over = nullptr) const;
  /// Throws as set_all() for an option that is neither among `known` nor foreign to it, and sets
  /// nothing.
  void expect_known(const Options& known) const;

 private:
  void read_ini(const std::string& text, const std::string& path);
  /// Calls visit(given) for all of the file, then of the words; what it returns true for may be
  /// there once in each. Throws what it throws, and says where.
  template <class Visit>
  void each(Visit&& visit) const;

  std::string path_;  // of the INI file
  std::vector<Given> file_, words_;
  bool help_ = false;
};

}  // namespace gnomon

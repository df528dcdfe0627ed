// A struct's options, described once: name, default, range, help. The command line, the INI file,
// the saved config and --help are all made from it.
//
//   struct CopyConfig {
//     size_t symbols = 20;
//     void declare(Fields& f) { f.integer("symbols", symbols, 2, 4096, "how many symbols"); }
//   };
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace gnomon {

struct Field {
  std::string name, help;
  std::string value;    ///< as text; the default until set
  std::string allowed;  ///< "2 to 4096", "none | learned", ...
  std::function<void(const std::string&)> set;
  std::function<std::string()> kept = {};  ///< what became of the text, where that may differ
  bool repeats = false;                    ///< may be given several times
};

/// A list of fields that point into the struct they describe (which must outlive the list). The
/// present value of each is its default: declaring throws Error when that is not allowed, or when
/// the name is taken.
class Fields {
 public:
  void integer(std::string name, size_t& field, size_t low, size_t high, std::string help);
  void number(std::string name, double& field, double low, double high, std::string help);
  void flag(std::string name, bool& field, std::string help);
  void choice(std::string name, std::string& field, std::vector<std::string> allowed,
              std::string help);
  /// Free text; `read` returns the text to keep, or throws Error(Fault::option) for text it cannot
  /// take.
  void text(std::string name, std::string& field, std::string help,
            std::function<std::string(const std::string&)> read = {});
  /// Free text that may be given several times: each is added to the list.
  void texts(std::string name, std::vector<std::string>& field, std::string help);

  const std::vector<Field>& all() const { return fields_; }
  const Field* find(std::string_view name) const;
  /// Throws Error(Fault::option): an unknown name (with the nearest known one as a hint), a value
  /// that is malformed or out of range.
  void set(std::string_view name, const std::string& value);

 private:
  void declare(Field field);
  void declare_checked(Field field);
  std::vector<Field> fields_;
};

/// The name among `known` with the smallest edit distance to `name`, if it is near; else "".
std::string nearest(std::string_view name, const std::vector<std::string>& known);

/// A whole decimal number in [low, high]; `what`, mostly the name of an option, begins the sentence
/// of the Error(Fault::option).
size_t parse_integer(const std::string& text, size_t low, size_t high, const std::string& what);
/// A finite number in [low, high].
double parse_number(const std::string& text, double low, double high, const std::string& what);
/// Without the blanks at its ends.
std::string_view trimmed(std::string_view text);
/// Splits at a separator and trims blanks; "" gives no parts.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace gnomon

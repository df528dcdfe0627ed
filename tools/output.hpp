// What the program says: results on the standard output, complaints on the standard error.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/file.hpp"

namespace gnomon {

/// Writes to the standard output at once. Throws Error(Fault::io): closed, full; Ended without a
/// sentence when it is a pipe that nobody reads any more.
void print(const std::string& text);

/// A file for a result, and what makes its text (called only where the file is wanted).
struct Result {
  const OutputFile& file;
  std::function<std::string()> text;
};
/// Prints the table (unless one of the files is the standard output, which then holds that alone),
/// then writes the files. One that fails does not keep the others back: the first failure is thrown
/// at the end.
void hand_out(const std::string& table, const std::vector<Result>& results);

/// "gnomon: sentence" on one line of the standard error. What a user typed may be in it: control
/// characters are spelled out, and very long sentences cut.
void complain(const std::string& sentence);

/// Columns as wide as they need, the first aligned to the left, the others to the right.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// Names and what each is, one a line.
std::string listed(const std::vector<std::pair<std::string, std::string>>& lines);

}  // namespace gnomon

// tools/output.hpp
// What the program says: results on the standard output, complaints on the standard error.
#pragma once

#include <string>
#include <vector>

namespace gnomon {

/// Writes to the standard output at once. Throws Error(Fault::io): closed, full.
void print(const std::string& text);

/// "gnomon: sentence" on one line of the standard error. What a user typed may be in it: control
/// characters are spelled out, and very long sentences cut.
void complain(const std::string& sentence);

/// Columns as wide as they need, the first aligned to the left, the others to the right.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace gnomon

// What Boost.Program_options reads: the words of a command line, and the lines of an INI file. What
// they mean is no matter here.
#pragma once

#include "tools/training/options.hpp"

namespace gnomon {

/// `--name value`, `--name=value`, `--switch`; other words have no name. The first word that does
/// not begin with "--" behind an option is its value. Throws Error(Fault::option).
std::vector<Given> parse_words(const std::vector<std::string>& words);

/// `name = value   # a remark`, line by line. Throws Error(Fault::data), beginning with `path`.
std::vector<std::pair<std::string, std::string>> parse_ini(const std::string& text,
                                                           const std::string& path);

}  // namespace gnomon

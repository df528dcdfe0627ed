// Records as text: the one place where a figure is rounded and a table is set.
#pragma once

#include "tools/sweep/table.hpp"

namespace gnomon {

/// The figure of a record under a key: "99.95 % (99.93 - 100.00)", "1.942 bits (1.937 - 1.948)",
/// "65,536"; "-" where there is none.
std::string cell(const Record& record, const std::string& key);
/// 65536 -> "65,536"
std::string grouped(uint64_t number);
/// "| a | b |"
std::string markdown_line(const std::vector<std::string>& cells);
/// The table of a sweep, with what there is to remark.
std::string as_markdown(const std::vector<Record>& records);

}  // namespace gnomon

#include "tools/training/stops.hpp"

#include <algorithm>

namespace gnomon {

Units Stops::read(const Units& more) {
  Units before;
  for (const char32_t unit : more) {
    held_ += unit;
    for (size_t i = 0; i < texts_.size(); ++i)
      if (held_.ends_with(texts_[i]) && (!met_ || texts_[i].size() > texts_[*met_].size()))
        met_ = i;
    if (met_) {
      before += held_.substr(0, held_.size() - texts_[*met_].size());
      held_.clear();
      return before;
    }
    const auto begins_stop = [&](size_t at) {  // do the units from here on begin one?
      return std::ranges::any_of(
          texts_, [&](const Units& text) { return text.starts_with(held_.substr(at)); });
    };
    size_t certain = 0;
    while (certain < held_.size() && !begins_stop(certain)) ++certain;
    before += held_.substr(0, certain);
    held_.erase(0, certain);
  }
  return before;
}

size_t period(const std::vector<int32_t>& text) {
  constexpr size_t kLongest = 512, kLeast = 64;
  for (size_t p = 1; p <= std::min(kLongest, text.size() / 3); ++p) {
    const size_t span = std::max(kLeast, 3 * p);
    if (span <= text.size() &&
        std::equal(text.rbegin(), text.rbegin() + static_cast<long>(span - p),
                   text.rbegin() + static_cast<long>(p)))
      return p;
  }
  return 0;
}

size_t whole_letters(const std::string& bytes) {
  for (size_t back = 1; back <= std::min<size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;  // inside a letter
    const size_t length = byte >= 0xf8   ? 1
                          : byte >= 0xf0 ? 4
                          : byte >= 0xe0 ? 3
                          : byte >= 0xc0 ? 2
                                         : 1;
    return length > back ? bytes.size() - back : bytes.size();
  }
  return bytes.size();
}

}  // namespace gnomon

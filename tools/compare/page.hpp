// A comparison as one HTML file that needs nothing else: no network, no file beside it.
#pragma once

#include "tools/compare/collect.hpp"

namespace gnomon {

/// Curves have at most 200 points, and fewer where so many runs would make a page of over 10
/// MB; the
/// page says how many.
std::string comparison_page(const Comparison& comparison);

}  // namespace gnomon

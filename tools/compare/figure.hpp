// One figure of a comparison, as SVG or PNG, and its points as CSV.
#pragma once

#include "tools/compare/collect.hpp"

namespace gnomon {

struct FigureLine {
  std::string label;
  Band band;
};

/// x: step, tokens, seconds, or another curve: y is a curve then, over the runs of each group.
/// x: length: y is a number of eval.json. x: parameters or state_numbers: one point a group, y is a
/// number of eval.json at a length, token_accuracy@2048 (without it: the longest that all have).
struct Figure {
  std::string x, y, title;
  bool log_x = false, log_y = false, points = false;
  std::vector<FigureLine> lines;
  Band chance;                  ///< may be empty
  std::vector<double> trained;  ///< lengths
};

/// `group`: an option whose equal values make one line; "": every group is one. Throws
/// Error(Fault::option) for names that no run has, and says which there are.
Figure figure_of(const Comparison& comparison, const std::string& x, const std::string& y,
                 const std::string& group);

/// Text is text; colours differ in their lightness, and lines in their dashes.
std::string svg_of(const Figure& figure);
/// The bytes of a PNG file.
std::string png_of(const Figure& figure);

/// Every point of every curve, a line for each logged step of each run (RFC 4180): an empty cell is
/// not known, or was not finite.
std::string csv_of(const Comparison& comparison);

/// The longest length at which every judged run was judged; 0: there is none.
size_t common_length(const Comparison& comparison);

}  // namespace gnomon

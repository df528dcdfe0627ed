// The figures of an inspection as PNG files, for a paper or slides.
#pragma once

#include "tools/inspect/inspection.hpp"

namespace gnomon {

/// Writes loss.png, accuracy.png (by length) and for each layer and head arcs-L-H.png and
/// map-L-H.png into `folder`; returns how many. Throws Error(Fault::io).
size_t write_figures(const Inspection& inspection, const std::string& folder);

}  // namespace gnomon

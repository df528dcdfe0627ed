// The figures of an inspection as files, for a paper or slides.
#pragma once

#include "tools/inspect/inspection.hpp"
#include "tools/inspect/sheet.hpp"

namespace gnomon {

/// Writes loss, accuracy (by length), chain (of `token`, as a tree), and for each layer and head
/// arcs-L-H and map-L-H into `folder`; returns how many. Throws Error(Fault::io).
size_t write_figures(const Inspection& inspection, size_t token, FigureKind kind,
                     const std::string& folder);

}  // namespace gnomon

// Which build made a result, where and when.
#pragma once

#include <string>

namespace gnomon {

/// Of the sources, as `git describe --always --dirty` names it; "unknown" outside of a checkout.
std::string commit();
/// "AMD EPYC-Milan Processor", as the system says.
std::string processor();
/// "2025-12-31"
std::string today();

}  // namespace gnomon

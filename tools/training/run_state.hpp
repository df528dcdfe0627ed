// What a run has come to beside its parameters: kept in the metadata of its checkpoints.
#pragma once

#include "tools/training/course.hpp"
#include "tools/training/safetensors.hpp"
#include "tools/training/schedule.hpp"

namespace gnomon {

struct RunState {
  size_t tokens = 0;  ///< that went through the model since step 0
  Standing standing = {};
  std::string stop = {};  ///< why it has ended: steps, target, patience, seconds or stop-at
  Origin origin = {};

  void write(Metadata& metadata) const;
  /// Nothing there: as at the start. Throws Error(Fault::data) for what is no number.
  static RunState of(const Metadata& metadata, const std::string& file);
};

}  // namespace gnomon

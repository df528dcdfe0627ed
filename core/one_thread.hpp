// For libraries that share out their work by OpenMP.
#pragma once

#include <omp.h>

namespace gnomon {

/// Such a library plans for omp_get_max_threads(): on this thread that is one, until the end of the
/// scope.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

}  // namespace gnomon

// tools/signals.hpp
// The first SIGINT or SIGTERM is a request: finish the step, save, say how to go on. The second
// ends the program at once.
#pragma once

namespace gnomon {

/// While it lives, the first signal is only noted.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  bool requested() const;
};

}  // namespace gnomon

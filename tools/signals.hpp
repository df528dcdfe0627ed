// The first SIGINT, SIGTERM, SIGHUP or SIGUSR1 is a request: finish the step, save, say how to go
// on. A SIGINT or SIGTERM after it ends the program at once; a second SIGHUP does not, since a
// terminal that is closed may send two. A signal that is ignored when the program starts (nohup, a
// background job) stays ignored.
#pragma once

namespace gnomon {

/// While it lives, the first signal is only noted. One at a time.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  bool requested() const;
};

}  // namespace gnomon

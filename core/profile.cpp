#include "core/profile.hpp"

namespace gnomon {

thread_local Profile* Profile::current_ = nullptr;

Profile::Profile() : before_(current_), last_(Clock::now()) { current_ = this; }
Profile::~Profile() { current_ = before_; }

void Profile::lap(const char* name, Phase phase, size_t bytes) {
  const Clock::time_point now = Clock::now();
  Line& line = lines_[{name, phase}];
  line.seconds += std::chrono::duration<double>(now - last_).count();
  line.calls += 1;
  line.bytes += bytes;
  last_ = now;
}

}  // namespace gnomon

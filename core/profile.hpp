// Where the time of a step goes: a stopwatch that is read whenever an op is recorded, forward, and
// whenever a rule has run, backward. What lies between two readings belongs to the later one, so
// the lines add up to the whole; work that is no op reads it by itself (`profile_lap`).
//
//   Profile profile;            // from here on this thread is measured
//   model.score(batch, pass);
//   profile.lines();            // ("matmul", forward) -> seconds, calls, bytes written
//
// Costs one look at a pointer for each op when nobody measures.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace gnomon {

class Profile {
 public:
  enum class Phase { forward, backward, other };
  struct Line {
    double seconds = 0;
    size_t calls = 0, bytes = 0;  ///< bytes of the results: of values, or of gradients received
  };
  using Lines = std::map<std::pair<std::string, Phase>, Line>;

  Profile();   ///< becomes the current profile of this thread
  ~Profile();  ///< the one before is current again
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// The time since the last reading is that of `name`.
  void lap(const char* name, Phase phase, size_t bytes);
  const Lines& lines() const { return lines_; }
  static Profile* current() { return current_; }

 private:
  using Clock = std::chrono::steady_clock;
  static thread_local Profile* current_;
  Profile* before_;
  Clock::time_point last_;
  Lines lines_;
};

/// Reads the current profile's stopwatch, if there is one.
inline void profile_lap(const char* name, Profile::Phase phase = Profile::Phase::other,
                        size_t bytes = 0) {
  if (Profile* profile = Profile::current()) profile->lap(name, phase, bytes);
}

}  // namespace gnomon

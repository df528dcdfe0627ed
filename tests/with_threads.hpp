// tests/with_threads.hpp
// Runs part of a test on a given number of threads.
#pragma once

#include "core/parallel.hpp"

namespace gnomon {

/// Calls act() with set_threads(count); the number before is restored, also after an exception.
template <class Act>
void with_threads(int count, Act&& act) {
  struct Restore {
    int before = threads();
    ~Restore() { set_threads(before); }
  } const restore;
  set_threads(count);
  act();
}

}  // namespace gnomon

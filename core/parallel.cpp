#include "core/parallel.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/error.hpp"
#include "core/counters.hpp"

namespace gnomon {
namespace {

/// As many as OMP_NUM_THREADS says, where OpenMP is, or the machine offers.
int offered() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return static_cast<int>(std::thread::hardware_concurrency());
#endif
}

int& chosen() {
  static int count = std::max(1, offered());
  return count;
}

thread_local bool inside = false;  // a piece is being worked on

void pause_processor() {
#ifdef GNOMON_FLUSHES
  _mm_pause();
#endif
}

/// The helpers, and the one loop on which they work with the thread that called it.
class Team {
 public:
  using Piece = std::function<void(size_t)>;

  /// False where another thread has the helpers.
  bool run(size_t pieces, const Piece& piece) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock) return false;
    const auto count = static_cast<size_t>(threads());
    while (helpers_ + 1 < count) std::thread(&Team::help, this, ++helpers_).detach();
    if (shares_.size() != count) shares_ = std::vector<Share>(count);
    for (size_t t = 0; t < count; ++t) {
      shares_[t].next.store(t * pieces / count, std::memory_order_relaxed);
      shares_[t].end = (t + 1) * pieces / count;
    }
    piece_ = &piece;
    error_ = nullptr;
    error_at_ = std::numeric_limits<size_t>::max();

    door_.store((door_.load() & ~kInside) + kLoop + kOpen);
    wake();
    work(0);
    door_.fetch_and(~kOpen);
    await([](uint32_t door) { return (door & kInside) == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return true;
  }

 private:
  // The door: how many helpers are inside, whether more may come in, and the number of the loop.
  // The pieces, and all else that belongs to the loop, change only while it is shut and nobody is
  // inside.
  static constexpr uint32_t kOpen = 1u << 11, kInside = kOpen - 1, kLoop = kOpen << 1;
  static constexpr std::chrono::microseconds kSpin{50};
  using Clock = std::chrono::steady_clock;

  /// A thread's own range of pieces, from which the others take when they are through with theirs.
  struct alignas(64) Share {
    std::atomic<size_t> next{0};
    size_t end = 0;
  };

  void help(size_t rank) {
    flush_denormals();
    inside = true;
    for (uint32_t seen = 0;;) {
      uint32_t door = await([&](uint32_t door) { return (door & kOpen) && door / kLoop != seen; });
      if (!door_.compare_exchange_strong(door, door + 1)) continue;
      seen = door / kLoop;
      if (rank < shares_.size()) work(rank);
      if ((door_.fetch_sub(1) & (kOpen | kInside)) == 1) wake();  // the last to leave
    }
  }

  /// The door when it is as it should be: spins for a moment, then sleeps. (Not with
  /// door_.wait(): that yields first, to whoever else wants the processor.)
  template <class Ready>
  uint32_t await(const Ready& ready) {
    uint32_t door = door_.load();
    for (const auto sleep = Clock::now() + kSpin; !ready(door) && Clock::now() < sleep;
         door = door_.load())
      pause_processor();
    if (ready(door)) return door;
    std::unique_lock lock(sleep_guard_);
    ++sleepers_;
    awake_.wait(lock, [&] { return ready(door = door_.load()); });
    --sleepers_;
    return door;
  }

  /// After the door has changed.
  void wake() {
    if (sleepers_ == 0) return;
    { const std::lock_guard lock(sleep_guard_); }  // who is about to sleep, sleeps now
    awake_.notify_all();
  }

  void work(size_t rank) {
    for (size_t turn = 0; turn < shares_.size(); ++turn) {
      Share& share = shares_[(rank + turn) % shares_.size()];
      for (size_t p; (p = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) try {
          (*piece_)(p);
        } catch (...) {
          const std::lock_guard lock(error_guard_);
          if (p < error_at_) error_at_ = p, error_ = std::current_exception();
        }
    }
  }

  std::mutex busy_, error_guard_, sleep_guard_;
  std::condition_variable awake_;
  std::atomic<int> sleepers_{0};
  std::atomic<uint32_t> door_{0};
  size_t helpers_ = 0;
  std::vector<Share> shares_;
  const Piece* piece_ = nullptr;
  std::exception_ptr error_;
  size_t error_at_ = 0;
};

// Never destroyed: its helpers sleep until the process ends. A forked child has none of them, and
// makes its own.
Team& team() {
  static Team* team = new Team;
  static const int forked = pthread_atfork(nullptr, nullptr, [] { team = new Team; });
  (void)forked;
  return *team;
}

}  // namespace

void set_threads(int count) {
  expect(count >= 1 && count <= 1024, "threads: expected 1 to 1024, got {}", count);
  chosen() = count;
}

int threads() { return chosen(); }

namespace detail {

void share_out(size_t pieces, const std::function<void(size_t)>& piece) {
  flush_denormals();
  if (pieces > 1 && !inside && threads() > 1) {
    struct Inside {
      Inside() { inside = true; }
      ~Inside() { inside = false; }
    } const scope;
    ++counters.parallel_regions;
    if (team().run(pieces, piece)) return;
  }
  for (size_t p = 0; p < pieces; ++p) piece(p);
}

}  // namespace detail
}  // namespace gnomon

// The processes that train one model together, on one machine or on many: those that mpirun
// started, or this one alone. Every one holds all parameters and makes the whole batch (a pure
// function, and cheap); each differentiates its own shards. Sums over the processes are made by us,
// over a fixed binary tree, not by MPI, whose order may change with their number; that costs no
// more (a segment of the gradient for each process: MPI_Alltoall, our sum, MPI_Allgather).
//
// Every exchange begins with the question whether all are well: an error inside of one is thrown in
// all processes, and where one has ended, the others end as it did, instead of waiting for ever.
//
// Built without MPI there is only this process.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "tools/training/shards.hpp"

namespace gnomon {

class Machines {
 public:
  /// How a process ends: its exit code, and the sentence that it would say.
  struct Outcome {
    int code = 0;
    std::string sentence;
  };
  /// Thrown by an exchange when another process has ended. No Error: only main may deal with it.
  struct Left : std::runtime_error {
    explicit Left(Outcome how) : std::runtime_error(how.sentence), outcome(std::move(how)) {}
    Outcome outcome;
  };

  /// Starts MPI where mpirun started this program with others, at the first call. Throws
  /// Error(Fault::option) where this program was built without MPI.
  static const Machines& world();
  /// The last exchange, in main, however this process ends: the outcome of all, that of the first
  /// whose code is not 0.
  static Outcome leave(Outcome mine);
  /// Whether this is the process that writes and prints; starts nothing.
  static bool is_first();
  /// How many processes mpirun started; starts nothing.
  static size_t started();
  /// How many of the processes are on this host; starts nothing.
  static size_t on_this_host();

  size_t rank() const { return rank_; }    ///< 0 is the one that writes and prints
  size_t count() const { return count_; }  ///< R

  // Exchanges: all have to make the same ones in the same order.

  /// Calls work() everywhere. When it throws an Error somewhere, it throws one everywhere, with the
  /// sentence of the lowest rank that failed.
  void together(const std::function<void()>& work) const;
  /// Is it so anywhere?
  bool any(bool here) const;
  /// The first rank that has another number than rank 0; 0: none.
  size_t first_unlike(uint64_t number) const;
  /// The sum of what all have, everywhere the same bits; R is a power of two.
  void sum(Sums& sums) const;
  /// What rank 0 has, everywhere.
  void broadcast(std::string& text) const;
  void broadcast(Array& numbers) const;

  ~Machines();
  Machines(const Machines&) = delete;
  Machines& operator=(const Machines&) = delete;

 private:
  Machines();
  size_t rank_ = 0, count_ = 1;
};

}  // namespace gnomon

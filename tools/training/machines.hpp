// The processes that train one model together, on one machine or on many: those that mpirun
// started, or this one alone. Every one holds all parameters and makes the whole batch (a pure
// function, and cheap); each differentiates its own shards. Sums over the processes are made by us,
// over a fixed binary tree, not by MPI, whose order may change with their number; that costs no
// more (a segment of the gradient for each process: MPI_Alltoall, our sum, MPI_Allgather).
//
// Built without MPI there is only this process.
#pragma once

#include <functional>
#include <string>

#include "tools/training/shards.hpp"

namespace gnomon {

class Machines {
 public:
  /// Starts MPI where mpirun started this program with others, at the first call. Throws
  /// Error(Fault::option) when their number is no power of two, or where this program was built
  /// without MPI.
  static const Machines& world();
  /// Whether this is the process that writes and prints; starts nothing.
  static bool is_first();
  /// How many of the processes are on this host; starts nothing.
  static size_t on_this_host();

  size_t rank() const { return rank_; }    ///< 0 is the one that writes and prints
  size_t count() const { return count_; }  ///< R, a power of two

  /// Calls work() everywhere. When it throws somewhere, it throws everywhere, the same sentence: of
  /// the lowest rank that failed. So nobody waits for somebody who has left.
  void together(const std::function<void()>& work) const;
  /// Is it so anywhere?
  bool any(bool here) const;
  /// The sum of what all have, everywhere the same bits.
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

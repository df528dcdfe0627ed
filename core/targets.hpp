// Where each reader reads: an index, and on demand its inverse (who reads each row).
//
// The backward pass of reading is adding: a row with many readers gets the sum. Sorting the readers
// by target once makes it deterministic and parallel: every row sums its readers in their order,
// and no two threads ever write to the same row. The sort is a counting sort: O(readers + rows).
#pragma once

#include <memory>
#include <mutex>

#include "core/array.hpp"

namespace gnomon {

/// For each of G groups, each row's readers: reader[begin(g, row) .. end(g, row)).
struct Readers {
  size_t rows = 0;
  using List = std::vector<uint32_t, PoolAllocator<uint32_t>>;  // made anew in every step
  List start;                                                   // [G, rows + 1]
  List reader;  // positions within the group, ascending for each row
  const uint32_t* begin(size_t g, size_t row) const {
    return &reader[0] + start[g * (rows + 1) + row];
  }
  const uint32_t* end(size_t g, size_t row) const {
    return &reader[0] + start[g * (rows + 1) + row + 1];
  }
};

/// An index [G, R] into `rows` rows of each group; -1 reads nothing. A handle: copies share the
/// index and the inverse, which is made when first asked for.
class Targets {
 public:
  Targets() = default;
  /// Throws Error unless every entry is in [-1, rows). `what` names the argument in the sentence.
  /// The numbers of `to` are shared, not copied: leave them alone from here on.
  Targets(const Index& to, size_t groups, size_t rows, std::string_view what);

  const Index& index() const { return index_; }
  size_t groups() const { return groups_; }
  size_t readers_per_group() const { return groups_ ? index_.size() / groups_ : 0; }
  size_t rows() const { return rows_; }
  const Readers& readers() const;

 private:
  struct Inverse {
    std::once_flag made;
    Readers readers;
  };
  Index index_;
  size_t groups_ = 0, rows_ = 0;
  std::shared_ptr<Inverse> inverse_;
};

}  // namespace gnomon

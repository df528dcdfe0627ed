// The walks of core/ops/matrix_recurrence.hpp (with the equations) along the tokens of one head.
// The matrix stays in the first cache and is loaded and stored once a token and walk. Forward, and
// backward from the last token, a register holds columns of one row: what a column becomes depends
// on no other. From the first token it holds channels of one column, so that dq and de are sums
// over registers, and not over lanes.
#pragma once

#include "core/simd/gather.hpp"

namespace gnomon::simd {

/// From where the matrix is removed what e reads: from nowhere, from k, or from b.
enum class Removal { none, own, other };

/// Row n of one head of one sequence; no data where there is none.
template <class T>
struct HeadRows {
  T* data;
  size_t stride;
  T* operator[](size_t n) const { return data + n * stride; }
  HeadRows operator+(size_t first) const { return {data ? data + first : data, stride}; }
};

/// What one head of one sequence is told.
struct HeadSteps {
  size_t N, C;
  size_t w_step;  ///< 1, or 0: one w for all channels
  HeadRows<const real> q, k, v, w, e, b;
  HeadRows<const real> r;  ///< backward, removal from b
};

/// What its backward pass reads (dy) and writes; p may be dv, where b is k.
struct HeadGradients {
  HeadRows<const real> dy;
  HeadRows<real> dq, dk, dv, dw, de, db, p;
};

/// Some columns or channels: `packs` registers of them, of which `width` numbers exist; or a single
/// column (no packs), whose channels then are the lanes.
struct LaneGroup {
  size_t first, packs, width;
  size_t lanes() const { return packs > 0 ? packs * kLanes : 1; }
  /// All of `count`. With `alone`, what would leave most of a register empty stands alone.
  static std::vector<LaneGroup> all(size_t count, bool alone) {
    constexpr size_t kMost = sizeof(Pack) == 64 ? 4 : 2;  // what the registers hold
    std::vector<LaneGroup> groups;
    for (size_t first = 0; first < count; first += groups.back().width) {
      const size_t left = count - first, packs = (left + kLanes - 1) / kLanes;
      LaneGroup next{first, packs >= kMost ? kMost : packs >= 2 ? 2 : size_t{1}, 0};
      if (alone && left <= kLanes / 8) next.packs = 0;
      next.width = std::min(left, next.lanes());
      groups.push_back(next);
    }
    return groups;
  }
};

/// Brings the columns of S [C,lanes] forward; writes o, and to `kept` r (or v - r, where b is k).
/// S has dots_room(C) rows.
void walk_columns(const HeadSteps& steps, LaneGroup columns, bool decays, Removal removal, real* S,
                  HeadRows<real> o, HeadRows<real> kept);
/// From the last token, with dS [C,lanes] = 0: dv and p of these columns, and their part of dk and
/// db, which the first group sets. Where b is k, v stands for v - r. dS has dots_room(C) rows.
void walk_columns_back(const HeadSteps& steps, LaneGroup columns, bool decays, Removal removal,
                       const HeadGradients& to, real* dS);
/// From the first token, with S [P,lanes] = 0: dq and de of these channels. v as above.
void walk_channels_back(const HeadSteps& steps, LaneGroup channels, bool decays, Removal removal,
                        const HeadGradients& to, size_t P, real* S);

}  // namespace gnomon::simd

// Array (numbers), Index (positions) and Shape. The only header that includes xtensor: it supplies
// the storage, and through xt() whole-array expressions, for code that is read more often than run.
//
// Letters, one meaning everywhere: B batch, N tokens, L layers, D width, H heads, C head key width,
// K candidates, V vocabulary, F feed-forward width.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>

#include "core/base/error.hpp"
#include "core/memory.hpp"

namespace gnomon {
class Shape;
}

/// A Shape is an argument of fmt::format. In `expect` pass the shape, not its text(): text that is
/// not needed is then not made.
template <>
struct fmt::formatter<gnomon::Shape> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const gnomon::Shape& shape, Context& context) const -> decltype(context.out());
};

namespace gnomon {

/// The one scalar type of the engine. The gradient tests build the same code with double.
#ifdef GNOMON_DOUBLE
using real = double;
#else
using real = float;
#endif

/// Extents of an array, outermost first; rows are contiguous.
class Shape {
 public:
  static constexpr size_t kMaxRank = 8;
  Shape() = default;  // rank 0: one element
  Shape(std::initializer_list<size_t> extents) : Shape(extents.begin(), extents.size()) {}
  explicit Shape(const std::vector<size_t>& extents) : Shape(extents.data(), extents.size()) {}

  size_t rank() const { return rank_; }
  /// Throws Error when there is no such axis.
  size_t operator[](size_t axis) const { return extents_[checked(axis)]; }
  size_t& operator[](size_t axis) { return extents_[checked(axis)]; }
  size_t last() const { return rank_ ? extents_[rank_ - 1] : 1; }
  /// Throws Error when the number does not fit (extents may come from a file).
  size_t elements() const { return product(rank_); }
  /// How many rows of last() elements there are.
  size_t rows() const { return product(rank_ ? rank_ - 1 : 0); }
  /// The same shape with another last extent.
  Shape with_last(size_t extent) const {
    expect(rank_ > 0, "shape []: expected a last axis, got none");
    Shape s = *this;
    s.extents_[s.rank_ - 1] = extent;
    return s;
  }
  const size_t* begin() const { return extents_.data(); }
  const size_t* end() const { return extents_.data() + rank_; }
  bool operator==(const Shape& o) const {
    return rank_ == o.rank_ && std::equal(begin(), end(), o.begin());
  }
  std::string text() const { return fmt::format("[{}]", fmt::join(begin(), end(), ",")); }

 private:
  Shape(const size_t* extents, size_t rank) : rank_(rank) {
    expect(rank <= kMaxRank, "shape: expected at most {} axes, got {}", kMaxRank, rank);
    std::copy_n(extents, rank, extents_.begin());
  }
  size_t checked(size_t axis) const {
    expect(axis < rank_, "shape {}: expected an axis below {}, got {}", *this, rank_, axis);
    return axis;
  }
  size_t product(size_t axes) const {
    size_t p = 1;
    for (size_t axis = 0; axis < axes; ++axis)
      expect(!__builtin_mul_overflow(p, extents_[axis], &p), "shape {}: too many elements", *this);
    return p;
  }
  std::array<size_t, kMaxRank> extents_{};
  size_t rank_ = 0;
};

}  // namespace gnomon

template <class Context>
auto fmt::formatter<gnomon::Shape>::format(const gnomon::Shape& shape, Context& context) const
    -> decltype(context.out()) {
  return fmt::formatter<std::string_view>::format(shape.text(), context);
}

namespace gnomon {

namespace detail {
/// Storage and bytes of every Tensor copied on this thread, while somebody listens: the tape learns
/// from it what a rule's closure keeps.
using Copies = std::vector<std::pair<std::shared_ptr<const void>, size_t>>;
inline thread_local Copies* copies = nullptr;
}  // namespace detail

/// A contiguous row-major block of numbers. A Tensor is a handle: copies share the storage (so that
/// keeping an array for the backward pass, or reshaping it, costs nothing); clone() copies numbers.
template <class T>
class Tensor {
 public:
  using Storage = xt::uvector<T, PoolAllocator<T>>;

  Tensor() = default;  // no storage: shape [0]
  /// Uninitialised numbers.
  explicit Tensor(Shape shape)
      : shape_(shape),
        storage_(std::make_shared<Storage>(shape.elements())),
        size_(shape.elements()) {}
  Tensor(Shape shape, T fill) : Tensor(shape) { this->fill(fill); }
  Tensor(Shape shape, const std::vector<T>& numbers) : Tensor(shape) {
    expect(numbers.size() == size_, "array {}: expected {} numbers, got {}", shape, size_,
           numbers.size());
    std::copy(numbers.begin(), numbers.end(), data());
  }
  Tensor(const Tensor& o) : shape_(o.shape_), storage_(o.storage_), size_(o.size_) {
    if (detail::copies && storage_) detail::copies->emplace_back(storage_, bytes());
  }
  Tensor(Tensor&& o) noexcept = default;
  Tensor& operator=(const Tensor& o) = default;
  Tensor& operator=(Tensor&& o) noexcept = default;

  const Shape& shape() const { return shape_; }
  size_t size() const { return storage_ ? size_ : 0; }
  size_t bytes() const { return size() * sizeof(T); }
  bool empty() const { return size() == 0; }
  /// Does another handle see the same numbers?
  bool shared() const { return storage_.use_count() > 1; }
  T* data() { return storage_ ? storage_->data() : nullptr; }
  const T* data() const { return storage_ ? storage_->data() : nullptr; }
  T* begin() { return data(); }
  T* end() { return data() + size(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size(); }
  /// Row r of the array seen as [rows, last].
  T* row(size_t r) { return data() + r * shape_.last(); }
  const T* row(size_t r) const { return data() + r * shape_.last(); }

  /// One element; as many indices as axes, each in range (checked: not for hot loops).
  template <class... I>
  T& operator()(I... i) {
    return data()[offset({static_cast<size_t>(i)...})];
  }
  template <class... I>
  const T& operator()(I... i) const {
    return data()[offset({static_cast<size_t>(i)...})];
  }
  /// The value of an array with one element.
  T item() const {
    expect(size() == 1, "item: expected one element, got shape {}", shape_);
    return data()[0];
  }

  void fill(T value) { std::fill(begin(), end(), value); }
  Tensor clone() const {
    Tensor c(shape_);
    std::copy(begin(), end(), c.begin());
    return c;
  }
  /// The same numbers under another shape; the storage is shared.
  Tensor reshaped(Shape shape) const {
    expect(shape.elements() == size(), "reshape: expected {} elements as in {}, got shape {}",
           size(), shape_, shape);
    Tensor r = *this;
    r.shape_ = shape;
    return r;
  }
  /// An xtensor expression over the numbers (no copy; valid while this array lives).
  auto xt() {
    return xt::adapt(data(), size(), xt::no_ownership(),
                     std::vector<size_t>(shape_.begin(), shape_.end()));
  }
  auto xt() const {
    return xt::adapt(data(), size(), xt::no_ownership(),
                     std::vector<size_t>(shape_.begin(), shape_.end()));
  }

 private:
  size_t offset(std::initializer_list<size_t> indices) const {
    expect(indices.size() == shape_.rank(), "array {}: expected {} indices, got {}", shape_,
           shape_.rank(), indices.size());
    size_t at = 0, axis = 0;
    for (const size_t i : indices) {
      expect(i < shape_[axis], "array {}: axis {}: expected an index below {}, got {}", shape_,
             axis, shape_[axis], i);
      at = at * shape_[axis++] + i;
    }
    return at;
  }

  Shape shape_ = {0};
  std::shared_ptr<Storage> storage_;
  size_t size_ = 0;
};

using Array = Tensor<real>;
using Index = Tensor<int32_t>;  // positions; -1 means "none"

/// Binds the letters of a shape: `auto [B, N, D] = dims<3>(x, "gather: x [B,N,D]")`.
/// Throws Error when x has another number of axes.
template <size_t rank, class T>
std::array<size_t, rank> dims(const Tensor<T>& x, std::string_view what) {
  expect(x.shape().rank() == rank, "{}: expected {} axes, got shape {}", what, rank, x.shape());
  std::array<size_t, rank> extents{};
  std::copy(x.shape().begin(), x.shape().end(), extents.begin());
  return extents;
}

template <class T>
void expect_shape(const Tensor<T>& x, const Shape& shape, std::string_view what) {
  expect(x.shape() == shape, "{}: expected shape {}, got {}", what, shape, x.shape());
}

/// Every entry must lie in [lowest, limit); names the first that does not.
inline void expect_below(const Index& index, size_t limit, std::string_view what,
                         int32_t lowest = 0) {
  int32_t low = std::numeric_limits<int32_t>::max(), high = std::numeric_limits<int32_t>::min();
  for (const int32_t v : index) low = std::min(low, v), high = std::max(high, v);  // in registers
  const auto allowed = [&](int32_t v) { return v >= lowest && v < static_cast<int64_t>(limit); };
  if (index.empty() || (allowed(low) && allowed(high))) return;
  const auto bad = std::find_if_not(index.begin(), index.end(), allowed);
  expect(false, "{}: expected values in [{},{}), got {} at element {} of shape {}", what, lowest,
         limit, *bad, bad - index.begin(), index.shape());
}

inline Array zeros(Shape shape) { return Array(shape, real{0}); }
inline Array ones(Shape shape) { return Array(shape, real{1}); }
inline Array zeros_like(const Array& x) { return zeros(x.shape()); }

}  // namespace gnomon

#include "core/targets.hpp"

#include "core/parallel.hpp"

namespace gnomon {

Targets::Targets(const Index& to, size_t groups, size_t rows, std::string_view what)
    : index_(to), groups_(groups), rows_(rows), inverse_(std::make_shared<Inverse>()) {
  expect(groups > 0 && to.size() % groups == 0,
         "{}: expected a multiple of {} entries, got shape {}", what, groups, to.shape());
  expect_below(to, rows, what, -1);
}

const Readers& Targets::readers() const {
  expect(inverse_ != nullptr, "targets: expected an index, got none");
  std::call_once(inverse_->made, [&] {
    Readers& r = inverse_->readers;
    const size_t each = readers_per_group();
    expect(index_.size() < std::numeric_limits<uint32_t>::max(), "targets: too many readers: {}",
           index_.size());
    r.rows = rows_;
    r.start.assign(groups_ * (rows_ + 1), 0);
    r.reader.resize(std::max<size_t>(index_.size(), 1));
    parallel_for(groups_, 1, [&](size_t begin, size_t end) {
      for (size_t g = begin; g < end; ++g) {
        uint32_t* start = &r.start[g * (rows_ + 1)];
        const int32_t* to = index_.data() + g * each;
        for (size_t i = 0; i < each; ++i)
          if (to[i] >= 0) ++start[to[i] + 1];
        start[0] = static_cast<uint32_t>(g * each);
        for (size_t row = 0; row < rows_; ++row) start[row + 1] += start[row];
        std::vector<uint32_t> next(start, start + rows_);
        for (size_t i = 0; i < each; ++i)
          if (to[i] >= 0) r.reader[next[to[i]]++] = static_cast<uint32_t>(i);
      }
    });
  });
  return inverse_->readers;
}

}  // namespace gnomon

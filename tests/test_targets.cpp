#include <doctest/doctest.h>

#include "core/random.hpp"
#include "core/targets.hpp"
#include "tests/sentence.hpp"
#include "tests/with_threads.hpp"

using namespace gnomon;

namespace {

/// Who reads row `row` of group g, by looking at every reader.
std::vector<uint32_t> readers_by_search(const Index& to, size_t groups, size_t g, size_t row) {
  std::vector<uint32_t> found;
  const size_t each = to.size() / groups;
  for (size_t i = 0; i < each; ++i)
    if (to.data()[g * each + i] == static_cast<int32_t>(row))
      found.push_back(static_cast<uint32_t>(i));
  return found;
}

}  // namespace

TEST_CASE("targets: the inverse equals a search, with -1, unread rows and crowded rows") {
  for (size_t groups : {1, 2, 5})
    for (size_t rows : {1, 2, 7, 40})
      for (size_t each : {0, 1, 6, 33}) {
        Random random(groups * 1000 + rows * 10 + each);
        Index to({groups, each});
        for (int32_t& t : to)
          t = static_cast<int32_t>(random.below(static_cast<uint32_t>(rows + 1))) - 1;
        const Targets targets(to, groups, rows, "test: to");
        CHECK(targets.readers_per_group() == each);
        for (size_t g = 0; g < groups; ++g)
          for (size_t row = 0; row < rows; ++row) {
            const Readers& r = targets.readers();
            const std::vector<uint32_t> got(r.begin(g, row), r.end(g, row));
            CHECK(got == readers_by_search(to, groups, g, row));
          }
      }
}

TEST_CASE("targets: nobody reads anything, and everybody reads one row") {
  const Targets none(Index({2, 3}, -1), 2, 4, "test: to");
  for (size_t g = 0; g < 2; ++g)
    for (size_t row = 0; row < 4; ++row)
      CHECK(none.readers().begin(g, row) == none.readers().end(g, row));
  const Targets all(Index({1, 50}, 3), 1, 4, "test: to");
  CHECK(all.readers().end(0, 3) - all.readers().begin(0, 3) == 50);
  CHECK(all.readers().begin(0, 2) == all.readers().end(0, 2));
}

TEST_CASE("targets: copies share one inverse, also when many threads ask first") {
  const Targets targets(Index({1, 1000}, 2), 1, 3, "test: to");
  const Targets copy = targets;
  std::vector<const Readers*> seen(8);
  with_threads(4, [&] {
    parallel_for(
        8, 1, [&](size_t begin, size_t) { seen[begin] = &(begin % 2 ? copy : targets).readers(); });
  });
  for (const Readers* readers : seen) CHECK(readers == &targets.readers());
}

TEST_CASE("targets: what they refuse") {
  CHECK(sentence([] {
          Targets(Index({1, 3}, {0, 4, 1}), 1, 4, "gather: to [B,M]");
        }) == "gather: to [B,M]: expected values in [-1,4), got 4 at element 1 of shape [1,3]");
  CHECK(sentence([] {
          Targets(Index({1, 2}, {0, -2}), 1, 4, "gather: to [B,M]");
        }) == "gather: to [B,M]: expected values in [-1,4), got -2 at element 1 of shape [1,2]");
  CHECK(sentence([] { Targets(Index({3}, 0), 2, 4, "gather: to [B,M]"); }) ==
        "gather: to [B,M]: expected a multiple of 2 entries, got shape [3]");
  CHECK(sentence([] { Targets().readers(); }) == "targets: expected an index, got none");
}

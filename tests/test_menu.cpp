// The menu of a pointer layer: what it holds, and what it refuses.
#include <doctest/doctest.h>

#include "nn/pointer/menu.hpp"

using namespace gnomon;

namespace {

MixerPlace place(size_t layer, size_t layers) { return {12, 3, layer, layers, "none"}; }

}  // namespace

TEST_CASE("menu: types, slots, and what it refuses") {
  const Menu menu("window:2, sinks:1, match:1", place(0, 1));
  CHECK(menu.types() ==
        std::vector<std::string>{"window -0", "window -1", "sink 0", "match 0", "match 0 +1"});
  CHECK(Menu("window:1,dense", place(0, 1)).slot_types(3).size() == 4);
  CHECK(Menu("window:1,dense", place(0, 1)).slot_types(3)(3) == 1);
  CHECK(Menu("window:1 / jump", place(1, 2)).types() == std::vector<std::string>{"jump"});
  CHECK(Menu("window:1,jump", place(0, 2)).types().size() ==
        1);  // nothing to jump along in the first layer
  const auto refused = [](const std::string& sources, const std::string& because) {
    CHECK_THROWS_WITH_AS(Menu(sources, place(0, 2)), doctest::Contains(because.c_str()), Error);
  };
  refused("windows:3", "did you mean 'window'");
  refused("window:0", "from 1 to 4096");
  refused("window:x", "whole number");
  refused("jump:2", "takes no number");
  refused("ngram:1", "from 2 to 64");
  refused("skips:31", "from 1 to 30");
  refused("jump", "needs no pointers below");
  refused("window,window:2", "twice");
  refused("window,run,gated", "at most one source that chains");
  refused("window / window / window", "2 menus");
  refused("", "menu");
}

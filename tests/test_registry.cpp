#include <doctest/doctest.h>

#include "core/base/registry.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

struct Animal {
  virtual ~Animal() = default;
  virtual int legs() const = 0;
};
template <int count>
struct With : Animal {
  int legs() const override { return count; }
};
const Registration<Animal> kHeron{"heron", "stands", [] { return std::make_unique<With<2>>(); }};
const Registration<Animal> kBeetle{"beetle", "crawls", [] { return std::make_unique<With<6>>(); }};

struct Nothing {};

}  // namespace

TEST_CASE("registry: makes by name, lists in alphabetical order") {
  CHECK(make_registered<Animal>("heron", "animal")->legs() == 2);
  CHECK(make_registered<Animal>("beetle", "animal")->legs() == 6);
  CHECK(registered_names<Animal>() == std::vector<std::string>{"beetle", "heron"});
  CHECK(registry<Animal>().at("heron").summary == "stands");
  CHECK(registered_names<Nothing>().empty());
}

TEST_CASE("registry: an unknown name is a usage error that says what there is") {
  const auto ask = [](const char* name) {
    return [name] { make_registered<Animal>(name, "animal"); };
  };
  CHECK(fault_of(ask("wolf")) == Fault::option);
  CHECK(sentence(ask("heorn")) ==
        "unknown animal 'heorn', did you mean 'heron'?; there are: beetle, heron");
  CHECK(sentence(ask("wolf")) == "unknown animal 'wolf'; there are: beetle, heron");
}

TEST_CASE("registry: a name is taken once") {
  CHECK(sentence([] {
          Registration<Animal>("heron", "", [] { return std::make_unique<With<4>>(); });
        }) == "registry: 'heron' is registered twice");
  CHECK(make_registered<Animal>("heron", "animal")->legs() == 2);
}

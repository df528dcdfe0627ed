#include <doctest/doctest.h>

#include <cmath>

#include "core/base/fields.hpp"
#include "tests/sentence.hpp"

using namespace gnomon;

namespace {

struct Settings {
  size_t symbols = 20;
  double rate = 0.001;
  bool hard = false;
  std::string order = "none";
  std::string file = "";
  void declare(Fields& f) {
    f.integer("symbols", symbols, 2, 4096, "how many");
    f.number("learning-rate", rate, 0, 1, "step");
    f.flag("hard", hard, "hard pointers");
    f.choice("order", order, {"none", "learned", "rotary"}, "positions");
    f.text("file", file, "input", [](const std::string& s) {
      if (s == "bad") fail(Fault::option, "--file: not this one");
      return s == "short" ? "long" : s;
    });
  }
};

}  // namespace

TEST_CASE("fields: every malformed integer is refused, and the value stays") {
  Settings s;
  Fields f;
  s.declare(f);
  for (const char* text : {"-1",
                           "",
                           " ",
                           "1e3",
                           "0x10",
                           "nan",
                           "inf",
                           "7.0",
                           " 7",
                           "7 ",
                           "7x",
                           "+7",
                           "7,000",
                           "1",
                           "4097",
                           "18446744073709551615",
                           "18446744073709551616",
                           "99999999999999999999999999",
                           "-18446744073709551609",
                           "seven"}) {
    CAPTURE(text);
    CHECK(fault_of([&] { f.set("symbols", text); }) == Fault::option);
    CHECK(sentence([&] { f.set("symbols", text); }) ==
          fmt::format("symbols: expected a whole number from 2 to 4096, got '{}'", text));
  }
  CHECK(s.symbols == 20);
  CHECK(f.find("symbols")->value == "20");
  f.set("symbols", "2");
  CHECK(s.symbols == 2);
  f.set("symbols", "4096");
  CHECK(s.symbols == 4096);
  CHECK(f.find("symbols")->value == "4096");
  const size_t most = std::numeric_limits<size_t>::max();
  CHECK(parse_integer("18446744073709551615", 0, most, "x") == most);
  CHECK(fault_of([&] { parse_integer("18446744073709551616", 0, most, "x"); }) == Fault::option);
}

TEST_CASE("fields: every malformed number is refused, and the value stays") {
  Settings s;
  Fields f;
  s.declare(f);
  for (const char* text :
       {"",     " ",    "nan",  "-nan", "inf", "-inf", "infinity", "1e-400", "1e400",
        "0x10", "0.5x", " 0.5", "0.5 ", "0,5", "-1",   "-0.001",   "1.0001", "18446744073709551616",
        "+0.5", "1e",   "e5",   ".",    "--1"}) {
    CAPTURE(text);
    CHECK(fault_of([&] { f.set("learning-rate", text); }) == Fault::option);
    CHECK(sentence([&] { f.set("learning-rate", text); }) ==
          fmt::format("learning-rate: expected a number from 0 to 1, got '{}'", text));
  }
  CHECK(s.rate == 0.001);
  for (const auto& [text, value] : std::vector<std::pair<const char*, double>>{
           {"0", 0}, {"1", 1}, {"1e-3", 1e-3}, {".5", 0.5}, {"3e-4", 3e-4}, {"1E-2", 1e-2}}) {
    f.set("learning-rate", text);
    CHECK(s.rate == value);
  }
  const double limit = std::numeric_limits<double>::max();
  CHECK(parse_number("18446744073709551616", -limit, limit, "x") == 18446744073709551616.0);
}

TEST_CASE("fields: flags, choices and texts") {
  Settings s;
  Fields f;
  s.declare(f);
  f.set("hard", "true");
  CHECK(s.hard);
  for (const char* text : {"", "1", "yes", "True", "true "})
    CHECK(sentence([&] { f.set("hard", text); }) ==
          fmt::format("hard: expected true or false, got '{}'", text));
  f.set("order", "rotary");
  CHECK(s.order == "rotary");
  CHECK(sentence([&] { f.set("order", "lerned"); }) ==
        "order: expected one of none, learned, rotary, got 'lerned'; did you mean 'learned'?");
  CHECK(sentence([&] { f.set("order", ""); }) ==
        "order: expected one of none, learned, rotary, got ''");
  CHECK(s.order == "rotary");
  f.set("file", "a b=c");
  CHECK(s.file == "a b=c");
  CHECK(sentence([&] { f.set("file", "bad"); }) == "--file: not this one");
  CHECK(s.file == "a b=c");
}

TEST_CASE("fields: what is listed is what a saved configuration and --help need") {
  Settings s;
  Fields f;
  s.declare(f);
  std::string listed;
  for (const Field& field : f.all())
    listed += fmt::format("{}={} ({}); ", field.name, field.value, field.allowed);
  CHECK(listed ==
        "symbols=20 (2 to 4096); learning-rate=0.001 (0 to 1); hard=false (true | false); "
        "order=none (none | learned | rotary); file= (text); ");
  CHECK(f.find("hard")->help == "hard pointers");
  CHECK(f.find("soft") == nullptr);
}

TEST_CASE("fields: an unknown name is a usage error with the nearest name") {
  Settings s;
  Fields f;
  s.declare(f);
  CHECK(fault_of([&] { f.set("symbol", "3"); }) == Fault::option);
  CHECK(sentence([&] { f.set("symbol", "3"); }) ==
        "unknown option 'symbol'; did you mean 'symbols'?");
  CHECK(sentence([&] { f.set("learning_rate", "3"); }) ==
        "unknown option 'learning_rate'; did you mean 'learning-rate'?");
  CHECK(sentence([&] { f.set("temperature", "3"); }) == "unknown option 'temperature'");
  CHECK(sentence([&] { f.set("", "3"); }) == "unknown option ''");
}

TEST_CASE("fields: names near each other") {
  CHECK(nearest("tau", {"lr", "tau-end", "tau"}) == "tau");
  CHECK(nearest("x", {"lr"}) == "");  // nothing in common
  CHECK(nearest("ab", {"lr"}) == "");
  CHECK(nearest("depht", {"width", "depth"}) == "depth");
  CHECK(nearest("anything", {}) == "");
  CHECK(nearest(std::string(100000, 'a'), {"lr"}) == "");
}

TEST_CASE("fields: what a declaration refuses") {
  size_t n = 20;
  double x = 2;
  std::string order = "random";
  Fields f;
  f.integer("n", n, 1, 30, "");
  CHECK(sentence([&] { f.number("n", x, 0, 9, ""); }) == "fields: 'n' is declared twice");
  CHECK(sentence([&] { f.integer("m", n, 1, 19, ""); }) ==
        "m: expected a whole number from 1 to 19, got '20'");
  CHECK(sentence([&] { f.number("x", x, 0, 1, ""); }) ==
        "x: expected a number from 0 to 1, got '2'");
  CHECK(sentence([&] { f.choice("order", order, {"none"}, ""); }) ==
        "order: expected one of none, got 'random'");
  CHECK(f.all().size() == 1);
}

TEST_CASE("fields: a number's text reads back to the same bits") {
  for (double value : {0.1, 1.0 / 3, 6.02214076e23, 1e-7, 3e-4, 123456789.123456789}) {
    double x = value;
    Fields f;
    f.number("x", x, 0, 1e30, "");
    const std::string text = f.find("x")->value;
    x = 0;
    f.set("x", text);
    CHECK(x == value);
  }
}

TEST_CASE("split: parts are trimmed, empty parts are kept, an empty text has none") {
  using Parts = std::vector<std::string>;
  CHECK(split("a,b", ',') == Parts{"a", "b"});
  CHECK(split(" a ,\tb c ", ',') == Parts{"a", "b c"});
  CHECK(split("a,,b,", ',') == Parts{"a", "", "b", ""});
  CHECK(split("a", ',') == Parts{"a"});
  CHECK(split("", ',').empty());
  CHECK(split("  ", ',').empty());
}

TEST_CASE("fields: text is kept as its reader made it") {
  Settings s;
  Fields f;
  s.declare(f);
  for (const auto& [given, kept] :
       {std::pair{"short", "long"}, std::pair{"other", "other"}, std::pair{"", ""}}) {
    f.set("file", given);
    CHECK(s.file == kept);
    CHECK(f.find("file")->value == kept);
  }
}

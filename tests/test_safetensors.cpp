// Model files, good and bad.
#include "tools/training/safetensors.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "tests/bad_safetensors.hpp"
#include "tests/folder.hpp"
#include "tools/training/checkpoint.hpp"

using namespace gnomon;
using namespace gnomon::testing;

namespace {

struct Model : Module {
  explicit Model(size_t width)
      : w(param("weight", {2, width}, init::normal(1))), b(part<Bias>("out", width)) {
    initialise(7);
  }
  struct Bias : Module {
    explicit Bias(size_t width) : bias(param("bias", {width}, init::normal(1))) {}
    Var& bias;
  };
  Var& w;
  Bias& b;
};

std::string numbers_of(const Module& model) {
  std::string all;
  for (const Parameter& p : model.parameters())
    all += bytes_of(std::vector<real>(p.var->value().begin(), p.var->value().end()));
  return all;
}

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && (a.empty() || std::memcmp(a.data(), b.data(), a.bytes()) == 0);
}

}  // namespace

TEST_CASE("safetensors: every bad file is refused with one sentence that names file and reason") {
  const Folder folder;
  const std::string path = folder / "bad.safetensors";
  const std::vector<Bad> files = bad_files();
  CHECK(files.size() >= 100);
  Model model(4);
  const std::string before = numbers_of(model);
  for (const Bad& bad : files) {
    put(path, bad.bytes);
    const std::string said =
        problem([&] { load_parameters(path, model.parameters()); }, Fault::data);
    CHECK_MESSAGE(said.starts_with(path + ": "), bad.what, " -> ", said);
    CHECK_MESSAGE(said.find(bad.reason) != said.npos, bad.what, " -> ", said);
    CHECK_MESSAGE(said.find('\n') == said.npos, bad.what);
    CHECK_MESSAGE(said.size() < path.size() + 300, bad.what);
    const std::string header = problem([&] { read_tensor_header(path); }, Fault::data);
    CHECK_MESSAGE(header == said, bad.what);
  }
  CHECK(numbers_of(model) == before);
}

TEST_CASE("safetensors: things that are not files") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  REQUIRE(::symlink("loop", (folder / "loop").c_str()) == 0);
  for (const std::string& path :
       {folder.path(), folder / "pipe", folder / "loop", folder / "none", std::string("/dev/zero"),
        std::string("/dev/null"), std::string()})
    CHECK(problem([&] { read_safetensors(path); }, Fault::data).starts_with(path + ": "));
}

TEST_CASE("safetensors: a header that claims much costs nothing") {
  const Folder folder;
  const std::string path = folder / "big.safetensors";
  put(path, one("F32", "[1000000000000]", "[0,4000000000000]"));
  pool::trim();
  pool::reset_peak();
  const size_t before = pool::use().peak;
  CHECK(problem([&] { read_safetensors(path); }, Fault::data) != "");
  // Even when the (sparse) file is as long as it says, another model's numbers are not read.
  const std::string header = "{" + entry("w", "F32", "[1000000000]", "[0,4000000000]") + "}";
  put(path, file_of(header));
  std::filesystem::resize_file(path, 8 + header.size() + 4000000000);
  Model model(4);
  const size_t with_model = pool::use().peak;
  CHECK(problem([&] { load_parameters(path, model.parameters()); }, Fault::data) ==
        path +
            ": does not fit this model: weight [2,4] is missing; out.bias [4] is missing; 'w' "
            "[1000000000] is unexpected");
  CHECK(pool::use().peak == with_model);
  CHECK(with_model < before + (1 << 20));
}

TEST_CASE(
    "safetensors: a small file cut at any byte is refused, with any header byte flipped it never "
    "crashes") {
  const Folder folder;
  const std::string path = folder / "small.safetensors";
  write_safetensors(path, {{{"config", "width = 4\n"}},
                           {{"weight", Array({2, 2}, {1, 2, 3, 4})}, {"out.bias", ones({3})}}});
  const std::string good = get(path);
  REQUIRE(good.size() <= 2048);
  REQUIRE(read_safetensors(path).tensors.size() == 2);
  for (size_t length = 0; length < good.size(); ++length) {
    put(path, good.substr(0, length));
    CHECK_MESSAGE(problem([&] { read_safetensors(path); }, Fault::data) != "", length);
  }
  put(path, good + 'x');
  CHECK(problem([&] { read_safetensors(path); }, Fault::data) != "");

  // Every bit of length and header, and a few whole bytes. Where the file still loads, the flip hit
  // a name, the metadata or a space: everything else must be noticed.
  uint64_t length = 0;
  std::memcpy(&length, good.data(), 8);
  size_t refused = 0, loaded = 0;
  for (size_t at = 0; at < 8 + length; ++at)
    for (const int flip : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      put(path, bad);
      if (problem([&] { read_safetensors(path); }, Fault::data) != "") {
        ++refused;
      } else {
        ++loaded;
        CHECK(at >= 8);
      }
    }
  CHECK(refused > 6 * loaded);
  CHECK(loaded > 0);  // another letter in a name is another valid file
}

TEST_CASE("safetensors: the order of the JSON is free") {
  const Folder folder;
  const std::string path = folder / "order.safetensors";
  const std::string a = entry("a", "F32", "[2]", "[0,8]"), b = entry("b", "F32", "[]", "[8,12]"),
                    c = R"("c":{"data_offsets":[12,16],"shape":[1],"dtype":"F32"})",
                    e = entry("e", "F32", "[0,3]", "[8,8]"), m = R"("__metadata__":{"k":"v"})";
  const std::string data = bytes_of<float>({1, 2, 3, 4});
  for (const auto& order : {std::vector{a, b, c, e, m}, {m, c, b, a, e}, {e, b, m, a, c}}) {
    put(path, file_of(fmt::format("{{{}}}  \n", fmt::join(order, " , ")), data));
    const TensorFile file = read_safetensors(path);
    CHECK(file.tensors.size() == 4);
    CHECK(file.tensors.at("a")(1) == 2);
    CHECK(file.tensors.at("b").shape() == Shape{});
    CHECK(file.tensors.at("b").item() == 3);
    CHECK(file.tensors.at("c")(0) == 4);
    CHECK(file.tensors.at("e").shape() == Shape{0, 3});
    CHECK(file.metadata == Metadata{{"k", "v"}});
  }
}

TEST_CASE("safetensors: unusual files that are right") {
  const Folder folder;
  const std::string path = folder / "right.safetensors";
  put(path, file_of("{}"));
  CHECK(read_safetensors(path).tensors.empty());
  put(path, file_of(R"({"__metadata__":{}})"));
  CHECK(read_safetensors(path).tensors.empty());
  // A name is never used as a path.
  put(path, file_of("{" + entry("../../x", "F32", "[4]", "[0,16]") + "," +
                        entry("é", "F32", "[0,9223372036854775808]", "[16,16]") + "}",
                    zeros_of(16)));
  CHECK(read_safetensors(path).tensors.count("../../x") == 1);
  CHECK(read_safetensors(path).tensors.at("é").size() == 0);
}

TEST_CASE("safetensors: every dtype is converted, at sizes around the piece that is read at once") {
  const Folder folder;
  const std::string path = folder / "types.safetensors";
  const auto load = [&](const std::string& dtype, const std::string& data, size_t size) {
    put(path,
        file_of(
            "{" + entry("w", dtype, fmt::format("[{}]", size), fmt::format("[0,{}]", data.size())) +
                "}",
            data));
    const Array w = read_safetensors(path).tensors.at("w");
    CHECK(w.shape() == Shape{size});
    return std::vector<real>(w.begin(), w.end());
  };
  const real infinity = std::numeric_limits<real>::infinity();
  using Numbers = std::vector<real>;
  CHECK(load("F64", bytes_of<double>({-1.5, 0.1}), 2) == Numbers{real(-1.5), real(0.1)});
  CHECK(load("F32", bytes_of<float>({-1.5f, 0.1f, 3e38f}), 3) == Numbers{-1.5f, 0.1f, 3e38f});
  CHECK(load("I64", bytes_of<int64_t>({-3, int64_t{1} << 40}), 2) ==
        Numbers{-3, real(1099511627776)});
  CHECK(load("I32", bytes_of<int32_t>({-3, 65536}), 2) == Numbers{-3, 65536});
  CHECK(load("U8", bytes_of<uint8_t>({0, 1, 255}), 3) == Numbers{0, 1, 255});
  CHECK(load("BOOL", bytes_of<uint8_t>({0, 1}), 2) == Numbers{0, 1});
  // Known half-precision patterns: 1, -2, largest, smallest normal, smallest, -0, 1/3, infinity.
  CHECK(load("F16",
             bytes_of<uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x3555, 0x7c00}),
             8) ==
        Numbers{1, -2, 65504, real(0x1p-14), real(0x1p-24), -0.0f, real(0.333251953125), infinity});
  CHECK(std::isnan(load("F16", bytes_of<uint16_t>({0x7e00}), 1)[0]));
  CHECK(load("BF16", bytes_of<uint16_t>({0x3f80, 0xc000, 0x7f80, 0x3eab}), 4) ==
        Numbers{1, -2, infinity, real(0.333984375)});
  for (const size_t size : {16383, 16384, 16385, 40000}) {
    std::vector<float> numbers(size);
    for (size_t i = 0; i < size; ++i) numbers[i] = static_cast<float>(i);
    CHECK(load("F32", bytes_of(numbers), size) == Numbers(numbers.begin(), numbers.end()));
  }
}

TEST_CASE("safetensors: a round trip keeps every bit, and equal contents give equal bytes") {
  const Folder folder;
  const real smallest = std::numeric_limits<real>::denorm_min();
  TensorFile file{{{"config", "[model]\nname = \"é\"\n\x01"}, {"", ""}}, {}};
  file.metadata.erase("");
  file.tensors["z"] = Array({2, 2}, {real(0.1), -0.0f, smallest, std::numeric_limits<real>::max()});
  file.tensors["a.b"] =
      Array({1, 1, 3}, {std::numeric_limits<real>::infinity(), -1, std::nanf("7")});
  file.tensors["scalar"] = Array(Shape{}, real{3});
  file.tensors["empty"] = Array(Shape{3, 0});
  for (const size_t size : {1, 15, 16, 17, 33})
    file.tensors[fmt::format("{}", size)] = ones({size});
  write_safetensors(folder / "1", file);
  const TensorFile back = read_safetensors(folder / "1");
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.tensors.size() == file.tensors.size());
  for (const auto& [name, x] : file.tensors) CHECK(same_bits(back.tensors.at(name), x));
  write_safetensors(folder / "2", back);
  CHECK(get(folder / "1") == get(folder / "2"));

  uint64_t length = 0;
  std::memcpy(&length, get(folder / "1").data(), 8);
  CHECK(length % 8 == 0);
  CHECK(get(folder / "1")[8] == '{');
  write_safetensors(folder / "none", {});
  CHECK(get(folder / "none") == file_of("{}      "));
}

TEST_CASE("safetensors: what could not be read again is not written") {
  const Folder folder;
  const std::string path = folder / "f";
  put(path, "old");
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string(513, 'a'),
                                  std::string("\xff"), std::string("__metadata__")}) {
    CHECK(problem(
              [&] {
                write_safetensors(path, {{}, {{name, ones({1})}}});
              },
              Fault::misuse) != "");
    if (name == "__metadata__") continue;
    CHECK(problem([&] { write_safetensors(path, {{{name, "x"}}, {}}); }, Fault::misuse) != "");
  }
  CHECK(problem([&] { write_safetensors(path, {{{"x", "\xff"}}, {}}); }, Fault::misuse) != "");
  CHECK(problem(
            [&] {
              write_safetensors(path, {{{"x", std::string(1 << 20, 'x')}}, {}});
            },
            Fault::misuse) != "");
  CHECK(get(path) == "old");
}

TEST_CASE("checkpoint: parameters and metadata come back, into the same storage") {
  const Folder folder;
  const std::string path = folder / "model.safetensors";
  Model model(5), other(5);
  other.initialise(8);
  REQUIRE(numbers_of(model) != numbers_of(other));
  save_parameters(path, model.parameters(), {{"config", "width = 5"}});
  const real* storage = other.w.value().data();
  CHECK(load_parameters(path, other.parameters()) == Metadata{{"config", "width = 5"}});
  CHECK(numbers_of(model) == numbers_of(other));
  CHECK(other.w.value().data() == storage);
  CHECK(read_tensor_header(path).tensors.at("out.bias").shape == Shape{5});
}

TEST_CASE(
    "checkpoint: another model's file is refused, all differences are listed, nothing changes") {
  const Folder folder;
  const std::string path = folder / "model.safetensors";
  Model model(5);
  const std::string before = numbers_of(model);
  const auto loading = [&](const TensorFile& file) {
    write_safetensors(path, file);
    const std::string said =
        problem([&] { load_parameters(path, model.parameters()); }, Fault::data);
    CHECK(numbers_of(model) == before);
    return said;
  };
  const std::string begin = path + ": does not fit this model: ";
  CHECK(
      loading({{}, {{"weight", ones({5, 2})}, {"extra", ones({})}}}) ==
      begin +
          "weight: expected [2,5], found [5,2]; out.bias [5] is missing; 'extra' [] is unexpected");
  CHECK(loading({{}, {{"weight", ones({10})}, {"out.bias", ones({5})}}}) ==
        begin + "weight: expected [2,5], found [10]");
  TensorFile large;
  for (int i = 0; i < 20; ++i) large.tensors[fmt::format("x{:02}", i)] = ones({1});
  const std::string said = loading(large);
  CHECK(said.starts_with(begin + "weight [2,5] is missing; out.bias [5] is missing; 'x00' [1]"));
  CHECK(said.ends_with("'x07' [1] is unexpected; and 12 more"));
}

TEST_CASE("checkpoint: numbers that are not finite are neither saved nor loaded") {
  const Folder folder;
  const std::string path = folder / "model.safetensors";
  Model model(5);
  const std::string before = numbers_of(model);
  for (const real bad :
       {std::numeric_limits<real>::quiet_NaN(), -std::numeric_limits<real>::infinity()}) {
    Array weight = ones({2, 5}), bias = ones({5});
    weight(1, 2) = bad;
    write_safetensors(path, {{}, {{"weight", weight}, {"out.bias", bias}}});
    CHECK(problem([&] { load_parameters(path, model.parameters()); }, Fault::data) ==
          fmt::format("{}: tensor 'weight': expected finite numbers, got {} at element 7", path,
                      bad));
    CHECK(numbers_of(model) == before);

    save_parameters(path, model.parameters(), {});
    const std::string good = get(path);
    CHECK(problem([&] { save_arrays(path, {{"weight", weight}}, {}); }, Fault::diverged) != "");
    CHECK(get(path) == good);
  }
  CHECK(problem(
            [&] {
              save_arrays(path, {{"a", ones({1})}, {"a", ones({1})}}, {});
            },
            Fault::misuse) == path + ": 'a' is there twice");
}

TEST_CASE("checkpoint: Python with NumPy reads ours, and we read Python's") {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import numpy' 2>/dev/null").c_str()) != 0) {
    MESSAGE("skipped: no python3 with numpy");
    return;
  }
  const Folder folder;
  const auto script = std::string(GNOMON_SOURCE_DIR) + "/tests/read_checkpoint.py";
  CHECK(std::ranges::count(get(script), '\n') <= 15);
  save_arrays(folder / "ours",
              {{"b", Array({2, 3}, {1, 2, 3, 4, 5, real(0.5)})}, {"a.x", Array(Shape{}, -2)}},
              {{"config", "width = 5\n"}});
  REQUIRE(std::system(
              fmt::format("{} '{}' '{}' > '{}'", python, script, folder / "ours", folder / "said")
                  .c_str()) == 0);
  CHECK(get(folder / "said") ==
        "metadata {\"config\": \"width = 5\\n\"}\na.x [] -2.0\nb [2, 3] 15.5\n");

  put(folder / "write.py", R"(import json, numpy, sys
x = (numpy.arange(40, dtype="<f4") / 7).reshape(5, 8)
entry = {"dtype": "F32", "shape": x.shape, "data_offsets": [0, x.nbytes]}
header = json.dumps({"x": entry}).encode()
open(sys.argv[1], "wb").write(len(header).to_bytes(8, "little") + header + x.tobytes())
)");
  REQUIRE(std::system(fmt::format("{} '{}' '{}'", python, folder / "write.py", folder / "theirs")
                          .c_str()) == 0);
  const Array x = read_safetensors(folder / "theirs").tensors.at("x");
  CHECK(x.shape() == Shape{5, 8});
  for (size_t i = 0; i < x.size(); ++i) CHECK(x.data()[i] == static_cast<float>(i) / 7.0f);
}

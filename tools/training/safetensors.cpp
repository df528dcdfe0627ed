#include "tools/training/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/file.hpp"
#include "core/base/json.hpp"

namespace gnomon {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr uint64_t kMaxHeader = uint64_t{16} << 20;
constexpr uint64_t kMaxMetadata = uint64_t{1} << 20;
constexpr size_t kMaxTensors = 65536;
constexpr size_t kMaxName = 512;
constexpr size_t kPiece = 64 << 10;  // bytes converted at a time; a multiple of every dtype's size
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kReal = sizeof(real) == 4 ? "F32" : "F64";

// ---- dtypes: one row each ----

template <class T>
real from_number(T stored) {
  return static_cast<real>(stored);
}

/// IEEE half precision: 1 bit sign, 5 bits exponent, 10 bits fraction.
real from_half(uint16_t stored) {
  const int exponent = (stored >> 10) & 31, fraction = stored & 1023;
  const real size = exponent == 0   ? std::ldexp(real(fraction), -24)
                    : exponent < 31 ? std::ldexp(real(fraction + 1024), exponent - 25)
                    : fraction == 0 ? std::numeric_limits<real>::infinity()
                                    : std::numeric_limits<real>::quiet_NaN();
  return stored >> 15 ? -size : size;
}

/// The upper half of an F32.
real from_bfloat(uint16_t stored) { return std::bit_cast<float>(uint32_t{stored} << 16); }

template <class Stored, real (*decode)(Stored)>
void convert(const char* from, size_t count, real* to) {
  for (size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * sizeof stored, sizeof stored);
    to[i] = decode(stored);
  }
}

struct Dtype {
  std::string_view name;
  uint64_t bytes;
  void (*convert)(const char* from, size_t count, real* to);
};
constexpr Dtype kDtypes[] = {
    {"F64", 8, convert<double, from_number>},  {"F32", 4, convert<float, from_number>},
    {"F16", 2, convert<uint16_t, from_half>},  {"BF16", 2, convert<uint16_t, from_bfloat>},
    {"I64", 8, convert<int64_t, from_number>}, {"I32", 4, convert<int32_t, from_number>},
    {"U8", 1, convert<uint8_t, from_number>},  {"BOOL", 1, convert<uint8_t, from_number>},
};

const Dtype* find_dtype(std::string_view name) {
  const auto found = std::ranges::find(kDtypes, name, &Dtype::name);
  return found == std::end(kDtypes) ? nullptr : found;
}

// ---- header ----

void expect_name(const std::string& name, const std::string& file) {
  if (name.empty() || name.size() > kMaxName)
    fail(Fault::data, "{}: expected names of 1 to {} bytes, got one of {}", file, kMaxName,
         name.size());
  if (std::ranges::any_of(name, [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    fail(Fault::data, "{}: the name {} contains a control character", file, printable(name));
}

Metadata parse_metadata(const Json& json, const std::string& file) {
  if (!json.is_object()) fail(Fault::data, "{}: metadata: expected an object", file);
  Metadata metadata;
  uint64_t bytes = 0;
  for (const auto& [key, value] : json.items()) {
    expect_name(key, file);
    metadata[key] = json_text(value, fmt::format("{}: metadata {}", file, printable(key)));
    bytes += key.size() + metadata[key].size();
  }
  if (bytes > kMaxMetadata)
    fail(Fault::data, "{}: metadata: expected at most {} bytes, got {}", file, kMaxMetadata, bytes);
  return metadata;
}

/// An array of whole numbers, at most `longest`.
std::vector<uint64_t> parse_integers(const Json& json, size_t longest, const std::string& what) {
  if (!json.is_array() || json.size() > longest)
    fail(Fault::data, "{}: expected an array of at most {} whole numbers", what, longest);
  std::vector<uint64_t> numbers;
  for (const Json& value : json) numbers.push_back(json_integer(value, 0, UINT64_MAX, what));
  return numbers;
}

/// One tensor's entry: its byte range has the length that dtype and shape ask for.
TensorInfo parse_tensor(const Json& json, const std::string& what) {
  TensorInfo info;
  info.dtype = json_text(json_at(json, "dtype", what), what + ": dtype");
  const Dtype* dtype = find_dtype(info.dtype);
  if (!dtype) fail(Fault::data, "{}: dtype {} cannot be read", what, printable(info.dtype));

  const auto shape =
      parse_integers(json_at(json, "shape", what), Shape::kMaxRank, what + ": shape");
  uint64_t bytes = dtype->bytes;
  for (const uint64_t extent : shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes))
      fail(Fault::data, "{}: shape: [{}] is too large", what, fmt::join(shape, ","));
  info.shape = Shape(std::vector<size_t>(shape.begin(), shape.end()));

  const auto range =
      parse_integers(json_at(json, "data_offsets", what), 2, what + ": data_offsets");
  if (range.size() != 2 || range[0] > range[1] || range[1] - range[0] != bytes)
    fail(Fault::data, "{}: data_offsets: expected a range of {} bytes, got [{}]", what, bytes,
         fmt::join(range, ","));
  info.begin = range[0];
  info.end = range[1];
  if (json.size() != 3) fail(Fault::data, "{}: expected only dtype, shape and data_offsets", what);
  return info;
}

using NamedInfo = std::pair<const std::string, TensorInfo>;

std::vector<const NamedInfo*> in_file_order(const TensorHeader& header) {
  std::vector<const NamedInfo*> order;
  for (const NamedInfo& tensor : header.tensors) order.push_back(&tensor);
  std::ranges::sort(order, {}, [](const NamedInfo* t) {
    return std::pair(t->second.begin,
                     t->second.end);  // empty tensors first where they share a place
  });
  return order;
}

TensorHeader read_header(InputFile& file) {
  uint64_t length = 0;
  if (file.size() < sizeof length)
    fail(Fault::data, "{}: not a safetensors file: only {} bytes long", file.path(), file.size());
  file.read(&length, sizeof length);
  const uint64_t longest = std::min(kMaxHeader, file.size() - sizeof length);
  if (length > longest)
    fail(Fault::data,
         "{}: not a safetensors file, or cut short: expected a header of at most {} "
         "bytes, got {}",
         file.path(), longest, length);
  std::string text(length, '\0');
  file.read(text.data(), text.size());
  return parse_tensor_header(text, file.size() - sizeof length - length, file.path());
}

Array read_numbers(InputFile& file, const TensorInfo& info) {
  const Dtype& dtype = *find_dtype(info.dtype);
  Array x(info.shape);
  std::vector<char> piece(std::min<size_t>(kPiece, info.end - info.begin));
  for (size_t done = 0; done < x.size();) {
    const size_t count = std::min<size_t>(x.size() - done, kPiece / dtype.bytes);
    file.read(piece.data(), count * dtype.bytes);
    dtype.convert(piece.data(), count, x.data() + done);
    done += count;
  }
  return x;
}

}  // namespace

TensorHeader parse_tensor_header(std::string_view text, uint64_t data_bytes,
                                 const std::string& file) {
  if (!text.starts_with('{'))
    fail(Fault::data, "{}: not a safetensors file: the header does not begin with '{{'", file);
  const Json json = parse_json(text, file + ": header", {.bytes = kMaxHeader});
  if (json.size() > kMaxTensors)
    fail(Fault::data, "{}: expected at most {} tensors, got {}", file, kMaxTensors, json.size());

  TensorHeader header;
  for (const auto& [name, entry] : json.items()) {
    expect_name(name, file);
    if (name == kMetadata)
      header.metadata = parse_metadata(entry, file);
    else
      header.tensors[name] =
          parse_tensor(entry, fmt::format("{}: tensor {}", file, printable(name)));
  }

  uint64_t end = 0;
  for (const NamedInfo* tensor : in_file_order(header)) {
    const auto& [name, info] = *tensor;
    if (info.begin != end)
      fail(Fault::data, "{}: tensor {}: expected its numbers at byte {} after the header, got {}",
           file, printable(name), end, info.begin);
    end = info.end;
  }
  if (end != data_bytes)
    fail(Fault::data, "{}: expected {} bytes of numbers after the header, got {}", file, end,
         data_bytes);
  return header;
}

TensorHeader read_tensor_header(const std::string& path) {
  InputFile file(path);
  return read_header(file);
}

TensorFile read_safetensors(const std::string& path,
                            const std::function<void(const TensorHeader&)>& accept) {
  InputFile file(path);
  const TensorHeader header = read_header(file);
  if (accept) accept(header);
  TensorFile contents;
  contents.metadata = header.metadata;
  for (const NamedInfo* tensor : in_file_order(header))
    contents.tensors[tensor->first] = read_numbers(file, tensor->second);
  file.expect_end();
  return contents;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  Json header = Json::object();
  std::vector<std::string_view> pieces(2);  // length, header, then the numbers
  uint64_t end = 0;
  for (const auto& [name, x] : file.tensors) {
    expect(name != kMetadata, "{}: a tensor cannot be called '{}'", path, name);
    pieces.emplace_back(reinterpret_cast<const char*>(x.data()), x.bytes());
    header[name] = {{"dtype", kReal},
                    {"shape", std::vector<size_t>(x.shape().begin(), x.shape().end())},
                    {"data_offsets", {end, end + x.bytes()}}};
    end += x.bytes();
  }
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;

  std::string text;
  try {
    text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');   // the numbers begin at a multiple of 8
    parse_tensor_header(text, end, "its header");  // what we write, we can read
  } catch (const std::exception& problem) {
    fail(Fault::misuse, "{}: cannot be written: {}", path, problem.what());
  }
  const uint64_t length = text.size();
  pieces[0] = {reinterpret_cast<const char*>(&length), sizeof length};
  pieces[1] = text;
  atomic_write(path, pieces);
}

}  // namespace gnomon

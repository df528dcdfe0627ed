#include "core/base/json.hpp"

#include <utility>
#include <vector>

namespace gnomon {
namespace {

/// Builds the document from the reader's events; an event that returns false ends the reading.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit StrictBuilder(size_t depth) : depth_(depth) {}
  Json root;
  std::string problem;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON text has no binary values
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    Json& object = *open_.back();
    if (object.contains(key))
      return refuse(fmt::format("the key {} is there twice", printable(key)));
    place_ = &object[key];
    return true;
  }
  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    return refuse(fmt::format("not valid JSON at byte {}", position));
  }

 private:
  bool refuse(std::string reason) {
    problem = std::move(reason);
    return false;
  }
  /// Where the next value goes: the root, the end of the open array, or after the last key.
  Json& place() {
    if (open_.empty()) return root;
    return open_.back()->is_array() ? open_.back()->emplace_back() : *place_;
  }
  bool add(Json value) {
    place() = std::move(value);
    return true;
  }
  bool open(Json container) {
    if (open_.size() == depth_) return refuse(fmt::format("nested more than {} deep", depth_));
    Json& here = place();
    here = std::move(container);
    open_.push_back(&here);  // stays put: nothing is added to its parent while it is open
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  size_t depth_;
  std::vector<Json*> open_;
  Json* place_ = nullptr;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& what, JsonLimits limits) {
  if (text.size() > limits.bytes)
    fail(Fault::data, "{}: expected at most {} bytes of JSON, got {}", what, limits.bytes,
         text.size());
  // The reader would take a zero byte for the end, and skip a byte order mark.
  if (const size_t zero = text.find('\0'); zero != text.npos)
    fail(Fault::data, "{}: not valid JSON at byte {}: a zero byte", what, zero + 1);
  if (text.starts_with("\xEF\xBB\xBF"))
    fail(Fault::data, "{}: begins with a byte order mark", what);
  StrictBuilder builder(limits.depth);
  if (!Json::sax_parse(text, &builder)) fail(Fault::data, "{}: {}", what, builder.problem);
  return std::move(builder.root);
}

uint64_t json_integer(const Json& value, uint64_t low, uint64_t high, const std::string& what) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() < low || value.get<uint64_t>() > high)
    fail(Fault::data, "{}: expected a whole number from {} to {}", what, low, high);
  return value.get<uint64_t>();
}

double json_number(const Json& value, const std::string& what) {
  if (!value.is_number()) fail(Fault::data, "{}: expected a number", what);
  return value.get<double>();
}

const std::string& json_text(const Json& value, const std::string& what) {
  if (!value.is_string()) fail(Fault::data, "{}: expected a text", what);
  return value.get_ref<const std::string&>();
}

const Json& json_at(const Json& object, const std::string& key, const std::string& what) {
  if (!object.is_object()) fail(Fault::data, "{}: expected an object", what);
  const auto found = object.find(key);
  if (found == object.end()) fail(Fault::data, "{}: the key '{}' is missing", what, key);
  return *found;
}

bool is_utf8(const std::string& text) {
  try {
    return !Json(text).dump().empty();
  } catch (const Json::exception&) {
    return false;
  }
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 64;
  std::string result = "'";
  for (const char c : text.substr(0, kLongest))
    result += c >= ' ' && c <= '~' ? std::string(1, c)
                                   : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return result + (text.size() > kLongest ? "...'" : "'");
}

}  // namespace gnomon

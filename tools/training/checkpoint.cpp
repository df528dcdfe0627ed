#include "tools/training/checkpoint.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/json.hpp"

namespace gnomon {
namespace {

NamedArrays named(const std::vector<Parameter>& parameters) {
  NamedArrays arrays;
  for (const Parameter& p : parameters) arrays.emplace_back(p.name, p.var->value());
  return arrays;
}

void expect_finite(const Array& x, const std::string& name, const std::string& path, Fault fault) {
  const real* found = std::find_if(x.begin(), x.end(), [](real v) { return !std::isfinite(v); });
  if (found != x.end())
    fail(fault, "{}: tensor '{}': expected finite numbers, got {} at element {}", path, name,
         *found, found - x.begin());
}

/// Throws Error(Fault::data) unless the file holds exactly the named arrays in their shapes.
void expect_fits(const TensorHeader& header, const NamedArrays& arrays, const std::string& path) {
  std::vector<std::string> differences;
  auto unexpected = header.tensors;
  for (const auto& [name, array] : arrays) {
    const auto found = header.tensors.find(name);
    if (found == header.tensors.end())
      differences.push_back(fmt::format("{} {} is missing", name, array.shape()));
    else if (found->second.shape != array.shape())
      differences.push_back(
          fmt::format("{}: expected {}, found {}", name, array.shape(), found->second.shape));
    unexpected.erase(name);
  }
  for (const auto& [name, info] : unexpected)
    differences.push_back(fmt::format("{} {} is unexpected", printable(name), info.shape));
  if (differences.empty()) return;

  constexpr size_t kListed = 10;
  const size_t more = differences.size() - std::min(differences.size(), kListed);
  differences.resize(differences.size() - more);
  fail(Fault::data, "{}: does not fit this model: {}{}", path, fmt::join(differences, "; "),
       more ? fmt::format("; and {} more", more) : "");
}

}  // namespace

void save_arrays(const std::string& path, const NamedArrays& arrays, const Metadata& metadata) {
  TensorFile file{metadata, {}};
  for (const auto& [name, array] : arrays) {
    expect_finite(array, name, path, Fault::diverged);
    expect(file.tensors.emplace(name, array).second, "{}: '{}' is there twice", path, name);
  }
  write_safetensors(path, file);
}

Metadata load_arrays(const std::string& path, const NamedArrays& into) {
  const TensorFile file =
      read_safetensors(path, [&](const TensorHeader& header) { expect_fits(header, into, path); });
  for (const auto& [name, x] : file.tensors) expect_finite(x, name, path, Fault::data);
  for (auto [name, array] : into) {  // from here on nothing can fail
    const Array& x = file.tensors.at(name);
    std::copy(x.begin(), x.end(), array.begin());
  }
  return file.metadata;
}

void save_parameters(const std::string& path, const std::vector<Parameter>& parameters,
                     const Metadata& metadata) {
  save_arrays(path, named(parameters), metadata);
}

Metadata load_parameters(const std::string& path, const std::vector<Parameter>& into) {
  return load_arrays(path, named(into));
}

}  // namespace gnomon

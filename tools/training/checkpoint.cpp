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

// How a checkpoint names what it holds (run_directory.cpp, AdamW::moments).
constexpr std::string_view kParameter = "model.", kMoments[]{"first_moment.", "second_moment."};

bool is_moment(const std::string& name) {
  return name.starts_with(kMoments[0]) || name.starts_with(kMoments[1]);
}

bool is_checkpoint(const auto& tensors) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const auto& t) { return is_moment(t.first); });
}

/// The names and shapes of the first ten, and how many more there are.
std::string listed(std::vector<std::string> all) {
  constexpr size_t kListed = 10;
  const size_t more = all.size() - std::min(all.size(), kListed);
  all.resize(all.size() - more);
  return fmt::format("{}{}", fmt::join(all, "; "), more ? fmt::format("; and {} more", more) : "");
}

/// The parameters that a file or a checkpoint holds, under their own names.
TensorFile read_parameters(const std::string& path) {
  TensorFile file = read_safetensors(path);
  if (!is_checkpoint(file.tensors)) return file;
  TensorFile own{std::move(file.metadata), {}};
  for (auto& [name, x] : file.tensors)
    if (name.starts_with(kParameter)) own.tensors[name.substr(kParameter.size())] = std::move(x);
  return own;
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
  if (!differences.empty())
    fail(Fault::data, "{}: does not fit this model: {}", path, listed(std::move(differences)));
}

void copy(const TensorFile& file, const std::string& path, const NamedArrays& into) {
  for (const auto& [name, x] : file.tensors) expect_finite(x, name, path, Fault::data);
  for (auto [name, array] : into) {  // from here on nothing can fail
    const Array& x = file.tensors.at(name);
    std::copy(x.begin(), x.end(), array.begin());
  }
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
  TensorFile file =
      read_safetensors(path, [&](const TensorHeader& header) { expect_fits(header, into, path); });
  copy(file, path, into);
  return std::move(file.metadata);
}

void copy_arrays(const TensorFile& file, const std::string& path, const NamedArrays& into) {
  TensorHeader header;
  for (const auto& [name, x] : file.tensors) header.tensors[name].shape = x.shape();
  expect_fits(header, into, path);
  copy(file, path, into);
}

void save_parameters(const std::string& path, const std::vector<Parameter>& parameters,
                     const Metadata& metadata) {
  save_arrays(path, named(parameters), metadata);
}

Metadata load_parameters(const std::string& path, const std::vector<Parameter>& into) {
  if (!is_checkpoint(read_tensor_header(path).tensors)) return load_arrays(path, named(into));
  TensorFile file = read_parameters(path);
  copy_arrays(file, path, named(into));
  return std::move(file.metadata);
}

Taken take_parameters(const std::string& path, const std::vector<Parameter>& into, bool partial) {
  TensorFile file = read_parameters(path);
  Taken taken{{file.metadata, {}}, ""};
  NamedArrays fitting;
  std::vector<std::string> left, unused;
  size_t numbers = 0;
  for (const auto& [name, array] : named(into)) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end()) {
      left.push_back(fmt::format("{} {}", name, array.shape()));
    } else if (found->second.shape() != array.shape()) {
      left.push_back(fmt::format("{} {} (there {})", name, array.shape(), found->second.shape()));
      file.tensors.erase(found);
    } else {
      fitting.emplace_back(name, array);
      numbers += array.size();
      taken.weights.tensors.insert(file.tensors.extract(found));
    }
  }
  for (const auto& [name, x] : file.tensors)
    unused.push_back(fmt::format("{} {}", printable(name), x.shape()));
  taken.sentence =
      fmt::format("taken {} of {} parameters ({} numbers)", fitting.size(), into.size(), numbers);
  if (!left.empty()) taken.sentence += "; left at their start: " + listed(left);
  if (!unused.empty()) taken.sentence += "; not used: " + listed(unused);
  if (fitting.empty() || (!partial && (!left.empty() || !unused.empty())))
    fail_option("from", "{}: expected a file that fits{}, got: {}", path,
                fitting.empty() ? "" : ", or --from-partial true", taken.sentence);
  copy(taken.weights, path, fitting);
  return taken;
}

}  // namespace gnomon

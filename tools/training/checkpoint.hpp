// Parameters and optimizer state on disk: safetensors files whose names must fit the model exactly.
// The metadata keeps the config, so a file says by itself how to build its model.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nn/module.hpp"
#include "tools/training/safetensors.hpp"

namespace gnomon {

/// Names and handles: the arrays stay where they are.
using NamedArrays = std::vector<std::pair<std::string, Array>>;

/// Writes the arrays, crash-safe. Throws Error(Fault::diverged), and writes nothing, when a number
/// is not finite: a good file is never replaced by a spoilt one. Throws Error(Fault::io) as
/// atomic_write.
void save_arrays(const std::string& path, const NamedArrays& arrays, const Metadata& metadata);

/// Copies the file's numbers into the arrays' storage and returns the metadata. Throws
/// Error(Fault::data) when the file cannot be read, when names or shapes differ (one sentence lists
/// the first ten differences), or when a number is not finite. Then no array has changed.
Metadata load_arrays(const std::string& path, const NamedArrays& into);

/// The same for the parameters of a model, under their dotted names.
void save_parameters(const std::string& path, const std::vector<Parameter>& parameters,
                     const Metadata& metadata);
Metadata load_parameters(const std::string& path, const std::vector<Parameter>& into);

}  // namespace gnomon

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

/// The same with a file that was read before.
void copy_arrays(const TensorFile& file, const std::string& path, const NamedArrays& into);

/// The same for the parameters of a model, under their dotted names. Of a checkpoint, which has
/// moments beside them, the parameters are loaded.
void save_parameters(const std::string& path, const std::vector<Parameter>& parameters,
                     const Metadata& metadata);
Metadata load_parameters(const std::string& path, const std::vector<Parameter>& into);

struct Taken {
  TensorFile weights;    ///< what was taken
  std::string sentence;  ///< how much that is, what was left, what was not used
};
/// Copies what a file of parameters, or a checkpoint, has under the name and in the shape of a
/// parameter. Throws Error(Fault::option) when anything is left, unless `partial`, or nothing fits;
/// Error(Fault::data) as load_arrays does.
Taken take_parameters(const std::string& path, const std::vector<Parameter>& into, bool partial);

}  // namespace gnomon

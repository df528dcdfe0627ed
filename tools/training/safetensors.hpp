// Named arrays in one file, in the safetensors format (https://github.com/huggingface/safetensors),
// which Python reads without us:
//
//   8 bytes   N, the length of the header, little-endian
//   N bytes   JSON: {"blocks.0.weight": {"dtype": "F32", "shape": [2,3], "data_offsets": [0,24]},
//                    "__metadata__": {"config": "..."}}, padded with spaces
//   the rest  the numbers, little-endian, without gaps
//
// A file may come from a stranger. So the whole header is proved consistent with the size of the
// file before anything is allocated, in one place, with checked arithmetic.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/array.hpp"

namespace gnomon {

using Metadata = std::map<std::string, std::string>;

struct TensorFile {
  Metadata metadata;
  std::map<std::string, Array> tensors;
};

/// What the header says of one tensor.
struct TensorInfo {
  std::string dtype;  ///< "F32", ...
  Shape shape;
  uint64_t begin = 0, end = 0;  ///< bytes, counted from the end of the header
};

struct TensorHeader {
  Metadata metadata;
  std::map<std::string, TensorInfo> tensors;
};

/// The header's text, valid for a file with `data_bytes` bytes of numbers. Guarantees: at most
/// 65536 tensors with names of 1 to 512 bytes without control characters, at most 8 axes, metadata
/// of at most 1 MiB; the byte ranges fit dtype and shape and cover the data exactly, without gap or
/// overlap. Throws Error(Fault::data), one sentence that begins with `file`, otherwise.
TensorHeader parse_tensor_header(std::string_view text, uint64_t data_bytes,
                                 const std::string& file);

/// The header alone: what a file holds, without its numbers. Throws Error as read_safetensors does.
TensorHeader read_tensor_header(const std::string& path);

/// Reads F64, F32, F16, BF16, I64, I32, U8 and BOOL, converted to `real` (rounded to nearest where
/// real is narrower). `accept` sees the valid header before any number is read, and may throw to
/// refuse the file. Throws Error(Fault::data) when the file is not exactly a safetensors file, is
/// not a regular file, or has a header of more than 16 MiB; Error(Fault::io) when reading fails.
TensorFile read_safetensors(const std::string& path,
                            const std::function<void(const TensorHeader&)>& accept = {});

/// Writes F32 (or F64 where real is double), crash-safe as atomic_write. Equal contents give equal
/// bytes. Throws Error(Fault::io); Error(Fault::misuse) for what read_safetensors would refuse.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace gnomon

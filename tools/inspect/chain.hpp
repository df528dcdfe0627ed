// The chain of one token as a tree: what it reads in the last layer, what those had read in the
// layer below, and so on to the embeddings, through all heads.
//
//   a node is (row r, token n): the features of n after layer L - r; row 0 is the chosen token
//   an edge of layer L - r goes from (r, n) to (r + 1, j):
//     pointer   j = to of a head; strength: the gate of n
//     weight    j of the largest weights of a head; strength: the weight
//     itself    j = n: what the layer leaves as it is (the residual stream)
// Equal nodes are one. Positions that count little are left out where there are too many: a
// position counts by the strengths on the way to it, multiplied; those that hold the answer first.
#pragma once

#include "tools/inspect/sample.hpp"

namespace gnomon {

struct ChainEdge {
  enum class Kind { pointer, weight, itself };
  Kind kind;
  size_t row;        ///< of the upper node
  int32_t from, to;  ///< tokens
  size_t head = 0;
  int32_t type = -1;    ///< of a pointer: index into LayerMap::types
  double strength = 1;  ///< 0 to 1
};

struct Chain {
  std::vector<std::vector<int32_t>> rows;  ///< [L+1] tokens of each row, ascending
  std::vector<ChainEdge> edges;
  std::vector<int32_t> positions;  ///< that occur, ascending
  size_t left_out = 0;             ///< positions
};

/// Of token n, with at most `most` positions.
Chain chain_of(const InspectedSample& sample, size_t n, size_t most);

/// The symbol of a token that occurs in the sample; "" for another.
std::string symbol_of(const InspectedSample& sample, int32_t token);

}  // namespace gnomon

// One sample through one model, and why every token reads what it reads: for each layer and head
// the candidates of a pointer with the parts of their logits, or the weights of attention; and how
// probable each answer is. Neither files nor threads of its own: it also runs inside a page.
#pragma once

#include <optional>
#include <string>

#include "models/sequence_model.hpp"
#include "nn/pointer/recall.hpp"
#include "tasks/task.hpp"

namespace gnomon {

/// How far the pointers of one head reach; a hop is i - to_i, over the tokens that point.
struct HopStatistics {
  size_t pointing = 0;  ///< tokens that point at all
  double mean = 0, median = 0;
  size_t longest = 0;
  double self = 0, local = 0, far = 0;  ///< shares: hop 0; 1 to 15; 16 and more
  size_t distinct = 0;                  ///< different targets
};
HopStatistics hop_statistics(const std::vector<int32_t>& to);

/// What one head chose from: `kept` candidates of each token, [N,kept] each. All that its slots
/// ever offer, `slots` of K, in the order of their slots; or, where that would be too much to show,
/// the best of them, the winner first. Where a token has no candidate there, to is -1.
struct HeadMenu {
  size_t kept = 0, slots = 0;
  std::vector<int32_t> slot, to;         ///< of K; the position that is offered
  std::vector<double> match, type, own;  ///< parts of the logit, as LogitParts
};

/// One head of one pointer layer on the sample, token by token.
struct HeadMap {
  std::vector<int32_t> to;    ///< where it points; -1: nothing
  std::vector<int32_t> type;  ///< index into LayerMap::types; -1: there was no candidate
  std::vector<double> score;
  std::vector<double> margin;            ///< over the runner-up; infinity: there was none
  std::vector<int32_t> slot = {};        ///< that won; -1: there was no candidate
  std::vector<double> probability = {};  ///< of the chosen target in the soft distribution
  std::vector<double> entropy = {};      ///< of that distribution over targets and nothing, in bits
  HeadMenu menu = {};                    ///< empty: the layer does not choose (nested)
  HopStatistics hops = {};
  std::optional<Recall::Head> recall = {};
};

/// How one head weighs tokens: the `kept` largest weights of each token, [N,kept], falling.
struct HeadWeights {
  size_t kept = 0;
  std::vector<int32_t> to;     ///< -1: no more weights that are not 0
  std::vector<double> weight;  ///< w of nn/mixers/weighing.hpp
  std::vector<double> sum;     ///< [N] of all weights of a token
};

/// A layer that points has `heads`, one that weighs has `weights`, one that keeps a state neither.
struct LayerMap {
  size_t layer = 0;                          ///< counted from 1, as passes: a shared one again
  std::vector<std::string> types = {};       ///< names of what a pointer can win by
  std::vector<int32_t> slots = {};           ///< [K] the type of each slot of the menu
  std::vector<bool> scored = {}, read = {};  ///< [K] by query . key? does its winner read anything?
  std::vector<HeadMap> heads = {};
  std::vector<double> gate = {};  ///< mean over the features of how far the gate is open
  std::vector<HeadWeights> weights = {};
};

/// What the model answers at the M scored positions: the likeliest tokens, [M,kept] each.
struct Answers {
  std::vector<int32_t> at;  ///< [M] positions
  size_t kept = 0;
  std::vector<int32_t> token = {};
  std::vector<double> probability = {};
  std::vector<double> asked = {};  ///< [M] how probable the right answer is; NaN: not known
};

struct InspectedSample {
  double temperature = 1;               ///< of the soft distribution
  std::vector<int32_t> tokens = {};     ///< [N]
  std::vector<int32_t> target = {};     ///< [N] the right answer; -1: none is known
  std::vector<int32_t> predicted = {};  ///< [N] the answer; -1: nothing is asked
  struct Word {
    int32_t token;
    std::string symbol, spelling;  ///< Task::symbol and Task::spell
  };
  std::vector<Word> words = {};  ///< of all tokens that occur; of all there are up to kMostWords
  Answers answers = {};
  std::vector<LayerMap> layers = {};  ///< all
  static constexpr size_t kMostWords = 1024;
};

constexpr size_t kLongestRecalled = 4096;  ///< tokens whose recall is counted: it is quadratic
constexpr size_t kAnswersKept = 8;         ///< tokens shown at a scored position
constexpr size_t kMenusKept = 600'000;     ///< candidates of a sample, before the worst go
constexpr size_t kWeightsKept = 400'000;   ///< weights likewise
constexpr size_t kFewestKept = 4;          ///< of a token and head, in any case

/// How the model reads the sample.
struct Reading {
  Selection selection = Selection::hard;
  SwitchedOff off = {};
  bool recall = true;                 ///< quadratic
  std::vector<size_t> answered = {};  ///< positions to answer where the batch has no target, too
};

/// Runs the model on the sample [1,N]. Throws Error for more than one sequence, or when no position
/// is to be answered.
InspectedSample inspect_sample(const SequenceModel& model, const Task& task, const Batch& sample,
                               double temperature, const Reading& reading = {});

/// All of it as one JSON object; the names are those of the structures above. [N] and [M] are lists
/// packed as tools/inspect/packed.hpp says, a column for each slot, or each rank.
///   {"N", "temperature", "tokens": [N], "target": [N], "predicted": [N],
///    "words": {"3": ["d", "3"], ...},                         token: symbol, spelling
///    "answers": {"M", "at": [M], "asked": [M], "columns": [{"token": [M], "probability": [M]}]},
///    "layers": [{"layer",                                     a layer that keeps a state: no more
///      "types", "slots", "scored", "read", "gate": [N],       of one that points; nested: types
///      "heads": [{"to", "type", "score", "margin", "slot", "probability", "entropy": [N] each,
///                 "menu": {"kept", "slots", "columns": [{"slot", "to", "match", "type", "own"}]},
///                 "hops": {...}, "recall": {...}}],           no "own": its source adds nothing
///      "weights": [{"kept", "sum": [N], "columns": [{"to", "weight": [N]}]}]}],
///    "pool": ["base64", ...]}
std::string sample_json(const InspectedSample& sample);

}  // namespace gnomon

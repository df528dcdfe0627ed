// The one trunk of every model: tokens -> embedding (+ learned positions) -> encoder -> logits.
//
//   tied (Press and Wolf 2017):   logits = E T h / sqrt(D) + b     E [V,D] the token embeddings
//
// A large vocabulary is then learned once. E starts with normal(0, 1), as without tying: hence the
// 1 / sqrt(D). The matrix T [D,D] (as in BERT's head: Devlin et al. 2019, section 3.1 and its code)
// is there because h still holds the token's own embedding: without T every token starts out by
// predicting itself, and learning to copy first has to undo that. The bias stays (GPT-2 and Zoology
// drop it), so that its embedding need not also say how common a token is.
//
// What makes a model a pointer network or a transformer is the kind of mixer in its layers and the
// defaults of its options; both are chosen in its preset (models/presets.cpp), never here.
#pragma once

#include <map>

#include "core/precision.hpp"
#include "nn/embedding.hpp"
#include "nn/encoder.hpp"
#include "nn/linear.hpp"
#include "tasks/batch.hpp"

namespace gnomon {

class SequenceModel final : public Module {
 public:
  struct Config {
    EncoderConfig encoder;
    std::string mixers;  // one kind for all layers, "pointer", or one each: "convolution,pointer"
    size_t max_length = 2048;       // rows of the table of learned positions
    bool tied = false;              // the head's weight is the table of token embeddings
    std::string precision = "f32";  // or "bf16": of products with weights (core/precision.hpp)
    /// max-length only where the positions are learned: nothing else reads it.
    void declare(Fields& f);
  };
  using Kinds = std::map<std::string, std::unique_ptr<MixerKind>>;
  /// Throws Error(Fault::option) for an unknown kind of mixer, or options that do not fit.
  SequenceModel(const Config& config, size_t vocabulary, const Kinds& kinds);

  /// tokens [B,N] in context.tokens -> features [B,N,D] and the pointers of every layer. `state`:
  /// null for whole sequences, or made by state(B): these are then their next tokens.
  /// Throws Error for a token outside [0,V), Error(Fault::option) for more tokens than there are
  /// learned positions.
  Encoded encode(Context& context, State* state = nullptr) const;
  /// features [...,D] -> logits [...,V]
  Var logits(const Var& features) const;
  /// Of B sequences of which nothing is read yet. A token then costs what the mixers ask for: O(K)
  /// rows read in a layer of pointers, O(n) in one of attention.
  std::unique_ptr<State> state(size_t sequences, std::optional<size_t> iterations = {}) const;

  /// Mean cross-entropy over the scored positions (target >= 0), and what was predicted there.
  struct Scored {
    Var loss;  ///< scalar, in nats; in training with the mean cost of what tokens took (Encoded)
    Index positions;                 ///< [M] flat position b N + n of each scored token
    Index predicted;                 ///< [M] argmax of the logits
    std::vector<Pointers> pointers;  ///< of every layer
  };
  /// Only the scored rows pass through the head; `state` as in encode(). Throws Error when no
  /// position is scored.
  Scored score(const Batch& batch, Context& context, State* state = nullptr) const;

  size_t vocabulary() const { return vocabulary_; }
  /// The longest sequence it can take: bounded by learned positions only.
  size_t longest() const { return positions_ ? max_length_ : std::numeric_limits<size_t>::max(); }
  const Encoder& encoder() const { return encoder_; }

 private:
  /// The tokens [B,N] that stand at positions first, first + 1, ... -> [B,N,D]
  Var embed(const Index& tokens, size_t first) const;

  size_t vocabulary_, max_length_;
  Precision precision_;
  const Embedding& tokens_;
  const Embedding* positions_;  // null unless the positions are learned
  const Encoder& encoder_;
  const Linear* head_ = nullptr;       // null when it is tied to the token embeddings, ...
  const Linear* transform_ = nullptr;  // ... which leaves it T and b
  const Var* head_bias_ = nullptr;
};

/// A preset: the options of a model with its defaults. Registered by name ("pointer", ...).
class ModelKind {
 public:
  explicit ModelKind(SequenceModel::Config defaults) : config(std::move(defaults)) {}
  /// Those that config.mixers names, each with options of its own. Throws Error(Fault::option) for
  /// an unknown kind.
  const SequenceModel::Kinds& mixers();
  /// The trunk's options, and those of its mixers.
  void declare(Fields& f);
  /// Not yet initialised. Throws Error(Fault::option) for options that do not fit each other.
  std::unique_ptr<SequenceModel> make(size_t vocabulary);
  SequenceModel::Config config;

 private:
  SequenceModel::Kinds mixers_;
};

}  // namespace gnomon

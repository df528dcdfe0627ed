// models/sequence_model.hpp
// The one trunk of every model: tokens -> embedding (+ learned positions) -> encoder -> logits.
// What makes a model a pointer network or a transformer is the kind of mixer in its layers and the
// defaults of its options; both are chosen in its preset (models/pointer.cpp, ...), never here.
#pragma once

#include "nn/encoder.hpp"
#include "tasks/batch.hpp"

namespace gnomon {

class SequenceModel final : public Module {
 public:
  struct Config {
    EncoderConfig encoder;
    std::string mixers;            // "pointer", or one kind per layer: "convolution,pointer"
    size_t max_length = 2048;      // rows of the table of learned positions
    void declare(Fields& f);
  };
  SequenceModel(const Config& config, size_t vocabulary,
                const std::map<std::string, std::unique_ptr<MixerKind>>& kinds);

  /// tokens [B,N] in pass.tokens -> features [B,N,D] and the pointers of every layer.
  Encoded encode(Pass& pass) const;
  /// features [...,D] -> logits [...,V]
  Var logits(const Var& features) const;

  /// Mean cross-entropy over the scored positions (target >= 0), and what was predicted there.
  struct Scored {
    Var loss;                        ///< scalar, in nats
    Index positions;                 ///< [M] flat position b N + n of each scored token
    Index predicted;                 ///< [M] argmax of the logits
    std::vector<Pointers> pointers;  ///< of every layer
  };
  /// Only the scored rows pass through the head. Throws Error when no position is scored.
  Scored score(const Batch& batch, Pass& pass) const;

  size_t vocabulary() const { return vocabulary_; }
  const Encoder& encoder() const { return *encoder_; }

 private:
  size_t vocabulary_, max_length_;
  Var* token_table_;
  Var* position_table_ = nullptr;
  Encoder* encoder_;
  Var *head_weight_, *head_bias_;
};

/// A preset: the options of a model with its defaults. Registered by name ("pointer", ...).
class ModelKind {
 public:
  explicit ModelKind(SequenceModel::Config defaults);
  /// The trunk's options, and those of every kind of mixer.
  void declare(Fields& f);
  /// Not yet initialised. Throws Error(Exit::usage) for options that do not fit each other.
  std::unique_ptr<SequenceModel> make(size_t vocabulary) const;
  SequenceModel::Config config;

 private:
  std::map<std::string, std::unique_ptr<MixerKind>> kinds_;
};

}  // namespace gnomon

// A model judged at one length: fresh test data, hard pointers unless asked otherwise. Batch i =
// 0, ... is drawn from R.split(i), R = Random(seed).split("test").split(length).
//
// With a stride S nothing is drawn. Windows of `length` tokens begin every S tokens of the test
// text, and of each only the last S are scored, of the first all: every token of the test text but
// its first, which has nothing before it, is scored once, behind length - S others at least. S = 0
// reads the text once, with a state (nn/state.hpp): every token has all of the text before it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "nn/pointer/recall.hpp"
#include "tools/training/trainer.hpp"

namespace gnomon {

struct EvaluationPlan {
  size_t batches = 0;                 ///< 0: 20; of listed tests (tasks/task.hpp) all
  size_t batch = 0;                   ///< 0: as many sequences as make about 16384 tokens
  size_t seed = 1;                    ///< of the test data
  std::string selection = "hard";     ///< how pointers choose: hard or soft
  double temperature = 1;             ///< of soft ones
  size_t iterations = 0;              ///< of a shared layer; 0: as in training
  bool recall = false;                ///< quadratic
  std::optional<size_t> stride = {};  ///< of a window over all of a text; none: crops are drawn
  bool last_half = false;             ///< the first N / 2 tokens of each sequence are not scored
  size_t at_once = 16384;             ///< tokens of a long sequence that are read at once
  bool state = false;                 ///< count what the state of one sequence holds
  /// Data that a run is watched by (Task::validation_batch) instead of test data; "validation"
  /// instead of "test" in the name of its stream.
  bool validation = false;
};

struct Evaluation {
  size_t length = 0, tokens = 0, sequences = 0;  ///< tokens: scored ones
  size_t bytes = 0;                              ///< that these spell, of real text
  double token_accuracy = 0, exact_match = 0;
  double chance = 0;         ///< of the task at this length
  double loss = 0;           ///< nats a scored token
  size_t state_numbers = 0;  ///< that a sequence read in pieces leaves behind: nn/state.hpp
  Recall recall = {};
  /// sum of the nats / (ln 2 bytes): comparable between tokens that are bytes and others
  double bits_per_byte() const;
};

/// "64,512" -> lengths the task can make; "" -> those of listed tests. Throws Error(Fault::option
/// or Fault::data).
std::vector<size_t> parse_lengths(const std::string& text, const Task& task);

/// How many batches evaluate_at() will read. Throws Error(Fault::option) for a stride without a
/// text or longer than the length, and for more batches than listed tests make.
size_t batches_at(const Task& task, size_t length, const EvaluationPlan& plan);

/// `report` is called after every batch with what is known so far. `length` is not read where the
/// stride is 0. Throws Error(Fault::option) as batches_at(), and when the last halves are asked for
/// of a task that does not score every token.
Evaluation evaluate_at(const SequenceModel& model, const Task& task, size_t length,
                       const EvaluationPlan& plan,
                       const std::function<void(const Evaluation&)>& report);

}  // namespace gnomon

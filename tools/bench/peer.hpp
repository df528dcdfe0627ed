// The same models in plain PyTorch, timed beside ours: a child process that runs tools/peer.py.
#pragma once

#include <memory>
#include <string>

namespace gnomon {

class Peer {
 public:
  /// Starts Python. Throws Error(Fault::option) where there is no Python with PyTorch, or the
  /// script does not know the model.
  Peer(const std::string& model, size_t length, size_t batch, size_t vocabulary, int threads);
  ~Peer();  ///< ends the child
  /// Seconds of one training step. Throws Error when the child has died.
  double step();
  size_t parameters() const { return parameters_; }

 private:
  struct Process;
  std::string line();
  std::unique_ptr<Process> process_;
  size_t parameters_ = 0;
};

/// Has tools/peer.py the model?
bool peer_has(const std::string& model);

}  // namespace gnomon

#include "tools/bench/peer.hpp"

#include <boost/process.hpp>

#include "core/base/error.hpp"
#include "tools/embedded.hpp"

GNOMON_EMBED(gnomon_peer, "/tools/peer.py");

namespace gnomon {
namespace {
namespace process = boost::process;
}

struct Peer::Process {
  process::opstream in;
  process::ipstream out;
  process::child child;
};

bool peer_has(const std::string& model) { return model == "transformer" || model == "pointer"; }

Peer::Peer(const std::string& model, size_t length, size_t batch, size_t vocabulary, int threads)
    : process_(std::make_unique<Process>()) {
  Process& p = *process_;
  try {
    // Debian's PyTorch belongs to Debian's Python; another one may stand before it in PATH.
    p.child =
        process::child("/usr/bin/python3", "-c", std::string(GNOMON_EMBEDDED(gnomon_peer)), model,
                       std::to_string(length), std::to_string(batch), std::to_string(vocabulary),
                       std::to_string(threads), process::std_in<p.in, process::std_out> p.out,
                       process::std_err > process::null);
    parameters_ = std::stoul(line());
  } catch (const std::exception&) {
    fail_option("peer",
                "expected Python with PyTorch at /usr/bin/python3; on Debian: apt-get install "
                "python3-torch");
  }
}

Peer::~Peer() {
  std::error_code ignored;
  // Told, not shut out: a peer that was started later holds this pipe open too.
  process_->in << "stop" << std::endl;
  if (process_->child.valid()) process_->child.wait(ignored);
}

std::string Peer::line() {
  std::string text;
  if (!std::getline(process_->out, text)) fail(Fault::misuse, "bench: the peer stopped");
  return text;
}

double Peer::step() {
  process_->in << "step" << std::endl;
  return std::stod(line());
}

}  // namespace gnomon

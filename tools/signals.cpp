#include "tools/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <iterator>

#include "tools/commands.hpp"

namespace gnomon {
namespace {

constexpr int kSignals[]{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
struct sigaction before[std::size(kSignals)];
volatile std::sig_atomic_t received = 0;

void note(int signal) {
  if (received && (signal == SIGINT || signal == SIGTERM))
    _exit(static_cast<int>(Exit::interrupted));
  received = 1;
}

}  // namespace

Interruptible::Interruptible() {
  received = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;  // a write under way is finished
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}
Interruptible::~Interruptible() {
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
}
bool Interruptible::requested() const { return received != 0; }

}  // namespace gnomon

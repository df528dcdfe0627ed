#include "tools/signals.hpp"

#include <unistd.h>

#include <csignal>

#include "tools/commands.hpp"

namespace gnomon {
namespace {

volatile std::sig_atomic_t received = 0;

void note(int) {
  if (received) _exit(static_cast<int>(Exit::interrupted));
  received = 1;
}

void handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // a write under way is finished
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

}  // namespace

Interruptible::Interruptible() {
  received = 0;
  handle(note);
}
Interruptible::~Interruptible() { handle(SIG_DFL); }
bool Interruptible::requested() const { return received != 0; }

}  // namespace gnomon

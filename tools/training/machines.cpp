#include "tools/training/machines.hpp"

#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "tools/training/options.hpp"

#ifdef GNOMON_MPI
#include <mpi.h>
#endif

namespace gnomon {
namespace {

/// A number that mpirun (Open MPI; MPICH and Slurm) gives its children; `otherwise` without it.
size_t told(std::initializer_list<const char*> names, size_t otherwise) {
  for (const char* name : names)
    if (const char* value = std::getenv(name)) return std::strtoul(value, nullptr, 10);
  return otherwise;
}

/// May this process still exchange anything: has it begun, and has nobody ended?
bool joined = false;

/// What every exchange begins with.
struct Greeting {
  enum State : int32_t { well, failed, left } state = well;
  int32_t code = 0;     // of which fault, or the exit code
  uint64_t length = 0;  // of the sentence about it
  uint64_t number = 0;
  double loss = 0, scored = 0, right = 0;
};

struct Met {
  std::vector<Greeting> all;
  Greeting::State state = Greeting::well;
  Machines::Outcome outcome;  // of the first that is not well
};

// --- What goes over the wire; of one process, nothing

std::vector<Greeting> gathered(const Greeting& mine, size_t count) {
  std::vector<Greeting> all(count, mine);
#ifdef GNOMON_MPI
  if (count > 1)
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, MPI_COMM_WORLD);
#endif
  return all;
}

/// The numbers of all, one process after the other; all have as many.
std::vector<double> gathered(const std::vector<double>& mine, size_t count) {
  std::vector<double> all(count * mine.size());
#ifdef GNOMON_MPI
  const auto width = static_cast<int>(mine.size());
  MPI_Allgather(mine.data(), width, MPI_DOUBLE, all.data(), width, MPI_DOUBLE, MPI_COMM_WORLD);
#endif
  return all;
}

/// The bytes of one process, to all.
void send([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes,
          [[maybe_unused]] size_t from) {
#ifdef GNOMON_MPI
  char* at = static_cast<char*>(data);
  for (size_t part; bytes > 0; at += part, bytes -= part) {
    part = std::min(bytes, size_t{1} << 28);
    MPI_Bcast(at, static_cast<int>(part), MPI_BYTE, static_cast<int>(from), MPI_COMM_WORLD);
  }
#endif
}

/// x[0..n) <- that of all R processes, added up over a binary tree. Of every window each process
/// gets one segment from all, adds it up, and gives it to all.
void add_up([[maybe_unused]] real* x, [[maybe_unused]] size_t n, [[maybe_unused]] size_t R,
            [[maybe_unused]] size_t rank) {
#ifdef GNOMON_MPI
  static_assert(sizeof(real) == sizeof(float));
  constexpr size_t kSegment = size_t{1} << 20;
  std::vector<int> starts(R), counts(R), rows(R);
  Array received({R * std::min(kSegment, (n + R - 1) / R)});
  for (size_t window; n > 0; x += window, n -= window) {
    window = std::min(n, R * kSegment);
    const size_t segment = (window + R - 1) / R;
    for (size_t r = 0; r < R; ++r) {
      starts[r] = static_cast<int>(std::min(r * segment, window));
      counts[r] = static_cast<int>(std::min(r * segment + segment, window)) - starts[r];
    }
    const std::vector<int> own(R, counts[rank]);
    for (size_t r = 0; r < R; ++r) rows[r] = static_cast<int>(r) * own[r];
    MPI_Alltoallv(x, counts.data(), starts.data(), MPI_FLOAT, received.data(), own.data(),
                  rows.data(), MPI_FLOAT, MPI_COMM_WORLD);
    const auto row = [&](size_t r) { return received.data() + rows[r]; };
    const auto length = static_cast<size_t>(own[0]);
    for (size_t apart = 1; apart < R; apart *= 2)
      for (size_t r = 0; r + apart < R; r += 2 * apart) add_to(row(r), row(r + apart), length);
    std::copy_n(row(0), length, x + starts[rank]);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, x, counts.data(), starts.data(), MPI_FLOAT,
                   MPI_COMM_WORLD);
  }
#endif
}

// --- Are all well?

Met meet(const Machines& world, Greeting mine, std::string sentence) {
  if (world.rank() > 0 && !sentence.empty()) {
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    sentence = fmt::format("rank {} on {}: {}", world.rank(), host, sentence);
  }
  mine.length = sentence.size();
  Met met;
  met.all = gathered(mine, world.count());
  const auto first = [&](auto is_so) {
    return static_cast<size_t>(std::find_if(met.all.begin(), met.all.end(), is_so) -
                               met.all.begin());
  };
  // An end goes before a failure, of which those who have ended cannot hear.
  size_t from = first([](const Greeting& g) { return g.state == Greeting::left && g.code != 0; });
  for (const auto state : {Greeting::left, Greeting::failed})
    if (from == world.count()) from = first([&](const Greeting& g) { return g.state == state; });
  if (from == world.count()) return met;
  met.state = met.all[from].state;
  sentence.resize(met.all[from].length);
  send(sentence.data(), sentence.size(), from);
  met.outcome = {met.all[from].code, sentence};
  return met;
}

/// Goes on where all are well.
std::vector<Greeting> greet(const Machines& world, const Greeting& mine,
                            const std::string& sentence = "") {
  Met met = meet(world, mine, sentence);
  if (met.state == Greeting::failed)
    throw Error(static_cast<Fault>(met.outcome.code), met.outcome.sentence);
  if (met.state == Greeting::left) {
    joined = false;
    throw Machines::Left(met.outcome);
  }
  return std::move(met.all);
}

}  // namespace

bool Machines::is_first() { return told({"OMPI_COMM_WORLD_RANK", "PMI_RANK"}, 0) == 0; }

size_t Machines::started() { return told({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, 1); }

size_t Machines::on_this_host() {
  return told({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}, 1);
}

const Machines& Machines::world() {
  static const Machines world;
  return world;
}

Machines::Machines() {
  if (started() == 1) return;
#ifdef GNOMON_MPI
  MPI_Init(nullptr, nullptr);
  int rank = 0, count = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  rank_ = static_cast<size_t>(rank), count_ = static_cast<size_t>(count);
  joined = true;
#else
  fail(Fault::option,
       "mpirun: this program was built without MPI: install libopenmpi-dev and build it again");
#endif
}

Machines::~Machines() {
#ifdef GNOMON_MPI
  if (count_ > 1) MPI_Finalize();  // waits for the others
#endif
}

Machines::Outcome Machines::leave(Outcome mine) {
  if (!joined) return mine;
  const Met met = meet(world(), {.state = Greeting::left, .code = mine.code}, mine.sentence);
  joined = false;
  return met.outcome;
}

void Machines::together(const std::function<void()>& work) const {
  if (count_ == 1) return work();
  Greeting greeting;
  std::string sentence;
  const auto failed = [&](Fault kind, const std::string& what) {
    greeting.state = Greeting::failed;
    greeting.code = static_cast<int32_t>(kind);
    sentence = what;
  };
  try {
    work();
  } catch (const Error& error) {
    failed(error.fault(), spelled(error));
  } catch (const std::bad_alloc&) {
    failed(Fault::io, "out of memory; a smaller --batch, --length or --width needs less");
  }
  greet(*this, greeting, sentence);
}

bool Machines::any(bool here) const {
  const auto all =
      count_ == 1 ? std::vector<Greeting>{{.number = here}} : greet(*this, {.number = here});
  return std::any_of(all.begin(), all.end(), [](const Greeting& g) { return g.number != 0; });
}

size_t Machines::first_unlike(uint64_t number) const {
  if (count_ == 1) return 0;
  const auto all = greet(*this, {.number = number});
  for (size_t r = 1; r < count_; ++r)
    if (all[r].number != all[0].number) return r;
  return 0;
}

void Machines::sum(Sums& sums) const {
  if (count_ == 1) return;
  const auto all = greet(*this, {.loss = sums.loss, .scored = sums.scored, .right = sums.right});
  add_up(sums.gradient.data(), sums.gradient.size(), count_, rank_);
  const std::vector<double> pointers = gathered(sums.pointers, count_);
  Sums total = sum_of_branch(0, count_, [&](size_t r) {
    Sums own;
    own.loss = all[r].loss, own.scored = all[r].scored, own.right = all[r].right;
    const size_t width = sums.pointers.size();
    own.pointers.assign(pointers.data() + r * width, pointers.data() + (r + 1) * width);
    return own;
  });
  total.gradient = std::move(sums.gradient);
  sums = std::move(total);
}

void Machines::broadcast(std::string& text) const {
  if (count_ == 1) return;
  text.resize(greet(*this, {.number = text.size()})[0].number);
  send(text.data(), text.size(), 0);
}

void Machines::broadcast(Array& numbers) const {
  if (count_ == 1) return;
  greet(*this, {});
  send(numbers.data(), numbers.bytes(), 0);
}

}  // namespace gnomon

#include "tools/training/machines.hpp"

#include <array>
#include <bit>
#include <cstdlib>

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

#ifdef GNOMON_MPI
const MPI_Datatype kReal = sizeof(real) == 4 ? MPI_FLOAT : MPI_DOUBLE;

/// A count as MPI takes it.
int length(size_t n) {
  expect(n <= static_cast<size_t>(std::numeric_limits<int>::max()), "machines: {} numbers", n);
  return static_cast<int>(n);
}

/// What one process has, to all.
void send_text(std::string& text, int from) {
  int size = length(text.size());
  MPI_Bcast(&size, 1, MPI_INT, from, MPI_COMM_WORLD);
  text.resize(static_cast<size_t>(size));
  MPI_Bcast(text.data(), size, MPI_CHAR, from, MPI_COMM_WORLD);
}

/// Adds up `count` rows of `width` numbers over a binary tree, as sum_of_branch does, into the
/// first.
template <class T>
void sum_rows(T* rows, size_t count, size_t width) {
  for (size_t apart = 1; apart < count; apart *= 2)
    for (size_t first = 0; first + apart < count; first += 2 * apart) {
      T* const into = rows + first * width;
      const T* const from = rows + (first + apart) * width;
      for (size_t i = 0; i < width; ++i) into[i] += from[i];
    }
}
#endif

}  // namespace

bool Machines::is_first() { return told({"OMPI_COMM_WORLD_RANK", "PMI_RANK"}, 0) == 0; }

size_t Machines::on_this_host() {
  return told({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}, 1);
}

const Machines& Machines::world() {
  static const Machines world;
  return world;
}

Machines::Machines() : count_(told({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, 1)) {
  if (count_ == 1) return;
#ifdef GNOMON_MPI
  MPI_Init(nullptr, nullptr);
  int rank = 0, count = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  rank_ = static_cast<size_t>(rank), count_ = static_cast<size_t>(count);
  if (!std::has_single_bit(count_))
    fail(Fault::option, "mpirun: expected 1, 2, 4, 8, ... processes, got {}", count_);
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

void Machines::together(const std::function<void()>& work) const {
  if (count_ == 1) return work();
#ifdef GNOMON_MPI
  std::string sentence, option;
  int fault = 0;  // 1 + its kind
  const auto failed = [&](Fault kind, const std::string& what) {
    fault = 1 + static_cast<int>(kind);
    sentence = what;
  };
  try {
    work();
  } catch (const Error& error) {
    failed(error.fault(), error.what());
    option = error.option();
  } catch (const std::bad_alloc&) {
    failed(Fault::io, "out of memory");
  } catch (const std::exception& error) {
    failed(Fault::misuse, error.what());
  }
  const auto nobody = static_cast<int>(count_);
  int mine = fault ? static_cast<int>(rank_) : nobody, first = 0;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (first == nobody) return;
  MPI_Bcast(&fault, 1, MPI_INT, first, MPI_COMM_WORLD);
  send_text(sentence, first);
  send_text(option, first);
  throw Error(static_cast<Fault>(fault - 1), sentence, option);
#endif
}

bool Machines::any([[maybe_unused]] bool here) const {
#ifdef GNOMON_MPI
  if (count_ > 1) {
    int mine = here, all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return all != 0;
  }
#endif
  return here;
}

void Machines::sum([[maybe_unused]] Sums& sums) const {
#ifdef GNOMON_MPI
  if (count_ == 1) return;
  const size_t size = sums.gradient.size(), segment = (size + count_ - 1) / count_;
  Array mine({segment * count_}), theirs({segment * count_});
  std::copy_n(sums.gradient.data(), size, mine.data());
  MPI_Alltoall(mine.data(), length(segment), kReal, theirs.data(), length(segment), kReal,
               MPI_COMM_WORLD);
  sum_rows(theirs.data(), count_, segment);
  MPI_Allgather(theirs.data(), length(segment), kReal, mine.data(), length(segment), kReal,
                MPI_COMM_WORLD);
  std::copy_n(mine.data(), size, sums.gradient.data());

  const std::array<double, 3> own{sums.loss, sums.scored, sums.right};
  std::vector<double> all(3 * count_);
  MPI_Allgather(own.data(), 3, MPI_DOUBLE, all.data(), 3, MPI_DOUBLE, MPI_COMM_WORLD);
  sum_rows(all.data(), count_, 3);
  sums.loss = all[0], sums.scored = all[1], sums.right = all[2];
#endif
}

void Machines::broadcast([[maybe_unused]] std::string& text) const {
#ifdef GNOMON_MPI
  if (count_ > 1) send_text(text, 0);
#endif
}

void Machines::broadcast([[maybe_unused]] Array& numbers) const {
#ifdef GNOMON_MPI
  if (count_ > 1) MPI_Bcast(numbers.data(), length(numbers.size()), kReal, 0, MPI_COMM_WORLD);
#endif
}

}  // namespace gnomon

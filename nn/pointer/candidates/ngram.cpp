// ngram:n     token i may point at the latest earlier position that ends the same m tokens, and at
//             the position after it, for each order m = 2, ..., n: the latest j < i with
//             token[j-m+1..j] = token[i-m+1..i]. n is 2 unless given.
//                                                        cost N 2 (n - 1); shared by the heads
// The contexts of PPM compressors (Cleary and Witten 1984). Exact: an m-gram is named by the name
// of the (m-1)-gram before its last token and that token, and names are given out by a hash table,
// so different m-grams never share one. Like "match", which is the order 1, it is told which tokens
// are equal: a strong prior, to be named in results.
#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

/// A hash table of 64-bit keys, probed in steps of one place: an entry is found with one look at
/// memory, mostly, where a table of linked entries takes three, and asks for memory for each.
class Table {
 public:
  struct Entry {
    uint64_t key;
    int32_t name;       // entries are named 0, 1, ...
    int32_t last = -1;  // position, which the reader keeps; -1 also marks a free place
  };
  size_t size() const { return size_; }
  /// That of the key; a fresh one is named, and its `last` is to be set before the next call.
  Entry& operator[](uint64_t key) {
    if (2 * size_ >= places_.size()) grow();
    Entry& entry = place(key);
    if (entry.last < 0) entry = {key, static_cast<int32_t>(size_++)};
    return entry;
  }
  const std::vector<Entry>& places() const { return places_; }

 private:
  Entry& place(uint64_t key) {
    const size_t mask = places_.size() - 1;
    size_t at = (key * 0x9e3779b97f4a7c15u) >> 32 & mask;  // Fibonacci hashing (Knuth, 6.4)
    while (places_[at].last >= 0 && places_[at].key != key) at = (at + 1) & mask;
    return places_[at];
  }
  void grow() {
    std::vector<Entry> before(std::max<size_t>(16, 2 * places_.size()));
    before.swap(places_);
    for (const Entry& entry : before)
      if (entry.last >= 0) place(entry.key) = entry;
  }
  std::vector<Entry> places_;  // a power of two of them, at most half of them taken
  size_t size_ = 0;
};

/// Reads a sequence from left to right, and remembers where each m-gram ended last.
class Contexts {
 public:
  /// Orders 2 to n.
  explicit Contexts(size_t n) : ends_(n - 1), name_(n, -1) {}
  /// The next token; last[m - 2] = where the m-gram that it ends has ended before; -1: nowhere.
  void read(int32_t token, int32_t* last) {
    // From the longest down: name_ still holds the names of the m-grams that end one token earlier.
    for (size_t o = ends_.size(); o-- > 0;) {
      last[o] = -1;
      name_[o + 1] = -1;
      if (name_[o] < 0) continue;  // fewer than m tokens so far
      const uint64_t key = static_cast<uint64_t>(name_[o]) << 32 | static_cast<uint32_t>(token);
      Table::Entry& entry = ends_[o][key];
      last[o] = entry.last;
      name_[o + 1] = entry.name;
      entry.last = static_cast<int32_t>(position_);
    }
    name_[0] = token;
    ++position_;
  }
  void visit(StateVisitor& visitor) {
    visitor.visit(name_);
    visitor.visit(position_);
    for (Table& table : ends_) {
      std::vector<uint64_t> flat(2 * table.size());  // by name: key, last
      for (const Table::Entry& entry : table.places())
        if (entry.last >= 0) {
          flat[2 * static_cast<size_t>(entry.name)] = entry.key;
          flat[2 * static_cast<size_t>(entry.name) + 1] = static_cast<uint32_t>(entry.last);
        }
      visitor.visit(flat);
      table = {};
      for (size_t e = 0; e + 1 < flat.size(); e += 2)
        table[flat[e]].last = static_cast<int32_t>(flat[e + 1]);
    }
  }

 private:
  std::vector<Table> ends_;    // of order o + 2
  std::vector<int32_t> name_;  // name_[m - 1]: of the m-gram that ends at the latest token
  size_t position_ = 0;
};

class NGram final : public CandidateSource {
 public:
  void set(size_t count) override { longest_ = checked(count, 2, 64); }
  SourceForm form() const override {
    SourceForm form;
    for (size_t m = 2; m <= longest_; ++m) {
      form.types.push_back(fmt::format("ngram {}", m));
      form.types.push_back(fmt::format("ngram {} +1", m));
    }
    return form;
  }
  std::unique_ptr<State> state(size_t sequences) const override {
    return std::make_unique<SequenceStates<Contexts>>(sequences, Contexts(longest_));
  }
  Offer offer(const SourceInput& input, State* state) const override {
    const size_t N = input.tokens(), orders = longest_ - 1, first = input.context.first;
    const Index& tokens = input.context.tokens;
    const auto contexts = readers(state, input.sequences(), Contexts(longest_));
    Index last({input.sequences(), N, orders});
    parallel_for(input.sequences(), 1, [&](size_t b, size_t) {
      for (size_t n = 0; n < N; ++n) (*contexts)[b].read(tokens.row(b)[n], last.row(b * N + n));
    });
    return {[last, N, orders, first](size_t b, int64_t n, size_t, int32_t* to) {
      const int32_t* const of_token = last.row(b * N + static_cast<size_t>(n) - first);
      for (size_t o = 0; o < orders; ++o) {
        to[2 * o] = of_token[o];
        to[2 * o + 1] = of_token[o] < 0 ? -1 : of_token[o] + 1;
      }
    }};
  }

 private:
  size_t longest_ = 2;
};

const Registration<CandidateSource> kNGram{
    "ngram", "ngram:n - where the last 2, 3, ..., n tokens stood before, and the places after",
    [] { return std::make_unique<NGram>(); }};

}  // namespace
}  // namespace gnomon

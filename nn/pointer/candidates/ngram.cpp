// nn/pointer/candidates/ngram.cpp
// ngram:n     token i may point at the latest earlier position that ends the same m tokens, and at
//             the position after it, for each order m = 2, ..., n: the latest j < i with
//             token[j-m+1..j] = token[i-m+1..i].         cost N 2 (n - 1); shared by the heads
// The contexts of PPM compressors (Cleary and Witten 1984). Exact: an m-gram is named by the name
// of the (m-1)-gram before its last token and that token, and names are given out by a hash table,
// so different m-grams never share one. Like "match", which is the order 1, it is told which tokens
// are equal: a strong prior, to be named in results.
#include <unordered_map>

#include "nn/pointer/candidates/source.hpp"

namespace gnomon {
namespace {

/// Reads a sequence from left to right, and remembers where each m-gram ended last.
class Contexts {
 public:
  /// Orders 2 to n, in a sequence of about `length` tokens, where that is known.
  explicit Contexts(size_t n, size_t length = 0) : ends_(n - 1), name_(n, -1) {
    for (auto& table : ends_) table.reserve(length);
  }
  /// The next token; last[m - 2] = where the m-gram that it ends has ended before; -1: nowhere.
  void read(int32_t token, int32_t* last) {
    // From the longest down: name_ still holds the names of the m-grams that end one token earlier.
    for (size_t o = ends_.size(); o-- > 0;) {
      last[o] = -1;
      name_[o + 1] = -1;
      if (name_[o] < 0) continue;  // fewer than m tokens so far
      const uint64_t key = static_cast<uint64_t>(name_[o]) << 32 | static_cast<uint32_t>(token);
      const auto fresh = static_cast<int32_t>(ends_[o].size());
      Entry& entry = ends_[o].try_emplace(key, Entry{fresh, -1}).first->second;
      last[o] = entry.last;
      name_[o + 1] = entry.name;
      entry.last = position_;
    }
    name_[0] = token;
    ++position_;
  }

 private:
  struct Entry {
    int32_t name, last;
  };
  std::vector<std::unordered_map<uint64_t, Entry>> ends_;  // of order o + 2
  std::vector<int32_t> name_;  // name_[m - 1]: of the m-gram that ends at the latest token
  int32_t position_ = 0;
};

class NGram final : public CandidateSource {
 public:
  void set(size_t count) override { longest_ = checked(count, 2, 64); }
  std::vector<std::string> types() const override {
    std::vector<std::string> names;
    for (size_t m = 2; m <= longest_; ++m) {
      names.push_back(fmt::format("ngram {}", m));
      names.push_back(fmt::format("ngram {} +1", m));
    }
    return names;
  }
  Var offer(const Scene& scene, const Columns& columns) const override {
    const auto [B, N] = dims<2>(scene.pass.tokens, "ngram: tokens [B,N]");
    Index last({B, N, longest_ - 1});
    parallel_for(B, 1, [&, N = N](size_t begin, size_t end) {
      for (size_t b = begin; b < end; ++b) {
        Contexts contexts(longest_, N);
        for (size_t n = 0; n < N; ++n)
          contexts.read(scene.pass.tokens.row(b)[n], last.row(b * N + n));
      }
    });
    columns.fill([&, N = N](size_t b, int64_t n, size_t, int64_t s) {
      return position(last.row(b * N + static_cast<size_t>(n)), s);
    });
    return {};
  }
  SourceStep stepper() const override {
    return [contexts = Contexts(longest_), last = std::vector<int32_t>(longest_ - 1)](
               const Var&, const Moment& moment, const Columns& columns) mutable {
      contexts.read(moment.token, last.data());
      columns.fill([&](size_t, int64_t, size_t, int64_t s) { return position(last.data(), s); });
      return Var();
    };
  }

 private:
  static int32_t position(const int32_t* last, int64_t s) {
    return last[s / 2] < 0 ? -1 : last[s / 2] + static_cast<int32_t>(s % 2);
  }
  size_t longest_ = 2;
};

const Registration<CandidateSource> kNGram{
    "ngram", "ngram:n - where the last 2, 3, ..., n tokens stood before, and the places after",
    [] { return std::make_unique<NGram>(); }};

}  // namespace
}  // namespace gnomon

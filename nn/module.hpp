// A layer is a Module: declaring a parameter registers and names it, adding a part prefixes the
// part's names. Checkpoints, the optimizer and tests all speak these dotted names:
//
//   struct Linear : Module {
//     Linear(size_t in, size_t out) : w(param("weight", {out, in}, init::normal(0.02))) {}
//     Var& w;
//   };
//   struct Block : Module {
//     Block() : up(part<Linear>("up", 8, 16)) {}
//     Linear& up;  // its parameter: up.weight
//   };
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/tape.hpp"

namespace gnomon {

/// How a parameter is filled before training.
using Init = std::function<void(Array&, Random&)>;
namespace init {
Init constant(double value);
Init normal(double deviation);
Init uniform(double bound);  ///< in (-bound, bound)
}  // namespace init

struct Parameter {
  std::string name;  ///< dotted: "blocks.0.mixer.query.weight"
  Var* var;
  const Init* init;
};

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;  // its parts refer to each other
  Module& operator=(const Module&) = delete;

  /// All parameters of this module and its parts, in order of declaration.
  std::vector<Parameter> parameters() const;
  size_t parameter_count() const;
  /// Fills every parameter p from a random stream of its own, Random(seed).split(p.name): adding a
  /// layer does not change the start of another.
  void initialise(uint64_t seed);
  void clear_gradients();

 protected:
  /// Throws Error when the name is taken in this module.
  Var& param(const std::string& name, Shape shape, Init init);
  /// Adds a part. The names of its parameters begin with its own, unless that is empty.
  template <class M, class... A>
  M& part(const std::string& name, A&&... arguments) {
    auto made = std::make_unique<M>(std::forward<A>(arguments)...);
    M& reference = *made;
    adopt(name, std::move(made));
    return reference;
  }
  Module& adopt(const std::string& name, std::unique_ptr<Module> part);

 private:
  struct Own {
    std::string name;
    Var var;
    Init init;
  };
  struct Part {
    std::string name;
    std::unique_ptr<Module> module;
    size_t parameters_before;  // keeps the order of declaration
  };
  void collect(const std::string& prefix, std::vector<Parameter>& into) const;
  void expect_new(const std::string& name) const;
  mutable std::deque<Own> own_;  // a deque: references stay valid
  std::vector<Part> parts_;
};

}  // namespace gnomon

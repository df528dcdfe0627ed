#include "nn/module.hpp"

namespace gnomon {

namespace init {
Init constant(double value) {
  return [value](Array& x, Random&) { x.fill(static_cast<real>(value)); };
}
Init normal(double deviation) {
  return [deviation](Array& x, Random& random) {
    const Array drawn = random.normal(x.shape());
    for (size_t e = 0; e < x.size(); ++e)
      x.data()[e] = static_cast<real>(deviation * double{drawn.data()[e]});
  };
}
Init uniform(double bound) {
  return [bound](Array& x, Random& random) {
    const Array drawn = random.uniform(x.shape());
    for (size_t e = 0; e < x.size(); ++e)
      x.data()[e] = static_cast<real>(bound * (2 * double{drawn.data()[e]} - 1));
  };
}
}  // namespace init

std::vector<Parameter> Module::parameters() const {
  std::vector<Parameter> all;
  collect("", all);
  return all;
}

size_t Module::parameter_count() const {
  size_t count = 0;
  for (const Parameter& p : parameters()) count += p.var->value().size();
  return count;
}

void Module::initialise(uint64_t seed) {
  const Random root(seed);
  for (Parameter& p : parameters()) {
    Random random = root.split(p.name);
    (*p.init)(p.var->value(), random);
  }
}

void Module::clear_gradients() {
  for (Parameter& p : parameters()) p.var->grad() = Array();
}

Var& Module::param(const std::string& name, Shape shape, Init init) {
  expect_new(name);
  own_.push_back({name, variable(zeros(shape)), std::move(init)});
  return own_.back().var;
}

Module& Module::adopt(const std::string& name, std::unique_ptr<Module> part) {
  expect_new(name);
  parts_.push_back({name, std::move(part), own_.size()});
  return *parts_.back().module;
}

void Module::collect(const std::string& prefix, std::vector<Parameter>& into) const {
  size_t listed = 0;
  const auto list_until = [&](size_t end) {
    for (; listed < end; ++listed)
      into.push_back({prefix + own_[listed].name, &own_[listed].var, &own_[listed].init});
  };
  for (const Part& part : parts_) {
    list_until(part.parameters_before);
    part.module->collect(part.name.empty() ? prefix : prefix + part.name + ".", into);
  }
  list_until(own_.size());
}

void Module::expect_new(const std::string& name) const {
  for (const Own& p : own_)
    expect(p.name != name, "module: parameter '{}' is declared twice", name);
  for (const Part& p : parts_) expect(p.name != name, "module: part '{}' is added twice", name);
}

}  // namespace gnomon

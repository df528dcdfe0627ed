// Things known by name: models, mixers, candidate sources, tasks. Each registers itself from its
// own file, so that adding one edits no list.
//
//   static const Registration<Task> kCopy{"copy", "one line", [] { return ...; }};
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/fields.hpp"

namespace gnomon {

template <class T>
struct Entry {
  std::string summary;
  std::function<std::unique_ptr<T>()> make;
};

/// All registered makers of a T, by name, in alphabetical order.
template <class T>
std::map<std::string, Entry<T>>& registry() {
  static std::map<std::string, Entry<T>> entries;
  return entries;
}

template <class T>
struct Registration {
  Registration(const std::string& name, std::string summary,
               std::function<std::unique_ptr<T>()> make) {
    const bool fresh = registry<T>().insert({name, {std::move(summary), std::move(make)}}).second;
    expect(fresh, "registry: '{}' is registered twice", name);
  }
};

template <class T>
std::vector<std::string> registered_names() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : registry<T>()) names.push_back(name);
  return names;
}

/// Throws Error(Fault::option) naming what exists; `kind` is the word for it ("model", "task").
template <class T>
std::unique_ptr<T> make_registered(const std::string& name, const std::string& kind) {
  const auto found = registry<T>().find(name);
  if (found != registry<T>().end()) return found->second.make();
  const auto names = registered_names<T>();
  const std::string near = nearest(name, names);
  fail(Fault::option, "unknown {} '{}'{}; there are: {}", kind, name,
       near.empty() ? "" : ", did you mean '" + near + "'?", fmt::join(names, ", "));
}

}  // namespace gnomon

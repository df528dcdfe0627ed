// tests/sentence.hpp
// What an error says, as a string to compare.
#pragma once

#include <optional>
#include <string>

#include "core/base/error.hpp"

namespace gnomon {

/// The sentence of the Error that `act` throws; "(no error)" when it throws none.
template <class Act>
std::string sentence(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

/// The kind of the Error that `act` throws; nothing when it throws none.
template <class Act>
std::optional<Fault> fault_of(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.fault();
  }
  return std::nullopt;
}

}  // namespace gnomon

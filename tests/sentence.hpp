// tests/sentence.hpp
// What an error says, as a string to compare.
#pragma once

#include <string>

#include "core/error.hpp"

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

/// The exit code of the Error that `act` throws; Exit::ok when it throws none.
template <class Act>
Exit exit_code(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return Exit::ok;
}

}  // namespace gnomon

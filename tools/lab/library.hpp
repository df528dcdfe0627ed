// What emscripten's standard library (libc++ 14) and Random123 lack, included before every source
// of the engine in a browser.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

// Random123 refuses processors that it does not know: it is told of one that it does, and by its
// switches (CMakeLists.txt) to use C++ alone.
#define __arm__
#include <Random123/features/compilerfeatures.h>
#undef __arm__

// For a late GCC, Eigen keeps registers from being spilled by assembly of x86. (For an early one it
// writes other assembly: so CMakeLists.txt says that the compiler is a late one.)
#include <Eigen/src/Core/util/Macros.h>
#undef EIGEN_GNUC_AT_LEAST
#define EIGEN_GNUC_AT_LEAST(major, minor) 0

namespace std {

template <class To, class From>
To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

/// As printed by fmt; without leading blanks or signs, as std::from_chars has it.
inline from_chars_result from_chars(const char* begin, const char* end, double& value) {
  const string text(begin, end);
  char* stop = nullptr;
  const bool number = begin != end && (isdigit(*begin) || *begin == '-' || *begin == '.');
  const double read = number ? strtod(text.c_str(), &stop) : 0;
  if (!number || stop == text.c_str()) return {begin, errc::invalid_argument};
  value = read;
  return {begin + (stop - text.c_str()), errc()};
}

namespace ranges {

template <class R>
bool all_of(R&& r, auto&& is) {
  return std::all_of(begin(r), end(r), is);
}
template <class R>
bool any_of(R&& r, auto&& is) {
  return std::any_of(begin(r), end(r), is);
}
template <class R>
void copy(R&& r, auto to) {
  std::copy(begin(r), end(r), to);
}
template <class R>
auto count(R&& r, const auto& value) {
  return std::count(begin(r), end(r), value);
}
template <class R>
auto count_if(R&& r, auto&& is) {
  return std::count_if(begin(r), end(r), is);
}
template <class R>
void fill(R&& r, const auto& value) {
  std::fill(begin(r), end(r), value);
}
template <class R, class P = identity>
auto find(R&& r, const auto& value, P of = {}) {
  return std::find_if(begin(r), end(r), [&](const auto& x) { return invoke(of, x) == value; });
}
template <class R>
auto find_if(R&& r, auto&& is) {
  return std::find_if(begin(r), end(r), is);
}
template <class R>
void for_each(R&& r, auto&& call) {
  std::for_each(begin(r), end(r), call);
}
template <class R>
auto lower_bound(R&& r, const auto& value) {
  return std::lower_bound(begin(r), end(r), value);
}
template <class R>
auto upper_bound(R&& r, const auto& value) {
  return std::upper_bound(begin(r), end(r), value);
}
template <class R, class L = std::less<>>
auto max_element(R&& r, L before = {}) {
  return std::max_element(begin(r), end(r), before);
}
template <class R, class L = std::less<>>
auto min_element(R&& r, L before = {}) {
  return std::min_element(begin(r), end(r), before);
}
template <class R, class L = std::less<>, class P = identity>
void sort(R&& r, L before = {}, P of = {}) {
  std::sort(begin(r), end(r), [&](const auto& a, const auto& b) {
    return invoke(before, invoke(of, a), invoke(of, b));
  });
}

}  // namespace ranges
}  // namespace std

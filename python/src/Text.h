//===- Text.h - text of Python for C --------------------------------------===//
#ifndef CINCH_PYTHON_SRC_TEXT_H
#define CINCH_PYTHON_SRC_TEXT_H

#include <cstring>
#include <nanobind/nanobind.h>

namespace cinch::python {

/// Returns `text` (bytes or std::string) for C, valid as long as `text`; raises
/// ValueError if it holds a null character, where C would see its end.
template <typename Text> const char *toC(const Text &text) {
  if (strlen(text.c_str()) != text.size())
    throw nanobind::value_error("embedded null character");
  return text.c_str();
}

} // namespace cinch::python

#endif // CINCH_PYTHON_SRC_TEXT_H

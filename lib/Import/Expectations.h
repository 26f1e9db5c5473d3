//===- Expectations.h - shapes that a model only declares -----------------===//
#ifndef CINCH_LIB_IMPORT_EXPECTATIONS_H
#define CINCH_LIB_IMPORT_EXPECTATIONS_H

#include "lib/Import/Node.h"

namespace cinch::import {

/// `shape` if its contents are known or output 0 declares no static shape, else
/// the declared shape as a constant; the run checks that `shape` gives it.
Value takeDeclaredShape(Node &node, Value shape);
/// The same for a `shape` with the meaning of Reshape: 0 copies a dimension of
/// `input` unless `allowZero`, -1 is the rest.
Value takeDeclaredReshape(Node &node, Value input, Value shape, bool allowZero);
/// The same for a `shape` to which `input` is broadcast.
Value takeDeclaredExpand(Node &node, Value input, Value shape);

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_EXPECTATIONS_H

//===- Proto.h - the ONNX messages ----------------------------------------===//
//
// The one place that includes the header generated from the onnx package.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_LIB_IMPORT_PROTO_H
#define CINCH_LIB_IMPORT_PROTO_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include "onnx-ml.pb.h"
#pragma GCC diagnostic pop

#endif // CINCH_LIB_IMPORT_PROTO_H

//===- WireScanner.h - ONNX files without their weights -------------------===//
//
// Protobuf cannot parse messages over 2 GB and copies every byte it parses. The
// scanner reads the wire format itself, cuts the `raw_data` of every tensor
// out, and leaves a record of where it was: protobuf then parses only the rest.
// Free of protobuf and MLIR.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_LIB_IMPORT_WIRESCANNER_H
#define CINCH_LIB_IMPORT_WIRESCANNER_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cinch::import {

/// Where bytes are in a file.
struct FileRange {
  uint64_t offset = 0, length = 0;
};

/// Rewrites a serialized ModelProto: every `raw_data` (initializers,
/// attributes, subgraphs, functions, sparse tensors) becomes the 16 bytes of
/// `encodeRange`, everything else is kept. Returns nullopt, with `error` set
/// (lower case, with the byte offset), if `file` is not well-formed or nested
/// more than 96 messages deep. Time and memory are linear in the file without
/// its weights (times the depth).
std::optional<std::string> scanModel(std::string_view file, std::string &error);

/// The record that replaces `raw_data`, and back (nullopt if not 16 bytes).
std::string encodeRange(FileRange range);
std::optional<FileRange> decodeRange(std::string_view record);

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_WIRESCANNER_H

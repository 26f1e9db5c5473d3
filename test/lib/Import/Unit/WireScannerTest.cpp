//===- WireScannerTest.cpp - cutting weights out of ONNX files ------------===//
#include "lib/Import/WireScanner.h"
#include "lib/Import/Proto.h"
#include "gtest/gtest.h"

using namespace cinch::import;

namespace {

/// A model with raw data at every kind of place that a tensor can be.
onnx::ModelProto makeModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  onnx::GraphProto *graph = model.mutable_graph();
  graph->add_initializer()->set_raw_data("initializer");
  graph->add_sparse_initializer()->mutable_values()->set_raw_data("sparse");
  onnx::NodeProto *node = graph->add_node();
  node->set_op_type("If");
  onnx::AttributeProto *branch = node->add_attribute();
  branch->set_name("then_branch");
  branch->mutable_g()->add_initializer()->set_raw_data("subgraph");
  node->add_attribute()->mutable_t()->set_raw_data("attribute");
  node->add_attribute()->add_tensors()->set_raw_data("tensors");
  onnx::FunctionProto *function = model.add_functions();
  function->add_node()->add_attribute()->mutable_t()->set_raw_data("function");
  return model;
}

std::string readBack(const std::string &file, const onnx::TensorProto &tensor) {
  auto range = decodeRange(tensor.raw_data());
  return range ? file.substr(range->offset, range->length) : "no range";
}

TEST(WireScanner, ReplacesRawDataEverywhere) {
  std::string file = makeModel().SerializeAsString(), error;
  auto skeleton = scanModel(file, error);
  ASSERT_TRUE(skeleton) << error;
  onnx::ModelProto parsed;
  ASSERT_TRUE(parsed.ParseFromString(*skeleton));
  const onnx::GraphProto &graph = parsed.graph();
  EXPECT_EQ(readBack(file, graph.initializer(0)), "initializer");
  EXPECT_EQ(readBack(file, graph.sparse_initializer(0).values()), "sparse");
  EXPECT_EQ(readBack(file, graph.node(0).attribute(0).g().initializer(0)),
            "subgraph");
  EXPECT_EQ(readBack(file, graph.node(0).attribute(1).t()), "attribute");
  EXPECT_EQ(readBack(file, graph.node(0).attribute(2).tensors(0)), "tensors");
  EXPECT_EQ(readBack(file, parsed.functions(0).node(0).attribute(0).t()),
            "function");
  EXPECT_EQ(graph.node(0).op_type(), "If");
  EXPECT_EQ(parsed.ir_version(), 8);
}

TEST(WireScanner, SurvivesEveryTruncation) {
  std::string file = makeModel().SerializeAsString(), error;
  for (size_t size = 0; size < file.size(); ++size) {
    error.clear();
    EXPECT_TRUE(scanModel(file.substr(0, size), error) || !error.empty())
        << size;
  }
}

TEST(WireScanner, SurvivesEveryBitFlip) {
  std::string file = makeModel().SerializeAsString(), error;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
    error.clear();
    EXPECT_TRUE(scanModel(damaged, error) || !error.empty()) << bit;
  }
}

TEST(WireScanner, BoundsNesting) {
  onnx::ModelProto model;
  onnx::GraphProto *graph = model.mutable_graph();
  for (int i = 0; i < 2000; ++i)
    graph = graph->add_node()->add_attribute()->mutable_g();
  std::string error;
  EXPECT_FALSE(scanModel(model.SerializeAsString(), error));
  EXPECT_NE(error.find("nested too deep"), std::string::npos) << error;
}

TEST(WireScanner, NamesTheByteAtFault) {
  std::string error;
  EXPECT_FALSE(scanModel(std::string("\x08\x07\x3a\x7f", 4), error));
  EXPECT_EQ(error, "field runs past the end of its message (at byte 2)");
  EXPECT_FALSE(scanModel(std::string(12, '\xff'), error));
  EXPECT_EQ(error, "number is longer than 10 bytes (at byte 0)");
  EXPECT_FALSE(scanModel(std::string("\x0b", 1), error));
  EXPECT_EQ(error, "wire type is not used by ONNX (at byte 0)");
}

} // namespace

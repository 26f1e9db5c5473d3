//===- ImportTest.cpp - what is imported, refused and diagnosed -----------===//
#include "lib/Import/Import.h"
#include "dialects/Graph/Graph.h"
#include "lib/Import/Proto.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"
#include <fstream>
#include <unistd.h>

using namespace mlir;
using namespace cinch;

namespace {

onnx::ValueInfoProto makeValue(const std::string &name,
                               std::vector<std::string> dims,
                               int type = onnx::TensorProto::FLOAT) {
  onnx::ValueInfoProto value;
  value.set_name(name);
  auto *tensor = value.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (const std::string &dim : dims) {
    auto *entry = tensor->mutable_shape()->add_dim();
    if (dim.empty())
      continue;
    if (dim[0] == '-' || isdigit(dim[0]))
      entry->set_dim_value(std::stoll(dim));
    else
      entry->set_dim_param(dim);
  }
  return value;
}

class Import : public testing::Test {
protected:
  void SetUp() override {
    SmallString<128> path;
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("cinch-import", path));
    folder = std::string(path);
    model.set_ir_version(8);
    model.add_opset_import()->set_version(17);
    graph = model.mutable_graph();
    graph->set_name("g");
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  onnx::NodeProto *addNode(const std::string &type,
                           std::vector<std::string> inputs,
                           std::vector<std::string> outputs) {
    onnx::NodeProto *node = graph->add_node();
    node->set_op_type(type);
    node->set_name("node_" + outputs[0]);
    for (const std::string &input : inputs)
      node->add_input(input);
    for (const std::string &output : outputs)
      node->add_output(output);
    return node;
  }
  /// x -> Relu -> y, both of `dims`.
  void makeRelu(std::vector<std::string> dims) {
    *graph->add_input() = makeValue("x", dims);
    *graph->add_output() = makeValue("y", dims);
    addNode("Relu", {"x"}, {"y"});
  }
  onnx::TensorProto *addExternal(const std::string &location,
                                 const std::string &offset = "0") {
    makeRelu({"2"});
    graph->mutable_node(0)->set_op_type("Add");
    graph->mutable_node(0)->add_input("w");
    onnx::TensorProto *tensor = graph->add_initializer();
    tensor->set_name("w");
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    tensor->add_dims(2);
    tensor->set_data_location(onnx::TensorProto::EXTERNAL);
    for (auto [key, value] :
         {std::pair<std::string, std::string>{"location", location},
          {"offset", offset}}) {
      auto *entry = tensor->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return tensor;
  }
  void write(const std::string &name, const std::string &bytes) {
    std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
  }
  ImportStatus run(const ImportOptions &options = {}) {
    write("model.onnx", model.SerializeAsString());
    return runFile(options);
  }
  ImportStatus runFile(const ImportOptions &options = {}) {
    messages.clear();
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      messages += diagnostic.str() + "\n";
      for (Diagnostic &note : diagnostic.getNotes())
        messages += note.str() + "\n";
    });
    ImportResult result = importOnnx(folder + "/model.onnx", context, options);
    module = std::move(result.module);
    EXPECT_EQ(static_cast<bool>(module),
              result.status == ImportStatus::success);
    if (module) {
      EXPECT_TRUE(succeeded(verify(*module)));
    }
    return result.status;
  }
  bool says(StringRef text) { return StringRef(messages).contains(text); }
  func::FuncOp getMain() { return module->lookupSymbol<func::FuncOp>("main"); }

  std::string folder, messages;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  onnx::ModelProto model;
  onnx::GraphProto *graph = nullptr;
  OwningOpRef<ModuleOp> module;
};

std::string print(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

TEST_F(Import, KeepsNamesAndSymbols) {
  makeRelu({"batch size", "", "3"});
  ASSERT_EQ(run(), ImportStatus::success) << messages;
  func::FuncOp function = getMain();
  EXPECT_EQ(print(function.getArgAttr(0, "graph.dims")),
            "[\"batch_size\", \"x_d1\", 3]");
  EXPECT_EQ(print(function.getArgAttr(0, "graph.name")), "\"x\"");
  EXPECT_EQ(print(function.getResultAttr(0, "graph.name")), "\"y\"");
  EXPECT_EQ(print(function->getAttr("graph.symbols")),
            "[{min = 0 : i64, name = \"batch_size\", original = \"batch "
            "size\"}, {min = 0 : i64, name = \"x_d1\"}]");
  auto relu = *function.getOps<graph::ReluOp>().begin();
  EXPECT_EQ(print(relu->getAttr("names")), "[\"y\"]");
}

TEST_F(Import, PinsAndBoundsDimensions) {
  makeRelu({"batch", "seq"});
  ImportOptions options;
  options.dims = {{"batch", 4, 4}, {"seq", 1, 512}};
  ASSERT_EQ(run(options), ImportStatus::success) << messages;
  EXPECT_EQ(print(getMain().getArgAttr(0, "graph.dims")), "[4, \"seq\"]");
  EXPECT_EQ(print(getMain()->getAttr("graph.symbols")),
            "[{max = 512 : i64, min = 1 : i64, name = \"seq\"}]");
  options.dims = {{"nothing", 1, 1}};
  EXPECT_EQ(run(options), ImportStatus::invalid);
  EXPECT_TRUE(
      says("dimension 'nothing' is not in the model, which has batch, seq"))
      << messages;
}

TEST_F(Import, ReportsEverythingUnsupportedAtOnce) {
  makeRelu({"4"});
  addNode("NonZero", {"y"}, {"z"});
  addNode("RandomNormalLike", {"y"}, {"r"});
  addNode("Frobnicate", {"r"}, {"f"})->set_domain("com.example");
  auto *opset = model.add_opset_import();
  opset->set_domain("com.example");
  opset->set_version(1);
  EXPECT_EQ(run(), ImportStatus::unsupported);
  EXPECT_TRUE(says("not supported (3 places)")) << messages;
  EXPECT_TRUE(says("node 'node_z' (NonZero, domain 'ai.onnx', opset 17) of [4] "
                   "float: the size of the output"));
  EXPECT_TRUE(says("node 'node_r' (RandomNormalLike")) << messages;
  EXPECT_TRUE(says("node 'node_f' (Frobnicate, domain 'com.example', opset 1)"))
      << messages;
}

TEST_F(Import, RefusesStrings) {
  *graph->add_input() = makeValue("x", {"2"}, onnx::TensorProto::STRING);
  *graph->add_output() = makeValue("x", {"2"}, onnx::TensorProto::STRING);
  EXPECT_EQ(run(), ImportStatus::unsupported);
  EXPECT_TRUE(says("input 'x' has element type string")) << messages;
}

TEST_F(Import, DiagnosesGraphsThatAreNotWellFormed) {
  makeRelu({"4"});
  addNode("Add", {"y", "late"}, {"sum"});
  addNode("Relu", {"sum"}, {"late"});
  addNode("Relu", {"missing"}, {"m"});
  addNode("Relu", {"x"}, {"y"});
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("input 'late' is made by this or a later node")) << messages;
  EXPECT_TRUE(says("input 'missing' is not an input, an initializer or the "
                   "output of a node"))
      << messages;
  EXPECT_TRUE(says("value 'y' is defined twice")) << messages;
}

TEST_F(Import, DiagnosesNodesAgainstTheStandard) {
  makeRelu({"4"});
  graph->mutable_node(0)->add_attribute()->set_name("bogus");
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("attribute 'bogus' does not exist")) << messages;
  graph->mutable_node(0)->clear_attribute();
  graph->mutable_node(0)->add_input("x");
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("has 2 inputs, expected 1 to 1")) << messages;
  graph->mutable_node(0)->set_op_type("And");
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("is tensor(float), expected tensor(bool)")) << messages;
  graph->mutable_node(0)->set_op_type("NoSuchOperator");
  EXPECT_EQ(run(), ImportStatus::unsupported);
  EXPECT_TRUE(says("operator does not exist in domain 'ai.onnx'")) << messages;
}

TEST_F(Import, DiagnosesShapesThatDoNotFit) {
  makeRelu({"4"});
  *graph->add_input() = makeValue("z", {"3"});
  graph->mutable_node(0)->set_op_type("Add");
  graph->mutable_node(0)->add_input("z");
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("node 'node_y' (Add, domain 'ai.onnx', opset 17) of [4] "
                   "float, [3] float"))
      << messages;
}

TEST_F(Import, DiagnosesAbsurdDimensions) {
  makeRelu({"9223372036854775807", "9223372036854775807"});
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("too many elements")) << messages;
  graph->Clear();
  makeRelu({"-7"});
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("has dimension -7")) << messages;
}

TEST_F(Import, RefusesResultsOfAnyNumberOfDimensions) {
  makeRelu({"4"});
  *graph->add_input() =
      makeValue("shape", {"1099511627776"}, onnx::TensorProto::INT64);
  addNode("Expand", {"y", "shape"}, {"z"});
  *graph->add_output() = makeValue("z", {"2", "4"});
  EXPECT_EQ(run(), ImportStatus::unsupported);
  EXPECT_TRUE(says("node 'node_z' (Expand, domain 'ai.onnx', opset 17) of [4] "
                   "float, [1099511627776] int64"))
      << messages;
}

TEST_F(Import, DiagnosesWeightsOfTheWrongSize) {
  makeRelu({"2"});
  onnx::TensorProto *tensor = graph->add_initializer();
  tensor->set_name("w");
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  tensor->add_dims(3);
  tensor->set_raw_data("12345678");
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("tensor 'w' has 8 bytes, but its shape and type need 12"))
      << messages;
  tensor->set_dims(0, int64_t(1) << 62);
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("too many elements")) << messages;
}

TEST_F(Import, ReadsExternalDataOnlyFromTheFolderOfTheModel) {
  write("w.bin", std::string(16, '\0'));
  addExternal("w.bin", "8");
  EXPECT_EQ(run(), ImportStatus::success) << messages;
  auto refuse = [&](const std::string &location, const std::string &offset,
                    StringRef why) {
    graph->Clear();
    addExternal(location, offset);
    EXPECT_EQ(run(), ImportStatus::invalid) << location;
    EXPECT_TRUE(says(why)) << messages;
  };
  refuse("../w.bin", "0", "outside the folder of the model");
  refuse("a/../../w.bin", "0", "outside the folder of the model");
  refuse(folder + "/w.bin", "0", "must be relative to the model");
  refuse("nothing.bin", "0", "cannot be opened");
  refuse("w.bin", "9", "which has 16");
  refuse("w.bin", "18446744073709551615", "which has 16");
  refuse("w.bin", "-1", "not a number of bytes");
  ASSERT_EQ(symlink("/etc/hostname", (folder + "/link.bin").c_str()), 0);
  refuse("link.bin", "0", "a link that leaves the folder of the model");
}

TEST_F(Import, SurvivesDamagedFiles) {
  makeRelu({"4"});
  std::string bytes = model.SerializeAsString();
  write("model.onnx", "");
  EXPECT_EQ(runFile(), ImportStatus::invalid);
  EXPECT_TRUE(says("the file is empty")) << messages;
  write("model.onnx", "this is a text");
  EXPECT_EQ(runFile(), ImportStatus::invalid);
  for (size_t size = 0; size < bytes.size(); ++size) {
    write("model.onnx", bytes.substr(0, size));
    EXPECT_NE(runFile(), ImportStatus::success) << size;
  }
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
    write("model.onnx", damaged);
    EXPECT_TRUE(runFile() == ImportStatus::success || !messages.empty()) << bit;
  }
}

/// A model of over 2 GB, all but its start a hole in the file.
TEST_F(Import, ImportsWeightsOfOverTwoGigabytes) {
  constexpr int64_t count = 600'000'000, length = 4 * count;
  makeRelu({"600000000"});
  graph->mutable_node(0)->set_op_type("Add");
  graph->mutable_node(0)->add_input("w");
  onnx::TensorProto tensor;
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(count);
  auto varint = [](uint64_t value) {
    std::string bytes;
    for (; value >= 128; value >>= 7)
      bytes += static_cast<char>(value | 128);
    return bytes + static_cast<char>(value);
  };
  // Fields end with the tensor's raw_data, so that the file ends with the hole.
  std::string head = tensor.SerializeAsString() + "\x4a" + varint(length);
  std::string inner =
      graph->SerializeAsString() + "\x2a" + varint(head.size() + length) + head;
  model.clear_graph();
  std::string file = model.SerializeAsString() + "\x3a" +
                     varint(inner.size() + length) + inner;
  write("model.onnx", file);
  ASSERT_EQ(truncate((folder + "/model.onnx").c_str(),
                     static_cast<off_t>(file.size() + length)),
            0);
  ASSERT_EQ(runFile(), ImportStatus::success) << messages;
  auto constant = *getMain().getOps<graph::ConstantOp>().begin();
  auto weight = dyn_cast<graph::WeightAttr>(constant.getValue());
  ASSERT_TRUE(weight);
  EXPECT_EQ(weight.getOffset(), file.size());
  EXPECT_EQ(weight.getLength(), static_cast<uint64_t>(length));
}

TEST_F(Import, InlinesFunctionsOfTheModel) {
  makeRelu({"4"});
  graph->mutable_node(0)->set_op_type("Twice");
  graph->mutable_node(0)->set_domain("local");
  auto *opset = model.add_opset_import();
  opset->set_domain("local");
  opset->set_version(1);
  onnx::FunctionProto *function = model.add_functions();
  function->set_name("Twice");
  function->set_domain("local");
  function->add_input("a");
  function->add_output("c");
  function->add_opset_import()->set_version(17);
  for (auto [from, to] :
       {std::pair<const char *, const char *>{"a", "b"}, {"b", "c"}}) {
    onnx::NodeProto *node = function->add_node();
    node->set_op_type("Neg");
    node->add_input(from);
    node->add_output(to);
  }
  ASSERT_EQ(run(), ImportStatus::success) << messages;
  std::vector<std::string> names;
  for (auto neg : getMain().getOps<graph::NegOp>())
    names.push_back(print(neg->getAttr("names")));
  EXPECT_EQ(names, (std::vector<std::string>{"[\"y/b\"]", "[\"y\"]"}));
  // A function that calls itself.
  function->mutable_node(0)->set_op_type("Twice");
  function->mutable_node(0)->set_domain("local");
  opset = function->add_opset_import();
  opset->set_domain("local");
  opset->set_version(1);
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("functions call each other more than")) << messages;
}

TEST_F(Import, RefusesListsWithGaps) {
  makeRelu({"3"});
  graph->clear_node();
  onnx::NodeProto *node = addNode("Min", {"x", ""}, {"y"});
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("lacks input 1")) << messages;
  node->mutable_input()->SwapElements(0, 1);
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("lacks input 0, which is one of 'data_0'")) << messages;
}

TEST_F(Import, NamesTheNodeOfAnInvalidOperation) {
  makeRelu({"3"});
  graph->clear_node();
  *graph->add_input() = makeValue("values", {"2", "2"});
  onnx::TensorProto *depth = graph->add_initializer();
  depth->set_name("depth");
  depth->set_data_type(onnx::TensorProto::INT64);
  depth->add_int64_data(4);
  addNode("OneHot", {"x", "depth", "values"}, {"y"});
  EXPECT_EQ(run(), ImportStatus::invalid);
  EXPECT_TRUE(says("node 'node_y' (OneHot")) << messages;
}

} // namespace

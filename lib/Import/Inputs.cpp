//===- Inputs.cpp - function arguments and symbolic dimensions ------------===//
#include "lib/Import/Importer.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

Importer::Symbol &Importer::getSymbol(StringRef original) {
  for (Symbol &symbol : symbols)
    if (symbol.original == original)
      return symbol;
  Symbol symbol;
  symbol.original = original.str();
  symbol.name = *inference.makeSymbol(original).asSymbol();
  symbols.push_back(symbol);
  for (const DimBound &bound : options.dims) {
    if (bound.name != symbol.original && bound.name != symbol.name)
      continue;
    symbols.back().bound = bound;
    symbols.back().pinned = bound.max && bound.min == *bound.max;
  }
  const DimBound &bound = symbols.back().bound;
  inference.setBounds(symbols.back().name,
                      plan::Interval{bound.min, bound.max});
  return symbols.back();
}

/// The dims of an input: constants, and symbols for the rest.
static std::optional<Problem>
readShape(const onnx::TensorShapeProto &shape, StringRef input,
          llvm::function_ref<plan::Expr(StringRef)> getDim, graph::Dims &dims) {
  Ints known;
  for (auto [axis, dim] : llvm::enumerate(shape.dim())) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      dims.push_back(dim.dim_value());
      known.push_back(dim.dim_value());
      continue;
    }
    if (dim.has_dim_value() && dim.dim_value() != -1)
      return Problem::invalid("input '" + input + "' has dimension " +
                              Twine(dim.dim_value()));
    // Some exporters write "?" for every unknown dimension: that is no name.
    StringRef name = dim.dim_param();
    plan::Expr expression = getDim(llvm::any_of(name, llvm::isAlnum)
                                       ? name.str()
                                       : (input + "_d" + Twine(axis)).str());
    dims.push_back(expression);
    if (std::optional<int64_t> pinned = expression.asConstant())
      known.push_back(*pinned);
  }
  if (!import::countElements(known))
    return Problem::invalid("input '" + input + "' has too many elements: " +
                            graph::toString(dims));
  return std::nullopt;
}

static StringRef getKindName(const onnx::TypeProto &type) {
  switch (type.value_case()) {
  case onnx::TypeProto::kSequenceType:
    return "sequence";
  case onnx::TypeProto::kMapType:
    return "map";
  case onnx::TypeProto::kOptionalType:
    return "optional";
  case onnx::TypeProto::kSparseTensorType:
    return "sparse tensor";
  default:
    return "opaque";
  }
}

bool Importer::importInputs(const onnx::GraphProto &graph,
                            func::FuncOp function) {
  llvm::StringSet<> constants, seen;
  for (const auto &initializer : graph.initializer())
    constants.insert(initializer.name());
  auto getDim = [&](StringRef name) {
    Symbol &symbol = getSymbol(name);
    return symbol.pinned ? plan::Expr(symbol.bound.min)
                         : plan::Expr::symbol(symbol.name);
  };
  for (const auto &input : graph.input()) {
    StringRef name = input.name();
    if (name.empty() || !seen.insert(name).second) {
      report(Problem::invalid(name.empty()
                                  ? "an input has no name"
                                  : "input '" + name + "' is listed twice"));
      continue;
    }
    if (constants.contains(name))
      continue; // a default value: taken as a constant
    const onnx::TypeProto &type = input.type();
    if (!type.has_tensor_type()) {
      bool typed = type.value_case() != onnx::TypeProto::VALUE_NOT_SET;
      report(typed ? Problem::notSupported("input '" + name + "' is a " +
                                           getKindName(type) +
                                           " (tensors are supported)")
                   : Problem::invalid("input '" + name + "' has no type"));
      continue;
    }
    Problem problem;
    Type element =
        getElementType(type.tensor_type().elem_type(), getContext(), problem);
    if (!element) {
      problem.message = ("input '" + name + "' has " + problem.message).str();
      report(problem);
      continue;
    }
    if (!type.tensor_type().has_shape()) {
      report(Problem::notSupported(
          "input '" + name +
          "' has no shape (state its rank, with dim_param for sizes)"));
      continue;
    }
    graph::Dims dims;
    if (std::optional<Problem> bad =
            readShape(type.tensor_type().shape(), name, getDim, dims)) {
      report(*bad);
      continue;
    }
    unsigned index = function.getNumArguments();
    NamedAttrList attributes;
    attributes.append("graph.name", builder.getStringAttr(name));
    attributes.append("graph.dims", graph::getDimsAttr(getContext(), dims));
    if (failed(
            function.insertArgument(index, graph::getTensorType(dims, element),
                                    attributes.getDictionary(getContext()),
                                    NameLoc::get(builder.getStringAttr(name)))))
      return false;
    Value argument = function.getArgument(index);
    inference.set(argument, graph::ValueShape{dims, std::nullopt});
    scope->entries[name].value = argument;
  }
  return problems.empty() && checkOptions();
}

bool Importer::checkOptions() {
  std::string known;
  for (const Symbol &symbol : symbols)
    known += (known.empty() ? "" : ", ") + symbol.original;
  for (const DimBound &bound : options.dims) {
    bool found = llvm::any_of(symbols, [&](const Symbol &symbol) {
      return symbol.name == bound.name || symbol.original == bound.name;
    });
    if (!found)
      report(Problem::invalid(
          "dimension '" + bound.name + "' is not in the model, which has " +
          (known.empty() ? "no dynamic dimension" : known)));
    if (bound.min < 0 || (bound.max && *bound.max < bound.min))
      report(Problem::invalid("dimension '" + bound.name +
                              "' has an empty or negative range"));
  }
  return problems.empty();
}

void Importer::declareTypes(const onnx::GraphProto &graph) {
  for (const auto *list : {&graph.value_info(), &graph.output()})
    for (const onnx::ValueInfoProto &info : *list)
      if (info.has_type())
        scope->declared[info.name()] = &info.type();
}

void Importer::checkDeclared(StringRef name, Value value, const Node *node) {
  const onnx::TypeProto *declared = scope->declared.lookup(name);
  if (!declared || !declared->has_tensor_type())
    return;
  auto type = cast<RankedTensorType>(value.getType());
  const auto &tensor = declared->tensor_type();
  Problem problem;
  Type element = tensor.elem_type()
                     ? getElementType(tensor.elem_type(), getContext(), problem)
                     : Type();
  if (tensor.elem_type() && element != type.getElementType())
    report(Problem::invalid("value '" + name + "' is declared as " +
                            getDataTypeName(tensor.elem_type()) + ", but is " +
                            describe(value)),
           node);
  if (tensor.has_shape() && tensor.shape().dim_size() != type.getRank())
    report(Problem::invalid("value '" + name + "' is declared with " +
                            Twine(tensor.shape().dim_size()) +
                            " axes, but is " + describe(value)),
           node);
}

void Importer::warnOfDims(const onnx::ValueInfoProto &output, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  for (auto [axis, dim] :
       llvm::enumerate(output.type().tensor_type().shape().dim()))
    if (dim.has_dim_value() && dim.dim_value() >= 0 &&
        static_cast<int64_t>(axis) < type.getRank() &&
        !type.isDynamicDim(axis) && type.getDimSize(axis) != dim.dim_value())
      emitWarning(FileLineColLoc::get(getContext(), path, 0, 0))
          << "output '" << output.name() << "' is declared with dimension "
          << dim.dim_value() << " at axis " << axis << ", but is "
          << describe(value);
}

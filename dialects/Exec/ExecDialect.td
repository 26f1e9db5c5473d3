//===- ExecDialect.td - the exec dialect -------------------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_EXEC_EXECDIALECT
#define CINCH_DIALECTS_EXEC_EXECDIALECT

include "mlir/IR/OpBase.td"

def ExecDialect : Dialect {
  let name = "exec";
  let cppNamespace = "::cinch::exec";
  let summary = "What the machine does, in order";
  let description = [{
    A program: kernels, views, copies, in the order in which they run. Whatever
    crosses a kernel boundary is materialized, nothing else is; every value has
    its bytes as an expression over the symbols. Tensors are contiguous and
    row-major unless their encoding is a layout (`#exec.channel_blocks`,
    `#exec.filter_blocks`), integers signless. Created by `form-kernels`;
    `plan-memory` gives every value a place; gone after `lower-exec`.

    A kernel body is a `func.func` marked `exec.kernel_body`: its arguments are
    the inputs (tensors), the scalars (`index`), then the destinations (tensors);
    it returns one tensor per destination, written in place of it.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::scf::SCFDialect"];
}

#endif // CINCH_DIALECTS_EXEC_EXECDIALECT

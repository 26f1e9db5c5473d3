// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision{select="matmul;"}))' -verify-diagnostics
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(convert-precision{select=":("}))' 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(convert-precision{type=f8}))' 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(convert-precision{select="#3..1"}))' 2>&1 | FileCheck %s --check-prefix=LAYER

// LAYER: convert-precision: select: '#3..1': expected #layer or #first..last
// REGEX: convert-precision: select: ':(': parentheses not balanced
// TYPE: f8
// expected-error @below {{convert-precision: select: '': expected an operation, :regex, both, or #layer}}
func.func @term() {
  return
}

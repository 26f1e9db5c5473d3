// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision{select="matmul;"}))' -verify-diagnostics
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(convert-precision{select=":("}))' 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(convert-precision{type=f8}))' 2>&1 | FileCheck %s --check-prefix=TYPE

// REGEX: convert-precision: select: ':(': parentheses not balanced
// TYPE: f8
// expected-error @below {{convert-precision: select: '': expected an operation, :regex, or both}}
func.func @term() {
  return
}

// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-constants{max-growth-percent=-1}))' -verify-diagnostics

// expected-error @below {{fold-constants: expected max-growth-percent >= 0, but got -1}}
func.func @growth() {
  return
}

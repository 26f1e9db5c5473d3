// RUN: cinch-opt %s -split-input-file -verify-diagnostics -verify-plan

// Two live values in one place.
module attributes {exec.slots = [{bytes = "16", first = 0 : i64, last = 2 : i64, name = "a"}],
                   exec.plan = {offsets = array<i64: 0>, peak = 16 : i64, lower_bound = 16 : i64, method = "test"}} {
  func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
    return %d : tensor<4xf32>
  }
  func.func private @add(%x: tensor<4xf32>, %y: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
    return %d : tensor<4xf32>
  }
  func.func @overwritten(%x: tensor<4xf32> {graph.name = "x", exec.slot = #exec.slot<caller, 0, "0">})
      -> (tensor<4xf32> {graph.name = "y"}) attributes {graph.entry} {
    %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"], slots = [#exec.slot<arena, 0, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    %b = exec.kernel @k(%x) {dims = [[4]], names = ["b"], slots = [#exec.slot<arena, 0, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    // expected-error @below {{verify-plan: reads 'a', but its place holds something else by then}}
    %c = exec.kernel @add(%a, %b) {dims = [[4]], names = ["c"], slots = [#exec.slot<caller, 1, "0">]} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %c : tensor<4xf32>
  }
}

// -----

module attributes {exec.slots = [{bytes = "8", first = 0 : i64, last = 1 : i64, name = "a"}],
                   exec.plan = {offsets = array<i64: 0>, peak = 8 : i64, lower_bound = 8 : i64, method = "test"}} {
  func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
    return %d : tensor<4xf32>
  }
  func.func @too_small(%x: tensor<4xf32> {graph.name = "x", exec.slot = #exec.slot<caller, 0, "0">})
      -> (tensor<4xf32> {graph.name = "y"}) attributes {graph.entry} {
    // expected-error @below {{verify-plan: 'a' has 16 bytes at byte 0 of slot 0, which has 8}}
    %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"], slots = [#exec.slot<arena, 0, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    %b = exec.kernel @k(%a) {dims = [[4]], names = ["b"], slots = [#exec.slot<caller, 1, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    return %b : tensor<4xf32>
  }
}

// -----

// A result over an operand that may not share its bytes.
module attributes {exec.slots = [{bytes = "16", first = 0 : i64, last = 2 : i64, name = "a"}],
                   exec.plan = {offsets = array<i64: 0>, peak = 16 : i64, lower_bound = 16 : i64, method = "test"}} {
  func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
    return %d : tensor<4xf32>
  }
  func.func @overlaps(%x: tensor<4xf32> {graph.name = "x", exec.slot = #exec.slot<caller, 0, "0">})
      -> (tensor<4xf32> {graph.name = "y"}) attributes {graph.entry} {
    %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"], slots = [#exec.slot<arena, 0, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    // expected-error @below {{verify-plan: result 'b' overlaps operand 'a'}}
    %b = exec.kernel @k(%a) {dims = [[4]], names = ["b"], slots = [#exec.slot<arena, 0, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    %c = exec.kernel @k(%b) {dims = [[4]], names = ["c"], slots = [#exec.slot<caller, 1, "0">]} : (tensor<4xf32>) -> tensor<4xf32>
    return %c : tensor<4xf32>
  }
}

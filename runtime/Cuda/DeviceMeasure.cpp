//===- DeviceMeasure.cpp - the memory of a device as seen from outside ----===//
//
// As on the CPU (runtime/Measure.cpp), but for the guard pages: a device has
// none, so the arena has bytes around it that must keep their fill.
//
//===----------------------------------------------------------------------===//
#include "runtime/Cuda/DeviceSession.h"
#include "runtime/Measure.h"
#include "runtime/Threads.h"
#include "runtime/Views.h"

using namespace cinch::rt;

cinch_status_t cinch_session_t::measureOnDevice(const SizePlan &plan,
                                                const cinch_tensor_t *inputs,
                                                const cinch_tensor_t *outputs,
                                                cinch_measurement_t &out) {
  const Manifest &manifest = model.manifest;
  if (ownsStates()) { // the trials read and write their copies on the host
    uint8_t *copies;
    CINCH_RETURN_IF_ERROR(device->fetchStates(0, stateBytes, copies));
    for (const State &state : manifest.states)
      for (cinch_tensor_t *view :
           {&allInputs[state.input], &allOutputs[state.output]})
        view->data = copies + (static_cast<uint8_t *>(view->data) -
                               device->states.data());
  }
  Team alone(1);
  DeviceSession::Snapshot snapshots[2];
  std::vector<KernelCounters> ownKernels(kernels.size());
  for (int run = 0; run < 2; ++run) {
    RunState state{alone};
    state.kernels = &ownKernels;
    CINCH_RETURN_IF_ERROR(device->trial(plan, inputs, fills[run],
                                        symbols.data(), state, snapshots[run]));
  }
  constexpr int64_t guard = DeviceSession::Snapshot::guard;
  CINCH_RETURN_IF_ERROR(compareArenas(manifest, plan, snapshots[0].arenaData(),
                                      snapshots[1].arenaData(), -guard,
                                      plan.peak + guard, out));
  for (size_t index = 0; index < plan.outputs.size(); ++index) {
    const Value &value = manifest.outputs[index];
    int64_t offset = snapshots[0].offsets[plan.inputs.size() + index];
    const uint8_t *first = snapshots[0].values.data() + offset;
    CINCH_RETURN_IF_ERROR(compareOutputs(value.name.c_str(), first,
                                         snapshots[1].values.data() + offset,
                                         /*low=*/0, plan.outputs[index].bytes));
    scatter(outputs[index], dtypeBytes(value.dtype), first);
  }
  if (ownsStates())
    CINCH_RETURN_IF_ERROR(device->sendStates());
  advanceStates();
  return CINCH_OK;
}

//===- DriverStream.cpp - streams and events of the emulated driver -------===//
#include "runtime/Emulator/DriverState.h"
#include <algorithm>

using namespace cinch::emulator;

//===--- Streams ----------------------------------------------------------===//

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags,
                                    int priority) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!stream || flags & ~kStreamNonBlocking)
      return kInvalidValue;
    auto made = std::make_unique<Stream>();
    made->context = context.handle;
    made->flags = flags;
    made->priority = std::clamp(priority, -5, 0); // as the driver does
    made->queue = context.queues.add(!(flags & kStreamNonBlocking));
    *stream = reinterpret_cast<CUstream>(driver.streams.add(std::move(made)));
    return kSuccess;
  });
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  return cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    if (queue == &context.queues.getDefault())
      return driver.refuse(kInvalidHandle,
                           "the default stream cannot be destroyed");
    CUresult result = driver.drain(context, queue);
    context.queues.remove(queue);
    driver.streams.erase(reinterpret_cast<uintptr_t>(stream));
    return result;
  });
}

CUresult cuStreamSynchronize(CUstream stream) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    return driver.drain(context, queue);
  });
}

CUresult cuStreamQuery(CUstream stream) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    if (queue->operations.empty())
      return kSuccess;
    // A program may ask until it is done.
    if (CUresult result = driver.finish(context, context.queues.step()))
      return result;
    return kNotReady;
  });
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    if (flags > 1) // CU_EVENT_WAIT_EXTERNAL: only matters to graphs
      return kInvalidValue;
    Event *found = driver.events.find(event);
    if (!found)
      return driver.refuse(kInvalidHandle, "the event does not exist");
    if (!found->record || found->record->isDone)
      return kSuccess;
    // What another context does may come first: it knows nothing of this one.
    if (found->context != context.handle)
      return driver.waitFor(*driver.contexts.find(found->context),
                            *found->record);
    context.queues.push(*queue, nullptr, found->record);
    return kSuccess;
  });
}

/// Runs `body(stream)` with what is known of `stream`; the default stream has
/// no flags and no priority.
template <typename Body>
static CUresult askStream(CUstream stream, const void *out, Body &&body) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    if (!out)
      return kInvalidValue;
    Stream *found = driver.streams.find(stream);
    body(found ? *found : Stream{context.handle, 0, 0, queue});
    return kSuccess;
  });
}

CUresult cuStreamGetFlags(CUstream stream, unsigned *flags) {
  return askStream(stream, flags, [&](const Stream &s) { *flags = s.flags; });
}

CUresult cuStreamGetPriority(CUstream stream, int *priority) {
  return askStream(stream, priority,
                   [&](const Stream &s) { *priority = s.priority; });
}

CUresult cuStreamGetCtx(CUstream stream, CUcontext *context) {
  return askStream(stream, context, [&](const Stream &s) {
    *context = reinterpret_cast<CUcontext>(s.context);
  });
}

//===--- Events -----------------------------------------------------------===//

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!event ||
        flags > (kEventBlockingSync | kEventDisableTiming | kEventInterprocess))
      return kInvalidValue;
    if (flags & kEventInterprocess)
      return driver.refuse(kNotSupported,
                           "events between processes are not emulated");
    auto made = std::make_unique<Event>();
    made->context = context.handle;
    made->flags = flags;
    *event = reinterpret_cast<CUevent>(driver.events.add(std::move(made)));
    return kSuccess;
  });
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    Event *found = driver.events.find(event);
    if (!found)
      return driver.refuse(kInvalidHandle, "the event does not exist");
    if (found->context != context.handle)
      return driver.refuse(kInvalidHandle,
                           "the event and the stream belong to two contexts");
    auto record = std::make_shared<Record>();
    context.queues.push(*queue, [record]() -> Error {
      record->isDone = true;
      return {};
    });
    found->record = std::move(record);
    return kSuccess;
  });
}

/// Runs `body(driver, context of the event, event)`. A fault of that context is
/// returned.
template <typename Body> static CUresult askEvent(CUevent event, Body &&body) {
  return call([&](Driver &driver) -> CUresult {
    Event *found = driver.events.find(event);
    if (!found)
      return driver.refuse(kInvalidHandle, "the event does not exist");
    Context &context = *driver.contexts.find(found->context);
    if (context.fault)
      return CUresult(context.fault.code);
    return body(driver, context, *found);
  });
}

CUresult cuEventSynchronize(CUevent event) {
  return askEvent(event, [](Driver &driver, Context &context, Event &found) {
    return found.record ? driver.waitFor(context, *found.record) : kSuccess;
  });
}

CUresult cuEventQuery(CUevent event) {
  return askEvent(
      event, [](Driver &driver, Context &context, Event &found) -> CUresult {
        if (!found.record || found.record->isDone)
          return kSuccess;
        if (CUresult result = driver.finish(context, context.queues.step()))
          return result;
        return kNotReady;
      });
}

CUresult cuEventDestroy_v2(CUevent event) {
  return call([&](Driver &driver) -> CUresult {
    if (!driver.events.find(event))
      return driver.refuse(kInvalidHandle, "the event does not exist");
    driver.events.erase(reinterpret_cast<uintptr_t>(event));
    return kSuccess;
  });
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start,
                               CUevent end) {
  return call([&](Driver &driver) -> CUresult {
    if (!milliseconds)
      return kInvalidValue;
    for (CUevent event : {start, end}) {
      Event *found = driver.events.find(event);
      if (!found || !found->record || found->flags & kEventDisableTiming)
        return driver.refuse(kInvalidHandle,
                             "cuEventElapsedTime: an event does not exist, was "
                             "not recorded, or has no timing");
      Context &context = *driver.contexts.find(found->context);
      if (context.fault)
        return CUresult(context.fault.code);
      if (!found->record->isDone)
        return kNotReady;
    }
    *milliseconds = 0; // time is not modelled
    return kSuccess;
  });
}

CINCH_DRIVER_ALIAS(cuStreamDestroy, _v2);
CINCH_DRIVER_ALIAS(cuEventDestroy, _v2);
CINCH_DRIVER_ALIAS(cuEventElapsedTime, _v2);

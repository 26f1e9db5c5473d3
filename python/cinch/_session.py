"""The runtime."""
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cinch import _runtime
from cinch._compile import CompiledModel, Path
from cinch._errors import SessionError
from cinch._types import (NUMPY_TYPES, ONNX_TYPES, OWN_NAMES, numpy_dtype, pack,
                          packed_bits, unpack)

@dataclass(frozen=True)
class ValueInfo:
    """An input or output.

    shape: a number, or the name or expression of a symbolic dimension, per axis.
    type: as in ONNX Runtime, such as "tensor(float)"; dtype: NumPy's name.
    bounds: (least, largest) size per axis; largest None: no bound.
    """
    name: str
    shape: tuple[int | str, ...]
    type: str
    dtype: str
    bounds: tuple[tuple[int, int | None], ...]


@dataclass(frozen=True)
class StateInfo:
    """An input (`past`) and the output (`present`) that is the same rows along
    `axis` and new ones behind them."""
    past: str
    present: str
    axis: int


@dataclass(frozen=True)
class ModelInfo:
    """A compiled model. `guaranteed_peak_bytes`: the arena suffices for every
    size within the bounds; None if a dimension has no bound."""
    name: str
    target: str
    cpu: str
    producer: str
    weights_bytes: int
    guaranteed_peak_bytes: int | None
    load_us: int
    kernel_count: int


@dataclass(frozen=True)
class MemoryInfo:
    """Memory of a run at some sizes, in bytes; docs/memory.md defines each.

    predicted_peak_bytes: end of the highest slot of the plan.
    lower_bound_bytes: most bytes that are alive at one step.
    arena_bytes: held by the session. staging_bytes: for strided arrays.
    weights_bytes: mapped. state_bytes: persistent buffers of the session.
    inputs_bytes, outputs_bytes: the caller's. method: how the plan was made.
    device_staging_bytes, device_bytes: held on a device for inputs and outputs,
        and in all; 0 on the CPU. Arena and states are on the device too.
    measured_peak_bytes, touched_bytes: seen from outside by `measure_memory` at
        these sizes; None: not measured.
    """
    predicted_peak_bytes: int
    lower_bound_bytes: int
    arena_bytes: int
    staging_bytes: int
    weights_bytes: int
    state_bytes: int
    inputs_bytes: int
    outputs_bytes: int
    device_staging_bytes: int
    device_bytes: int
    method: str
    measured_peak_bytes: int | None = None
    touched_bytes: int | None = None


@dataclass(frozen=True)
class Counters:
    """Counters of a session; `last_run_us`, calls, `copied_bytes` (copies and
    staging) and `threads` are those of the last run."""
    runs: int
    failed_runs: int
    last_run_us: int
    plans_made: int
    plans_reused: int
    kernel_calls: int
    parallel_calls: int
    copied_bytes: int
    threads: int


@dataclass(frozen=True)
class KernelInfo:
    """One kernel: calls and time over all runs (0 without `profile`), and work
    of one call at the sizes of the last run (None: unknown)."""
    name: str
    op: str
    kind: str
    calls: int
    time_ns: int
    flops: int | None
    bytes: int | None


def _describe(name: str, dtype: str,
              dims: list[tuple[str, str | None, int, int]]) -> ValueInfo:
    numpy_name = NUMPY_TYPES[dtype]
    return ValueInfo(
        name, tuple(low if low == high else text for text, _, low, high in dims),
        f"tensor({ONNX_TYPES.get(numpy_name, numpy_name)})", numpy_name,
        tuple((low, None if high < 0 else high) for _, _, low, high in dims))


class InferenceSession:
    """A compiled model, ready to run.

    Used from any thread, by one at a time: a second call meanwhile raises
    SessionError of status "busy". `share` makes a session for another thread
    that uses the same code and weights.
    """

    def __init__(self, model: "Path | InferenceSession", *, threads: int = 0,
                 weights: Path | None = None, verify_weights: bool = False,
                 profile: bool = False, plan_cache_size: int = 0,
                 device: str | None = None) -> None:
        """Loads the compiled model at path `model`, which executes code of it.

        threads: most threads of one run; 0: all of `cinch.set_threads`.
        weights: weights file; default: the one named in the model, beside it.
        verify_weights: read all weights and compare their checksum.
        profile: take the time of every kernel, for `kernels`.
        plan_cache_size: plans kept for sizes seen; 0: 64.
        device: "cpu", "cuda:N" or "emulated" (docs/emulator.md); None: the CPU,
            or "cuda:0" for a model compiled for it.
        """
        self._model: _runtime.Model
        self._source: CompiledModel | None = None
        if isinstance(model, InferenceSession):
            self._model, self._source = model._model, model._source
        else:
            self._model = _runtime.Model(
                os.fsencode(model), None if weights is None else os.fsencode(weights),
                verify_weights)
            # The files of a temporary model are there while it is in use.
            if isinstance(model, CompiledModel):
                self._source = model
        self._options: dict[str, Any] = dict(threads=threads, profile=profile,
                             plan_cache_size=plan_cache_size, device=device)
        self._session = _runtime.Session(self._model, threads, profile,
                                         plan_cache_size, device)
        self._inputs = [_describe(*value) for value in self._model.values(True)]
        self._outputs = [_describe(*value) for value in self._model.values(False)]
        self._all_inputs, self._all_outputs = self._inputs, self._outputs
        self._states = [StateInfo(self._inputs[past].name, self._outputs[present].name,
                                  axis) for past, present, axis in self._model.states()]
        self._shapes: list[list[int]] | None = None  # of the last run
        if all(isinstance(size, int) for i in self._inputs for size in i.shape):
            self._shapes = [[low for low, _ in i.bounds] for i in self._inputs]
        self._measured: tuple[list[list[int]], dict[str, int]] | None = None
        self._owns_states = False

    def share(self) -> "InferenceSession":
        """Returns another session, with the same options, of the same model."""
        return InferenceSession(self, **self._options)

    def get_inputs(self) -> list[ValueInfo]:
        """Describes the inputs, in the order of the graph, without the states
        that the session owns."""
        return list(self._inputs)

    def get_outputs(self) -> list[ValueInfo]:
        """Describes the outputs, in the order of the graph, without the states
        that the session owns."""
        return list(self._outputs)

    def get_states(self) -> list[StateInfo]:
        """Describes the inputs that an output continues with new rows."""
        return list(self._states)

    def reserve_states(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Makes the session own all states: {past: shape}, where the size along
        the state's axis is its capacity. From now on inputs and outputs are those
        without states, and every `run` appends its rows in place; one that needs
        more than the capacity raises SessionError and changes nothing. The states
        are empty at first. {}: past and present are passed again.

        To keep a state in an array of one's own instead, pass views of one array,
        `array[:, :, :n]` as past and `array[:, :, :n + m]` as present (in `out`):
        where they start at the same byte, only the new rows are written.
        """
        names = [state.past for state in self._states]
        unknown = [name for name in shapes if name not in names]
        missing = [name for name in names if shapes and name not in shapes]
        if unknown or missing:
            raise SessionError(
                (f"the model has no state '{unknown[0]}'" if unknown else
                 f"the shape of state '{missing[0]}' is not given") +
                f"; the states are: {', '.join(names) or 'none'}", "invalid argument")
        buffers = [[int(size) for size in shapes[name]] for name in names if shapes]
        try:
            self._session.reserve_states(buffers)
        finally:  # a failure leaves what was there, or nothing
            self._owns_states = self._session.owns_states()
            owned = {name for state in self._states if self._owns_states
                     for name in (state.past, state.present)}
            self._inputs = [i for i in self._all_inputs if i.name not in owned]
            self._outputs = [o for o in self._all_outputs if o.name not in owned]
            self._shapes, self._measured = None, None

    def reset_states(self) -> None:
        """Empties the states that the session owns."""
        self._session.reset_states()

    @property
    def states(self) -> dict[str, Any]:
        """{past: copy of its rows so far} of the states that the session owns."""
        if not self._owns_states:
            return {}
        dtypes = {value.name: value.dtype for value in self._all_inputs}
        return {state.past: np.frombuffer(self._session.copy_state(index),
                                          numpy_dtype(dtypes[state.past])).reshape(
                                              self._session.state_shape(index))
                for index, state in enumerate(self._states)}

    @property
    def info(self) -> ModelInfo:
        """What is known of the compiled model."""
        info = self._model.info
        if info["guaranteed_peak_bytes"] < 0:
            info["guaranteed_peak_bytes"] = None
        return ModelInfo(**info)

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any], *,
            out: Mapping[str, Any] | None = None) -> list[Any]:
        """Runs the model and returns the named outputs (None: all), in order.

        feeds: {input name: array}, every input. An array is any object with
            `__dlpack__` on the CPU (NumPy, PyTorch, JAX, …); it is used in
            place, without a copy, if it is contiguous.
        out: {output name: writable array} of the exact shape and type, which is
            filled and returned; other outputs are new NumPy arrays. No array may
            overlap another, but for the two of a state (`reserve_states`). After a
            failure the content is undefined.

        Raises SessionError: what is given does not fit the model, or the run
        failed. Runs without the interpreter lock; an array that another thread
        changes meanwhile gives undefined values.
        """
        inputs = self._take_inputs(feeds)
        shapes = [tensor.shape for tensor in inputs]
        arrays, outputs, packed = self._make_outputs(shapes, out or {})
        self._session.run(inputs, outputs)
        for data, array in packed:
            unpack(data, array)
        self._shapes = shapes
        return self._select(output_names, arrays)

    def prepare(self, shapes: Mapping[str, Sequence[int]]) -> MemoryInfo:
        """Plans inputs of `shapes` (every input) and allocates what a run at
        these sizes needs, so that the run itself allocates no memory of the
        model; returns the memory of such a run."""
        self._check_names("input", shapes, self._inputs, is_complete=True)
        planned = [[int(size) for size in shapes[i.name]] for i in self._inputs]
        self._session.prepare(planned)
        self._shapes = planned
        return self.memory

    @property
    def memory(self) -> MemoryInfo:
        """The memory of a run at the sizes of the last `run` or `prepare`, or,
        before, at the sizes of the model if all are fixed; of states that the
        session owns, at the rows that they have now."""
        if self._shapes is None:
            raise SessionError("the model has sizes that are not fixed: run or "
                               "prepare it first", "invalid argument")
        memory = self._session.memory(self._shapes)
        if self._measured and self._measured[0] == self._shapes:
            memory.update(self._measured[1])
        return MemoryInfo(**memory)

    def measure_memory(self, feeds: Mapping[str, Any]) -> MemoryInfo:
        """Runs twice, on one thread, in an arena between inaccessible pages, and
        returns the memory with what was measured. Slow; one measurement at a
        time per process, with a handler for SIGSEGV and SIGBUS installed."""
        inputs = self._take_inputs(feeds)
        shapes = [tensor.shape for tensor in inputs]
        _, outputs, _ = self._make_outputs(shapes, {})
        memory = self._session.memory(shapes)  # states grow when it runs
        measured = self._session.measure(inputs, outputs)
        self._measured = None if self._owns_states else (shapes, measured)
        self._shapes = shapes
        return MemoryInfo(**{**memory, **measured})

    @property
    def counters(self) -> Counters:
        """What the session has done."""
        return Counters(**self._session.counters())

    @property
    def kernels(self) -> list[KernelInfo]:
        """Every kernel of the model, with its time if the session profiles."""
        kernels = self._session.kernels(self._model.info["kernel_count"])
        for kernel in kernels:
            for key in ("flops", "bytes"):
                if kernel[key] < 0:
                    kernel[key] = None
        return [KernelInfo(**kernel) for kernel in kernels]

    def _take_inputs(self, feeds: Mapping[str, Any]) -> list[_runtime.Tensor]:
        self._check_names("input", feeds, self._inputs, is_complete=True)
        return [_borrow("input", i, feeds[i.name], writes=False)
                for i in self._inputs]

    def _make_outputs(self, shapes: list[list[int]], out: Mapping[str, Any]
                      ) -> "tuple[list[Any], list[_runtime.Tensor], list[tuple[Any, Any]]]":
        """The output arrays, their memory, and the bytes of those whose elements
        share them, each with its array."""
        self._check_names("output", out, self._outputs, is_complete=False)
        arrays, tensors, packed = [], [], []
        for info, shape in zip(self._outputs, self._output_shapes(shapes)):
            given = out.get(info.name)
            array = (np.empty(shape, numpy_dtype(info.dtype)) if given is None
                     else given)
            arrays.append(array)
            bits = packed_bits(array)
            if not bits:
                tensors.append(_borrow("output", info, array, writes=True))
                continue
            data = np.empty(-(-array.size * bits // 8), np.uint8)
            tensors.append(_runtime.Tensor(data, True, OWN_NAMES[array.dtype.name],
                                           list(array.shape)))
            packed.append((data, array))
        return arrays, tensors, packed

    def _output_shapes(self, shapes: list[list[int]]) -> list[list[int]]:
        """The shapes of the outputs that are not owned, for inputs of `shapes`."""
        if not self._owns_states:
            return self._model.output_shapes(shapes)
        given = iter(shapes)
        pasts = {state.past: index for index, state in enumerate(self._states)}
        presents = [state.present for state in self._states]
        all_shapes = self._model.output_shapes(
            [self._session.state_shape(pasts[value.name]) if value.name in pasts
             else next(given) for value in self._all_inputs])
        return [shape for value, shape in zip(self._all_outputs, all_shapes)
                if value.name not in presents]

    def _select(self, names: Sequence[str] | None, arrays: list[Any]) -> list[Any]:
        if names is None:
            return arrays
        self._check_names("output", names, self._outputs, is_complete=False)
        by_name = {info.name: array for info, array in zip(self._outputs, arrays)}
        return [by_name[name] for name in names]

    @staticmethod
    def _check_names(kind: str, given: "Mapping[str, Any] | Sequence[str]",
                     known: list[ValueInfo], is_complete: bool) -> None:
        names = [value.name for value in known]
        unknown = [name for name in given if name not in names]
        missing = [name for name in names if name not in given] if is_complete else []
        if unknown or missing:
            what = (f"the model has no {kind} '{unknown[0]}'" if unknown
                    else f"{kind} '{missing[0]}' is not given")
            raise SessionError(f"{what}; the {kind}s are: {', '.join(names)}",
                               "invalid argument")


def _borrow(kind: str, info: ValueInfo, array: Any, writes: bool) -> _runtime.Tensor:
    """The memory of `array` as a tensor of the runtime; errors name the value."""
    what = f"{kind} '{info.name}'"
    if isinstance(array, np.generic) and not writes:
        array = np.asarray(array)
    if not hasattr(array, "__dlpack__"):
        raise TypeError(f"{what}: expected an array (an object with __dlpack__), but "
                        f"got {type(array).__name__}")
    own = OWN_NAMES.get(array.dtype.name, "") if isinstance(array, np.ndarray) else ""
    try:
        if packed_bits(array):
            return _runtime.Tensor(pack(array), writes, own, list(array.shape))
        # NumPy itself cannot export what it has no name for.
        return _runtime.Tensor(array.view(f"u{array.dtype.itemsize}") if own else array,
                               writes, own)
    except SessionError as error:
        raise SessionError(f"{what}: {error}", error.status) from error
    except BufferError as error:
        raise SessionError(f"{what}: {error}", "buffer") from error

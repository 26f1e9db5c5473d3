"""Element types: the names of NumPy, ml_dtypes, ONNX and the runtime, and elements
that share bytes."""
from typing import Any

import numpy as np

# NumPy's names, or those of ml_dtypes, by cinch_dtype_name.
FOREIGN_TYPES = {"bf16": "bfloat16", "i4": "int4", "ui4": "uint4", "i2": "int2",
                 "ui2": "uint2", "f8E4M3FN": "float8_e4m3fn",
                 "f8E4M3FNUZ": "float8_e4m3fnuz", "f8E5M2": "float8_e5m2",
                 "f8E5M2FNUZ": "float8_e5m2fnuz", "f8E8M0FNU": "float8_e8m0fnu",
                 "f4E2M1FN": "float4_e2m1fn"}
NUMPY_TYPES = {"i1": "bool", "i8": "int8", "i16": "int16", "i32": "int32",
               "i64": "int64", "ui8": "uint8", "ui16": "uint16", "ui32": "uint32",
               "ui64": "uint64", "f16": "float16", "f32": "float32",
               "f64": "float64", **FOREIGN_TYPES}
OWN_NAMES = {name: own for own, name in FOREIGN_TYPES.items()}
ONNX_TYPES = {"float32": "float", "float64": "double",
              "float8_e4m3fn": "float8e4m3fn", "float8_e4m3fnuz": "float8e4m3fnuz",
              "float8_e5m2": "float8e5m2", "float8_e5m2fnuz": "float8e5m2fnuz",
              "float8_e8m0fnu": "float8e8m0",
              "float4_e2m1fn": "float4e2m1"}  # that NumPy calls otherwise
# Bits of elements that share bytes in the runtime, and have one each in ml_dtypes.
PACKED_BITS = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4}


def numpy_dtype(name: str) -> "np.dtype[Any]":
    """The NumPy type of a value of `dtype` `name`; raises ImportError without
    ml_dtypes where that has it."""
    if name not in OWN_NAMES:
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError(f"{name} in NumPy arrays needs the package ml_dtypes; or "
                          "give arrays of another library with out=") from error
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype


def packed_bits(array: Any) -> int:
    """Bits of an element of an array of ml_dtypes whose elements share bytes in the
    runtime; 0: they do not."""
    return PACKED_BITS.get(array.dtype.name, 0) if isinstance(array, np.ndarray) else 0


def pack(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The bytes of the runtime for the elements of `array`, the first in the low
    bits."""
    bits = packed_bits(array)
    low = np.ascontiguousarray(array).reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    groups = np.pad(low, (0, -low.size % (8 // bits))).reshape(-1, 8 // bits)
    shifts = np.arange(8 // bits, dtype=np.uint8) * np.uint8(bits)
    joined: np.ndarray[Any, Any] = np.bitwise_or.reduce(groups << shifts, axis=1,
                                                        dtype=np.uint8)
    return joined


def unpack(data: "np.ndarray[Any, Any]", array: "np.ndarray[Any, Any]") -> None:
    """Writes the elements in the bytes `data` of the runtime to `array`."""
    bits = packed_bits(array)
    shifts = np.arange(8 // bits, dtype=np.uint8) * np.uint8(bits)
    codes = (data[:, None] >> shifts & np.uint8((1 << bits) - 1)).reshape(-1)
    codes = codes[:array.size]
    if array.dtype.name.startswith("int"):  # a byte of ml_dtypes has the sign
        sign = np.uint8(1 << (bits - 1))
        codes = (codes ^ sign) - sign
    array[...] = codes.view(array.dtype).reshape(array.shape)

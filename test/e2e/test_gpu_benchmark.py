"""The figures of benchmarks/gpu_kernels.py that other tests do not have: kernels that
only move data, on the emulated device, touch the sectors of their operands once."""
import pytest

import gpu_kernels


def check(figures):
    figures = list(figures)
    assert sum("sectors" in figure.name for figure in figures) == 1
    for figure in figures:
        assert figure.holds is not False, figure
    return figures


@pytest.mark.parametrize("shape", [(1024, 64), (1024, 128), (1024, 256), (256, 384),
                                   (256, 1024), (64, 4096)], ids=str)
@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
def test_softmax(kind, shape, tmp_path):
    check(gpu_kernels.softmax(str(tmp_path), [(kind, shape)]))


@pytest.mark.parametrize("kind, shape", [
    ("f32", (65536, 256)), ("f32", (65536, 512)), ("f16", (65536, 64)),
    ("bf16", (65536, 128)), ("f16", (65536, 256))], ids=str)
def test_layer_norm(kind, shape, tmp_path):
    check(gpu_kernels.layer_norm(str(tmp_path), [(kind, shape)]))


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("measure", [gpu_kernels.gelu, gpu_kernels.residual],
                         ids=["gelu", "residual"])
def test_elementwise(measure, kind, tmp_path):
    check(measure(str(tmp_path), [kind]))


def test_bounds():
    def holds(*arguments):
        return gpu_kernels.Figure("k", "f", *arguments).holds

    assert [holds(1.0, 1.05), holds(1.1, 1.05), holds(0.9, 1.0, True)] == [
        True, False, False]
    assert holds("-", 0, True) is None and holds(7) is None

"""A pass built outside of the tree runs in cinch-opt."""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CINCH_BUILD", os.path.join(ROOT, "build")))
HERE = os.path.dirname(os.path.abspath(__file__))

MODULE = """
func.func @two(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = graph.relu %x {names = ["y"]} : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def test_pass_plugin(tmp_path):
    llvm = next(line.split("=", 1)[1] for line in open(f"{BUILD}/CMakeCache.txt")
                if line.startswith("MLIR_DIR:"))
    run("cmake", "-G", "Ninja", "-S", os.path.join(HERE, "plugin"), "-B", str(tmp_path),
        f"-DMLIR_DIR={llvm.strip()}")
    run("cmake", "--build", str(tmp_path))
    module = tmp_path / "module.mlir"
    module.write_text(MODULE)
    said = run(os.path.join(BUILD, "bin", "cinch-opt"),
               f"--load-pass-plugin={tmp_path}/libCountOps.so",
               "--pass-pipeline=builtin.module(count-ops)", str(module))
    assert "remark: 2 operations" in said

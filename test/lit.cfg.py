"""The lit suite: MLIR files that name their own commands in RUN lines."""
import os

import lit.formats

config.name = "cinch"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".onnxtxt", ".test"]
config.excludes = ["Inputs", "e2e", "models", "packaging"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.cinch_binary, "test")
config.environment["FILECHECK_OPTS"] = "--dump-input-filter=all --allow-unused-prefixes=false"

own_tools = ["cinch-opt", "cinch-compile", "cinch-run", "cinch-reduce"]
llvm_tools = ["FileCheck", "not", "split-file", "mlir-opt", "llvm-readelf", "llvm-nm"]
folders = {t: os.path.join(config.cinch_binary, "bin") for t in own_tools}
folders.update({t: config.llvm_tools for t in llvm_tools})

# A whole word only: not `cinch-opt` inside a path or a longer name.
for tool, folder in folders.items():
    path = os.path.join(folder, tool)
    config.substitutions.append((rf"(?<![\w/.-]){tool}(?![\w./-])", path))
    if os.access(path, os.X_OK):
        config.available_features.add(tool)

config.substitutions.append(("%python", config.python))
config.substitutions.append(("%cinch_src", config.cinch_source))
config.substitutions.append(("%build", config.cinch_binary))

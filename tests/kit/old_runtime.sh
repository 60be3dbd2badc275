#!/usr/bin/env bash
# Makes an environment of Python, NumPy and the oldest ONNX Runtime that kits are for:
#
#     bash tests/kit/old_runtime.sh .cache/old python3.8
#     FASTERSEG_OLD_PYTHON=.cache/old/bin/python pytest tests/kit/runners/test_run_alone.py
#
# The Python is any from 3.8 to 3.11: there are wheels of ONNX Runtime 1.16 for these.
set -euo pipefail
folder="${1:?usage: old_runtime.sh FOLDER [PYTHON]}"
[[ -x "$folder/bin/python" ]] || "${2:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check 'onnxruntime==1.16.3' 'numpy<2'

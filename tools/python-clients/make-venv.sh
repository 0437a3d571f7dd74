#!/bin/sh
# Makes the Python that the tests of this folder use: sh tools/python-clients/make-venv.sh DIR, then
# SINTER_PYTHON=DIR/bin/python npx -y pnpm@12 test tools/python-clients
set -eu
dir=${1:?usage: make-venv.sh DIR}
python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --requirement "$(dirname "$0")/requirements.txt"
"$dir/bin/python" -c 'import torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__)'

#!/bin/sh
# setup.sh [FOLDER]: makes the two Python environments that run.sh uses: FOLDER/new by requirements.txt, and FOLDER/old, for the
# older JAX, by requirements-jax-old.txt. FOLDER is .venv beside this script unless given. PYTHON names a Python, 3.11 or 3.12,
# with venv. reboundx comes as source: a C compiler is needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/.venv}
python=${PYTHON:-python3}
make_environment() {
    "$python" -m venv "$folder/$1"
    "$folder/$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/$2"
}
make_environment new requirements.txt
make_environment old requirements-jax-old.txt
echo "made $folder/new and $folder/old"

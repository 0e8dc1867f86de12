#!/bin/sh
# run.sh BUILD OUT [OPTION ...]: lag, built in BUILD, beside its peers; tables and pictures into OUT. --quick takes a minute,
# --help lists the options. The Pythons are those of setup.sh, in LAG_PEERS or beside this script.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environments=${LAG_PEERS:-$here/.venv}
build=$1 out=$2
shift 2
exec "$environments/new/bin/python" "$here/compare.py" --jax-old "$environments/old/bin/python" "$@" -- "$build" "$out"

#!/bin/sh
# install.sh BUILD SOURCE: what is installed can be built against: embed.c, with what pkg-config says, runs on the installed
# library; so does embed.py; and the installed command and library find their
# compilers.
set -eu
unset LAG_BACKENDS # what is installed finds its own
build=$1 source=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$root"
where=$(dirname "$(find "$root" -name lag.pc)")
export PKG_CONFIG_PATH="$where" PKG_CONFIG_SYSROOT_DIR="$root"
cc "$source/examples/embed.c" -o "$root/embed" $(pkg-config --cflags --libs lag) ${LAG_TEST_CFLAGS:-}
cc "$source/examples/batch.c" -o "$root/batch" $(pkg-config --cflags --libs lag) ${LAG_TEST_CFLAGS:-} -lm
cc "$source/examples/own_loss.c" -o "$root/own_loss" $(pkg-config --cflags --libs lag) ${LAG_TEST_CFLAGS:-} -lm
LD_LIBRARY_PATH=$(dirname "$where")
export LD_LIBRARY_PATH
"$root/embed" >"$root/out"
tail -n 1 "$root/out"
grep -q '^ *10000000 ' "$root/out"
"$root/batch" 20 2 >"$root/out"
grep -q 'the same bits' "$root/out"
"$root/own_loss" >"$root/out"
grep -q "Cauchy's loss *c1 = 1[.]9.*c2 = 3[.]9" "$root/out"
lag=$(find "$root" -type f -name lag -path '*/bin/*')
"$lag" --version
for backend in tcc llvm-quick llvm; do
    "$lag" --quiet --backend=$backend -e 'qd^2/2 - q^2/2; start q = 1; integrate dt = 0.1, steps = 1'
done
find "$root" -name lag.1 | grep -q man1
abi=$(sed -n 's/^LAG_ABI = //p' "$source/examples/embed.py") # the library is called by it
grep -q "^#define LAG_ABI $abi " "$source/include/lag.h"
python=python3
"$python" -c "import numpy" 2>/dev/null || python=/usr/bin/python3
"$python" "$source/examples/embed.py" "$(find "$root" -name "liblag.so.$abi")" >"$root/out"
tail -n 3 "$root/out"
grep -q "embed.py:1:14: unknown function 'sine'" "$root/out"

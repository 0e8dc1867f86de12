#!/bin/sh
# install.sh BUILD SOURCE: what is installed can be built against: embed.c, with what pkg-config says, run on the installed library.
set -eu
build=$1 source=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$root"
where=$(dirname "$(find "$root" -name lag.pc)")
export PKG_CONFIG_PATH="$where" PKG_CONFIG_SYSROOT_DIR="$root"
cc "$source/examples/embed.c" -o "$root/embed" $(pkg-config --cflags --libs lag) ${LAG_TEST_CFLAGS:-}
LD_LIBRARY_PATH=$(dirname "$where")
export LD_LIBRARY_PATH
"$root/embed" >"$root/out"
tail -n 1 "$root/out"
grep -q '^ *10000000 ' "$root/out"
"$(find "$root" -type f -name lag -path '*/bin/*')" --version

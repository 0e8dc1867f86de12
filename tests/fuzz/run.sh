#!/bin/sh
# run.sh [SECONDS]: gives the targets whatever libFuzzer thinks of, for so long (120 unless said), in parallel. Fails on what a
# sanitizer finds, on an input that takes more than 10 s and on one that takes more than 1 GiB, and says where it is: put it
# into corpus/ with the repair. Needs clang and its libFuzzer (Debian: clang-14, libclang-rt-14-dev); builds in build-fuzz/.
seconds=${1:-120}
here=$(cd "$(dirname "$0")" && pwd) || exit 2
root=$(cd "$here/../.." && pwd)
build=$root/build-fuzz
targets='text table object job'

if [ -z "$CC" ]; then
    CC=clang
    command -v clang >/dev/null || CC=clang-14
fi
export CC
[ -d "$build" ] || meson setup "$build" "$root" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
    -Dbuildtype=debugoptimized || exit 2
meson compile -C "$build" fuzz-text fuzz-table fuzz-object fuzz-job || exit 2

# What is freed is kept back by the address sanitizer: little of it, so that the limit is one of what the target holds.
ASAN_OPTIONS=quarantine_size_mb=16:malloc_context_size=8
export ASAN_OPTIONS
mkdir -p "$build/findings"

# fuzz TARGET: what is new goes into a corpus of the build folder. Without entropic, whose account of the rarest paths takes
# more time than the target.
fuzz() {
    mkdir -p "$build/corpus/$1"
    [ -e "$here/$1.dict" ] && dict="-dict=$here/$1.dict" || dict=
    "$build/tests/fuzz/fuzz-$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -entropic=0 \
        $dict -artifact_prefix="$build/findings/$1-" -print_final_stats=1 \
        "$build/corpus/$1" "$here/corpus/$1" >"$build/$1.log" 2>&1
    echo $? >"$build/$1.status"
}

for target in $targets; do fuzz "$target" & done
wait

failed=0
for target in $targets; do
    if [ "$(cat "$build/$target.status")" = 0 ]; then
        echo "fuzz-$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log") executions, no finding"
    else
        failed=1
        echo "fuzz-$target: FAILED, see $build/$target.log"
        grep -a -E '^(SUMMARY|==.*(ERROR|ALARM)|artifact_prefix)|runtime error' "$build/$target.log"
    fi
done
exit $failed

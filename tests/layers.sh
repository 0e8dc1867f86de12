#!/bin/sh
# layers.sh ROOT: dependencies point one way. Fails on an include that runs upstream.
#
# The order of src/, each folder seeing itself and those before it; then the public face (src/*.c), which sees all of them;
# runtime/ sees lag.h and lag_kernel.h only, and so does src/tool/.
set -u
cd "$1" || exit 2
fail=0
complain() { echo "layers: $1 includes $2"; fail=1; }

order="base front graph tape mech native"
seen=""
for layer in $order; do
    seen="$seen $layer"
    for file in src/"$layer"/*.[ch] ; do
        for header in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file"); do
            case "$header" in
            lag.h | lag_kernel.h | lag.tab.h | native_build.h | ../../grammar/ops.def) continue ;;
            esac
            folder=${header%%/*}
            case " $seen " in
            *" $folder "*) ;;
            *) complain "$file" "$header" ;;
            esac
        done
    done
done
for file in runtime/*/*.[ch] src/tool/*.[ch]; do
    folder=$(dirname "$file")
    for header in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file"); do
        case "$header" in
        lag.h | lag_kernel.h) ;;
        *) [ -e "$folder/$header" ] || [ -e "runtime/$header" ] && [ "${file#src}" = "$file" ] || [ -e "$folder/$header" ] || complain "$file" "$header" ;;
        esac
    done
done
[ $fail = 0 ] && echo "layers: every include points downstream"
exit $fail

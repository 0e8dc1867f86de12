#!/bin/sh
# Suites and runs of the command under valgrind: no error, no leak. What takes long there and the lobatto suite, which wants long
# doubles longer than valgrind's, are left out; valgrind.supp is what is not lag's doing. Arguments: valgrind, the suites, the command, the folder
# of the scripts.
valgrind=$1 suites=$2 lag=$3 scripts=$4
failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# clean STATUS PROGRAM ARGUMENTS: the status that it ends with on its own account.
clean() {
    want=$1
    shift
    "$valgrind" --suppressions="$(dirname "$0")/valgrind.supp" --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible "$@" \
        >"$log" 2>&1 </dev/null
    status=$?
    [ $status = "$want" ] && return
    failed=1
    echo "FAILED: status $status, not $want: $*"
    grep -v '^$' "$log" | head -50
}

clean 0 "$suites" base tree graph/rules tape mechanics solve session arithmetic network/bits adam
clean 0 "$lag" --backend=interp "$scripts/functions.lag" -o /dev/null
clean 0 "$lag" --backend=llvm --json "$scripts/machine.lag"
clean 0 "$lag" --backend=interp "$scripts/show.lag"
clean 0 "$lag" --backend=interp "$scripts/tolerance.lag" "$scripts/large.lag"
clean 3 "$lag" --backend=interp "$scripts/fall.lag" -o -
clean 1 "$lag" "$scripts/names.lag" "$scripts/syntax.lag" "$scripts/coupling.lag"
exit $failed

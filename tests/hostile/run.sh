#!/bin/sh
# Texts and surroundings that mean harm: each ends in a diagnostic, or in the plain right result, within 10 s and 1 GiB, and
# leaves nothing behind. Small texts stand here: NAME.lag, with what is said of it in NAME.expect (plot_NAME.lag is not held to
# words: what it draws with may be missing); large ones are made, at a limit and just past it. Arguments: the command, the
# folder of the tests, and the word `sanitized` where it is built so: that is slower, and wants more memory than may be
# allowed. LAG_RECORD=1 writes the .expect files anew: read what changed in them.
lag=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") here=$(cd "$2" && pwd)/hostile sanitized=$3
passed=0 failed=0 skipped=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
unset NO_COLOR
seconds=10 memory=1048576
[ -z "$sanitized" ] || seconds=300 memory=unlimited

pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    cut -c 1-200 "$scratch/err" | head -5 | sed 's/^/    /'
}
skip() {
    echo "SKIPPED: $1"
    skipped=$((skipped + 1))
}
holds() { if eval "$1"; then pass; else fail "$2"; fi; }

# begin: an empty folder to be in. run ARGUMENTS: leaves ../out, ../err and status. The time is a guard against hanging only.
begin() {
    rm -rf "$scratch/in"
    mkdir "$scratch/in"
    cd "$scratch/in" || exit 1
}
limited() (
    ulimit -v $memory 2>/dev/null
    exec timeout $seconds "$lag" "$@"
)
run() {
    limited "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
    ! grep -aq 'Sanitizer\|runtime error' "$scratch/err" || fail "a sanitizer speaks: $(echo "$*" | cut -c 1-60)"
}
# Of the last run: that it ended with STATUS, not by a signal or the guard, and said TEXT; that it left nothing behind.
exits() { if [ "$status" = "$1" ]; then pass; else fail "$2: exit status $status, not $1"; fi; }
says() { if grep -qF -e "$1" "$scratch/err"; then pass; else fail "$2: does not say '$1'"; fi; }
clean() { holds '[ -z "$(find "$scratch/in" -name "*pwned" -o -name "*.part*" -o -name core)" ]' "$1: leaves something behind"; }
# Errors begin with where they are: every line that names one does.
placed() { holds '! grep -a "error: " "$scratch/err" | grep -aqv "^[^:]*:[0-9]*:[0-9]*: error: "' "$1: an error without a place"; }

# ---- Texts that are kept ----

for text in "$here"/*.lag; do
    name=$(basename "$text" .lag)
    begin
    cp "$text" .
    run "$name.lag"
    rm "$name.lag"
    clean "$name"
    placed "$name"
    case $name in plot_*)
        holds '[ "$status" -le 1 ]' "$name: exit status $status"
        continue
        ;;
    esac
    echo "exit $status" >>"$scratch/err"
    [ -z "$LAG_RECORD" ] || cp "$scratch/err" "$here/$name.expect"
    if diff -a "$here/$name.expect" "$scratch/err" >"$scratch/difference"; then pass; else
        failed=$((failed + 1))
        echo "FAILED: messages of $name.lag"
        sed 's/^/    /' "$scratch/difference" | head -20
    fi
done

# ---- Texts that are made ----

# COUNT times TEXT; and COUNT texts of FORMAT, & standing for 1 .. COUNT, with SEPARATOR between them, or each on a line.
repeat() { yes "$2" | head -n "$1" | tr -d '\n'; }
list() { seq "$1" | sed "s|.*|$3|; \$!s|\$|$2|" | tr -d '\n'; }
lines() { seq "$1" | sed "s|.*|$2|"; }
# Definitions of FORMAT up to COUNT, \1 standing for a number and \2 for the one before it.
chain() { awk -v n="$1" 'BEGIN { for (i = 1; i < n; i++) print i, i - 1 }' | sed "s|\([0-9]*\) \([0-9]*\)|$2|"; }
# good NAME, bad NAME MESSAGE: what stands in $text is right; or is told MESSAGE. Only read, not carried out.
text=$scratch/text
good() {
    begin
    mv "$text" text
    run --check text
    exits 0 "$1"
}
bad() {
    begin
    mv "$text" text
    run --check text
    exits 1 "$1"
    says "$2" "$1"
    placed "$1"
}

# Each limit of the language: at it, and just past it.
{ printf 'm = 1\n#'; repeat 16777209 x; } >"$text"; good 'a text of 16 MiB'
{ printf 'm = 1\n#'; repeat 16777210 x; } >"$text"
bad 'a longer text' 'text:1:1: error: this text has more than 16777216 bytes'
printf '%s = 1\n' "$(repeat 64 a)" >"$text"; good 'a name of 64 bytes'
printf '%s = 1\n' "$(repeat 65 a)" >"$text"; bad 'a longer name' 'error: this name has more than 64 bytes'
list 199998 ', ' 'x&' | sed 's/^/coord a, /' >"$text"; good '200,000 names'
list 199999 ', ' 'x&' | sed 's/^/coord a, /' >"$text"; bad 'a name more' 'error: more than 200000 different names'
printf 'a = 0.%s\n' "$(repeat 4094 1)" >"$text"; good 'a number of 4,096 digits'
printf 'a = 0.%s\n' "$(repeat 4095 1)" >"$text"; bad 'a longer number' 'error: this number has more than 4096 characters'
echo 'a = 1.797693134862315e308; b = 4.9406564584124655e-324' >"$text"; good 'the largest and the smallest number'
echo 'a = 1.797693134862316e308' >"$text"; bad 'a larger number' 'error: this number does not fit a double'
echo 'a = 1e-400' >"$text"; bad 'a smaller number' 'error: this number does not fit a double'
echo 'a = 2^65535/2^65535' >"$text"; good 'a constant of 65,536 bits'
echo 'a = 2^65536/2^65536' >"$text"; bad 'a wider constant' 'error: this power has more than 65536 bits'
echo 'qd^2 - q*2^40000*2^30000' >"$text"; bad 'a wider product' 'error: a constant has more than 65536 bits here'
{ printf 'a = '; repeat 300000 '('; printf 1; repeat 300000 ')'; } >"$text"; good 'brackets 300,000 deep'
{ printf 'a = '; repeat 1000000 '('; printf 1; repeat 1000000 ')'; } >"$text"
bad 'a million brackets' 'error: nested too deeply'
list 64 ', ' 'x&' | sed 's/.*/f(&) = x1/' >"$text"; good '64 arguments'
list 65 ', ' 'x&' | sed 's/.*/f(&) = x1/' >"$text"; bad 'an argument more' 'error: a function takes at most 64 arguments'
list 65 ', ' '&' | sed 's/.*/a = hypot(&)/' >"$text"; bad 'arguments of a call' 'error: a function takes at most 64 arguments'
repeat 200000 'a = 1;' >"$text"; good '200,000 statements'
repeat 200001 'a = 1;' >"$text"; bad 'a statement more' 'error: more than 200000 statements'
repeat 1000 '1/0;' >"$text"; bad 'a thousand mistakes' 'text:1:3998: error: division by zero'
holds '! grep -q "rest of the text" "$scratch/err"' 'a thousand mistakes are all said'
repeat 1001 '1/0;' >"$text"
bad 'a mistake more' 'text:1:4002: error: more than 1000 mistakes: the rest of the text is not looked at'
list 2500000 + 1 | sed 's/^/a = /' >"$text"; good '5,000,000 steps'
list 2500001 + 1 | sed 's/^/a = /' >"$text"
bad 'more steps' 'error: this text takes more than 5000000 steps to expand and differentiate'
list 2000 ' + ' 'x&d^2 - x&^2' >"$text"; good '2,000 coordinates'
list 2001 ' + ' 'x&d^2 - x&^2' >"$text"; bad 'a coordinate more' 'error: more than 2000 coordinates'
list 500 ' + ' '(1 + x&^2)*x&d^2' >"$text"; good '500 coordinates with matrices'
list 501 ' + ' '(1 + x&^2)*x&d^2' >"$text"; bad 'a coordinate with a matrix more' 'error: more than 500 coordinates'
unknowns() { list "$1" ' + ' "$3"; printf '\nstart x1 = 1; integrate r = %s, dt = 0.1, steps = 1\n' "$2"; }
unknowns 500 4 '(1 + x&^2)*x&d^2' >"$text"; good '2,500 unknowns'
unknowns 417 5 '(1 + x&^2)*x&d^2' >"$text"; bad 'more unknowns' 'error: a step with r = 5 has 2502 unknowns: more than 2500'
unknowns 20 200 '(1 + x&^2)*x&d^2' >"$text"; bad 'more unknowns by r' 'error: a step with r = 200 has 4020 unknowns: more than 2500'
unknowns 2000 24 'x&d^2 - x&^2' >"$text"; begin; run "$text"; exits 0 '50,000 unknowns by sweeps'
unknowns 2000 25 'x&d^2 - x&^2' >"$text"; bad 'more unknowns by sweeps' 'error: a step with r = 25 has 52000 unknowns: more than 50000'
unknowns 600 8 'x&d^2 - 1e9*x&^4' | sed 's/steps = 1$/steps = 9/' >"$text"; begin; run "$text"; exits 3 'sweeps that do not converge'
says 'too many unknowns for Newton' 'sweeps that do not converge'
printf 't,x1\n0,1\n0.1,1\n' >"$scratch/seen.csv"
differentiated() { printf 'k = 1\n'; unknowns "$1" "$2" 'x&d^2 - k*x&^2'; printf 'data "%s"; loss mse; gradient k\n' "$scratch/seen.csv"; }
differentiated 300 8 >"$text"; bad 'a gradient of more unknowns' 'error: a step with r = 8 has 2700 unknowns: more than 2500'
differentiated 501 2 >"$text"; bad 'a gradient of more coordinates' 'error: derivatives are of at most 500 coordinates'
echo 'qd^2 - q^2; start q = 1; integrate r = 200, dt = 1, steps = 1e15, every = 1e15' >"$text"; good 'r, steps and every'
echo 'qd^2 - q^2; start q = 1; integrate r = 201, dt = 1, steps = 1' >"$text"
bad 'a larger r' 'error: r is a whole number from 0 to 200'
echo 'qd^2 - q^2; start q = 1; integrate dt = 1, steps = 1e15 + 1' >"$text"
bad 'more steps of time' 'error: steps is a whole number from 1 to 1e15'
echo 'qd^2 - q^2; start q = 1; integrate dt = 1, steps = 1, every = 1e15 + 1' >"$text"
bad 'a larger every' 'error: every is a whole number from 1 to 1e15'
rows() { echo "qd^2 - q^2; start q = 1; integrate dt = 0.01, method = rk2, steps = $1; save \"rows.npy\""; }
rows 16777215 >"$text"; begin; ln -s /dev/null rows.npy; run "$text"; exits 0 'rows of 512 MiB'
rows 16777216 >"$text"; begin; run "$text"; exits 1 'more rows'; says '512 MiB' 'more rows'
run -e 'qd^2 - q^2; start q = 1; integrate dt = 0.1, steps = 1e9'; exits 0 'a billion steps, none kept'

# Operations of a Lagrangian, of its code, and bytes of what is shown: near the limit, and past it.
list 100000 ' + ' '&*q^&' | sed 's/^/qd^2 - q*2 + /' >"$text"; good 'a Lagrangian of 100,000 terms'
list 1600000 ' + ' '&*q' | sed 's/^/qd^2 - q*2 + /' >"$text"; bad 'a Lagrangian of 1,600,000 terms' 'more than'
code() { list "$1" ' + ' 'x&d^2'; printf ' + ('; list "$1" + 'x&d*x&'; printf ')^2\n%s\n' "$2"; }
code 40 'show asm' >"$text"; begin; run "$text"; exits 0 'code of 40 coordinates'
code 200 'show asm' >"$text"; begin; run "$text"; exits 1 'code of 200 coordinates'; says '1000000 for machine code' 'code of 200 coordinates'
run --backend=llvm -e 'x = 1' -e "$(code 100 'start x1 = 1; integrate r = 4, dt = 0.1, steps = 1')"; exits 0 'code of 100 coordinates'
code 200 'start x1 = 1; integrate r = 4, dt = 0.1, steps = 1' >"$text"
for backend in tcc llvm; do
    begin; run --backend=$backend "$text"; exits 1 "$backend: code of 200 coordinates"
    says '1000000 for machine code' "$backend: code of 200 coordinates"
done
code 500 'start x1 = 1; integrate r = 2, dt = 0.1, steps = 1' >"$text"; begin; run "$text"
exits 1 'code of 500 coordinates'; says '8000000 operations' 'code of 500 coordinates'
repeat 8000000 '1;' | sed 's/^/a = (/' >"$text"; begin; run --check --dump=tokens "$text"; exits 1 'a text of mistakes shows nothing'

# A compiler that runs out of memory ends alone: who named it is told, who named none gets the same numbers without it.
if [ -z "$sanitized" ]; then
    { list 10000 ' + ' 'sin(&*x/1000)'; printf ' + xd^2\nstart x = 0.1; integrate r = 4, dt = 0.01, steps = 100\n'; } >"$text"
    begin; run --backend=interp --quiet "$text" -o good.csv; exits 0 'much code, interpreted'
    sed -i 's/steps = 100/steps = 2/' "$text"; memory=150000 run --backend=llvm "$text"
    exits 1 'LLVM without memory'; says 'lag-llvm ended' 'LLVM without memory'
    sed -i 's/steps = 2/steps = 100/' "$text"; memory=150000 run --quiet "$text" -o other.csv; exits 0 'long work without memory'
    holds 'cmp -s good.csv other.csv' 'long work without memory: the same numbers'
fi

# ---- Texts whose work could grow faster than they do ----

{ lines 190000 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&bbbbbbbbbbbbbb(x) = 1'; printf '\n'; list 1001 + 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab&bbbbbbbbbbbbb(1)'; } >"$text"
bad 'unknown functions among many' 'unknown function'
{ lines 90000 'y& = x&'; printf '\n# '; repeat 10000000 x; printf '\n'
    seq 90000 -1 1 | sed 's/.*/x& = y&; /' | tr -d '\n'; } >"$text"
bad 'circles in one line, last first' 'depends on itself'
{ printf 'qd^2 - q\nstart '; repeat 1000000 'q = 1, '; echo 'q = 1'; } >"$text"
bad 'a start named a million times' 'started twice'
{ printf 'integrate '; repeat 1000000 'dt = 1, '; echo 'dt = 1'; } >"$text"; bad 'a setting named a million times' 'set twice'
{ list 300 + 'x&d^2'; printf '\nstart '; list 100000 ', ' 'y& = 1'; } >"$text"
bad 'a hundred thousand unknown starts' 'nothing to start called'
repeat 190000 'qd^2 - q;' >"$text"; bad 'a hundred thousand Lagrangians' 'steps to expand and differentiate'
{ list 90000 ';' 'k& = 1'; printf '\nqd^2 - q*('; list 90000 + 'k&'; printf ')\nstart q = 1\n'; repeat 100000 'integrate dt = 1, steps = 1;'; } >"$text"
good 'many parameters and integrations'
{ printf 'b0 = q\n'; chain 90000 'b\1 = b\2 + 1'; lines 1000 'a = q + &; c = b89999'; } >"$text"
bad 'redefinitions before a long chain' 'steps to expand and differentiate'
{ printf 'f0(x) = sin(x) + 1\n'; chain 40 'f\1(x) = f\2(f\2(x))'; echo 'qd^2 - f39(q)'; } >"$text"
bad 'functions that double' 'steps to expand and differentiate'
{ printf 'a0 = q + 1\n'; chain 3000 'a\1 = sin(a\2)*cos(a\2) + q'; echo 'qd^2 - a2999
show lagrangian; show equations; show energy; show lagrange; show graph'; } >"$text"
begin; run "$text"; exits 0 'shared expressions that double are shown'; holds '[ "$(wc -c <"$scratch/out")" -lt 1000000 ]' 'what is shown is cut'
{ printf 'a0 = q_p\n'; chain 20000 'a\1 = sin(a\2) + 1'; printf 'qd^2'; list 9999 '' ' - &*q^&*q_m*a19999'; } >"$text"
bad 'couplings that share' 'steps to expand and differentiate'
{ list 500 + 'x&d^2'; printf ' - '; list 500 '*' 'x&'; } >"$text"; good 'a product of all coordinates'
awk 'BEGIN { for (j = 0; j < 250; j++) { printf "%s(", (j ? " + " : ""); for (i = 0; i < 181; i++) printf "%s%d*x%dd", (i ? "+" : ""), (j*j + 7*i*j + i*i)%97 + 1, i; printf ")^2" } }' >"$text"
bad 'a dense singular mass matrix' 'error: '
echo 'qd^2/2 - q_m*sin(exp(exp(100*q_p^2)))' >"$text"; good 'sines of what no double holds'
{ printf 'qd^2 - '; repeat 20000 'q^'; echo q; } >"$text"; good 'a tower of variables'
{ printf 'qd^2 - '; repeat 20000 'abs(q - '; printf 1; repeat 20000 ')'; } >"$text"; good 'nested kinks'
{ printf '#'; head -c 16000000 /dev/zero | tr '\000' '\377'; } >"$text"; bad 'a comment of no UTF-8' 'more than 1000 mistakes'
head -c 16000000 /dev/zero | tr '\000' '\377' >"$text"; bad 'a text of no UTF-8' 'more than 1000 mistakes'
repeat 8000000 '1+' >"$text"; bad 'a sum of eight million' 'error: '
repeat 4000000 '"\\' >"$text"; bad 'eight million quotes' 'error: '
head -c 300000 /dev/zero >"$text"; bad 'a text of NUL' "error: a text can't hold the control byte 0x00"
awk 'BEGIN { srand(7); for (i = 0; i < 200000; i++) printf "%c", 1 + int(255*rand()) }' >"$text"; bad 'random bytes' 'error: '

# ---- Surroundings ----

oscillator='k = 1; qd^2/2 - k*q^2/2; start q = 1; integrate r = 2, dt = 0.1, steps = 20000'
begin
run -e "$oscillator" --quiet -o plain.csv; exits 0 'a plain run'
if [ -w /dev/full ]; then
    run -e "$oscillator" -o /dev/full; exits 1 'a full disk'; says 'No space left' 'a full disk'
    run -e "$oscillator; save \"/dev/full\""; exits 1 'a file without an ending'
    limited -e "$oscillator" -o - >/dev/full 2>"$scratch/err" </dev/null; status=$?
    exits 1 'a full standard output'; says 'cannot write standard output' 'a full standard output'
    limited -e "$oscillator; show asm" >/dev/full 2>"$scratch/err" </dev/null; status=$?; exits 1 'a full standard output for people'
    limited -e 'a = 1/0' 2>/dev/full >"$scratch/out" </dev/null; status=$?; exits 1 'a full standard error'
else
    skip 'no /dev/full to fill'
fi
run -e "$oscillator" -o "$(repeat 5000 d/)x.csv"
exits 1 'a long path'; says 'File name too long' 'a long path'
(ulimit -f 100; limited -e "$oscillator" -o large.csv >"$scratch/out" 2>"$scratch/err"); status=$?
exits 1 'a limit of file sizes'; says 'cannot write large.csv: File too large' 'a limit of file sizes'; holds 'tail -n 1 large.csv | grep -qE "^[^,]+,[^,]+,[^,]+$"' 'no half a row'
clean 'a limit of file sizes'
limited -e "$oscillator" -o - 2>"$scratch/err" | head -1 >"$scratch/out"
holds '[ "$(cat "$scratch/out")" = "# Lagrangian: qd^2/2 - k*q^2/2" ]' 'a closed pipe'; says 'cannot write standard output: Broken pipe' 'a closed pipe'
limited -e "$oscillator" >&- 2>"$scratch/err"; status=$?; holds '[ $status -le 1 ]' "a closed standard output: $status"
limited -e "$oscillator" --quiet -o closed.csv <&- >&- 2>&-; status=$?; holds '[ $status = 0 ] && cmp -s closed.csv plain.csv' 'all streams closed'
limited <&- >"$scratch/out" 2>"$scratch/err"; status=$?; exits 2 'a closed standard input'
mkdir folder locked; : >file
for path in folder folder/ file/x.csv none/x.csv /dev/null/x.csv ''; do
    run -e "$oscillator" -o "$path"; holds '[ "$status" = 1 ] || [ "$status" = 2 ]' "written to '$path': $status"; says 'lag: ' "written to '$path'"
done
chmod a-w locked
if [ -w locked ]; then skip 'a root may write everywhere'; else
    run -e "$oscillator" -o locked/x.csv; exits 1 'a folder that may not be written'; says 'Permission denied' 'a folder that may not be written'
fi
mkfifo pipe
cat pipe >piped.csv & reader=$!
run -e "$oscillator" --quiet -o pipe; wait $reader
exits 0 'a pipe with a name'; holds '[ -p pipe ] && cmp -s piped.csv plain.csv' 'a pipe with a name'
ln -s aim.csv dangling.csv; ln -s loop.csv loop.csv; ln -s plain.csv link.csv
run -e "$oscillator" --quiet -o link.csv; exits 0 'a link'; holds '[ -L link.csv ]' 'a link'
run -e "$oscillator" --quiet -o dangling.csv; exits 0 'a link to nothing'; holds 'cmp -s dangling.csv plain.csv' 'a link to nothing'
run -e "$oscillator" --quiet -o loop.csv; holds '[ "$status" -le 1 ]' "a link to itself: $status"
run "$lag"; exits 1 'a program for a text'; placed 'a program for a text'
run folder; exits 2 'a folder for a text'
run '$(touch pwned)' '; touch pwned'; exits 2 'texts that are not there'
for set in '$(touch pwned)=1' 'k=9^9^9^9' 'k=1e400' 'k=k' 'k=1;m=2' 'k=sin(exp(exp(22)))' '=' "k=$(repeat 5000 1)" 'k=1
m=2' 'sin=1' 'k=show'; do
    run --set "$set" -e "$oscillator"; exits 2 "--set $(echo "$set" | cut -c 1-40)"
done
run --set 'k=2' --set 'none=1' -e "$oscillator"; exits 0 'a set that changes nothing'
run --dump=tokens,,tree,none -e 'a = 1'; exits 2 'a dump that is none'
run "--$(repeat 100000 x)"; exits 2 'a long option'
run -e "$(repeat 100000 '(')"; exits 1 'brackets in an argument'
limited "$(printf 'a\033[31m.lag')" 2>"$scratch/err" >"$scratch/out"; status=$?; exits 2 'a name that colours'; says 'a?[31m.lag: No such file' 'a name that colours'
if [ -z "$sanitized" ] && [ -c /dev/zero ]; then run /dev/zero; exits 1 'a text without end'; says 'this text has more than' 'a text without end'; fi
clean 'surroundings'

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

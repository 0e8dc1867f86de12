#!/bin/sh
# The command, as a person or a script meets it: options, exit statuses, what goes to which stream, files, and the message for
# every mistake of the language (NAME.lag, with what is said of it in NAME.expect). Arguments: the command, the folder of the
# tests, the folder of the examples. LAG_RECORD=1 writes the .expect files anew: read what changed in them.
lag=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") tests=$(cd "$2" && pwd) examples=$(cd "$3" && pwd)
here=$tests/tool
passed=0 failed=0 skipped=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset NO_COLOR

pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    sed 's/^/    /' err | head -5
}

# run ARGUMENTS: leaves out, err and status.
run() {
    "$lag" "$@" >out 2>err </dev/null
    status=$?
}
# Of the last run: exit STATUS, empty STREAM, has STREAM TEXT, has_not STREAM TEXT, lines STREAM COUNT; the case's name is last.
exits() { if [ "$status" = "$1" ]; then pass; else fail "$2: exit status $status, not $1"; fi; }
empty() { if [ ! -s "$1" ]; then pass; else fail "$2: $1 is not empty: $(head -1 "$1")"; fi; }
has() { if grep -qF -e "$2" "$1"; then pass; else fail "$3: no '$2' in $1"; fi; }
has_not() { if grep -qF -e "$2" "$1"; then fail "$3: '$2' in $1"; else pass; fi; }
lines() {
    count=$(wc -l <"$1" | tr -d ' ')
    if [ "$count" = "$2" ]; then pass; else fail "$3: $count lines in $1, not $2"; fi
}
holds() { if eval "$1"; then pass; else fail "$2"; fi; }

# The table of a CSV without its comments and header.
table() { grep -v '^#' "$1" | tail -n +2; }
# close A B TOLERANCE NAME: two tables agree, number by number.
close() {
    table "$1" >a
    table "$2" >b
    if paste -d, a b | awk -F, -v most="$3" '
        { half = NF / 2; for (i = 1; i <= half; i++) { e = $i - $(i + half); if (e < 0) e = -e; if (!(e <= most)) bad = 1 } }
        END { exit bad || NR < 2 }' && [ "$(wc -l <a)" -eq "$(wc -l <b)" ]; then pass; else fail "$4"; fi
}

oscillator='k = 1; qd^2/2 - k*q^2/2; start q = 1; integrate r = 2, dt = 0.1, steps = 20'

# ---- Messages ----

cd "$here" || exit 1
for lagrangian in *.lag; do
    name=${lagrangian%.lag}
    "$lag" --check "$lagrangian" >"$scratch/out" 2>"$scratch/err" </dev/null
    echo "exit $?" >>"$scratch/err"
    [ -z "$LAG_RECORD" ] || cp "$scratch/err" "$name.expect"
    if [ ! -s "$scratch/out" ] && diff "$name.expect" "$scratch/err" >"$scratch/difference" 2>&1; then pass; else
        failed=$((failed + 1))
        echo "FAILED: messages of $lagrangian"
        sed 's/^/    /' "$scratch/difference"
    fi
done
cd "$scratch" || exit 1

# says TEXT NAME: what the text in the file `text` is told.
says() {
    run --check text
    exits 1 "$2"
    has err "$1" "$2"
}
printf 'a = \001\n' >text; says 'text:1:5: error: a text can'\''t hold the control byte 0x01' 'a control byte'
printf 'a = \377\n' >text; says 'text:1:5: error: the byte 0xff is not UTF-8' 'a byte that is not UTF-8'
printf '%070d = 1\n' 0 | tr 0 a >text; says 'error: this name has more than 64 bytes' 'a long name'
printf 'a = %05000d\n' 1 >text; says 'error: this number has more than 4096 characters' 'a long number'
printf 'a = %070d1)\n' 0 | sed 's/0/1, /g; s/= /= atan2(/' >text; says 'error: a function takes at most 64 arguments' 'many arguments'

cat >ten.lag <<'END'
V(s) = k*sine(s)
W = 3 + * 4
T = 5 q
coord q; param q
U = 1/0
start qq = 1
integrate r = 400, dt = 0.1, steps = 10
plot qx to "x.gif"
save "x.txt"
show equatons
qd^2/2 - q^2/2; start q = 1; integrate dt = 0.1, steps = 10; save "ran.csv"
END
run ten.lag
exits 1 'ten mistakes'
empty out 'ten mistakes run nothing'
holds '[ ! -e ran.csv ]' 'ten mistakes save nothing'
for line in 1 2 3 4 5 6 7 8 9 10; do has err "ten.lag:$line:" 'ten mistakes'; done
holds '[ "$(grep -c "^ten.lag:10*:.*error:" err)" -ge 2 ]' 'each mistake is an error'
has_not err 'ten.lag:11:' 'what is right is not complained about'
holds '! grep -q "$(printf "\033")" err' 'no colours outside a terminal'

# ---- Usage ----

run --version; exits 0 --version; has out 'lag 0.' --version; lines out 1 --version
run --help; exits 0 --help; has out '--backend=NAME' --help; empty err --help
cat out "$tests/../README.md" >said; tr -d '\\' <"$tests/../src/tool/lag.1" | sed 's/Fl -/--/; s/, Fl -/, --/' >manual
for option in -e -o --set --check --dump --backend --timings --json --quiet --version --help; do
    has said "$option" '--help and README'; has manual "${option#-}" 'the manual page'
done
for statement in coord param start integrate method save plot data loss constrain gradient fit prior train predict show; do
    has manual "Ic $statement" 'the manual page'
done
wrong() {
    run "$@"
    exits 2 "wrong usage: $*"
    empty out "wrong usage: $*"
    lines err 1 "wrong usage: $*"
}
wrong --nonsense; wrong -e; wrong -o; wrong --set; wrong --dump; wrong --dump=nonsense;
wrong --backend=nonsense; wrong --set=k -e "$oscillator"; wrong --set k=x -e "$oscillator"; wrong --set k=1/0 -e "$oscillator"
wrong --json -o - -e "$oscillator"; wrong missing.lag; wrong .
run missing.lag
has err 'lag: missing.lag: No such file or directory' 'a file that is not there'

# ---- Texts ----

run -e "$oscillator"
exits 0 '-e'; empty err '-e'; has out '20 steps of 0.1 by ggl (r = 2, order 6), to t = 2' '-e'
run -e 'k = 1' -e 'qd^2/2 - k*q^2/2' -e 'start q = 1; integrate dt = 0.1, steps = 3'
exits 0 'several -e are one text'
printf '%s\n' "$oscillator" | "$lag" --quiet -o in.csv; status=$?
exits 0 'standard input'; lines in.csv 26 'standard input'
printf '%s\n' "$oscillator" >one.lag
printf 'qd^2/2 - k*q^2/2; start q = 1; integrate dt = 0.1, steps = 3\n' >two.lag
run one.lag two.lag
exits 1 'files share no names'; has err "two.lag:1:10: error: parameter 'k' has no value" 'files share no names'
has out '20 steps' 'a wrong file does not stop another'
run two.lag one.lag
exits 1 'the worst status wins'; has out '20 steps' 'a wrong file does not stop another'
run --quiet -e "$oscillator"; exits 0 --quiet; empty out --quiet; empty err --quiet
run --quiet --check -e 'rd^2/2 + phid^2/2 - r^2'; empty err '--quiet hides notes'
run --check -e 'rd^2/2 + phid^2/2 - r^2'; has err 'note:' 'notes'; exits 0 'notes'
run --check -e "$oscillator; save \"checked.csv\""
exits 0 --check; empty out --check; holds '[ ! -e checked.csv ]' '--check saves nothing'

# ---- Trajectories ----

run -e "$oscillator; save \"saved.csv\"" -o written.csv
exits 0 save; has out '21 rows in saved.csv' save
holds 'cmp -s saved.csv written.csv' '-o writes what save saves'
run -e "$oscillator" -o -
exits 0 '-o -'; holds 'cmp -s saved.csv out' '-o - writes what save saves'; has err '20 steps' '-o - leaves the summary to standard error'
has saved.csv '# Lagrangian: qd^2/2 - k*q^2/2' csv; has saved.csv '# parameters: k = 1' csv
has saved.csv '# r = 2, dt = 0.10000000000000001, steps = 20' csv
holds '[ "$(sed -n 5,6p saved.csv)" = "t,q,pi_q
0,1,0" ]' 'header and start'
run --backend=interp -o interp.csv -e "$oscillator"; holds 'cmp -s saved.csv interp.csv' 'the backends agree to the bit'
run --backend=llvm -o llvm.csv -e "$oscillator"; holds 'cmp -s saved.csv llvm.csv' 'the backends agree to the bit'
run -e "$(echo "$oscillator" | sed 's/qd^2.2 - /qd^2\/2 + # half\n -/')" -o broken.csv
close saved.csv broken.csv 0 'a Lagrangian on two lines'; has broken.csv '# Lagrangian: qd^2/2 + -k*q^2/2' 'a Lagrangian on one line in the file'

run --set k=9/4 -e "$oscillator" -o set.csv
exits 0 --set; has set.csv '# parameters: k = 2.25' '--set wins'; empty err '--set'
run --set k=2 --set k=3 -e "$oscillator; k = 5; show parameters"; has out 'k = 3' 'the last --set wins, over later statements too'
run -e 'k = 0.1; f = 2/3; f*qd^2/2 - k*q^2/2; show parameters'; holds 'grep -qx "k = 0.1" out' 'a number as it was typed'
has out 'f = 0.6666666666666666' 'and all its digits'
run --set kk=2 -e "$oscillator"; has err "there is no 'kk'" '--set of nothing'
run --set w=2 -e 'k = 1; w = 2*k; qd^2/2 - w*q^2/2'; has err "'w' is an expression" '--set of an expression'

run -e "$oscillator" -o every.csv -e 'start q = 1; integrate every = 7'
table every.csv >a; table saved.csv | awk 'NR % 7 == 1' >b; holds 'cmp -s a b' 'every keeps each 7th row'
run -e "$oscillator" -o on.csv -e 'start q = 1; integrate steps = 5; integrate steps = 15'
table on.csv >a; table saved.csv | tail -n 16 >b
holds '[ "$(wc -l <a)" -eq 16 ]' 'a repeated integrate keeps its own rows'
close on.csv on.csv 0 'a table agrees with itself'
holds 'paste -d, a b | awk -F, "{ for (i = 1; i < 4; i++) if ((\$i - \$(i + 3))^2 > 1e-28) bad = 1 } END { exit bad }"' 'it goes on from the last state'
run -e "$oscillator" -o until.csv -e 'start q = 1; integrate until = 2.05'; holds 'cmp -s saved.csv until.csv' 'until'
run -e 'k = 1; qd^2/2 - k*q^2/2; method r = 2, dt = 0.1, steps = 20; start q = 1; integrate' -o method.csv
holds 'cmp -s saved.csv method.csv' 'method sets, integrate runs'
run -e 'm = 2; m*qd^2/2 - q^2/2; start q = 1, qd = 3, t = 5; integrate dt = -0.1, until = 4; save "v.csv"' \
    -e 'start q = 1, pi_q = 6, t = 5; integrate; save "p.csv"'
holds 'cmp -s v.csv p.csv && [ "$(table v.csv | sed -n 1p)" = 5,1,6 ] && [ "$(table v.csv | wc -l)" -eq 11 ]' 'a velocity becomes a momentum'
has v.csv '# r = 8' 'r is 8 unless given'
for method in rk2 rk4 compensated; do
    run -e "$oscillator, method = $method" -o "$method.csv"; exits 0 $method; has $method.csv "method = $method" $method
done
close saved.csv rk4.csv 1e-5 'rk4 goes the same way'; close saved.csv rk2.csv 1e-2 'rk2 goes the same way'
close saved.csv compensated.csv 1e-13 'compensated steps go the same way'
run -e 'qd^2/2 - q^2/2; start q = 1; integrate dt = 0.1, until = -1'; exits 1 'until behind'; has err '-e:1: integrate: until' 'until behind'
run -e 'qd^2/2 - q^2/2; start q = 1; integrate dt = 0.1, steps = 1e12; save "rows.csv"'; exits 1 'too many rows'; has err 'every = K' 'too many rows'

# An accuracy that is wanted, and steps that are far too large.
kepler='(xd^2 + yd^2)/2 + 1/sqrt(x^2 + y^2); start x = 0.4, yd = 2'
run -e "$kepler; integrate tol = 1e-8, until = 62.831853071795865" -o chosen.csv; exits 0 tol; empty err tol
has out 'tol = 1e-08: r = ' tol; has out 'is expected, in some ' tol
holds 'table chosen.csv | tail -1 | awk -F, "{ exit !((\$2 - 0.4)^2 < 1e-14 && \$3^2 < 1e-14) }"' 'tol: ten times round, and back'
run -e "$kepler; integrate tol = 1e-13, until = 20"; exits 0 'tol by two doubles'; has out 'the state in two doubles' 'tol by two doubles'; has out 'by compensated' 'tol by two doubles'
run --json -e "$kepler; integrate tol = 1e-8, until = 20"; exits 0 'tol in JSON'; has out '"tol":1e-08,"method":"ggl","r":' 'tol in JSON'; has out '"error_expected":' 'tol in JSON'; lines out 1 'tol in JSON'
run -e "$kepler; integrate tol = 1e-8, until = 20; save \"one.csv\"; integrate until = 30; save \"on.csv\""; exits 0 'r and dt that were chosen stay'
holds '[ "$(grep -o "^# r = .*, dt = [^,]*" one.csv)" = "$(grep -o "^# r = .*, dt = [^,]*" on.csv)" ]' 'r and dt that were chosen stay'
run -e "$kepler; integrate r = 5, dt = 0.2, tol = 1e-3, steps = 50"; exits 0 'tol beside r and dt'; has out 'r = 5, dt = 0.2, 50 steps' 'tol beside r and dt'; empty err 'tol beside r and dt'
run -e "$kepler; integrate r = 2, dt = 0.2, tol = 1e-9, until = 10"; exits 0 'a dt that misses tol'; has err '-e:1: warning: integrate: with the dt given an error of' 'a dt that misses tol'
run -e "$kepler; integrate tol = 1e-15, until = 100"; exits 0 'tol below round-off'; has err 'warning: integrate: round-off is expected to come to' 'tol below round-off'
run --quiet -e "$kepler; integrate tol = 1e-15, until = 100"; empty err 'tol and --quiet'; empty out 'tol and --quiet'
run -e "$kepler; integrate tol = 1e-3, until = 0"; exits 1 'tol and nowhere to go'; has err '-e:1: integrate: until is' 'tol and nowhere to go'
run -e "$kepler; integrate tol = 1e-3, dt = 1, until = -1"; exits 1 'tol and until behind'; has err '-e:1: integrate: until is' 'tol and until behind'
run -e 'qd^2/2 + 1/sqrt(q); start q = 1, qd = -1; integrate tol = 1e-6, until = 100; integrate until = 200'; exits 3 'tol in a motion that ends'
has err '-e:1: integrate: no r and dt were found for tol' 'tol in a motion that ends'; has err 'passed over' 'tol in a motion that ends'
run -e "$kepler; integrate r = 2, dt = 2, steps = 200"; has err 'warning: integrate: a step from t = ' 'a dt that is far too large'; has err ' would do' 'a dt that is far too large'
run -e '(1 + q^2/9)*qd^2/2 - q^2/2 - q^4/4; start q = 1; integrate r = 12, dt = 2.5, steps = 200'; has err '% of the steps had to be solved one by one' 'a dt that is too large for sweeps'
run --quiet -e "$kepler; integrate r = 2, dt = 2, steps = 200"; has_not err warning 'a dt that is far too large, and --quiet'

# ---- Observations ----

family='c1 = 2; c2 = 4; c3 = 1; c1*qd^2 - c2*q^2 - c3*qd_p*q_m; start q = 0, pi_q = 1'
run --quiet -e "$family; integrate r = 2, dt = 0.1, steps = 40; save \"truth.csv\""
other='c1 = 2.2; c2 = 3.7; c3 = 1.3'
run --json -e "$family; $other; method r = 2, dt = 0.1, steps = 40; data \"truth.csv\"; loss l2; gradient c1, c2, c3"
exits 0 gradient; empty err gradient; lines out 1 gradient
holds 'python3 -c "
import json
g = json.load(open(\"out\"))
want = dict(c1=2.5626408218428207284, c2=-1.4584868430753604944, c3=-0.12414232273070492091)
assert g[\"do\"] == \"gradient\" and abs(g[\"loss\"] / 1.0070483448963456924 - 1) < 1e-12
assert all(abs(g[\"d\"][c] / want[c] - 1) < 1e-11 for c in want) and set(g[\"d\"]) == set(want)"' 'gradient: the reference'
run -e "$family; $other; data \"truth.csv\"; method r = 2, dt = 0.1; loss mse; gradient c1, q, pi_q"
exits 0 'gradient in words'; has out 'd loss/d pi_q = ' 'gradient in words'
sed 's/; start.*//' <<END >nostart
$family
END
run --json -e "$(cat nostart); $other; data \"truth.csv\"; method r = 2, dt = 0.1, steps = 40; gradient c1"
exits 0 'the first row is the start'; has out '"loss":1.00704834489634' 'the first row is the start'
run -e "$(cat nostart); data \"truth.csv\"; integrate r = 2, dt = 0.1, steps = 40" -o from_data.csv
close truth.csv from_data.csv 1e-13 'integrating from the first row'
run -e "$family; data \"truth.csv\"; method r = 2, dt = 0.1, steps = 10; gradient c1"
exits 0 'rows behind the last step'; has err 'warning: gradient: 30 of 41 rows' 'rows behind the last step'
table truth.csv | awk -F, 'BEGIN { print "t,q" } { print $1 "," $2 }' >angles.csv
run -e "$(cat nostart); data \"angles.csv\"; method dt = 0.1; gradient c1"; exits 1 'half a start'; has err 'say start' 'half a start'
run --json -e "$family; start q = 0, qd = 0.25; data \"angles.csv\"; method r = 2, dt = 0.1; gradient c1, qd; gradient c1, pi_q"
exits 0 'a start of velocities'; lines out 2 'a start of velocities'
run -e "$family; data \"angles.csv\"; method r = 2, dt = 0.1; gradient qd"; exits 1 'a velocity of a start of momenta'
run --json -e "$family; c1 = 0; c2 = 0; c3 = 0; data \"truth.csv\"; method dt = 0.1; gradient c1; start q = 1; loss l2 cap = 7; gradient c1"
exits 3 'no mass'; has out '"loss":null' 'no mass'; has out '"loss":7,"d":{"c1":0}' 'no mass, and a cap'
# observes TEXT MESSAGE NAME: a data file, and what is said of it.
observes() {
    printf "$1" >seen.csv
    run -e "$family; data \"seen.csv\"; method dt = 0.1; gradient c1"
    exits 1 "$3"; has err "$2" "$3"
}
observes '' 'seen.csv:1:1: error: there is no table here' 'empty data'
observes 't,q\n' 'seen.csv:1:1: error: this table has no rows' 'data without rows'
observes 't,q\n0,1\n0.2,1\n0.1,1\n' 'seen.csv:4:1: error: this time is before' 'unsorted times'
observes 't,q\n0,1\n,1\n' 'seen.csv:3:1: error: this row has no time' 'a row without its time'
observes 'q,pi_q\n0,1\n' 'seen.csv:1:1: error: there is no column t' 'no times'
observes 't,x\n0,1\n' 'seen.csv:1:3: warning: this column is not used' 'wrong columns'
observes 't,x\n0,1\n' 'seen.csv:1:1: error: no coordinate' 'wrong columns'
observes 't,q\n0,nan\n1,NA\n' 'seen.csv:1:1: error: every value' 'all missing'
observes 't,q\n0,inf\n' 'seen.csv:2:3: error: this number is not finite' 'an infinite value'
observes 't,q\n-2,1\n-1,1\n' 'lie before the start' 'data before the start'
printf 't,q,pi_q\n0,0,1\n0.1,1e308,-1e308\n' >seen.csv
run --json -e "$family; data \"seen.csv\"; method dt = 0.1; gradient c1; loss mse; gradient c1; loss mse cap = 2; gradient c1"
exits 3 'huge values'; lines out 3 'huge values'; has out '"loss":2,' 'huge values, capped'

run --json -e "$(cat nostart); data \"truth.csv\"; method r = 2, dt = 0.1, steps = 40; c1 = 20; c2 = 0.4; c3 = 10; fit c1, c2, c3; show parameters"
exits 0 fit; empty err fit; lines out 2 fit
holds 'python3 -c "
import json
g = json.loads(open(\"out\").readline())
want = dict(c1=2, c2=4, c3=1)
assert g[\"do\"] == \"fit\" and g[\"loss\"] < 1e-12 and g[\"evaluations\"] > 1 and g[\"unseen\"] == []
assert all(abs(g[\"values\"][c] / want[c] - 1) < 1e-9 and 0 <= g[\"sigma\"][c] < 1e-9 for c in want)"' 'fit: clean data'
holds 'sed -n 2p out | grep -Eq "c1 = (2|1[.]9999|2[.]0000)"' 'fitted values are current'
guessless='c1*qd^2 - c2*q^2 - c3*qd_p*q_m; start q = 0, pi_q = 1; method r = 2, dt = 0.1; data "truth.csv"'
run -e "$guessless; constrain c1 > 0, c3 >= 0; fit c1, c2, c3; loss mse; fit c1, c2, c3, q, pi_q"
exits 0 'a fit without a guess'; empty err 'a fit without a guess'; has out 'c2 = 4 +- ' 'a fit without a guess'; has out 'pi_q = 1 +- ' 'a fit of the start'
run -e "$guessless; fit c1, c2, c3; integrate steps = 40; gradient c1"; exits 0 'what was fitted has a value'; empty err 'what was fitted has a value'
run -e "$guessless; fit c1, c2"; exits 1 'a parameter without a value'; has err "parameter 'c3' has no value, and is not fitted" 'a parameter without a value'
run -e "$family; start q = 0, qd = 0.25; data \"angles.csv\"; method r = 2, dt = 0.1; fit c1, c2, c3"
exits 0 'no scale'; has err 'the data do not change when values move by' 'no scale'; has out 'which the data do not tell' 'no scale'
run -e "$family; start q = 0, qd = 0.2; c2 = 3; data \"angles.csv\"; method r = 2, dt = 0.1; fit c2, c3, qd; integrate steps = 40" -o fitted.csv
exits 0 'a fitted velocity'; has out 'qd = 0.25 +- ' 'a fitted velocity'; close truth.csv fitted.csv 1e-9 'the start that was fitted is integrated'
run -e "$family; c1 = -1e300; c2 = 1e300; data \"truth.csv\"; method r = 2, dt = 0.1; fit c2"; holds '[ "$status" = 0 ] || [ "$status" = 3 ]' 'a hopeless fit ends'

by='c1*qd^2 - c2*q^2 - c3*qd_p*q_m - c4*q^4 + c5*q - c6*qd_p^3*q_m; start q = 0, pi_q = 1; method r = 2, dt = 0.1; data "truth.csv"; constrain c1 > 0'
run -e "$by; fit c1, c2, c3, c4, c5, c6 by bic; show parameters"
exits 0 'terms'; empty err 'terms'; has out 'c5 = 0: switched off; with it +4.41 in bic' 'terms'; has out 'c3 = 1 +- ' 'terms'; has out 'c6 = 0' 'terms'
run --json -e "$by; fit c1, c2, c3, c4, c5, c6 by aicc"; exits 0 'terms in JSON'; lines out 1 'terms in JSON'
holds 'python3 -c "
import json
g = json.load(open(\"out\"))
assert g[\"by\"] == \"aicc\" and g[\"kept\"] == [\"c1\", \"c2\", \"c3\"] and g[\"dropped\"] == [\"c4\", \"c5\", \"c6\"]
assert g[\"without\"][\"c1\"] is None and g[\"without\"][\"c2\"] > 100 and 0 < g[\"without\"][\"c4\"] < 5 and g[\"values\"][\"c4\"] == 0
assert g[\"criterion\"] < g[\"criterion_all\"] and g[\"sigma\"][\"c5\"] is None"' 'terms in JSON'

# ---- Failures ----

fall='qd^2/2 + 1/sqrt(q); start q = 1, qd = -1; integrate dt = 0.1, steps = 1000'
run -e "$fall; save \"fall.csv\"; integrate; save \"again.csv\"" -o fallen.csv
exits 3 'a failed step'; has err '-e:1: integrate: step 8, from t = 0.7: ' 'a failed step'
holds '[ "$(table fall.csv | wc -l)" -eq 8 ] && cmp -s fall.csv fallen.csv && cmp -s fall.csv again.csv' 'what was integrated is kept'
has err 'passed over' 'what would go on from it is passed over'
run -e "$fall; start q = 1, qd = 0; integrate steps = 3" -o fresh.csv
exits 3 'a failed step, and a new start'; holds '[ "$(table fresh.csv | wc -l)" -eq 4 ]' 'a new start integrates'
run --json -e "$fall"; exits 3 'a failed step in JSON'; has out '"status":"' 'a failed step in JSON'; has out '"step":8,"residual":' 'a failed step in JSON'
run -e "$oscillator; save \"none/x.csv\""; exits 1 'no such folder'
has err 'cannot write none/x.csv: No such file or directory' 'no such folder'
run -e "$oscillator" -o .; exits 1 'a folder for a file'; has err 'cannot write .: Is a directory' 'a folder for a file'
run -e 'k = 1' -o none.csv; exits 1 'nothing to write'; holds '[ ! -e none.csv ]' 'nothing to write'
if [ -w /dev/full ]; then
    run -e "$oscillator" -o /dev/full; exits 1 'a full disk'; has err 'cannot write /dev/full: No space left' 'a full disk'
    "$lag" -e "$oscillator" -o - >/dev/full 2>err </dev/null; status=$?
    exits 1 'a full standard output'; has err 'cannot write standard output' 'a full standard output'
    "$lag" -e "$oscillator" --json >/dev/full 2>err </dev/null; status=$?
    exits 1 'JSON to a full standard output'
    holds '[ -c /dev/full ]' 'a device stays one'
fi
: >aim.csv; ln -s aim.csv link.csv
run --quiet -e "$oscillator" -o link.csv; holds '[ -L link.csv ] && cmp -s aim.csv saved.csv' 'a link stays one'
holds '[ -z "$(find . -name "*.part*")" ]' 'no half files are left'

# Written as it grows: -o keeps no row in memory, and is the same file.
run -e "$oscillator, every = 3; integrate until = 4; integrate until = 20" -o grown.csv; exits 0 'a growing file'
run -e "$oscillator, every = 3; integrate until = 4; integrate until = 20; save \"kept.csv\""; exits 0 'a kept trajectory'
holds 'cmp -s grown.csv kept.csv' 'a file that grew is that of a kept trajectory'
room=1000000 # kilobytes; sanitizers want more
(ulimit -v $room; "$lag" --version) >out 2>err || room=unlimited
(ulimit -v $room; exec "$lag" --quiet -e "$oscillator, every = 1; integrate steps = 1000000" -o long.npy) 2>err; status=$?
exits 0 'a long run'; holds '[ "$(wc -c <long.npy)" = 24000152 ]' 'a long run'
head -c 128 long.npy >out; has out "'shape': (1000001, 3)" 'the rows of a long run'
(ulimit -f 60; exec "$lag" --quiet -e "$oscillator; integrate steps = 100000" -o short.csv) 2>err; status=$?
exits 1 'a disk that fills up'; has err 'cannot write short.csv: File too large' 'a disk that fills up'
has err 'holds what was written until then' 'a disk that fills up'
count=$(table short.csv | wc -l)
holds "[ $count -gt 10 ] && grep -qE '^# r = 2, .* steps = [0-9]+ *$' short.csv" 'what was written is kept'
holds 'table short.csv | awk -F, "NF != 3 { exit 1 }"' 'and whole'
run -e "$oscillator" -o /nowhere/at/all.csv; exits 1 'no such place'; has_not out steps 'a place that can not be written to costs no work'

# Ctrl-C while it integrates: begun.csv says that it does.
"$lag" -e 'qd^2/2 - q^2/2; start q = 1; integrate dt = 0.1, steps = 1; save "begun.csv"; integrate steps = 1e15, every = 1e12' \
    -e 'save "cut.csv"; integrate' -o last.csv >out 2>err </dev/null &
process=$!
while [ ! -e begun.csv ] && kill -0 $process 2>/dev/null; do sleep 0.05; done
kill -INT $process
wait $process
status=$?
exits 130 Ctrl-C; has err 'interrupted after step' Ctrl-C; has err 'passed over' 'nothing is begun after Ctrl-C'
holds '[ "$(table cut.csv | sed -n 1p)" = "$(table begun.csv | sed -n 2p)" ] && cmp -s cut.csv last.csv' 'Ctrl-C keeps and saves'

# The same while a file grows: it is whole up to there, and says how far.
"$lag" -e 'qd^2/2 - q^2/2; start q = 1; integrate dt = 0.1, steps = 1; save "begun2.csv"; integrate steps = 1e15, every = 1e5' -o cut2.csv \
    >out 2>err </dev/null &
process=$!
while [ ! -e begun2.csv ] && kill -0 $process 2>/dev/null; do sleep 0.05; done
sleep 0.3
kill -TERM $process
wait $process
status=$?
exits 130 'a growing file, interrupted'
steps=$(sed -n 's/^# r = .* steps = \([0-9]*\) *$/\1/p' cut2.csv)
has err "interrupted after step $steps," 'how far a file goes'
holds '[ "$(table cut2.csv | wc -l)" = $((steps / 100000 + 1)) ] && table cut2.csv | awk -F, "NF != 3 { exit 1 }"' 'a growing file is whole'

# ---- Pictures ----

if command -v gnuplot >/dev/null; then
    run -e "$oscillator; plot q, pi_q to \"p.svg\"; plot pi_q against q to \"p.png\"; plot energy to \"p.pdf\"; plot t" --quiet
    exits 0 plot; empty err plot
    head -c 200 p.svg >out; has out '<svg' plot; head -c 8 p.png >out; has out PNG plot; head -c 8 p.pdf >out; has out '%PDF' plot
    printf 't;q\n0;1\n0.5;NA\n1;0,5\n' >wrong.csv; printf 't q\n0 1\n1 0.5\n' >seen.csv; printf 'u,v\n1,2\n' >other.csv
    run -e "$oscillator; plot q, pi_q with \"seen.csv\" to \"with.svg\"" --quiet
    exits 0 'plot with'; empty err 'plot with'; has with.svg 'q, seen.csv' 'plot with'; has_not with.svg 'pi_q, seen.csv' 'plot with'
    run -e "$oscillator; plot q with \"wrong.csv\""; exits 1 'plot with mistakes'; has err 'wrong.csv:4:3: error' 'plot with mistakes'
    run -e "$oscillator; plot q with \"other.csv\""; exits 1 'plot with others'; has err 'no such column' 'plot with others'
    run -e "$oscillator; plot q with \"seen.csv\", \"none.csv\""; exits 1 'plot with nothing'; has err 'none.csv: No such file' 'plot with nothing'
    run -e "$oscillator; plot q, energy"; exits 0 'plot in the terminal'; has out 'energy #####' 'plot in the terminal'
    run --json -e "$oscillator; plot q to \"p.svg\""; exits 0 'plot as JSON'; has out '{"do":"plot","file":"p.svg","rows":21}' 'plot as JSON'
    run -e "$oscillator; plot q to \"no/such/place.svg\""; exits 1 'plot to nowhere'; has err 'cannot write no/such/place.svg' 'plot to nowhere'
    run -e "coord x, θ; xd^2/2 + θd^2/2; start pi_x = 1e300, θ = 3; integrate dt = 1, steps = 3; plot θ, pi_x, x to \"big.svg\""
    exits 0 'numbers of any size'; empty err 'numbers of any size'; has big.svg 'θ' 'labels in any script'
else
    echo 'SKIPPED: no gnuplot to draw with'; skipped=$((skipped + 1))
fi
PATH= "$lag" -e "$oscillator; plot q to \"none.svg\"" >out 2>err; status=$?
exits 1 'no gnuplot'; has err 'plot needs gnuplot' 'no gnuplot'
mkdir false; printf '#!/bin/sh\necho broken >&2\nexit 3\n' >false/gnuplot; chmod +x false/gnuplot
PATH="$scratch/false:$PATH" "$lag" -e "$oscillator; plot q to \"none.svg\"" >out 2>err; status=$?
exits 1 'a gnuplot that fails'; has err 'gnuplot failed: broken' 'a gnuplot that fails'
holds '[ ! -e none.svg ] && [ -z "$(find . -name "*.part*")" ]' 'a picture that failed leaves nothing'

# ---- What is shown ----

run --dump=tokens,tree,graph,lagrange,discrete,tape,llvm,asm --check -e 'k = 1; qd^2/2 - k*q^2/2'
exits 0 --dump
holds '[ "$(grep "^== " out | tr -d "= " | tr "\n" " ")" = "tokens tree graph lagrange discrete tape llvm asm " ]' 'dumps come in order'
for phase in tokens tree graph lagrange discrete tape llvm asm; do
    run --dump=$phase --check -e 'k = 1; qd^2/2 - k*q^2/2'
    exits 0 "--dump=$phase"; has_not out '==' 'one dump has no header'
    cp out dumped
    run -e "k = 1; qd^2/2 - k*q^2/2; show $phase"
    if [ $phase = tokens ] || [ $phase = tree ]; then holds '[ -s out ]' "show $phase"; else holds 'cmp -s out dumped && [ -s out ]' "show $phase"; fi
done
run --dump=llvm -e 'k = 1'; exits 1 'a dump of no Lagrangian'
run -e 'k = 1/4; qd^2/2 - k*q^2/2 - c*qd_p*q_m; show lagrangian; show equations; show energy; show parameters; show kernel'
exits 0 show
for text in 'qd^2/2 - k*q^2/2 - c*qd_p*q_m' 'qdd = -k*q - c*qd' 'qd^2/2 + k*q^2/2' 'k = 0.25' 'c has no value' 'not conservative'; do
    has out "$text" show
done
run --timings -e "$oscillator"
for phase in parse differentiate emit optimise codegen link integrate; do has out "  $phase " --timings; done
run --timings --check -e "$oscillator"; has out '  differentiate ' '--timings --check'

# Without compilers: who names one is told, and everything else goes on.
for backend in tcc llvm-quick llvm; do
    LAG_BACKENDS=$scratch/none "$lag" --backend=$backend -e "$oscillator" >out 2>err </dev/null; status=$?
    exits 1 "no $backend"; has err 'is not beside liblag (--backend=auto integrates without)' "no $backend"
done
LAG_BACKENDS=$scratch/none "$lag" -e "$oscillator; integrate steps = 100000, every = 100000; show kernel" -o alone.csv >out 2>err </dev/null
status=$?; exits 0 'no compiler needed'; has out 'runs by interp' 'no compiler needed'
run -e "$oscillator; integrate steps = 100000, every = 100000" -o saved.csv; holds 'cmp -s alone.csv saved.csv' 'the same bits without compilers'

# ---- JSON, with what reads it ----

run --json -e "$oscillator; save \"a \\\"b\\\".csv\"; show equations; show parameters" -e 'start q = 1; integrate method = rk4, t = 0'
exits 1 'a setting that is none'; empty out 'a mistake in JSON prints nothing'
run --json -e "$oscillator; save \"a.csv\"; show equations; show parameters; k = 2; integrate" \
    -e 't*qd^2/2 - q^2; start q = 1, t = 1; integrate; xd^2 - x_m*xd_p - x^2; start x = 1; integrate'
exits 0 --json; lines out 7 '--json prints a line a result'; has out '{"do":"save","file":"a.csv","rows":21}' --json
has out '{"do":"show","what":"equations","text":"qdd = -k*q\n"}' --json
cp out lines.json
run -e "$oscillator; save \"t.npy\"; save \"t.csv\""
if command -v python3 >/dev/null; then
    python3 - >err 2>&1 <<'END'; status=$?
import json, math, struct
rows = [json.loads(line) for line in open("lines.json")]
first = rows[0]
assert [r["do"] for r in rows] == ["integrate", "save", "show", "show", "integrate", "integrate", "integrate"]
assert first["steps"] == 20 and first["t"] == 2
assert abs(first["q"][0] - math.cos(2)) < 1e-8 and abs(first["pi"][0] + math.sin(2)) < 1e-8
assert 0 < first["iterations"] < 1 and first["sweeps"] == 0 and 0 < abs(first["energy_drift"]) < 1e-8 and "status" not in first
assert list(first["seconds"]) == "parse differentiate emit optimise codegen link integrate".split()
assert rows[4]["t"] == 4 and rows[4]["seconds"]["parse"] == 0
assert rows[5]["energy_drift"] is None and -1 < rows[6]["energy_drift"] < 0 and rows[6]["energy"] < 1
table = [[float(x) for x in line.split(",")] for line in open("t.csv") if line[0] not in "#t"]
npy = open("t.npy", "rb").read()
size = struct.unpack("<H", npy[8:10])[0]
head = eval(npy[10:10 + size])
assert npy[:8] == b"\x93NUMPY\x01\x00" and (10 + size) % 64 == 0
assert head == {"descr": "<f8", "fortran_order": False, "shape": (21, 3)}, head
assert list(struct.unpack("<63d", npy[10 + size:])) == [x for row in table for x in row]
END
    exits 0 'JSON and NPY say what they should'
else
    echo 'SKIPPED: no python3 to read JSON and NPY with'; skipped=$((skipped + 1))
fi

# ---- The prompt, on a terminal of its own ----

# typed NAME KEYS ...: what a terminal shows while the keys are typed, each after what they answer to has appeared: WAITS FOR=KEYS.
if python3 -c 'import pty; pty.openpty()' 2>/dev/null; then
    cat >type.py <<'END'
import os, pty, sys
lag, keys = sys.argv[1], [key.split("~", 1) for key in sys.argv[2:]]
child, terminal = pty.fork()
if child == 0:
    os.environ.update(NO_COLOR="1", TERM="xterm", XDG_STATE_HOME=os.getcwd() + "/state")
    os.execv(lag, [lag, "-o", "typed.csv"])
text, seen = b"", 0
def see(what):
    global text, seen
    while (at := text.find(what, seen)) < 0:
        text += os.read(terminal, 4096)
    seen = at + len(what)
try:
    for what, typed in keys:
        see(what.encode())
        os.write(terminal, typed.replace("^C", "\x03").replace("^I", "\t").replace("^P", "\x10").replace("|", "\n").encode())
    while True:
        part = os.read(terminal, 4096)
        if not part:
            break
        text += part
except OSError:
    pass
print(text.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
    echo 'leak:wcsdup' >leaks # libedit keeps the names of the functions it is given
    typed() {
        LSAN_OPTIONS=suppressions=leaks:print_suppressions=0 timeout 60 python3 type.py "$lag" "$@" >out 2>err
        status=$?
    }
    typed 'lag>~help|' 'lag>~qd^2/2 -|' '...>~k*q^2/2|' 'next:~k = sine(1)|' "'sin'~k = 4|" 'lag>~sta^Iq = 1|' \
        'lag>~integrate dt = 0.1, steps = 5|' 'a step~help plo^I|' 'gnuplot~sho^Ieq^I|' '-k*q~integrate steps = 1e15, every = 1e15|' 'steps a second~^C' \
        'interrupted~show parameters|' 'k = 4~(a +|' '...>~^C' 'lag>~method r = 3|' 'lag>~quit|'
    exits 0 'the prompt'
    for text in 'Type a Lagrangian' 'coordinates: q   parameters: k' 'qdd = -k*q' 'it is conservative, linear, with constant mass' \
        'next: k = ...; start' "unknown function 'sine'" '5 steps of 0.1' 'plot A, B against C' 'integrate: interrupted after step' 'k = 4'; do
        has out "$text" 'the prompt'
    done
    has typed.csv '# parameters: k = 4' 'the prompt goes on after a mistake'
    typed 'lag>~^P^P|' '...~^C' 'lag>~quit|'; has out '(a +' 'history is kept between runs'
    typed 'lag>~sh^Ix^I|' "nothing to show~exit|"; exits 1 'a prompt that integrated nothing has nothing for -o'; has out 'show x' 'completion'
else
    echo 'SKIPPED: no pseudo-terminal to try the prompt on'; skipped=$((skipped + 1))
fi

# ---- Examples ----

for example in "$examples"/*.lag; do
    name=$(basename "$example" .lag)
    run "$example" -o "$name.csv"; exits 0 "$example"; empty err "$example"
    cp "$name.csv" auto.csv
    case $name in read_*) continue;; esac # they train a network: once is enough
    for backend in interp tcc llvm-quick llvm; do
        run --quiet --backend=$backend "$example" -o other.csv; exits 0 "$example by $backend"
        holds 'cmp -s auto.csv other.csv' "$name: the same bits by $backend"
    done
    # Vectors of four lanes give the bits of those of eight, where both have fused multiply-add; without it there is a second set.
    LAG_CPU=avx2 "$lag" --quiet --backend=llvm "$example" -o other.csv >out 2>err </dev/null; status=$?
    exits 0 "$example by avx2"; holds 'cmp -s auto.csv other.csv' "$name: the same bits by avx2"
    LAG_CPU=sse2 "$lag" --quiet --backend=interp "$example" -o auto.csv >out 2>err </dev/null; status=$?
    LAG_CPU=sse2 "$lag" --quiet --backend=llvm "$example" -o other.csv >out 2>err </dev/null; status=$?
    exits 0 "$example by sse2"; holds 'cmp -s auto.csv other.csv' "$name: the same bits by sse2"
done

# ---- Networks ----

# Interrupted at once, by a signal that comes when it has begun, and gone on with: the same file as in one go. By one thread and by two.
family='c1*qd^2 - c2*q^2 - c3*qd_p*q_m; constrain c1 > 0, c2 >= 0, c3 >= 0; start q = 0, pi_q = 1; method r = 2, dt = 0.1, steps = 20
    prior c1 in 0.5 .. 10, c2 in 0 .. 10 zero 5%, c3 in 0 .. 10 zero 5%, c2 and c3 zero 5%'
training='units = 8, batch = 16, samples = 20000, held = 64'
run -e "$family; train $training, threads = 1, to \"whole.lagnet\", to \"curve.csv\", to \"curve.svg\""; exits 0 'a training'
empty err 'a training'; has out 'held out: rms q' 'a training'; lines curve.csv 27 'a curve as a table'
has curve.svg '<svg' 'a curve as a picture'
"$lag" -e "$family; train $training, to \"part.lagnet\"; integrate" >out 2>err </dev/null & sleep 0.3; kill -INT $! 2>/dev/null; wait $!; status=$?
if [ $status = 130 ]; then
    has err 'train: interrupted after' 'an interrupted training'; has err 'from "part.lagnet" goes on' 'an interrupted training'
    run -e "$family; train $training, threads = 2, from \"part.lagnet\", to \"part.lagnet\""; exits 0 'a training that goes on'
fi
holds 'cmp -s whole.lagnet part.lagnet' 'interrupted or not: the same network'
run -e "$family; train $training, units = 9, from \"part.lagnet\", to \"other.lagnet\""; exits 1 'set twice'
run -e "$family; train units = 9, samples = 20000, from \"part.lagnet\", to \"other.lagnet\""; exits 1 'another training'
has err "it is of a training with 'units 8', and this one has 'units 9'" 'another training'; holds '[ ! -e other.lagnet ]' 'another training'
run -e "$family; loss l2 alpha = 9; train $training, from \"part.lagnet\", to \"other.lagnet\""; exits 0 'weights of another training'
has err "begins with the weights of part.lagnet: it is of a training with 'alpha nan', and this one has 'alpha 9'" 'weights of another training'
run -e "$family; predict 200 with \"whole.lagnet\""; exits 0 'a prediction'; has out '200 motions drawn: rms q' 'a prediction'
run -e "$family; c1 = 2.125; c2 = 3; c3 = 1; integrate; save \"seen.csv\"; predict \"seen.csv\" with \"whole.lagnet\"; show parameters"
exits 0 'a record'; has out 'c1 = ' 'a record'; has_not out 'c1 = 2.125' 'what is named becomes current'
run --json -e "$family; predict \"seen.csv\" with \"whole.lagnet\""; exits 0 'a record, as JSON'; lines out 1 'a record, as JSON'
has out '{"do":"predict","record":1,"values":{"c1":' 'a record, as JSON'
run -e 'c1*qd^2 - c2*q^2 - c3*qd_p*q_m; predict "seen.csv" with "whole.lagnet"'; exits 0 'the network says with which r'
run -e "$family; predict 1000000 with \"whole.lagnet\""; exits 1 'too many'; has err 'too many motions to draw at once' 'too many'
{ echo 'record,t,q,pi_q'; for n in 1 2 3; do tail -n 21 seen.csv | sed "s/^/$n,/"; done; } >three.csv
run -e "$family; predict \"three.csv\" with \"whole.lagnet\" to \"named.csv\""; exits 0 'three records'; lines named.csv 4 'three records'
run -e "$family; predict \"three.csv\" with \"three.csv\""; exits 1 'no network'; has err 'three.csv: it is no network' 'no network'
run -e "c1*qd^2 - c2*q^4 - c3*qd_p*q_m; predict 3 with \"whole.lagnet\""; exits 1 'another Lagrangian'
has err 'reads motions of another Lagrangian: c1*qd^2 - c2*q^2' 'another Lagrangian'
head -n 20 three.csv >short.csv; run -e "$family; predict \"short.csv\" with \"whole.lagnet\""; exits 1 'a short record'
has err 'record 1, from row 1, has 19 rows: the network reads 21' 'a short record'
sed 's/^1,0.1/1,0.15/' three.csv >late.csv; run -e "$family; predict \"late.csv\" with \"whole.lagnet\""; exits 1 'other times'
cut -d, -f1-3 three.csv >no_pi.csv; run -e "$family; predict \"no_pi.csv\" with \"whole.lagnet\""; exits 1 'no momenta'
has err "the records have no column 'pi_q'" 'no momenta'
run -e "$family; train $training, to \"nowhere/a.lagnet\""; exits 1 'nowhere to write to'; has err 'cannot write nowhere/a.lagnet' 'nowhere to write to'
run -e "$family; train $training, from \"nowhere.lagnet\", to \"a.lagnet\""; exits 1 'nothing to go on from'

# A set is kept for NumPy: its first motion is that of its parameters.
run -e "$family; train $training, set = 50, to \"set.npy\", to \"a.lagnet\""; exits 0 'a set'
cat >check.py <<'END'
import struct, subprocess, sys
npy = open("set.npy", "rb").read()
size = struct.unpack("<H", npy[8:10])[0]
head = eval(npy[10:10 + size])
assert npy[:8] == b"\x93NUMPY\x01\x00" and (10 + size) % 64 == 0 and head["shape"] == (50,)
assert head["descr"] == [("c1", "<f8"), ("c2", "<f8"), ("c3", "<f8"), ("q", "<f8", (21,)), ("pi_q", "<f8", (21,))]
number = struct.unpack("<%dd" % (50 * 45), npy[10 + size:])
for record in (0, 49):
    c, q, pi = number[record * 45:][:3], number[record * 45 + 3:][:21], number[record * 45 + 24:][:21]
    text = sys.argv[2] + "; c1 = %.17g; c2 = %.17g; c3 = %.17g; integrate; save \"one.csv\"" % c
    subprocess.run([sys.argv[1], "--quiet", "-e", text], check=True)
    rows = [list(map(float, line.split(","))) for line in open("one.csv").read().splitlines()[-21:]]
    assert all(abs(rows[i][1] - q[i]) < 1e-13 and abs(rows[i][2] - pi[i]) < 1e-13 for i in range(21))
END
python3 check.py "$lag" "$family" >out 2>err; status=$?; exits 0 'the motions of a set'

# ---- The cache ----

for backend in llvm llvm-quick; do
    for time in first second; do
        LAG_CACHE=$scratch/kept "$lag" --backend=$backend -e "$oscillator; show kernel" -o "$time.csv" >"$time" 2>err </dev/null; status=$?
        exits 0 "$backend, cached, $time"
    done
    has_not first 'from the cache' "$backend, the first time"; has second 'from the cache' "$backend, the second time"
    holds 'cmp -s first.csv second.csv' "$backend: the same bits from the cache"
done
find "$scratch/kept" -type f | while read -r entry; do echo 'no entry' >"$entry"; done
LAG_CACHE=$scratch/kept "$lag" --backend=llvm -e "$oscillator; show kernel" -o second.csv >second 2>err </dev/null; status=$?
exits 0 'a damaged cache'; has_not second 'from the cache' 'a damaged cache'; holds 'cmp -s first.csv second.csv' 'a damaged cache'
close damped_oscillator.csv "$tests/golden/dho_r2.csv" 1e-14 'damped_oscillator.lag follows its reference'
close poynting_robertson.csv "$tests/golden/prd_r4.csv" 4e-13 'poynting_robertson.lag follows its reference'
close double_pendulum.csv "$tests/golden/double_pendulum_r2.csv" 1e-13 'double_pendulum.lag follows its reference'
close fput.csv "$tests/golden/fput_8_r2.csv" 1e-13 'fput.lag follows its reference'

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

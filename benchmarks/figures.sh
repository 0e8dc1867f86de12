#!/bin/sh
# figures.sh [BUILD]: measures anew what figures 4 to 8 of Roberts, "A Lagrangian mechanics oriented approach to neural
# networks", show, and draws them. A figure whose values are wrong stays as it was, and the exit status is 1.
set -eu
cd "$(dirname "$0")/.."
build=$(cd "${1:-build}" && pwd)
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

LAG_CACHE=off "$build/embed" 1e8 "$new/figure4.csv" > "$new/embed.txt"
(cd "$new" && gnuplot "$OLDPWD/examples/figure4.gp")
mv "$new/figure4.svg" examples/
for figure in 5 6; do
    "$build/benchmarks/figures" $figure > "$new/figure$figure.csv"
    cp "$new/figure$figure.csv" benchmarks/
    (cd benchmarks && gnuplot figure$figure.gp)
done
"$build/benchmarks/gradient" 8 > "$new/figure8.csv"
cp "$new/figure8.csv" benchmarks/
(cd benchmarks && gnuplot figure8.gp)
"$build/benchmarks/train" 7 > "$new/figure7.csv"
cp "$new/figure7.csv" benchmarks/
(cd benchmarks && gnuplot figure7.gp)

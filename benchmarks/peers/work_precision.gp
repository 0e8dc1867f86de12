# work_precision.gp: seconds against the error at the end, a line a program. work_precision.py sets data (a CSV: program,
# setting, error, seconds), picture, title and programs (their names, quoted).

set terminal svg size 760,520 enhanced background rgb 'white' font 'sans,13'
set output picture
set datafile separator ','
set logscale xy
set format x '10^{%L}'
set format y '10^{%L}'
set xrange [*:*] reverse
set title title
set xlabel 'error at the end'
set ylabel 'seconds'
set key outside below left Left reverse samplen 2 maxrows 2
set linetype 1 lw 2 pt 7 lc rgb '#1b5e9e'
set linetype 2 lw 2 pt 5 lc rgb '#d95f02'
set linetype 3 lw 2 pt 6 lc rgb '#b8860b'
set linetype 4 lw 2 pt 4 lc rgb '#999999'
set linetype 5 lw 2 pt 9 lc rgb '#2a7d2a'
set linetype 6 lw 2 pt 11 lc rgb '#7b4ea3'

plot for [i = 1:words(programs)] data using (strcol(1) eq word(programs, i) ? $3 : NaN):4 with linespoints lt i title word(programs, i)

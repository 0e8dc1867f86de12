# figure5.gp: what figures has written to figure5.csv, as figure 5 of Roberts, "A Lagrangian mechanics oriented approach to
# neural networks": error and time against the order, 2r + 2.
#
#     build/benchmarks/figures 5 > figure5.csv && gnuplot benchmarks/figure5.gp      draws figure5.svg

set terminal svg size 920,640 enhanced background rgb 'white' font 'sans,13'
set output 'figure5.svg'
set datafile separator ','
set datafile missing NaN
set logscale x 2
set logscale x2 2
set logscale y
set xrange [1.8:144]
set x2range [1.8:144]
set xtics 2, 2, 128 nomirror scale 0.6
set x2tics ('0' 2, '1' 4, '3' 8, '7' 16, '15' 32, '31' 64, '63' 128)
set format y '10^{%T}'
unset mytics
set ytics nomirror
set grid ytics lc rgb '#dddddd' lw 0.5
of(name, column) = strcol(1) eq name ? column : NaN
dho = 'damped oscillator'
prd = 'Poynting-Robertson drag'
file = 'figure5.csv'
blue = '#0072b2'
orange = '#d55e00'
green = '#009e73'
grey = '#777777'

set multiplot

# ---- Errors

set tmargin at screen 0.88
set bmargin at screen 0.51
set format x ''
set x2label 'interior nodes r' offset 0,-0.5
set yrange [1e-16:10]
set ytics 1e-16, 1e4, 1
set key top right samplen 2

set lmargin at screen 0.08
set rmargin at screen 0.49
set label 1 'damped oscillator, to t = 100' at graph 0.5, screen 0.98 center font 'sans,15'
set ylabel 'largest error of q (at first 1)' offset 1
plot file using 3:(of(dho, $7)) with linespoints lw 2 pt 5 ps 0.5 lc rgb green title 'dt = 10', \
     file using 3:(of(dho, $6)) with linespoints lw 2 pt 9 ps 0.6 lc rgb orange title 'dt = 1', \
     file using 3:(of(dho, $5)) with linespoints lw 2 pt 7 ps 0.5 lc rgb blue title 'dt = 0.1'

set lmargin at screen 0.575
set rmargin at screen 0.98
set label 1 'Poynting–Robertson drag, to t = 20 yr'
set ylabel 'largest error of x, y / AU'
plot file using 3:(of(prd, $7)) with linespoints lw 2 pt 5 ps 0.5 lc rgb green title 'dt = 0.25 yr', \
     file using 3:(of(prd, $6)) with linespoints lw 2 pt 9 ps 0.6 lc rgb orange title 'dt = 0.05 yr', \
     file using 3:(of(prd, $5)) with linespoints lw 2 pt 7 ps 0.5 lc rgb blue title 'dt = 0.01 yr'

# ---- Times

set tmargin at screen 0.48
set bmargin at screen 0.10
unset label 1
unset x2label
unset x2tics
set format x '%g'
set xlabel 'order 2r + 2' offset 0,0.3
set yrange [2e-12:1]
set ytics 1e-10, 1e2, 1
set ylabel 'seconds'
set key at graph 0.02, 0.72 left Left reverse

set lmargin at screen 0.08
set rmargin at screen 0.49
plot file using 3:(of(dho, $9)) with linespoints lw 2 pt 5 ps 0.5 lc rgb grey title 'compiling, by LLVM', \
     file using 3:(of(dho, $11)) with linespoints lw 2 pt 7 ps 0.5 lc rgb blue title 'a step, by Newton', \
     file using 3:(of(dho, $10)) with linespoints lw 2 pt 9 ps 0.6 lc rgb orange title "a step, by the map's powers"

set lmargin at screen 0.575
set rmargin at screen 0.98
plot file using 3:(of(prd, $9)) with linespoints lw 2 pt 5 ps 0.5 lc rgb grey title 'compiling, by LLVM', \
     file using 3:(of(prd, $11)) with linespoints lw 2 pt 7 ps 0.5 lc rgb blue title 'a step, by Newton', \
     file using 3:(of(prd, $10)) with linespoints lw 2 pt 9 ps 0.6 lc rgb orange title 'a step, by sweeps'
unset multiplot

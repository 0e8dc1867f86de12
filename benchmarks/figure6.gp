# figure6.gp: what figures has written to figure6.csv, as figure 6 of Roberts, "A Lagrangian mechanics oriented approach to
# neural networks": the energy's error against time.
#
#     build/benchmarks/figures 6 > figure6.csv && gnuplot benchmarks/figure6.gp      draws figure6.svg

set terminal svg size 920,440 enhanced background rgb 'white' font 'sans,13'
set output 'figure6.svg'
set datafile separator ','
set logscale xy
set format x '10^{%T}'
set format y '10^{%T}'
set yrange [1e-16:10]
set ytics 1e-16, 1e4, 1 nomirror scale 0.6
set xtics nomirror scale 0.6
unset mxtics
unset mytics
set grid ytics lc rgb '#dddddd' lw 0.5
set key off
of(name, column) = strcol(1) eq name ? column : NaN
file = 'figure6.csv'
blue = '#0072b2'
orange = '#d55e00'
set ylabel 'relative error of the energy' offset 1
set title offset 0,-0.4 font 'sans,15'

set multiplot
set tmargin at screen 0.91
set bmargin at screen 0.15

set lmargin at screen 0.08
set rmargin at screen 0.49
set title 'damped oscillator, a million steps of 0.1'
set xlabel 't, a period being 2π'
set xrange [1e-1:1e5]
set label 1 'RK2' at 130, 2e-1 textcolor rgb orange
set label 2 'RK4' at 50, 2e-4 textcolor rgb orange
set label 3 'r = 0' at 3e3, 1e-2 textcolor rgb blue
set label 4 'r = 1' at 200, 8e-8 textcolor rgb blue
set label 5 'r = 2' at 200, 6e-12 textcolor rgb blue
set label 6 'r = 3' at 700, 1.5e-13 right textcolor rgb blue
set label 7 'r = 3, by Newton' at 1500, 2e-15 textcolor rgb blue
name = 'damped oscillator'
plot file using 3:(of(name, $9)) with lines lw 2 lc rgb orange, \
     file using 3:(of(name, $10)) with lines lw 2 lc rgb orange, \
     file using 3:(of(name, $8)) with lines lw 2 dt 3 lc rgb blue, \
     for [i = 4:7] file using 3:(of(name, column(i))) with lines lw 2 lc rgb blue

set lmargin at screen 0.575
set rmargin at screen 0.98
set title 'Poynting–Robertson drag, a million steps of 0.01 yr'
set xlabel 't / yr'
set xrange [1e-2:1e4]
set label 1 at 30, 1.3e-1
set label 2 at 8, 8e-5
set label 3 at 300, 4e-3
set label 4 at 20, 8e-9
set label 5 at 20, 2e-12
set label 6 at 30, 1.5e-13
set label 7 'how well the truth is known' at 8e3, 4e-16 right front textcolor rgb '#444444' font 'sans,11'
name = 'Poynting-Robertson drag'
plot file using 3:(of(name, $11)) with filledcurves y1=1e-16 fc rgb '#dddddd', \
     file using 3:(of(name, $9)) with lines lw 2 lc rgb orange, \
     file using 3:(of(name, $10)) with lines lw 2 lc rgb orange, \
     for [i = 4:7] file using 3:(of(name, column(i))) with lines lw 2 lc rgb blue
unset multiplot

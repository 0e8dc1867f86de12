# figure7.gp: what train has written to figure7.csv, as figure 7 of Roberts, "A Lagrangian mechanics oriented approach to neural
# networks": a motion, and those of the parameters that networks name for it.
#
#     build/benchmarks/train 7 > figure7.csv && gnuplot benchmarks/figure7.gp      draws figure7.svg

set terminal svg size 920,360 enhanced background rgb 'white' font 'sans,13'
set output 'figure7.svg'
set datafile separator ','
set xrange [0:4]
set border 3 lc rgb '#555555'
set tics nomirror scale 0.6
set grid ytics lc rgb '#dddddd' lw 0.5
set encoding utf8
set key top right samplen 1.5 font 'sans,11'
set xlabel 't'

set multiplot layout 1,2
set title 'q'
plot 'figure7.csv' skip 2 using 1:2 with points pt 7 ps 0.5 lc rgb '#555555' notitle, \
     '' skip 2 using 1:4 with lines lw 2 lc rgb '#d55e00' notitle, \
     '' skip 2 using 1:6 with lines lw 2 lc rgb '#0072b2' notitle
set title 'π'
set yrange [-1:1.4]
plot 'figure7.csv' skip 2 using 1:3 with points pt 7 ps 0.5 lc rgb '#555555' title 'c = 2, 4, 1', \
     '' skip 2 using 1:5 with lines lw 2 lc rgb '#d55e00' title "as the paper's network named it: 6.88, 14.19, 5.46", \
     '' skip 2 using 1:7 with lines lw 2 lc rgb '#0072b2' title "as lag's does"
unset multiplot

# figure8.gp: what gradient has written to figure8.csv, as figure 8 of Roberts, "A Lagrangian mechanics oriented approach to
# neural networks": the loss about its minimum, one coefficient moved at a time.
#
#     build/benchmarks/gradient 8 > figure8.csv && gnuplot benchmarks/figure8.gp      draws figure8.svg

set terminal svg size 920,360 enhanced background rgb 'white' font 'sans,13'
set output 'figure8.svg'
set datafile separator ','
set xrange [-2:10]
set yrange [0:8]
set xtics -2, 2, 10 nomirror scale 0.6
set ytics 0, 2, 8 nomirror scale 0.6
set border 3 lc rgb '#555555'
set grid ytics lc rgb '#dddddd' lw 0.5
set key bottom right samplen 1.5 font 'sans,11'
set xlabel 'moved by'
of(family, name) = strcol(1) eq family && strcol(2) eq name ? column(4) : NaN
file = 'figure8.csv'
colours = '#0072b2 #d55e00 #009e73 #cc79a7 #e69f00'

set multiplot layout 1,3
set ylabel 'loss' offset 1.5
set title 'c_1 T − c_2 V − c_3 K  (eq. 27)'
plot for [i=1:3] file every ::1 using 3:(of('27', sprintf('c%d', i))) with lines lw 2 lc rgb word(colours, i) title sprintf('c_%d', i)
unset ylabel
set title 'c_1 T − c_2 (c_3 V + c_4 K)  (eq. 30a)'
plot for [i=1:4] file every ::1 using 3:(of('30a', sprintf('c%d', i))) with lines lw 2 lc rgb word(colours, i) title sprintf('c_%d', i)
set title 'c_1 (c_2 T − c_3 (c_4 V + c_5 K))  (eq. 30b)'
plot for [i=1:5] file every ::1 using 3:(of('30b', sprintf('c%d', i))) with lines lw 2 lc rgb word(colours, i) title sprintf('c_%d', i)
unset multiplot

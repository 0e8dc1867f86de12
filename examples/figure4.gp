# figure4.gp: what embed has written to figure4.csv, beside the timings behind figure 4 of Roberts, "A Lagrangian
# mechanics oriented approach to neural networks" (a damped oscillator, r = 2, dt = 0.1, on the author's laptop): SymPy with
# NumPy, and JAX, which compiles for each N.
#
#     build/embed 1e8 figure4.csv && gnuplot examples/figure4.gp      draws figure4.svg

set terminal svg size 760,520 enhanced background rgb 'white' font 'sans,13'
set output 'figure4.svg'
set datafile separator ','
set logscale xy
set format x '10^{%T}'
set format y '10^{%T}'
set xrange [1:1e8]
set yrange [1e-5:1e3]
set xlabel 'steps N'
set ylabel 'seconds'
set key outside below left Left reverse samplen 2 maxrows 4

$sympy << end
2,0.00933
16,0.0694
128,0.580
2048,10.4
8192,47.3
65536,376
end
$jax << end
2,0.000153,7.68
32,0.000201,4.51
512,0.000872,4.52
8192,0.00874,4.44
131072,0.0703,3.63
2965820,1.55,6.43
47453132,25.4,30.8
end

set datafile missing NaN
plot $sympy using 1:2 with linespoints lw 2 pt 6 lc rgb '#999999' title 'SymPy (Roberts)', \
     $jax using 1:3 with linespoints lw 2 pt 4 lc rgb '#d95f02' title 'JAX (Roberts): compiling and integrating', \
     $jax using 1:2 with linespoints lw 2 pt 4 dt 2 lc rgb '#d95f02' title 'JAX: integrating alone', \
     'figure4.csv' using 2:(strcol(1) eq 'newton' ? $5 : NaN) with linespoints lw 2 pt 7 lc rgb '#1b5e9e' title 'lag, by Newton: from text to the last row', \
     'figure4.csv' using 2:(strcol(1) eq 'newton' ? $3 : NaN) with linespoints lw 2 pt 7 dt 2 lc rgb '#1b5e9e' title 'lag, by Newton: compiling', \
     'figure4.csv' using 2:(strcol(1) eq 'affine' ? $5 : NaN) with linespoints lw 2 pt 9 lc rgb '#2a7d2a' title 'lag, as an affine map: from text to the last row'

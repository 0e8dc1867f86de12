/* lobatto.h: the tables of the Gauss-Lobatto step, in its variational form and as a pair of Runge-Kutta methods. */
#ifndef LAG_MECH_LOBATTO_H
#define LAG_MECH_LOBATTO_H

#include <stdbool.h>
#include <stdint.h>

/* Fills the five tables of lag_kernel.h for r interior nodes (0 .. LAG_R_MAX), s = r + 2: node and weight [s], derive,
 * gather and stiffness [s, s], on the unit interval. Every entry is the double nearest to the exact number. False, with the
 * tables untouched, when r is out of range or there is no memory. */
bool lobatto_tables(uint32_t r, double *node, double *weight, double *derive, double *gather, double *stiffness);

/* The same step where the mass matrix M is constant, as fixed-point iteration wants it: the pair Lobatto IIIA (matrix a, for
 * q) and IIIB (a^, for the momentum),  b_i a^_ij + b_j a_ji = b_i b_j  (Hairer, Lubich & Wanner, Geometric Numerical
 * Integration, II.2.2 and VI.4). With u = h M^-1 p and f_j = h^2 b_j M^-1 A_j, and h nowhere else,
 *
 *     z_i = c_i u + sum_j H_ij f_j                H_ij = (a a^)_ij / b_j
 *     h v_i = u + sum_j J_ij f_j                  J_ij = a^_ij / b_j = 1 - a_ji / b_i
 *     q' = q + u + sum_j (1 - c_j) f_j            u' = u + sum_j f_j
 *
 * What makes the step symplectic and what makes it symmetric in time (i' = s - 1 - i) is linear in this form,
 *
 *     H_ij - H_ji = c_i - c_j      c_i' = 1 - c_i      H_i'j' = H_ji
 *
 * and holds exactly in the tables, whose c and H are integers / 2^53: a step that broke it in the last bit would change the
 * energy by as much every step, always the same way. c is the nearest such number, so is H_ij for i <= j, and the other half
 * of H follows: at most 1.5 / 2^53 from the exact number, at every r. H_0j = 0, H_ij = 1 - c_j for i = s - 1 and 0 for
 * j = s - 1. J is the nearest double, J_ij = 0 for j = s - 1.
 *
 * The forces of one step, carried on to the nodes of the next, start its iteration: f'_k = sum_j e_kj f_j. The polynomial is
 * the one of degree p nearest to the forces at the nodes in the norm of the Lobatto rule, its discrete Legendre series cut
 * off after P_p:
 *
 *     e_kj = b_k sum_m g_m P_m(2 c_k + 1) P_m(2 c_j - 1), m <= p      g_m = 2 m + 1, but r + 1 for m = r + 1
 *     HE_ij = sum_k H_ik e_kj                      JE_ij = sum_k J_ik e_kj
 *
 * in a few units in the last place of the largest. A higher degree comes nearer in long steps, in which forces bend, and
 * multiplies their round-off in short ones (benchmarks/README.md): p is 10, or r + 1 if that is less; of very many nodes,
 * which are for long steps, half of r + 1, up to 16. Of states in two doubles, where what sweeps leave has less of one sign
 * the nearer they begin, it is 12 for 10, in reach_ahead_two and rate_ahead_two.
 *
 * Where B is not M v, momenta at the nodes come first, and velocities follow from them, pointwise. With f_j = h b_j A_j and
 * g_j = h b_j v_j,
 *
 *     z_i = sum_j K_ij g_j      B_i = pi + sum_j J_ij f_j + beta P_N(x_i)      q' = q + sum_j g_j      pi' = pi + sum_j f_j
 *
 * with K_ij = a_ij / b_j = 1 - J_ji, and beta such that v is the derivative of the step's polynomial, of degree N - 1: sum_j
 * P_N(x_j) g_j = 0. (sum_j b_j D_ji B_j does not see what B has of P_N, which therefore stays free: beta is found with the
 * rest.) Here the step is symplectic and symmetric if K_ij + J_ji = 1 and J_ij + J_i'j' = 1, which is exact where J is
 * rounded to multiples of 2^-52.
 *
 * Gone back through, a step has the same matrices transposed, and time runs the other way: reach_back and rate_back are H
 * and J, transposed; and what is carried on from the step behind is, by the mirrored step's matrices, H_i'j' = H_ji and
 * J_i'j' = 1 - J_ij,
 *
 *     reach_back_ahead: HE_j'i' at [i * lanes + j]      rate_back_ahead: KE_j'i' there, KE_ij = sum_k (1 - J_ki) e_kj
 *
 * node [lanes] is c_i, end [s] is 1 - c_j; reach (H; or K), rate (J), reach_ahead (HE; or KE) and rate_ahead (JE) are
 * [s, lanes], transposed: i, j stands at [j * lanes + i], and the entries of all stages for one force lie side by side; for
 * momenta alone, legendre [lanes] is P_N(x_i). Entries of i >= s are 0. False, with the tables untouched, when r is out of
 * range, lanes < s, or there is no memory. */
typedef struct StageTables {
    double *node, *end, *reach, *rate, *reach_ahead, *rate_ahead;
    double *reach_ahead_two, *rate_ahead_two; /* or both NULL */
    double *legendre;
    double *reach_back, *rate_back, *reach_back_ahead, *rate_back_ahead; /* [s, lanes], or all NULL; not for momenta */
} StageTables;

bool lobatto_stage_tables(uint32_t r, uint32_t lanes, bool momenta, const StageTables *out);

#endif

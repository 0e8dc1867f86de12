"""The network that reads motion and its training step in JAX, for network.py: layers of LSTM over 41 rows, a dense head from the last
row, Adam with the gradient's length clipped to 1.

The first line on standard input is `batch layers units file`, with the file of benchmarks/network.c. The answer is a line of JSON: the
version, how far outputs and gradient are from the file's, relative to the largest, and the seconds of the first step, which compiles.
Then for each line, a number of training steps, their seconds each.
"""
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ROWS, INPUTS, OUTPUTS = 41, 2, 3
RATE, B1, B2, E, CLIP = 1e-3, 0.9, 0.999, 1e-8, 1.0


def split(flat, layers, units):
    """lag's flat weights as matrices: of each layer [units, 4 units], [inputs, 4 units] and [4 units]; of the head two."""
    parts, at, inputs = [], 0, INPUTS
    for _ in range(layers):
        matrix = flat[at : at + (units + inputs + 1) * 4 * units].reshape(-1, 4 * units)
        parts.append((matrix[:units], matrix[units:-1], matrix[-1]))
        at, inputs = at + matrix.size, units
    head = flat[at:].reshape(units + 1, OUTPUTS)
    return parts, (head[:-1], head[-1])


def join(weights):
    layers, head = weights
    return np.concatenate([np.ravel(part) for layer in [*layers, head] for part in layer])


def outputs(weights, x):
    """x [rows, batch, inputs]. All rows' sums of inputs are one product, before the scan."""
    layers, (v, b) = weights
    for own, inputs, bias in layers:
        units = own.shape[0]

        def row(state, z):
            h, c = state
            i, f, g, o = jnp.split(z + h @ own, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((x.shape[1], units), x.dtype)
        x = lax.scan(row, (zero, zero), x @ inputs + bias)[1]
    return x[-1] @ v + b


def loss(weights, x):
    return ((outputs(weights, x) - 1) ** 2).sum() / (2 * x.shape[1])


def step(state, x):
    weights, m, v, t = state
    each = jax.tree_util.tree_map
    slope = jax.grad(loss)(weights, x)
    length = jnp.sqrt(sum((part**2).sum() for part in jax.tree_util.tree_leaves(slope)))
    scale, t = jnp.minimum(1.0, CLIP / length), t + 1
    m = each(lambda m, g: B1 * m + (1 - B1) * scale * g, m, slope)
    v = each(lambda v, g: B2 * v + (1 - B2) * (scale * g) ** 2, v, slope)
    size, bend = RATE / (1 - B1**t), 1 / jnp.sqrt(1 - B2**t)
    weights = each(lambda w, m, v: w - size * m / (jnp.sqrt(v) * bend + E), weights, m, v)
    return weights, m, v, t


def distance(a, b):
    return float(np.abs(np.asarray(a) - b).max() / np.abs(b).max())


def read(name, batch, layers, units):
    numbers = np.fromfile(name, np.float32)
    x, rest = np.split(numbers, [ROWS * batch * INPUTS])
    count = (len(rest) - 2 * batch * OUTPUTS) // 2
    weights, dy, y, dw = np.split(rest, np.cumsum([count, batch * OUTPUTS, batch * OUTPUTS]))
    shape = (batch, OUTPUTS)
    return jnp.asarray(x.reshape(ROWS, batch, INPUTS)), split(weights, layers, units), dy.reshape(shape), y.reshape(shape), dw


def main():
    batch, layers, units, name = sys.stdin.readline().split()
    x, weights, dy, y, dw = read(name, int(batch), int(layers), int(units))
    weights = jax.tree_util.tree_map(jnp.asarray, weights)
    out, back = jax.vjp(jax.jit(lambda w: outputs(w, x)), weights)
    far = [distance(out, y), distance(join(back(jnp.asarray(dy))[0]), dw)]
    zeros = jax.tree_util.tree_map(jnp.zeros_like, weights)
    state, train = (weights, zeros, zeros, jnp.float32(0)), jax.jit(step)
    start = time.perf_counter()
    state = jax.block_until_ready(train(state, x))
    print(json.dumps({"version": jax.__version__, "far": far, "first": time.perf_counter() - start}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            state = train(state, x)
        jax.block_until_ready(state)
        print((time.perf_counter() - start) / int(line), flush=True)


main()

#!/usr/bin/env python3
"""embed.py: lag from Python, by ctypes. Compiles a damped oscillator, integrates it straight into NumPy arrays, compares it
with the exact motion, and reads a table back as arrays that share the library's memory. Nothing is copied on the way.

    python3 embed.py [LIBRARY]          the library's path, or the installed liblag.so.1
"""
import ctypes as C
import sys

import numpy as np

LAG_ABI = 6
LAG_OK, LAG_ERROR_TEXT = 0, 1
BACKEND_AUTO, METHOD_GGL = 0, 0


class Diagnostic(C.Structure):
    _fields_ = [("severity", C.c_int), ("file", C.c_char_p), ("line", C.c_uint32), ("column", C.c_uint32),
                ("width", C.c_uint32), ("message", C.c_char_p), ("hint", C.c_char_p), ("source", C.c_char_p)]


class Rows(C.Structure):
    _fields_ = [("capacity", C.c_size_t), ("count", C.c_size_t), ("t", C.c_void_p), ("q", C.c_void_p), ("pi", C.c_void_p),
                ("energy", C.c_void_p)]


def load(path):
    """The library, with the types of what is called here."""
    lag = C.CDLL(path)
    lag.lag_status_text.restype = C.c_char_p
    for name in ("lag_program_model", "lag_diagnostic", "lag_table_values", "lag_model_coordinate", "lag_table_name"):
        getattr(lag, name).restype = C.c_void_p
    lag.lag_table_rows.restype = C.c_size_t
    lag.lag_table_columns.restype = C.c_uint32
    lag.lag_model_dof.restype = C.c_uint32
    lag.lag_integrator_free.restype = lag.lag_program_free.restype = lag.lag_session_free.restype = None
    return lag


def check(lag, session, status):
    """Raises what went wrong: the first diagnostic, or the status."""
    if status == LAG_OK:
        return
    if status == LAG_ERROR_TEXT:
        d = Diagnostic.from_address(lag.lag_diagnostic(session, C.c_size_t(0)))
        raise ValueError(f"{d.file.decode()}:{d.line}:{d.column}: {d.message.decode()}")
    raise RuntimeError(lag.lag_status_text(status).decode())


def array(values):
    """A NumPy array of doubles as C sees it."""
    return values.ctypes.data_as(C.POINTER(C.c_double))


def integrate(lag, session, text, parameters, q, pi, r, h, steps):
    """Rows 0 .. steps of t[rows], q[rows, d], pi[rows, d], written by the library into these very arrays."""
    program, kernel, integrator = C.c_void_p(), C.c_void_p(), C.c_void_p()
    check(lag, session, lag.lag_read(session, b"embed.py", text, C.c_size_t(len(text)), C.byref(program)))
    model = C.c_void_p(lag.lag_program_model(program))
    d = lag.lag_model_dof(model)
    t, qs, pis = np.empty(steps + 1), np.empty((steps + 1, d)), np.empty((steps + 1, d))
    rows = Rows(steps + 1, 0, t.ctypes.data, qs.ctypes.data, pis.ctypes.data, None)
    try:
        check(lag, session, lag.lag_model_kernel(model, C.c_uint32(r), BACKEND_AUTO, C.byref(kernel)))
        check(lag, session, lag.lag_integrator_new(kernel, METHOD_GGL, C.byref(integrator)))
        lag.lag_integrator_parameters(integrator, array(parameters))
        check(lag, session, lag.lag_integrator_start(integrator, C.c_double(0), array(q), array(pi)))
        lag.lag_integrator_state(integrator, C.byref(rows))
        check(lag, session, lag.lag_integrator_advance(integrator, C.c_double(h), C.c_uint64(steps), C.c_uint64(1),
                                                       C.byref(rows)))
    finally:
        lag.lag_integrator_free(integrator)
        lag.lag_program_free(program)
    return t, qs, pis


def table(lag, session, name, text):
    """The columns of a CSV by name. They are the library's memory: they live until `free` is called."""
    handle = C.c_void_p()
    check(lag, session, lag.lag_table_read(session, name, text, C.c_size_t(len(text)), C.byref(handle)))
    rows, columns = lag.lag_table_rows(handle), {}
    for k in range(lag.lag_table_columns(handle)):
        values = C.cast(lag.lag_table_values(handle, C.c_uint32(k)), C.POINTER(C.c_double))
        columns[C.cast(lag.lag_table_name(handle, C.c_uint32(k)), C.c_char_p).value.decode()] = np.ctypeslib.as_array(
            values, (rows,))
    return columns, lambda: lag.lag_table_free(handle)


def main():
    lag = load(sys.argv[1] if len(sys.argv) > 1 else "liblag.so.1")
    session = C.c_void_p()
    check(lag, session, lag.lag_session_new(LAG_ABI, C.byref(session)))

    m, k, c = 1.0, 4.0, 0.2
    t, q, pi = integrate(lag, session, b"m*qd^2/2 - k*q^2/2 - c*qd_p*q_m", np.array([m, k, c]), np.array([1.0]),
                         np.array([0.0]), r=4, h=0.1, steps=200)
    w = np.sqrt(k / m - (c / (2 * m))**2)
    exact = np.exp(-c * t / (2 * m)) * (np.cos(w * t) + c / (2 * m * w) * np.sin(w * t))
    error = np.abs(q[:, 0] - exact).max()
    print(f"{len(t)} rows, shape {q.shape}, off the exact motion by at most {error:.1e}")

    columns, free = table(lag, session, b"seen.csv", b"t, q\n0, 1\n0.5, 0.52\n1.0, NA\n")
    print("seen.csv:", {name: values.tolist() for name, values in columns.items()})
    columns = None
    free()

    try:
        integrate(lag, session, b"m*qd^2/2 - k*sine(q)", np.zeros(2), np.zeros(1), np.zeros(1), 4, 0.1, 1)
    except ValueError as mistake:
        print("a mistake is an exception:", mistake)
    lag.lag_session_free(session)
    return int(error > 1e-10)


if __name__ == "__main__":
    sys.exit(main())

"""Linear memories: states that no function bends, in front of or behind what does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.cells.shapes import Shapes, check_shape, shape_of
from lstm_edge.errors import ModelError
from lstm_edge.functions import sum_of_parts
from lstm_edge.ir.expr import Cell, input_vector, param, products, state, take, tanh

Doubles = npt.NDArray[np.float64]


def lmu(theta: float = 0.0, order: int = 0, *, shapes: Shapes) -> Cell:
    """Legendre memory unit (Voelker et al. 2019, equations 1, 2, 6 and 7).

    u = W_u x + R_u h + R_um m, m = R_m m + R_mu u, h = tanh(W_h x + R_h h + R_hm m'), m' the new m.
    x [I], h [H], u [D], m [D * order], the `order` numbers of one memory together; W_u [D, I],
    R_u [D, H], R_um [D, D * order], W_h [H, I], R_h [H, H], R_hm [H, D * order].
    `theta`: steps that the memory looks back; with `order` it gives R_m and R_mu, see `legendre`.
    Without them they are arrays of the file: [D * order, D * order] and [D * order, D].
    """
    x, h, m = input_vector("x"), state("h"), state("m")
    u = products("b_u", W_u=x, R_u=h, R_um=m)
    m_next = products("b_m", R_m=m, R_mu=u)
    h_next = tanh(products("b_h", W_h=x, R_h=h, R_hm=m_next))
    fixed = {}
    if theta or order:
        if theta <= 0.0 or order < 1:
            raise ModelError("lmu", f"theta is {theta:g} and order {order}, expected both above 0")
        memories, _ = shape_of(shapes, "W_u", 2)
        pair = legendre(theta, order)
        made = (np.kron(np.eye(memories), each).astype(np.float32) for each in pair)
        fixed = dict(zip(("R_m", "R_mu"), made, strict=True))
    return Cell("lmu", {"m": m_next, "h": h_next}, fixed=fixed)


def legendre(theta: float, order: int) -> tuple[Doubles, Doubles]:
    """A [order, order] and B [order, 1] of a memory of the last `theta` steps, held between them.

    dm/dt = a m + b u of Voelker et al. 2019, a[i, j] = (2i + 1) / theta * (-1 if i < j else
    (-1)^(i - j + 1)), b[i] = (2i + 1) (-1)^i / theta, over a step in which u stays as it is
    (zero-order hold).
    """
    i, j = np.indices((order, order))
    a = (2 * i + 1) / theta * np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    b = ((2 * i + 1) * (-1.0) ** i / theta)[:, :1]
    both = np.zeros((order + 1, order + 1))
    both[:order] = np.concatenate([a, b], axis=1)
    held = _exponential(both)
    return held[:order, :order], held[:order, order:]


def _exponential(matrix: Doubles) -> Doubles:
    """exp of a matrix: Taylor's series of one so small that 20 terms are all, then squared."""
    halvings = max(0, int(np.ceil(np.log2(max(np.abs(matrix).sum(axis=1).max(), 1e-300)))) + 1)
    small = matrix / 2.0**halvings
    term = result = np.eye(len(matrix))
    for k in range(1, 20):
        term = term @ small / k
        result = result + term
    for _ in range(halvings):
        result = result @ result
    return np.asarray(result)


def ssm(*, shapes: Shapes) -> Cell:
    """Diagonal state space of each feature (Gu et al. 2022, S4D, equations 2 and 5).

    s = A * s + B * x for N complex states of each feature, which stand for themselves and their
    conjugates, y = 2 Re(sum of C * s) + D * x; in real numbers, A = A_re + i A_im and so on:
    re' = A_re * re - A_im * im + B_re * x, im' = A_im * re + A_re * im + B_im * x,
    y = sum of C_re * re' - C_im * im' + D * x. C_re and C_im have the 2 in them.
    x, y [H], re, im [N * H]; A_re, A_im, B_re, B_im, C_re, C_im [N, H], D [H]. A and B are those of
    a step: exp(dt * a) and (exp(dt * a) - 1) / a * b (zero-order hold). Without A_im in the file
    the states are real, and nothing with _im is read (S4D-Real).
    """
    rows, units = shape_of(shapes, "A_re", 2)
    for name in ("A_im", "B_re", "B_im", "C_re", "C_im"):
        check_shape(shapes, name, (rows, units))
    if shape_of(shapes, "D", 1) != (units,):
        raise ModelError(
            "A_re",
            f"is {[rows, units]}, but D has {shapes['D'][0]} numbers: expected "
            "a row for each state and a column for each feature",
        )
    x, re, im = input_vector("x"), state("re"), state("im")
    each = take(x, list(range(units)) * rows)
    if "A_im" not in shapes:
        re_next = param("A_re") * re + param("B_re") * each
        shown = param("C_re") * re_next
        return Cell("ssm", {"re": re_next, "y": sum_of_parts(shown, rows, units) + param("D") * x})
    re_next = param("A_re") * re - param("A_im") * im + param("B_re") * each
    im_next = param("A_im") * re + param("A_re") * im + param("B_im") * each
    shown = param("C_re") * re_next - param("C_im") * im_next
    results = {"re": re_next, "im": im_next}
    return Cell("ssm", results | {"y": sum_of_parts(shown, rows, units) + param("D") * x})

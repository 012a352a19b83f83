"""Every recurrent cell, as its textbook equation.

Adding a cell is adding a function here and its gate order in `frontend/layout.py`.
x is the layer's input, h the hidden state, c the cell state.
"""

from lstm_edge.ir.expr import Cell, Expr, affine, input_vector, param, sigmoid, state, tanh


def lstm(peephole: bool = False, coupled: bool = False) -> Cell:
    """Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    `peephole`: gates also see the cell state through P (Gers and Schmidhuber 2000); the output
    gate sees the new one. `coupled`: the forget gate is 1 - i (ONNX input_forget).
    """
    x, h, c = input_vector("x"), state("h"), state("c")

    def gate(name: str, cell_state: Expr) -> Expr:
        pre_activation = affine(name, x, h)
        if peephole:
            pre_activation = pre_activation + param(f"P_{name}") * cell_state
        return sigmoid(pre_activation)

    i = gate("i", c)
    f = 1.0 - i if coupled else gate("f", c)
    g = tanh(affine("g", x, h))
    c_next = f * c + i * g
    o = gate("o", c_next)
    return Cell("lstm", {"c": c_next, "h": o * tanh(c_next)})

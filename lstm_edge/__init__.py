"""Compile trained recurrent networks to C for microcontrollers, exact to the bit.

    import lstm_edge

    net = lstm_edge.load("model.onnx")
    model = lstm_edge.compile(net, target="cortex-m4", calibration=samples)
    print(model)
    model.verify()
    model.save("build/model")

Every name is imported when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_edge.api.compiled import Compiled
    from lstm_edge.api.compiled import open_folder as open
    from lstm_edge.api.compiling import compile_network as compile
    from lstm_edge.api.network import Network, load
    from lstm_edge.api.stream import Stream
    from lstm_edge.api.updating import update
    from lstm_edge.cost import Cost
    from lstm_edge.errors import (
        BudgetError,
        DataError,
        LstmEdgeError,
        ModelError,
        QuantizationError,
        TargetError,
        ToolchainError,
        VerificationError,
    )
    from lstm_edge.fake_quantization import (
        fake_quant,
        fake_quant_activations,
        fake_quant_gradients,
    )
    from lstm_edge.packages.about import About

__all__ = [
    "About",
    "BudgetError",
    "Compiled",
    "Cost",
    "DataError",
    "LstmEdgeError",
    "ModelError",
    "Network",
    "QuantizationError",
    "Stream",
    "TargetError",
    "ToolchainError",
    "VerificationError",
    "__version__",
    "compile",
    "fake_quant",
    "fake_quant_activations",
    "fake_quant_gradients",
    "load",
    "open",
    "update",
]

__version__ = "0.1.0"

_HOMES = {
    "About": ("packages.about", "About"),
    "Compiled": ("api.compiled", "Compiled"),
    "Cost": ("cost", "Cost"),
    "Network": ("api.network", "Network"),
    "Stream": ("api.stream", "Stream"),
    "compile": ("api.compiling", "compile_network"),
    "fake_quant": ("fake_quantization", "fake_quant"),
    "fake_quant_activations": ("fake_quantization", "fake_quant_activations"),
    "fake_quant_gradients": ("fake_quantization", "fake_quant_gradients"),
    "load": ("api.network", "load"),
    "open": ("api.compiled", "open_folder"),
    "update": ("api.updating", "update"),
}
"""Offered name -> the module that has it, and its name there. Errors are found by their own."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _HOMES.get(name, ("errors", name))
    return getattr(import_module(f"{__name__}.{module}"), own)


def __dir__() -> list[str]:
    return sorted(__all__)

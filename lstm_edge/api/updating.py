"""`update`: other weights for code that is in the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from lstm_edge.api.compiled import Compiled, open_folder
from lstm_edge.api.network import Network, load
from lstm_edge.artifacts import bundle_of
from lstm_edge.choices import Optimize, Scheme, Shown, StateForm, Unroll
from lstm_edge.driver import compile_model
from lstm_edge.errors import DataError
from lstm_edge.files import unchanged
from lstm_edge.progress import Progress, silent
from lstm_edge.request import Request
from lstm_edge.threads import one_core
from lstm_edge.updating import Kept, check_same_code, check_update_of

MOST_REVISION = 2**32 - 1


@unchanged()
def update(
    compiled: Compiled | str | Path,
    network: Network | str | Path | object,
    *,
    calibration: Any = None,
    revision: int = 1,
    progress: Progress = silent,
) -> Compiled:
    """The model of `compile(..., updatable=True)` with the weights of another network.

    compiled: the model whose code is in the field, or its folder. network: of the same layers, as
    `load` gives it, or what `load` takes. calibration: as of `compile`; formats stay, weights are
    rounded on it. revision: of the new weights, which their header says. Its code is the same,
    byte for byte; `<name>_weights.bin` is what firmware loads.

    DataError where the network needs other code, QuantizationError where its weights are beyond
    what the code has room for; ModelError, ToolchainError as of `compile`.
    """
    old = compiled if isinstance(compiled, Compiled) else open_folder(compiled)
    check_update_of(old.bundle)
    if not 0 <= revision <= MOST_REVISION:
        raise DataError(f"--revision {revision}: expected 0 to {MOST_REVISION}")
    given = _loaded(network, old)
    described, entry = old.manifest, old.manifest["replaceable"]
    kept = Kept(old.program, described["options"], revision)
    request = Request(
        target=described["target"],
        scheme=cast(Scheme, described["scheme"]),
        unroll=cast(Unroll, entry["unroll"]),
        optimize=cast(Optimize, entry["optimize"]),
        state=cast(StateForm, entry["state"]),
        outputs=cast(Shown, entry["outputs"]),
        max_stack=entry["max_stack"],
        input_scale=entry["input_scale"],
        input_zero=entry["input_zero"],
        updatable=True,
    )
    with one_core():
        made = compile_model(given.model, request, calibration, progress=progress, kept=kept)
    bundle = bundle_of(made)
    check_same_code(old.bundle, bundle)
    return Compiled(bundle, made)


def _loaded(network: Network | str | Path | object, old: Compiled) -> Network:
    """The network with the names that the code has."""
    if isinstance(network, Network):
        if network.model.name != old.name:
            raise DataError(
                f"the network is called {network.model.name}, and the code {old.name}; load it "
                f"with name={old.name!r}"
            )
        return network
    return load(network, name=old.name, steps=old.program.steps, rename=old.renamed)

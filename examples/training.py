"""What the training scripts share: repeatable runs, a training loop, export, saving.

Needs torch, onnxscript and onnxruntime; nobody needs this to use the examples.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from google.protobuf.message import Message
from torch import nn

Array = npt.NDArray[Any]
Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def start(seed: int) -> None:
    """One thread and a fixed seed: the same files in every run on one machine."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(seed)


def listed(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


def folder_of(script: str) -> Path:
    """The folder to write to: that of the script, or the only argument of the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=Path(script).parent)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fit(
    model: nn.Module,
    batches: Batches,
    loss_of: Loss,
    steps: int,
    rate: float = 0.01,
    decay: float = 0.0,
) -> None:
    """`steps` steps of AdamW; the rate rises at first and falls along a cosine to 0."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda k: min(1.0, (k + 1) / 50) * 0.5 * (1.0 + math.cos(math.pi * k / steps)),
    )
    model.train()
    recent = []
    for step in range(1, steps + 1):
        inputs, wanted = next(batches)
        optimizer.zero_grad()
        loss = loss_of(model(inputs), wanted)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        if step % max(1, steps // 10) == 0:
            print(f"step {step:5}  loss {np.mean(recent):.5f}", flush=True)
            recent = []
    model.eval()


def shuffled(inputs: Array, wanted: Array, size: int, seed: int) -> Batches:
    """Batches of `size` samples in a new order in every epoch, without end."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(len(inputs))
        for first in range(0, len(order) - size + 1, size):
            chosen = order[first : first + size]
            yield torch.from_numpy(inputs[chosen]), torch.from_numpy(wanted[chosen])


def strip_metadata(message: Message) -> None:
    """Remove doc strings and metadata from an ONNX message and everything inside it.

    The exporter records stack traces there, with the paths of the machine that it ran on.
    """
    names = {field.name for field in message.DESCRIPTOR.fields}
    for name in names & {"doc_string", "metadata_props"}:
        message.ClearField(name)
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in [value] if isinstance(value, Message) else value:
            strip_metadata(item)


def save_model(exported: onnx.ModelProto, path: Path) -> None:
    """Check a model and write it without what tells about the machine."""
    strip_metadata(exported)
    onnx.checker.check_model(exported, full_check=True)
    path.write_bytes(exported.SerializeToString(deterministic=True))


def export(
    model: nn.Module,
    inputs: torch.Tensor,
    path: Path,
    names: tuple[str, str],
    *,
    dynamo: bool = True,
    time_axis: int | None = None,
) -> None:
    """Write `model` for inputs shaped like `inputs`; names: of its input and its output.

    time_axis: the axis of both whose length the file leaves open; only without `dynamo`.
    """
    options: dict[str, Any] = {"external_data": False, "verbose": False} if dynamo else {}
    if time_axis is not None:
        options["dynamic_axes"] = {name: {time_axis: "time"} for name in names}
    torch.onnx.export(
        model,
        (inputs,),
        path,
        input_names=[names[0]],
        output_names=[names[1]],
        dynamo=dynamo,
        **options,
    )
    save_model(onnx.load(path), path)


def run_onnx(path: Path, inputs: Array) -> Array:
    """What onnxruntime computes of samples [N, *input shape], one after the other."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    kinds = {"tensor(int64)": np.int64, "tensor(int16)": np.int16}
    kind = kinds.get(given.type, np.float32)
    outputs = [session.run(None, {given.name: sample.astype(kind)})[0] for sample in inputs]
    return np.stack(outputs)


def save(folder: Path, files: Mapping[str, Mapping[str, Array]]) -> None:
    """Write arrays: file name without suffix -> array name -> array."""
    for name, arrays in files.items():
        np.savez_compressed(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]


def report(model: nn.Module, folder: Path, figures: Sequence[str]) -> None:
    """Print the size of the network, its figures and the sizes of the files."""
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    for figure in figures:
        print(figure)
    for path in sorted(folder.glob("*.onnx")) + sorted(folder.glob("*.npz")):
        print(f"{path.name}  {path.stat().st_size} bytes")

"""Compile the digits model for a Cortex-M4, check it on 360 images, run it as firmware.

    make demo

Every figure that this prints is measured in the run. The exit status is 0 if numpy, the C on this
computer and the C on QEMU's Cortex-M4 give the same bits, int8 is as good as float to one point,
and the firmware reads its ten digits.
"""

import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

import lstm_edge
from lstm_edge import bundle, verify
from lstm_edge.errors import LstmEdgeError
from lstm_edge.targets import load_target
from lstm_edge.toolchain import gcc, qemu
from lstm_edge.toolchain.process import find_tool

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIRMWARE = ROOT / "firmware" / "digits"
BUILD = ROOT / "build"
TARGET = "cortex-m4"
LARGEST_LOSS = 1.0
"""Points of accuracy that int8 may lose against float."""

Array = npt.NDArray[np.generic]


def compile_digits() -> None:
    """Compile into build/digits and print what it takes."""
    start = time.perf_counter()
    compiled = lstm_edge.compile(
        HERE / "digits.onnx", target=TARGET, calibration=HERE / "calibration.npz"
    )
    folder = compiled.save(BUILD / "digits").relative_to(ROOT)
    seconds = time.perf_counter() - start
    flash, ram = compiled.manifest["flash"], compiled.manifest["ram"]
    print(f"Compiled examples/digits/digits.onnx for {TARGET} into {folder}, {seconds:.1f} s")
    total = sum(flash.values())
    parts = ", ".join(f"{name} {size:,}" for name, size in flash.items())
    print(f"  flash  {total:6,} bytes   {parts}")
    parts = ", ".join(f"{name} {size:,}" for name, size in ram.items())
    print(f"  RAM    {sum(ram.values()):6,} bytes   {parts}; caller's stack on top")


def check_accuracy(
    compiled: bundle.Bundle, images: dict[str, Array], labels: Array
) -> tuple[dict[str, Array], list[str]]:
    """The stored logits by place of execution, and what is wrong with the float and int8 ones."""
    outputs = {
        where: verify.answers_on(compiled, where, images, raw=True)["logits"][:, 0]
        for where in ("float", "numpy", "host", "qemu")
    }
    points = {}
    print(f"\nAccuracy on {len(labels)} images that were used neither to train nor to calibrate")
    for where, name in (("float", "float32"), ("numpy", "int8")):
        right = int((outputs[where].argmax(axis=-1) == labels).sum())
        points[where] = 100 * right / len(labels)
        print(f"  {name:8} {right} right   {points[where]:.2f} %")
    if points["float"] - points["numpy"] > LARGEST_LOSS:
        return outputs, [f"int8 loses more than {LARGEST_LOSS} point against float32"]
    return outputs, []


def check_bits(outputs: dict[str, Array]) -> list[str]:
    """What differs between the executions of the integer program."""
    expected = outputs["numpy"]
    print(f"\nBits, {expected.size:,} logits in numpy against")
    wrong = []
    for where, name in (("host", "C on this computer"), ("qemu", f"C on QEMU's {TARGET}")):
        same = np.array_equal(expected, outputs[where])
        different = int((expected != outputs[where]).sum())
        print(f"  {name:22} {'identical' if same else f'{different} DIFFERENT'}")
        if not same:
            wrong.append(f"the logits of {name} differ from those of numpy")
    return wrong


def run_firmware(compiled: bundle.Bundle) -> None:
    """Build firmware/digits with the generated C and show what it prints in QEMU.

    Raises ToolchainError where it does not end with status 0.
    """
    target = load_target(TARGET)
    generated = BUILD / "digits"
    sources = [FIRMWARE / "main.c", FIRMWARE / "samples.c", *sorted(generated.glob("*.c"))]
    folder = BUILD / "demo"
    program = gcc.build(target, sources, [FIRMWARE, generated], folder)
    print(f"\nfirmware/digits on QEMU's {TARGET}\n")
    print(qemu.run(target, program, folder), end="")


def main() -> int:
    """Run all parts; the exit status."""
    start = time.perf_counter()
    try:
        for tool in load_target(TARGET).tools:
            find_tool(tool)
        compile_digits()
        compiled = bundle.read(BUILD / "digits")
        with np.load(HERE / "test.npz") as saved:
            images, labels = {"rows": saved["rows"]}, saved["label"]
        outputs, wrong = check_accuracy(compiled, images, labels)
        wrong += check_bits(outputs)
        run_firmware(compiled)
    except LstmEdgeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_status
    for text in wrong:
        print(f"Error: {text}", file=sys.stderr)
    if not wrong:
        print(f"\nAll checks passed in {time.perf_counter() - start:.1f} s.")
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

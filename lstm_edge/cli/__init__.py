"""The command line: parse, call, print. What it promises is a contract: see docs/cli.md."""

from __future__ import annotations

import signal
import threading
import warnings
from importlib import import_module
from types import FrameType

import click

from lstm_edge import __version__

COMMANDS = {
    "compile": "Compile MODEL (.onnx, .npz, .keras or .h5) to C.",
    "inspect": "Say what a model file holds.",
    "package": "Make a package of a compiled model, for build systems to take as it is.",
    "profile": "Count what a step costs on the target: instructions, cycles, memory, energy.",
    "report": "Write what is known of a compiled model as one HTML file.",
    "run": "Run a compiled model on arrays.",
    "search": "Choose models, widths and options with other processes or machines.",
    "targets": "List the cores that code can be generated for.",
    "update": "Make weights of MODEL for the code in DIR, which was compiled with --updatable.",
    "verify": "Prove that numpy and C agree bit for bit, and measure the error against float.",
}
"""Each is in a module of its name, which is imported when it is called."""


def _ended(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


class _Commands(click.Group):
    """Commands whose modules are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Its module has it as `command`."""
        if name not in COMMANDS:
            return None
        found: click.Command = import_module(f"lstm_edge.cli.{name}").command
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Ended by Ctrl-C or SIGTERM: the status that shells give it, no temporary files left."""
        warnings.simplefilter("ignore", RuntimeWarning)  # of numpy: what it means is said by us
        if threading.current_thread() is not threading.main_thread():  # which signals go to
            return super().invoke(ctx)
        before = signal.signal(signal.SIGTERM, _ended)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(128 + signal.SIGINT)
        finally:
            signal.signal(signal.SIGTERM, before)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lstm-edge")
def main() -> None:
    """Compile trained recurrent networks to C for microcontrollers, exact to the bit."""

"""The ``genlab`` command.

Exit codes: 0 done, 1 a problem named on stderr in one line, 2 wrong usage.
"""

import sys
from importlib import import_module

import click

from genlab.errors import GenlabError
from genlab.version import __version__

# name -> module in genlab.commands; loaded when asked for, so that each command starts fast.
_COMMANDS = {
    "demo": "demo",
    "up": "service",
    "down": "service",
    "ingest": "data",
    "train": "model",
    "score": "model",
    "promote": "model",
    "rollback": "model",
    "versions": "model",
    "shadow": "shadow",
    "label": "labels",
    "suggest": "labels",
    "predict": "data",
    "export": "data",
    "status": "care",
    "doctor": "care",
    "backup": "care",
    "restore": "care",
    "token": "token",
    "alert": "alert",
    "bench": "measure",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return getattr(import_module(f"genlab.commands.{_COMMANDS[name]}"), name)


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genlab")
def genlab() -> None:
    """A triage desk for machine text: a few labels become many, with an honest "how sure".

    Start with `genlab demo`.
    """


def main() -> None:
    """Run the command line and exit."""
    try:
        code = genlab(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except GenlabError as error:
        click.echo(f"genlab: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("genlab: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # `genlab ... | head` is no problem
        sys.exit(0)
    except OSError as error:  # a full disk, a folder that may not be written
        click.echo(f"genlab: {error.filename or 'input or output'}: {error.strerror}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The entry: commands found by name and imported when called, errors printed, exit codes set."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from xgit import __version__, program
from xgit.errors import BUG, REFUSED, TROUBLE, XgitError, os_trouble
from xgit.record.escape import visible

_AFTER_CTRL_C = 130
EXP_COMMANDS = {
    "run": "exp_run",
    "list": "exp_list",
    "show": "exp_show",
    "log": "exp_log",
    "compare": "exp_compare",
    "status": "exp_status",
    "push": "exp_push",
    "pull": "exp_pull",
    "label": "exp_label",
    "note": "exp_note",
    "rm": "exp_rm",
    "recover": "exp_recover",
    "reproduce": "exp_reproduce",
    "verify": "exp_verify",
}
COMMANDS = {"init": "init", "check": "check", "demo": "demo"}


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, each with a `command`."""

    def __init__(self, *args: object, modules: dict[str, str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the tables above, which is the order of use."""
        return [*super().list_commands(ctx), *self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the command."""
        if cmd_name in self._modules:
            command = import_module(f"xgit.cli.{self._modules[cmd_name]}").command
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Add to an error of usage the command it is about, which click forgets at times."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            found = self.get_command(ctx, name) if name else None
            if error.ctx is None and found is not None:
                error.ctx = click.Context(found, info_name=name, parent=ctx)
            raise


@click.group(
    cls=LazyGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, message="xgit %(version)s")
def cli() -> None:
    """The git repository as experiment tracker: each run a commit and a tag, or refused.

    Example: xgit exp run -- python train.py
    """


@cli.group(cls=LazyGroup, modules=EXP_COMMANDS)
def exp() -> None:
    """Run, list, show and compare experiments.

    Example: xgit exp compare @~1 @
    """


def main() -> NoReturn:
    """Run xgit and exit."""
    program.begin()
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = program.let_go()
    program.end(code)


def _run() -> int:
    """Run the command; its exit code."""
    try:
        code = cli(prog_name="xgit", standalone_mode=False)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except SystemExit as end:  # which is how click ends after a broken pipe
        raise (end.__context__ or end) from None
    except (click.Abort, KeyboardInterrupt):
        code = _AFTER_CTRL_C
    except click.UsageError as error:
        code = _usage(error)
    except click.ClickException as error:
        code = _complain(error.format_message(), None, TROUBLE)
    except XgitError as error:
        code = _expected(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        code = _expected(os_trouble(error))
    except Exception as error:  # noqa: BLE001 - the last place where a bug can be told
        code = _bug(error)
    return code if isinstance(code, int) else 0


def _complain(message: str, hint: str | None, code: int) -> int:
    click.echo(f"error: {visible(message)}", err=True)
    if hint:
        click.echo(f"hint: {visible(hint)}", err=True)
    return code


def _usage(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return TROUBLE
    path = error.ctx.command_path if error.ctx else "xgit"
    code = REFUSED if path == "xgit exp run" else TROUBLE
    return _complain(error.format_message(), f"{path} --help", code)


def _expected(error: XgitError) -> int:
    if os.environ.get("XGIT_DEBUG") == "1":
        sys.excepthook(type(error), error, error.__traceback__)
    return _complain(error.message, error.hint, error.exit_code)


def _bug(error: Exception) -> int:
    if os.environ.get("XGIT_DEBUG") == "1":
        sys.excepthook(type(error), error, error.__traceback__)
        return BUG
    from xgit.guards.report import bug_error

    told = bug_error(error)
    return _complain(told.message, told.hint, BUG)

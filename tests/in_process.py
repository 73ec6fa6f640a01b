"""Commands, called as users call them but in this process: importing torch anew takes longer than most commands."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest import mock

from json_schemas import asks_for_json, require_schema


def run_command(*words, **environment):
    """What `mslt WORDS` prints, and its exit code, with these variables in its environment (HF_HOME has to be one).

    HF_ENDPOINT names the hub that may be asked; without it the command is offline. JSON has to keep to its schema.
    """
    from huggingface_hub import close_session, constants

    from mslt_cli.cli import main

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    patched = {  # huggingface_hub reads these settings once, when it is imported
        "HF_HUB_CACHE": os.path.join(environment["HF_HOME"], "hub"),
        "HF_TOKEN_PATH": os.path.join(environment["HF_HOME"], "token"),
        "HF_HUB_OFFLINE": "HF_ENDPOINT" not in environment,
    }
    if endpoint := environment.get("HF_ENDPOINT"):
        patched["ENDPOINT"] = endpoint
        patched["HUGGINGFACE_CO_URL_TEMPLATE"] = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    out, err, code = io.StringIO(), io.StringIO(), 0
    close_session()
    with (
        mock.patch.dict(os.environ, kept | environment, clear=True),
        mock.patch.multiple(constants, **patched),
        mock.patch.object(sys, "argv", ["mslt", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    close_session()
    if code == 0 and asks_for_json(words):
        require_schema(words, out.getvalue())
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())

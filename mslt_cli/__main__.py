"""`python -m mslt_cli` is `mslt`."""

from mslt_cli.cli import main

main()

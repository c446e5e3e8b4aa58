"""`python -m xgit` is `xgit`."""

from xgit.cli.main import main

main()

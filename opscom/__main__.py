"""`python -m opscom`, which `.venv/bin/opscom` calls."""

from opscom.cli.app import main

main()

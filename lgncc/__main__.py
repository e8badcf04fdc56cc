"""`python -m lgncc` is `lgncc`."""

from lgncc.cli import main

main()

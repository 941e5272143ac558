"""``python -m liveshop``."""

from liveshop.cli import main

main()

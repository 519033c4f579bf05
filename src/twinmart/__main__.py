"""Makes ``python -m twinmart`` the same as the command ``twinmart``."""

from twinmart.cli.main import run

if __name__ == "__main__":
    run()

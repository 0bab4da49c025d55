"""`python -m watchbill`."""

from watchbill.cli import main


if __name__ == "__main__":
    main()

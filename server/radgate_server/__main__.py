"""`python -m radgate_server`, and the program `radgate`."""

from radgate_server.cli import radgate


def main() -> None:
    """Run the command line; ends the process."""
    radgate(prog_name="radgate")


if __name__ == "__main__":
    main()

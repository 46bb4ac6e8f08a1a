"""`python -m knuckle`: the `knuckle` command."""

from knuckle.cli.main import main

if __name__ == "__main__":
    main()
